import assert from "node:assert/strict";
import { test } from "node:test";
import { BOUNDS } from "../../src/chat/bounds.ts";
import { LINK_JUDGE_MILLIS } from "../../src/chat/peer-connections.ts";
import { Pins } from "../../src/chat/pins.ts";
import { CHAT } from "../../src/wire/mp2-chat.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";
import type { MessageId, MessageText } from "../../src/wire/mp2-values.ts";
import { ADAM, EVE, entry, key, Mp2Client, OLA, type Person, UNIX } from "./mp2-client.ts";
import { nickname } from "./virtual-client.ts";

type Frame = Parameters<typeof CHAT.encode>[0];

/** Somebody with a key who speaks to the client as a test says. */
class Caller {
  readonly bench: Mp2Client;
  readonly connection: number;

  constructor(bench: Mp2Client, person: Person) {
    this.bench = bench;
    this.connection = bench.connects("mp2-chat", person.key, person.address);
  }

  says(...frames: Frame[]): void {
    const bytes = Buffer.concat(frames.map((frame) => encodeFrame(CHAT.encode(frame))));
    this.bench.client.received(this.bench.now, this.connection, new Uint8Array(bytes));
  }

  greets(nick: string): void {
    this.says({ type: "greeting", nick: nickname(nick), capabilities: new Set() });
  }

  /** What the client said, "TYPE" or "close REASON". */
  hears(): readonly string[] {
    const bytes = this.bench
      .take("tls-send")
      .filter(({ connection }) => connection === this.connection)
      .map((out) => out.bytes);
    return new FrameReader(65_536).push(new Uint8Array(Buffer.concat(bytes))).frames.map((frame) => {
      const decoded = CHAT.decode(frame);
      assert.ok(decoded.ok);
      return decoded.value.type === "close" ? `close ${decoded.value.reason}` : decoded.value.type;
    });
  }
}

function msg(number: number, text = "hi"): Frame {
  const id = number.toString(16).padStart(32, "0") as MessageId;
  return { type: "msg", id, time: UNIX, text: text as MessageText };
}

function texts(bench: Mp2Client): readonly string[] {
  return bench.notices().flatMap((notice) => (notice.type === "received" ? [notice.message.text] : []));
}

test("who is not in the roster is closed as unknown, unless the roster has it within half a second", () => {
  const bench = new Mp2Client().online(entry(OLA));
  const stranger = new Caller(bench, EVE);
  stranger.greets("eve");
  assert.deepEqual(stranger.hears(), []);
  bench.pass(LINK_JUDGE_MILLIS);
  assert.deepEqual(stranger.hears(), ["close unknown"]);
  const newcomer = new Caller(bench, EVE);
  newcomer.greets("eve");
  bench.pass(LINK_JUDGE_MILLIS - 100);
  bench.put(entry(EVE));
  assert.deepEqual(newcomer.hears(), ["greeting"]);
  newcomer.says(msg(1));
  assert.deepEqual(texts(bench), ["hi"]);
});

test("a name that is not the roster's for the key is not taken", () => {
  const bench = new Mp2Client().online(entry(OLA), entry(EVE));
  const eve = new Caller(bench, EVE);
  eve.greets("ola");
  bench.pass(LINK_JUDGE_MILLIS);
  assert.deepEqual(eve.hears(), ["close unknown"]);
  assert.deepEqual(texts(bench), []);
});

const KNOWN = Pins.none.meet({ kind: "peer", name: "ola" }, OLA.key, UNIX);
const FALSE_OLA: Person = { nick: "ola", key: key("dd"), address: "10.6.6.6" };

