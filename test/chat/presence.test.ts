import assert from "node:assert/strict";
import { test } from "node:test";
import { JUDGE_MILLIS } from "../../src/chat/arrivals.ts";
import { PRESENCE_SETTLE_MILLIS } from "../../src/chat/presence-news.ts";
import type { RoomName, StatusText } from "../../src/wire/mp2-values.ts";
import { entry, OLA as KEYED_OLA, Mp2Client } from "./mp2-client.ts";
import { type Item, nickname, OLA, VirtualClient } from "./virtual-client.ts";

const EVE: Item = { nickname: "eve", ip: "10.0.0.3", port: 52_000, online: true };

test("arrivals and departures are told once, those close together in one notice", () => {
  const bench = new VirtualClient();
  bench.online();
  bench.push(OLA);
  bench.pass(50);
  bench.push(OLA, EVE);
  bench.pass(50);
  assert.deepEqual(bench.notices(), []);
  bench.pass(100);
  assert.deepEqual(bench.notices(), [{ type: "presence", online: ["ola", "eve"], offline: [] }]);
  bench.push({ ...OLA, online: false }, EVE);
  bench.pass(200);
  assert.deepEqual(bench.notices(), [{ type: "presence", online: [], offline: ["ola"] }]);
});

test("what comes and goes between two looks is not worth a line", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.push({ ...OLA, online: false });
  bench.push(OLA);
  bench.pass(1_000);
  assert.deepEqual(bench.notices(), []);
});

test("the list has those online first, then by name", () => {
  const bench = new VirtualClient();
  bench.online({ ...OLA, online: false }, { ...EVE, nickname: "Zoe" }, EVE);
  assert.deepEqual(
    bench.client.snapshot().roster.map((item) => item.nickname),
    ["eve", "Zoe", "ola"],
  );
});

test("a roster that is none is ignored", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.handle({
    type: "association-message",
    association: 1,
    stream: 0,
    ppid: 0,
    bytes: new Uint8Array([1, 2, 3]),
  });
  assert.deepEqual(bench.listed(), [OLA]);
});

type Standing = "unverified" | "mismatch";

function arrive(bench: VirtualClient, address: string, from: string, text = "hi"): void {
  bench.handle({ type: "message", address, message: { from: nickname(from), text } });
}

/** "TEXT STANDING" of the messages shown since. */
function shown(bench: VirtualClient): string[] {
  return bench
    .notices()
    .flatMap((notice) =>
      notice.type === "received" ? [`${notice.message.text} ${notice.message.standing}`] : [],
    );
}

test("a message from the listed address is unverified, from another one a mismatch", () => {
  const cases: readonly (readonly [string, string, Standing])[] = [
    [OLA.ip, "OLA", "unverified"],
    ["10.6.6.6", "ola", "mismatch"],
    [OLA.ip, "eve", "mismatch"],
  ];
  for (const [address, from, standing] of cases) {
    const bench = new VirtualClient();
    bench.online(OLA);
    arrive(bench, address, from);
    bench.pass(JUDGE_MILLIS);
    assert.deepEqual(shown(bench), [`hi ${standing}`]);
  }
});

test("a message that overtook the roster with its sender is judged by that roster, in order, delaying nobody else", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  arrive(bench, EVE.ip, "eve", "first");
  arrive(bench, EVE.ip, "eve", "second");
  arrive(bench, OLA.ip, "ola", "other");
  assert.deepEqual(shown(bench), ["other unverified"]);
  bench.pass(JUDGE_MILLIS - 1);
  bench.push(OLA, EVE);
  assert.deepEqual(shown(bench), ["first unverified", "second unverified"]);
});

test("messages that wait to be judged are shown when we leave, and a flood of them is bounded", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  for (let count = 0; count < 200; count += 1) arrive(bench, `10.6.6.${count}`, "ola");
  assert.equal(shown(bench).length, 200 - 64);
  bench.client.leave(bench.now);
  assert.equal(shown(bench).length, 64);
});

test("after a restart whoever was known can be written to until the new registry has had time to hear of them", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.endAssociation("closed");
  bench.pass(1_000);
  bench.goOnline();
  const transmitted = (): boolean => {
    bench.client.send(bench.now, "ola", "still there?");
    return bench.take("transmit").some(({ address }) => address === OLA.ip);
  };
  assert.deepEqual(bench.listed(), [OLA]);
  assert.equal(transmitted(), true);
  bench.pass(PRESENCE_SETTLE_MILLIS);
  assert.deepEqual(bench.listed(), []);
});

test("that something of the roster, or of us, has changed is told together, and not without a change", () => {
  const adam = new Mp2Client().online(entry(KEYED_OLA));
  adam.pass(1_000);
  const count = (): number => {
    const before = adam.rosterTold;
    adam.notices();
    return adam.rosterTold - before;
  };
  count();
  for (let number = 0; number < 100; number += 1)
    adam.put(entry(KEYED_OLA, { status: `${number}` as StatusText }));
  adam.pass(1_000);
  assert.equal(count(), 1);
  adam.client.setStatus(adam.now, true, undefined);
  adam.client.join(adam.now, "lab" as RoomName);
  adam.pass(1_000);
  assert.equal(count(), 1);
  adam.client.accept(adam.now, { kind: "peer", name: "ola" }, KEYED_OLA.key);
  // Written, and read again.
  adam.drain();
  adam.pass(1_000);
  assert.equal(count(), 1);
  adam.pass(2_000);
  assert.equal(count(), 0);
});
