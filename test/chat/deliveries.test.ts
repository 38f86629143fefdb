import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8 } from "../../src/base/text.ts";
import type { DeliveryFailure } from "../../src/wire/mp1-chat.ts";
import { OLA, VirtualClient } from "./virtual-client.ts";

function transmissions(bench: VirtualClient) {
  return bench.take("transmit").map((out) => ({ ...out, text: decodeUtf8(out.bytes) }));
}

function confirm(bench: VirtualClient, transmission: number): void {
  bench.handle({ type: "transmitted", transmission, outcome: { type: "confirmed" } });
}

function fail(bench: VirtualClient, transmission: number, failure: DeliveryFailure, sent = false): void {
  bench.handle({ type: "transmitted", transmission, outcome: { type: "failed", failure, sent } });
}

function undelivered(bench: VirtualClient) {
  const notice = bench.notices().at(-1);
  assert.equal(notice?.type, "undelivered");
  return notice.message;
}

test("a message goes to P + 1 of the listed peer, however the name is written, and is confirmed", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  const messageId = bench.client.send(bench.now, "OLA", "hello");
  const [out] = transmissions(bench);
  assert.ok(out);
  assert.deepEqual([out.address, out.port, out.text], [OLA.ip, OLA.port + 1, "adam hello"]);
  confirm(bench, out.transmission);
  assert.deepEqual(bench.notices(), [{ type: "delivered", messageId, to: "OLA", text: "hello" }]);
  assert.equal(bench.client.pending, 0);
});

test("ADDRESS:PORT needs no listing", () => {
  const bench = new VirtualClient();
  bench.client.send(0, "10.0.0.7:51234", "hello");
  const [out] = transmissions(bench);
  assert.deepEqual([out?.address, out?.port], ["10.0.0.7", 51_235]);
});

test("to one peer in order, one at a time; another peer is not kept waiting", () => {
  const bench = new VirtualClient();
  bench.online(OLA, { ...OLA, nickname: "eve", ip: "10.0.0.3" });
  for (const text of ["one", "two"]) bench.client.send(bench.now, "ola", text);
  bench.client.send(bench.now, "eve", "three");
  const first = transmissions(bench);
  assert.deepEqual(
    first.map((out) => out.text),
    ["adam one", "adam three"],
  );
  confirm(bench, first[0]?.transmission ?? 0);
  assert.deepEqual(
    transmissions(bench).map((out) => out.text),
    ["adam two"],
  );
});

test("a long text goes in parts, one after the other; a failure says how many arrived", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.client.send(bench.now, "ola", "word ".repeat(500).trim());
  const [first] = transmissions(bench);
  assert.ok(first && first.bytes.length <= 1_024);
  confirm(bench, first.transmission);
  const [second] = transmissions(bench);
  assert.ok(second);
  fail(bench, second.transmission, "timeout", true);
  const message = undelivered(bench);
  assert.deepEqual([message.partsDelivered, message.parts, message.uncertain], [1, 3, true]);
});

test("nobody of that name, no text: said at once", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.client.send(bench.now, "eve", "hello");
  assert.equal(undelivered(bench).why, "unknown-name");
  bench.client.send(bench.now, "ola", "  ");
  assert.equal(undelivered(bench).why, "empty");
});

test("without time to wait, who is listed as offline is tried all the same: the answer of the machine counts", () => {
  const bench = new VirtualClient();
  bench.online({ ...OLA, online: false });
  bench.client.send(bench.now, "ola", "hello", { waitMillis: 0 });
  const [out] = transmissions(bench);
  assert.ok(out);
  fail(bench, out.transmission, "refused");
  assert.equal(undelivered(bench).why, "refused");
});

test("after a failure the next in the queue goes on", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.client.send(bench.now, "ola", "one", { waitMillis: 0 });
  bench.client.send(bench.now, "ola", "two", { waitMillis: 0 });
  fail(bench, transmissions(bench)[0]?.transmission ?? 0, "refused");
  assert.equal(undelivered(bench).text, "one");
  assert.equal(transmissions(bench)[0]?.text, "adam two");
});

test("with time to wait: sent as soon as the peer is online", () => {
  const bench = new VirtualClient();
  bench.online();
  bench.client.send(bench.now, "ola", "hello", { waitMillis: 30_000 });
  bench.pass(10_000);
  bench.push({ ...OLA, online: false });
  assert.deepEqual(transmissions(bench), []);
  bench.push(OLA);
  const [out] = transmissions(bench);
  assert.ok(out);
  confirm(bench, out.transmission);
  assert.equal(bench.notices().at(-1)?.type, "delivered");
  bench.pass(1_000);
  assert.ok((bench.client.nextDeadline() ?? Infinity) > bench.now + 60_000, "nothing but housekeeping");
});

test("with time to wait: over without the peer", () => {
  const absent = new VirtualClient();
  absent.online();
  absent.client.send(absent.now, "ola", "hello", { waitMillis: 30_000 });
  absent.pass(30_000);
  assert.equal(undelivered(absent).why, "unknown-name");
  const offline = new VirtualClient();
  offline.online({ ...OLA, online: false });
  offline.client.send(offline.now, "ola", "hello", { waitMillis: 30_000 });
  offline.pass(29_999);
  assert.deepEqual(transmissions(offline), []);
  offline.pass(1);
  assert.equal(undelivered(offline).why, "never-online");
});

test("with time to wait: a refused connection is tried again, a message that may have arrived is not", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.client.send(bench.now, "ola", "hello", { waitMillis: 30_000 });
  fail(bench, transmissions(bench)[0]?.transmission ?? 0, "refused");
  bench.push(OLA);
  assert.deepEqual(transmissions(bench), []);
  bench.pass(500);
  const [second] = transmissions(bench);
  assert.ok(second);
  fail(bench, second.transmission, "not-confirmed", true);
  const message = undelivered(bench);
  assert.deepEqual([message.why, message.uncertain, message.waited], ["not-confirmed", true, true]);
});

test("the queue is bounded", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  for (let count = 0; count < 1_001; count += 1) bench.client.send(bench.now, "ola", `text ${count}`);
  assert.equal(undelivered(bench).why, "queue-full");
  assert.equal(bench.client.pending, 1_000);
});

test("chat goes on while the registry is gone", () => {
  const bench = new VirtualClient();
  bench.online(OLA);
  bench.endAssociation("lost");
  bench.client.send(bench.now, "ola", "still there?");
  assert.equal(transmissions(bench).length, 1);
});
