import assert from "node:assert/strict";
import { test } from "node:test";
import { type Allowances, DEFAULT_ALLOWANCES, MESSAGE_OVERHEAD_BYTES } from "../../src/chat/allowance.ts";
import type { ChatNotice } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import { CHAT } from "../../src/wire/mp2-chat.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";
import type { MessageId, MessageText } from "../../src/wire/mp2-values.ts";
import { ChatNet } from "./chat-net.ts";
import { ADAM, EVE, entry, Mp2Client, OLA, UNIX } from "./mp2-client.ts";

/** What one accepted peer may have us store. */

/** So many messages of two letters at once, and as many a day. */
function allowing(messages: number): { allowances: Allowances } {
  const messageBytesPerDay = messages * (MESSAGE_OVERHEAD_BYTES + 2);
  return { allowances: { ...DEFAULT_ALLOWANCES, messageBytesPerDay } };
}

const KNOWN = Pins.none
  .meet({ kind: "peer", name: "adam" }, ADAM.key, UNIX)
  .meet({ kind: "peer", name: "eve" }, EVE.key, UNIX);

function texts(notices: readonly ChatNotice[], from: string): readonly string[] {
  return notices.flatMap((notice) =>
    notice.type === "received" && notice.message.from === from ? [notice.message.text] : [],
  );
}

const DAY = 86_400_000;

test("who sends too much: the rest waits with its sender, who is told why, and comes in order, each once; others are heard", () => {
  const net = new ChatNet([ADAM, OLA, EVE]);
  const ola = net.replace(OLA, allowing(10), KNOWN);
  const [adam, eve] = [net.node(ADAM), net.node(EVE)];
  net.pass(1_000);
  adam.notices();
  const said = Array.from({ length: 25 }, (_, index) => String(10 + index));
  for (const text of said) adam.client.send(net.now, "ola", text);
  net.pass(5_000);
  eve.client.send(net.now, "ola", "hi");
  net.pass(5_000);
  const first = ola.notices();
  assert.deepEqual(texts(first, "adam"), said.slice(0, 10));
  assert.deepEqual(texts(first, "eve"), ["hi"]);
  const over = first.filter(({ type }) => type === "over-allowance");
  assert.deepEqual(over, [{ type: "over-allowance", from: "adam", of: "messages" }]);
  const notices = adam.notices();
  assert.equal(notices.filter(({ type }) => type === "delivered").length, 10);
  const why = notices.flatMap((notice) => (notice.type === "waiting" ? [notice.why] : []));
  assert.ok(why.includes("quota-there"), String(why));
  ola.client.send(net.now, "adam", "stop it");
  net.pass(60_000);
  assert.deepEqual(texts(adam.notices(), "ola"), ["stop it"], "who takes no more can still be heard");
  net.pass(2 * DAY);
  const later = ola.notices();
  assert.deepEqual(texts(later, "adam"), said.slice(10));
  assert.equal(
    net
      .node(ADAM)
      .archive.page("@ola", { limit: 99 })
      .filter(({ state }) => state === "waiting").length,
    0,
  );
  const told = later.filter(({ type }) => type === "over-allowance").length;
  assert.ok(told <= 48, `${told} lines in two days`);
});

test("a message that may not wait fails with that reason", () => {
  const net = new ChatNet([ADAM, OLA]);
  net.replace(OLA, allowing(1), KNOWN);
  const adam = net.node(ADAM);
  net.pass(1_000);
  for (const text of ["n1", "n2"]) adam.client.send(net.now, "ola", text, { waitMillis: 0 });
  net.pass(5_000);
  const failed = adam.notices().flatMap((notice) => (notice.type === "undelivered" ? [notice.message] : []));
  assert.deepEqual(
    failed.map(({ text, why }) => [text, why]),
    [["n2", "quota-there"]],
  );
});

test("a hostile peer that comes again and again has no more stored, and fills no screen", () => {
  const ola = new Mp2Client({ person: OLA, pins: KNOWN, ...allowing(50) }).online(entry(ADAM));
  let number = 0;
  const closes = new Set<string>();
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const connection = ola.connects("mp2-chat", ADAM.key, ADAM.address);
    const say = (value: Parameters<typeof CHAT.encode>[0]): void =>
      void ola.client.received(ola.now, connection, encodeFrame(CHAT.encode(value)));
    say({ type: "greeting", nick: "adam" as never, capabilities: new Set() });
    for (let index = 0; index < 40; index += 1) {
      number += 1;
      const id = number.toString(16).padStart(32, "0") as MessageId;
      say({ type: "msg", id, time: UNIX, text: "hi" as MessageText });
    }
    ola.pass(10);
    const bytes = Buffer.concat(ola.take("tls-send").map((out) => out.bytes));
    for (const frame of new FrameReader(65_536).push(new Uint8Array(bytes)).frames) {
      const decoded = CHAT.decode(frame);
      if (decoded.ok && decoded.value.type === "close") closes.add(decoded.value.reason);
    }
    ola.handle({ type: "tls-closed", connection });
  }
  assert.equal(ola.archive.page("@adam", { limit: 1_000 }).length, 50);
  assert.ok(closes.has("quota"), [...closes].join());
  assert.equal(ola.notices().filter(({ type }) => type === "over-allowance").length, 1);
});

test("what comes again because its confirmation was lost does not count twice", () => {
  const ola = new Mp2Client({ person: OLA, pins: KNOWN, ...allowing(3) }).online(entry(ADAM));
  const connection = ola.connects("mp2-chat", ADAM.key, ADAM.address);
  const say = (value: Parameters<typeof CHAT.encode>[0]): void =>
    void ola.client.received(ola.now, connection, encodeFrame(CHAT.encode(value)));
  say({ type: "greeting", nick: "adam" as never, capabilities: new Set() });
  const id = (number: number) => number.toString(16).padStart(32, "0") as MessageId;
  for (let again = 0; again < 50; again += 1) {
    say({ type: "msg", id: id(1), time: UNIX, text: "n1" as MessageText });
    ola.pass(1);
  }
  for (const number of [2, 3]) {
    say({ type: "msg", id: id(number), time: UNIX, text: `n${number}` as MessageText });
    ola.pass(1);
  }
  assert.deepEqual(texts(ola.notices(), "adam"), ["n1", "n2", "n3"]);
});
