/** DATA and SACK under way, both ways, packet by packet (RFC 9260 §6, §7): timers, windows, bursts, and what is kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as encode from "../../src/sctp/encode.ts";
import type { SctpSettings } from "../../src/sctp/index.ts";
import { associate, data, OUR_TSN, Target } from "./target.ts";
import { PORT, packet } from "./wire.ts";

type Answers = ReturnType<Target["drain"]>;

/** An endpoint whose peer we are, and no heartbeats come between. */
class Peer extends Target {
  readonly tag: number;
  readonly first: number;

  constructor(settings: Partial<SctpSettings> = {}) {
    super({ heartbeatMillis: 1e6, lostAfterMillis: 1e7, ...settings });
    const { tag, tsn } = associate(this);
    this.tag = tag;
    this.first = tsn;
  }

  send(size: number): Answers {
    assert.equal(this.trySend(size), "queued");
    return this.drain();
  }

  trySend(size: number): string {
    return this.endpoint.send(this.now, 1, 0, 0, new Uint8Array(size));
  }

  /** SACK of the first `count` DATA and, beyond them, of gap blocks. */
  acknowledge(count: number, gaps: readonly encode.GapBlock[] = [], window = 1e6): Answers {
    return this.hit(this.tag, encode.encodeSack((this.first + count - 1) >>> 0, window, gaps, []));
  }

  get rtt(): number | undefined {
    return this.endpoint.status(1)?.rttMillis;
  }

  get queued(): number {
    return this.endpoint.status(1)?.queuedBytes ?? 0;
  }
}

/** The TSNs of DATA sent, counted from the first. */
function sent(answers: Answers, peer: Peer): number[] {
  const chunks = answers.flatMap((answer) => [...answer.packet.chunks]);
  return chunks.flatMap((chunk) => (chunk.type === "data" ? [chunk.tsn - peer.first] : []));
}

/** The SACK of one answer; the TSNs that it reports as duplicates follow its gap blocks (§3.3.4). */
function sackOf(answers: Answers) {
  const [answer] = answers;
  const [sack] = answer?.packet.chunks ?? [];
  assert.ok(answer !== undefined && sack?.type === "sack");
  const view = new DataView(answer.bytes.buffer, answer.bytes.byteOffset);
  const at = 28 + 4 * view.getUint16(24);
  const duplicates = Array.from({ length: view.getUint16(26) }, (_, index) => view.getUint32(at + 4 * index));
  return { ...sack, duplicates };
}

test("§6.3.1: the round trip of DATA is measured", () => {
  const peer = new Peer();
  peer.send(1);
  peer.now += 40;
  peer.acknowledge(1);
  assert.equal(peer.rtt, 40);
});

test("§6.3.1 C5 (Karn): what was sent twice measures nothing", () => {
  const peer = new Peer();
  peer.send(1);
  assert.deepEqual(sent(peer.pass(600), peer), [0]);
  peer.acknowledge(1);
  assert.equal(peer.rtt, undefined);
});

test("§6.3.2 R3: T3 starts anew with a SACK that moves the cumulative TSN, and with no other", () => {
  const peer = new Peer();
  peer.send(2_000);
  peer.pass(400);
  peer.acknowledge(0, [{ start: 2, end: 2 }]);
  assert.deepEqual(sent(peer.pass(101), peer), [0]);
  const other = new Peer();
  other.send(2_000);
  other.pass(400);
  other.acknowledge(1);
  // The round trip was 400 ms, so RTO is 400 + 4 × 200.
  assert.deepEqual(sent(other.pass(1_199), other), []);
  assert.deepEqual(sent(other.pass(1), other), [1]);
});

