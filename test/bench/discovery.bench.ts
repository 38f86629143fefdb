/** How fast a newcomer is there: hello, dial-back, nickname, association, and on somebody else's list. */
import { Mp1Client } from "../support/mp1-client.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { Scope } from "../support/until.ts";
import { sampleLine, title } from "./figures.ts";

const ROUNDS = 200;

const scope = new Scope();
try {
  title("Discovery on loopback, one client after the other");
  const place = await makePlace(scope);
  await Multiprotod.start(scope, place);
  const watcher = await Mp1Client.join(scope, { registry: place, nickname: "watcher" });
  const attached: number[] = [];
  const listed: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const nickname = `c${round}`;
    const client = await Mp1Client.open(scope, { registry: place, nickname });
    const begun = performance.now();
    await client.join();
    attached.push(performance.now() - begun);
    await watcher.sees(nickname);
    listed.push(performance.now() - begun);
    await client.leave();
    await client.vanish();
    // Its departure is a push of its own, which would hold back the next one.
    await watcher.sees(nickname, false);
  }
  sampleLine("hello to association up", attached);
  sampleLine("hello to seen online by another client", listed, "aim: median under 30 ms");
} finally {
  await scope.end();
}
