import assert from "node:assert/strict";
import { test } from "node:test";
import { type Item, OLA, VirtualClient } from "./virtual-client.ts";

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
  bench.handle({ type: "association-message", association: 1, bytes: new Uint8Array([1, 2, 3]) });
  assert.deepEqual(bench.client.snapshot().roster, [OLA]);
});

test("a message from the listed address is unverified, from another one a mismatch", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  for (const [address, from, standing] of [
    [OLA.ip, "OLA", "unverified"],
    ["10.6.6.6", "ola", "mismatch"],
    [OLA.ip, "eve", "mismatch"],
  ] as const) {
    bench.handle({ type: "message", address, message: { from: from as never, text: "hi" } });
    const [notice] = bench.notices();
    assert.equal(notice?.type === "received" && notice.message.standing, standing);
  }
});
