import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ORIGINAL_FIRST_ROSTER_BYTES, ORIGINAL_PUSH_BYTES } from "../../src/wire/mp1-roster.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";

/** By default a client without a sign of life is offline within this. */
const LOST_WITHIN_MILLIS = 5_000;

async function running(context: TestContext): Promise<Multiprotod> {
  return Multiprotod.start(context, await makePlace(context));
}

test("a client that leaves is offline for the others at once", async (context) => {
  const daemon = await running(context);
  const registry = daemon.place;
  const ola = await Mp1Client.join(context, { registry, nickname: "ola" });
  const eva = await Mp1Client.join(context, { registry, nickname: "eva" });
  await eva.sees("ola");
  await ola.leave();
  await eva.sees("ola", false, 1_000);
  assert.match(await daemon.line(/ola offline/), /ola offline: left address=127\.0\.0\.1:\d+ reason=left/);
});

test("a client that vanishes is offline within 5 s, and a living one is not", async (context) => {
  const daemon = await running(context);
  const registry = daemon.place;
  const watcher = await Mp1Client.join(context, { registry, nickname: "watcher" });
  const gone = await Promise.all(
    [...Array(20).keys()].map((number) => Mp1Client.join(context, { registry, nickname: `gone${number}` })),
  );
  await watcher.sees("gone19");
  const vanished = performance.now();
  await Promise.all(gone.map((client) => client.vanish()));
  for (const { nickname } of gone) await watcher.sees(nickname, false);
  const took = performance.now() - vanished;
  assert.ok(took > 1_000 && took < LOST_WITHIN_MILLIS, `after ${Math.round(took)} ms`);
  assert.equal(daemon.matching(/gone\d+ offline: lost/).length, 20);
  assert.equal(watcher.ended, undefined);
  assert.deepEqual(daemon.matching(/watcher offline/), []);
});

for (const flavour of ["own", "original"] as const) {
  test(`${flavour}: crashed and back at once under the same nickname, it has its name within 5 s`, async (context) => {
    const daemon = await running(context);
    const registry = daemon.place;
    const watcher = await Mp1Client.join(context, { registry, nickname: "watcher" });
    const before = await Mp1Client.join(context, { registry, nickname: "ola", flavour });
    await watcher.sees("ola");
    await before.vanish();
    const begun = performance.now();
    const after = await Mp1Client.join(context, { registry, nickname: "ola", flavour });
    await watcher.watched.until("ola at its new port", () =>
      watcher.roster.some(
        ({ nickname, port, online }) => nickname === "ola" && port === after.port && online,
      ),
    );
    assert.ok(performance.now() - begun < LOST_WITHIN_MILLIS, "within 5 s");
    assert.equal(watcher.roster.filter(({ nickname }) => nickname.startsWith("ola")).length, 1, "one ola");
  });
}

test("a client that crashes and comes back at the same port goes on under its entry at once", async (context) => {
  const daemon = await running(context);
  const registry = daemon.place;
  const watcher = await Mp1Client.join(context, { registry, nickname: "watcher" });
  const ola = await Mp1Client.join(context, { registry, nickname: "ola" });
  await watcher.sees("ola");
  await ola.vanish();
  const again = await Mp1Client.open(context, { registry, nickname: "ola", port: ola.port });
  await again.join(1_000);
  await again.sees("watcher");
  assert.equal(watcher.roster.filter(({ nickname }) => nickname === "ola").length, 1);
});

test("a second living holder: ours is refused and told who holds the name, an original is listed as ola~2", async (context) => {
  const daemon = await running(context);
  const registry = daemon.place;
  const holder = await Mp1Client.join(context, { registry, nickname: "ola" });
  // At the holder's own address it might be its successor, so the holder is asked first; elsewhere it cannot be.
  for (const address of ["127.0.0.1", "127.0.0.2"]) {
    const second = await Mp1Client.open(context, { registry, nickname: "OLA", address });
    const asked = performance.now();
    const answer = await second.register();
    assert.ok(performance.now() - asked < 1_000, "the holder answers at once");
    assert.equal(answer.type, "refused");
    assert.ok(answer.type === "refused");
    const { code, holder: who, suggestion } = answer.refusal;
    assert.deepEqual(
      { code, who, suggestion },
      { code: "nickname-taken", who: `127.0.0.1:${holder.port}`, suggestion: "OLA~2" },
    );
  }
  await Mp1Client.join(context, { registry, nickname: "ola", flavour: "original" });
  await holder.sees("ola~2");
  await Mp1Client.join(context, { registry, nickname: "ola", flavour: "original", address: "127.0.0.2" });
  await holder.sees("ola~3");
  assert.equal(holder.ended, undefined, "the holder stays");
  await daemon.line(/ola is taken by 127\.0\.0\.1:\d+: 127\.0\.0\.1:\d+ is listed as ola~2/);
});

test("ours gets rosters beyond 2048 bytes whole, an original never more than it reads", async (context) => {
  const daemon = await running(context);
  const registry = daemon.place;
  const own = await Mp1Client.join(context, { registry, nickname: "own" });
  const original = await Mp1Client.join(context, { registry, nickname: "original", flavour: "original" });
  // Long names in a script of three bytes a character: 60 of them make some 9 KB.
  const names = [...Array(60).keys()].map((number) => `${"名".repeat(25)}${number}`);
  for (const [number, nickname] of names.entries()) {
    const flavour = number % 2 === 0 ? "own" : "original";
    await Mp1Client.join(context, { registry, nickname, flavour });
  }
  const late = await Mp1Client.join(context, { registry, nickname: "late", flavour: "original" });
  const lateOwn = await Mp1Client.join(context, { registry, nickname: "lateOwn" });

  const everybody = [...names, "original", "late", "lateOwn"];
  for (const nickname of everybody) await own.sees(nickname);
  assert.equal(own.roster.length, everybody.length, "whole, and nobody twice");
  assert.ok((own.pushes.at(-1)?.length ?? 0) > 2_048, "beyond what an original reads");
  assert.ok((lateOwn.answer?.length ?? 0) > 2_048, "the first roster too");

  await original.watched.until("a full push", () => (original.pushes.at(-1)?.length ?? 0) > 1_500);
  const largest = Math.max(...[original, late].flatMap(({ pushes }) => pushes.map(({ length }) => length)));
  assert.ok(largest <= ORIGINAL_PUSH_BYTES, `push of ${largest} bytes`);
  const first = late.answer?.length ?? 0;
  assert.ok(first > 300 && first <= ORIGINAL_FIRST_ROSTER_BYTES, `first roster of ${first} bytes`);
  await late.watched.until("a push that parses", () => late.roster.length > 5);
});

test("many changes in quick succession reach a client in few pushes", async (context) => {
  const daemon = await running(context);
  const registry = daemon.place;
  const watcher = await Mp1Client.join(context, { registry, nickname: "watcher" });
  const clients = await Promise.all(
    [...Array(40).keys()].map((number) => Mp1Client.open(context, { registry, nickname: `c${number}` })),
  );
  const begun = performance.now();
  // One after the other, a few milliseconds apart: each is a change of its own.
  for (const client of clients) await client.join();
  await watcher.sees("c39");
  const took = performance.now() - begun;
  // At most one a 50 ms, whatever the number of joins.
  assert.ok(watcher.pushes.length <= took / 50 + 2, `${watcher.pushes.length} in ${Math.round(took)} ms`);
});
