/** How fast a newcomer is there: hello, dial-back, nickname, association, and on somebody else's list. */
import { setTimeout as pass } from "node:timers/promises";
import { Mp1Client } from "../support/mp1-client.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import { Scope } from "../support/until.ts";
import { sampleLine, title } from "./figures.ts";

const ROUNDS = 200;
const ROUNDS_IN_A_ROW = 50;
/** Longer than the time within which changes go out as one push (50 ms), and not in step with it. */
const apart = (): Promise<void> => pass(60 + Math.random() * 40);

async function newcomers(scope: Scope, place: Place, watcher: Mp1Client, rounds: number, space: boolean) {
  const attached: number[] = [];
  const listed: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const nickname = `c${round}`;
    const client = await Mp1Client.open(scope, { registry: place, nickname });
    if (space) await apart();
    const begun = performance.now();
    await client.join();
    attached.push(performance.now() - begun);
    await watcher.sees(nickname);
    listed.push(performance.now() - begun);
    await client.leave();
    await client.vanish();
    await watcher.sees(nickname, false);
  }
  return { attached, listed };
}

const scope = new Scope();
try {
  title("Discovery on loopback, one client after the other");
  const place = await makePlace(scope);
  await Multiprotod.start(scope, place);
  const watcher = await Mp1Client.join(scope, { registry: place, nickname: "watcher" });
  const alone = await newcomers(scope, place, watcher, ROUNDS, true);
  const inRow = await newcomers(scope, place, watcher, ROUNDS_IN_A_ROW, false);
  sampleLine("hello to association up", alone.attached);
  sampleLine("hello to seen online by another client", alone.listed, "aim: median under 30 ms");
  const remark = "a departure just before: pushes are 50 ms apart";
  sampleLine("the same, changes in a row", inRow.listed, remark);
} finally {
  await scope.end();
}