test("§6.3.3: what T1 backed off does not count for DATA", () => {
  const target = new Target({ heartbeatMillis: 1e6, lostAfterMillis: 1e7 });
  const id = target.endpoint.connect(target.now, target.path, PORT);
  const init = target.drain()[0]?.packet.chunks[0];
  assert.ok(init?.type === "init");
  assert.equal(target.pass(4_000).length, 3, "INIT again");
  const fields = { tag: 5, window: 9_000, outboundStreams: 1, inboundStreams: 1, initialTsn: 1 };
  target.hit(init.tag, encode.encodeInitAck(fields, Uint8Array.of(1), []));
  target.hit(init.tag, encode.encodeCookieAck());
  target.endpoint.send(target.now, id, 0, 0, Uint8Array.of(1));
  assert.equal(target.drain().length, 1);
  assert.equal(target.pass(500).length, 1);
});

test("§6.2.1 D ii: what is in flight has its room in the window that a SACK tells", () => {
  const peer = new Peer();
  assert.deepEqual(sent(peer.send(65_536), peer), [0, 1, 2, 3]);
  assert.deepEqual(sent(peer.acknowledge(1, [], 3 * 1_188 + 1_187), peer), []);
  assert.deepEqual(sent(peer.acknowledge(1, [], 3 * 1_188 + 1_188), peer), [4]);
});

/** A peer that has taken 30 full packets one by one, so that the window is wide, and what is in flight then. */
function wideOpen(): { peer: Peer; acknowledged: number; flying: number } {
  const peer = new Peer({ maxQueuedBytes: 1e6 });
  let count = sent(peer.send(65_536), peer).length;
  for (let more = 0; more < 3; more += 1) assert.equal(peer.trySend(65_536), "queued");
  for (let acknowledged = 1; acknowledged <= 30; acknowledged += 1) {
    count += sent(peer.acknowledge(acknowledged), peer).length;
  }
  assert.ok(count - 30 > 12, `${count - 30} in flight`);
  return { peer, acknowledged: 30, flying: count - 30 };
}

test("§6.1 D: what one SACK sets free leaves in four packets at most", () => {
  const { peer, acknowledged, flying } = wideOpen();
  assert.equal(sent(peer.acknowledge(acknowledged + flying), peer).length, 4);
});

test("§6.3.3 E3, §7.2.3: when T3 expires, the oldest packet leaves, and one behind it that shows whether it got lost", () => {
  const { peer, acknowledged } = wideOpen();
  assert.deepEqual(sent(peer.pass(110), peer), [acknowledged, acknowledged + 1]);
});

test("§6.2: a SACK that has left is not sent again when its time comes", () => {
  const peer = new Peer();
  const answers = [0, 1, 2].map((ssn) => peer.hit(peer.tag, data(OUR_TSN + ssn, { ssn })).length);
  assert.deepEqual(answers, [1, 0, 1], "the first, and every second packet");
  assert.deepEqual(peer.pass(1_000), []);
});

test("§6.2: a SACK waits 150 ms at most", () => {
  const peer = new Peer();
  peer.hit(peer.tag, data(OUR_TSN));
  peer.hit(peer.tag, data(OUR_TSN + 1, { ssn: 1 }));
  assert.equal(peer.pass(149).length, 0);
  assert.equal(peer.pass(1).length, 1);
});

test("§6.2: TSNs that came twice are reported, 16 of them, once", () => {
  const peer = new Peer();
  const twenty = Array.from({ length: 20 }, (_, ssn) => data(OUR_TSN + ssn, { ssn }));
  assert.deepEqual(sackOf(peer.hit(peer.tag, twenty)).duplicates, []);
  const { duplicates } = sackOf(peer.hit(peer.tag, twenty));
  assert.deepEqual(
    duplicates,
    Array.from({ length: 16 }, (_, index) => OUR_TSN + index),
  );
  assert.deepEqual(sackOf(peer.hit(peer.tag, data(OUR_TSN + 25))).duplicates, []);
});