test("a roster key that contradicts a pin: said as an attack, refused both ways, until it is accepted", () => {
  const bench = new Mp2Client({ pins: KNOWN }).online(entry(OLA));
  bench.put({ ...entry(FALSE_OLA) });
  const [notice] = bench.notices();
  assert.deepEqual(
    notice?.type === "peer-changed" && [notice.pinned, notice.offered, notice.proved, notice.address],
    [OLA.key, FALSE_OLA.key, false, "10.6.6.6"],
  );
  assert.equal(bench.client.snapshot().roster[0]?.trust, "changed");
  bench.client.send(bench.now, "ola", "secret", { waitMillis: 0 });
  const undelivered = bench.notices().find(({ type }) => type === "undelivered");
  assert.equal(undelivered?.type === "undelivered" && undelivered.message.why, "key-changed");
  const held = bench.client.send(bench.now, "ola", "held");
  const [waiting] = bench.notices();
  assert.deepEqual(waiting?.type === "waiting" && [waiting.messageId, waiting.why], [held, "key-changed"]);
  assert.deepEqual(bench.take("tls-dial"), []);
  const liar = new Caller(bench, FALSE_OLA);
  liar.greets("ola");
  assert.deepEqual(liar.hears(), ["close untrusted"]);
  const real = new Caller(bench, OLA);
  real.greets("ola");
  bench.pass(LINK_JUDGE_MILLIS);
  assert.deepEqual(real.hears(), ["close unknown"], "the roster says somebody else");
  bench.notices();
  assert.equal(bench.client.accept(bench.now, { kind: "peer", name: "ola" }), FALSE_OLA.key);
  bench.drain();
  assert.equal(bench.client.snapshot().roster[0]?.trust, "verified");
  assert.equal(bench.take("tls-dial")[0]?.fingerprint, FALSE_OLA.key, "what was held goes out");
});

test("an entry without a key under a name that has one is an attack, too", () => {
  const bench = new Mp2Client({ pins: KNOWN }).online(entry(OLA));
  bench.put(entry(OLA, { fingerprint: null, kind: "mp1-original" } as never));
  assert.deepEqual(bench.noticeTypes(), ["peer-changed"]);
  bench.client.send(bench.now, "ola", "secret");
  assert.deepEqual(bench.take("transmit"), []);
});

test("another program that trusts another key ends the link", () => {
  const bench = new Mp2Client().online(entry(OLA));
  const ola = new Caller(bench, OLA);
  ola.greets("ola");
  assert.deepEqual(ola.hears(), ["greeting"]);
  bench.handle({ type: "pins", pins: Pins.none.accept({ kind: "peer", name: "ola" }, key("dd"), UNIX) });
  assert.deepEqual(ola.hears(), ["close untrusted"]);
});

test("whoever answers a dial without the roster's key gets nothing", () => {
  const bench = new Mp2Client().online(entry(OLA));
  bench.client.send(bench.now, "ola", "secret", { waitMillis: 0 });
  bench.client.send(bench.now, "ola", "patient");
  const [dial] = bench.take("tls-dial");
  assert.deepEqual([dial?.address, dial?.port, dial?.fingerprint], [OLA.address, 50_000, OLA.key]);
  bench.handle({ type: "tls-failed", connection: dial?.connection ?? 0, failure: "tls", code: "TEST" });
  const undelivered = bench.notices().find(({ type }) => type === "undelivered");
  assert.equal(undelivered?.type === "undelivered" && undelivered.message.why, "wrong-key");
  assert.equal(bench.archive.load().waiting[0]?.text, "patient");
});

test("an id that comes again is acknowledged and not shown again, also over another connection", () => {
  const bench = new Mp2Client().online(entry(OLA));
  const first = new Caller(bench, OLA);
  first.greets("ola");
  first.says(msg(1, "once"), msg(1, "twice"));
  assert.deepEqual(first.hears(), ["greeting", "ack"]);
  bench.handle({ type: "tls-closed", connection: first.connection });
  const second = new Caller(bench, OLA);
  second.greets("ola");
  second.says(msg(1, "again"));
  assert.deepEqual(second.hears(), ["greeting", "ack"]);
  assert.deepEqual(texts(bench), ["once"]);
});

test("an oversized text ends the link, and is not shown", () => {
  const bench = new Mp2Client().online(entry(OLA));
  const ola = new Caller(bench, OLA);
  ola.greets("ola");
  const bytes = new Uint8Array(17_000).fill(0x61);
  // type 49, id, time, a text of 16,385 bytes
  const head = Buffer.from(`a40018310150${"00".repeat(16)}0200037940 01`.replace(" ", ""), "hex");
  const frame = encodeFrame(new Uint8Array(Buffer.concat([head, bytes.subarray(0, 16_385)])));
  bench.client.received(bench.now, ola.connection, frame);
  assert.deepEqual(ola.hears(), ["greeting", "close protocol"]);
  assert.deepEqual(texts(bench), []);
});