test("§6.2: the window told is what is left beside what is kept, and what keeping it costs", () => {
  const peer = new Peer();
  const { window } = sackOf(peer.hit(peer.tag, data(OUR_TSN)));
  const bytes = new Uint8Array(1_000);
  assert.equal(sackOf(peer.hit(peer.tag, data(OUR_TSN + 2, { ssn: 2, bytes }))).window, window - 1_256);
  assert.equal(sackOf(peer.hit(peer.tag, data(OUR_TSN + 1, { ssn: 1 }))).window, window);
});

test("§3.3.4: of what comes with gaps, 64 gap blocks are kept and told", () => {
  const peer = new Peer();
  let gaps = 0;
  for (let index = 1; index <= 70; index += 1) {
    gaps = sackOf(peer.hit(peer.tag, data(OUR_TSN + 2 * index, { ssn: index }))).gaps.length;
    assert.equal(gaps, Math.min(index, 64));
  }
  assert.equal(peer.count("data-dropped"), 6);
});

test("§6.2: with the window full of what waits, what it waits for is taken", () => {
  const peer = new Peer();
  const bytes = new Uint8Array(1_000);
  for (let index = 2; peer.count("data-dropped") === 0; index += 1) {
    peer.hit(peer.tag, data(OUR_TSN + index, { ssn: index - 1, bytes }));
  }
  const begun = peer.hit(peer.tag, data(OUR_TSN, { ends: false, bytes }));
  assert.equal(sackOf(begun).cumulativeTsn, OUR_TSN);
  peer.hit(peer.tag, data(OUR_TSN + 1, { begins: false, bytes }));
  const first = peer.events.find((event) => event.type === "message");
  assert.ok(first?.type === "message" && first.bytes.length === 2_000);
});

test("§6.6: unordered messages wait for nothing, and number nothing", () => {
  const peer = new Peer();
  const unordered = Buffer.from(data(OUR_TSN + 1, { ssn: 7 }));
  unordered[1] = 7;
  peer.hit(peer.tag, unordered);
  assert.deepEqual(peer.kinds(), ["up", "message"]);
  peer.hit(peer.tag, data(OUR_TSN));
  assert.deepEqual(peer.kinds(), ["up", "message", "message"]);
});

test("what waits for another packet does not change with the buffer that it came in", () => {
  const peer = new Peer();
  const buffer = packet(peer.tag, data(OUR_TSN + 1, { ssn: 1, bytes: Uint8Array.of(1, 2, 3) }));
  peer.endpoint.receive(peer.now, peer.path, buffer);
  buffer.fill(0);
  peer.hit(peer.tag, data(OUR_TSN));
  const last = peer.events.at(-1);
  assert.ok(last?.type === "message");
  assert.deepEqual([...last.bytes], [1, 2, 3]);
});

test("a message longer than allowed ends the association, in one chunk, too", () => {
  for (const [size, last] of [
    [1_000, "message"],
    [1_001, "lost"],
  ] as const) {
    const peer = new Peer({ maxMessageBytes: 1_000 });
    peer.hit(peer.tag, data(OUR_TSN, { bytes: new Uint8Array(size) }));
    assert.equal(peer.kinds().at(-1), last);
  }
});

test("one message of any size fits into an empty queue, and no second one", () => {
  const peer = new Peer({ maxQueuedBytes: 1_000 });
  assert.equal(peer.trySend(5_000), "queued");
  assert.equal(peer.trySend(1), "full");
});

test("a queue that was full is worth another try when half of it is free", () => {
  const peer = new Peer({ maxQueuedBytes: 10_000 });
  while (peer.trySend(1_000) === "queued");
  peer.drain();
  const told: [queued: number, writable: boolean][] = [];
  for (let count = 1; count <= 7; count += 1) {
    peer.acknowledge(count);
    told.push([peer.queued, peer.kinds().includes("writable")]);
  }
  for (const [queued, writable] of told) assert.equal(writable, queued <= 5_000, `${queued} queued`);
});