test("a flood of connections: of one key the newest waits, of many keys a bounded number", () => {
  const one = new Mp2Client().online(entry(OLA));
  const callers = Array.from({ length: 100 }, () => new Caller(one, OLA));
  for (const caller of callers) caller.greets("ola");
  const closed = one.take("tls-end").length;
  assert.ok(closed >= 99, `${closed}`);
  const many = new Mp2Client().online(entry(OLA));
  const hex = (index: number): string => index.toString(16).padStart(2, "0");
  for (let index = 0; index < 200; index += 1) many.connects("mp2-chat", key(hex(index)), `10.1.0.${index}`);
  assert.equal(many.take("tls-end").length, 200 - BOUNDS.unacceptedLinks);
  many.pass(10_000);
  const ola = new Caller(many, OLA);
  ola.greets("ola");
  assert.deepEqual(ola.hears(), ["greeting"], "the silent ones are gone");
});

test("a flood of messages is stored, shown and acknowledged", () => {
  const bench = new Mp2Client().online(entry(OLA));
  const ola = new Caller(bench, OLA);
  ola.greets("ola");
  let shown = 0;
  for (let round = 0; round < 20; round += 1) {
    ola.says(...Array.from({ length: 500 }, (_, index) => msg(round * 500 + index)));
    shown += texts(bench).length;
  }
  assert.equal(shown, 10_000);
  // A disk that does not take them: so many are kept in memory, the rest stays with their sender.
  bench.archive.failWith("the disk is full");
  ola.says(...Array.from({ length: BOUNDS.unstoredIncoming + 1 }, (_, index) => msg(20_000 + index)));
  assert.deepEqual(texts(bench), []);
  assert.equal(ola.hears().at(-1), "close busy");
  bench.archive.failWith(undefined);
  bench.pass(60_000);
  assert.equal(texts(bench).length, BOUNDS.unstoredIncoming);
});

test("a peer that never acknowledges: what was written is given up as uncertain, the rest waits in bounds", () => {
  const bench = new Mp2Client().online(entry(OLA));
  const ola = new Caller(bench, OLA);
  ola.greets("ola");
  for (let count = 0; count < 1_050; count += 1)
    bench.client.send(bench.now, "ola", `text ${count}`, { waitMillis: 0 });
  assert.equal(ola.hears().filter((type) => type === "msg").length, 32, "a window");
  const full = bench.notices().filter(({ type }) => type === "undelivered");
  assert.equal(full.length, 50);
  for (let token = 0; token < 24; token += 1) {
    bench.pass(500);
    ola.says({ type: "pong", token });
  }
  const gone = bench.notices().filter(({ type }) => type === "undelivered");
  assert.equal(gone.length, 1_000);
  assert.equal(bench.client.pending, 0);
});

test("mp1 peers: in mp1 form and marked; with mp1 off neither sent to nor taken from", () => {
  const original = entry(OLA, { fingerprint: null, kind: "mp1-original" } as never);
  const bench = new Mp2Client().online(original);
  assert.equal(bench.client.snapshot().roster[0]?.trust, "unverified");
  bench.client.send(bench.now, "ola", "hello");
  assert.deepEqual(
    bench.take("transmit").map(({ address, port }) => [address, port]),
    [[OLA.address, 50_001]],
  );
  const message = { from: nickname("ola"), text: "hi" };
  bench.handle({ type: "message", address: OLA.address, message });
  const [received] = bench.notices();
  assert.equal(received?.type === "received" && received.message.standing, "unverified");
  const strict = new Mp2Client({ legacy: false }).online(original);
  strict.client.send(strict.now, "ola", "hello");
  strict.client.send(strict.now, "10.0.0.77:51000", "hello");
  strict.handle({ type: "message", address: OLA.address, message });
  strict.pass(1_000);
  assert.deepEqual(
    strict.notices().map((notice) => notice.type === "undelivered" && notice.message.why),
    ["legacy-off", "legacy-off"],
  );
  assert.deepEqual(strict.take("transmit"), []);
});

test("mp1 under a name that has a key is somebody who pretends", () => {
  const bench = new Mp2Client().online(entry(OLA));
  bench.handle({ type: "message", address: OLA.address, message: { from: nickname("ola"), text: "hi" } });
  bench.pass(1_000);
  const [received] = bench.notices();
  assert.equal(received?.type === "received" && received.message.standing, "mismatch");
});

test("our own key is nobody else", () => {
  const bench = new Mp2Client().online(entry(OLA));
  assert.deepEqual(
    bench.client.snapshot().roster.map((peer) => peer.nickname),
    ["ola"],
  );
  const mirror = new Caller(bench, ADAM);
  mirror.greets("adam");
  bench.pass(LINK_JUDGE_MILLIS);
  assert.deepEqual(mirror.hears(), ["close unknown"]);
});
