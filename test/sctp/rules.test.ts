/** Single rules of RFC 9260, each shown by the packets that it makes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Chunk } from "../../src/sctp/decode/chunks.ts";
import * as encode from "../../src/sctp/encode.ts";
import { DEFAULT_SCTP_SETTINGS } from "../../src/sctp/index.ts";
import { Supervision } from "../../src/sctp/liveness/supervision.ts";
import { associated, Network, PERFECT, PORT } from "./pair.ts";
import { askCookie, associate, data, INIT, OUR_TAG, OUR_TSN, Target } from "./target.ts";

const NEVER_LOST = { heartbeatMillis: 1e6, lostAfterMillis: 1e7 };

/** The same peer, started anew. */
const OTHER_INIT = encode.encodeInit({
  tag: OUR_TAG + 1,
  window: 100_000,
  outboundStreams: 1,
  inboundStreams: 1,
  initialTsn: 1,
});

type Answers = ReturnType<Target["hit"]>;

function chunksOf(answers: Answers): Chunk[] {
  return answers.flatMap((answer) => [...answer.packet.chunks]);
}

function types(answers: Answers): string[] {
  return chunksOf(answers).map((chunk) => chunk.type);
}

/** The TSNs of DATA sent, counted from the first. */
function tsns(answers: Answers, first: number): number[] {
  return chunksOf(answers).flatMap((chunk) => (chunk.type === "data" ? [chunk.tsn - first] : []));
}

function idOf(target: Target): number {
  const up = target.events[0];
  assert.ok(up?.type === "up");
  return up.id;
}

function send(target: Target, bytes: number, stream = 0): Answers {
  assert.equal(target.endpoint.send(target.now, idOf(target), stream, 0, new Uint8Array(bytes)), "queued");
  return target.drain();
}

function close(target: Target): Answers {
  target.endpoint.close(target.now, idOf(target));
  return target.drain();
}

test("§7.2.4: a lost packet is sent again long before T3", () => {
  const network = new Network(1, { ...PERFECT, delay: [5, 5] });
  const { client, server, clientId } = associated(network);
  let dataPackets = 0;
  network.filter = (_, packet) => packet[12] !== 0 || ++dataPackets !== 1;
  const started = network.now;
  client.endpoint.send(network.now, clientId, 0, 0, new Uint8Array(4_500));
  network.drain(client);
  assert.ok(network.runFor(10_000, () => server.of("message").length > 0));
  assert.ok(network.now - started < 50, `${network.now - started} ms`);
});

test("§6.2.1: what a SACK no longer acknowledges is sent again", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  assert.deepEqual(tsns(send(target, 3_000), tsn), [0, 1, 2]);
  target.hit(tag, encode.encodeSack(tsn - 1, 100_000, [{ start: 2, end: 3 }], []));
  target.hit(tag, encode.encodeSack(tsn - 1, 100_000, [], []));
  const again = tsns(target.pass(600), tsn);
  target.hit(tag, encode.encodeSack(tsn, 100_000, [], []));
  again.push(...tsns(target.pass(5_000), tsn));
  assert.deepEqual([...new Set(again)].sort(), [0, 1, 2]);
});

test("§6.1 A: one chunk probes a closed window, the rest waits until it opens", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  send(target, 100);
  target.hit(tag, encode.encodeSack(tsn, 0, [], []));
  assert.deepEqual(tsns(send(target, 3_000), tsn), [1]);
  assert.deepEqual(tsns(target.pass(90), tsn), []);
  assert.ok(tsns(target.pass(10_000), tsn).every((number) => number === 1));
  const opened = target.hit(tag, encode.encodeSack(tsn + 1, 100_000, [], []));
  assert.deepEqual(tsns(opened, tsn), [2, 3]);
});

test("§6.2: a SACK is delayed, travels with DATA, and comes at once on the first and every second packet", () => {
  const target = new Target(NEVER_LOST);
  const { tag } = associate(target);
  assert.deepEqual(types(target.hit(tag, data(OUR_TSN))), ["sack"], "the first");
  assert.deepEqual(target.hit(tag, data(OUR_TSN + 1, { ssn: 1 })), []);
  assert.deepEqual(types(send(target, 10)), ["sack", "data"]);
  assert.deepEqual(target.hit(tag, data(OUR_TSN + 2, { ssn: 2 })), []);
  assert.deepEqual(types(target.hit(tag, data(OUR_TSN + 3, { ssn: 3 }))), ["sack"]);
  assert.deepEqual(target.hit(tag, data(OUR_TSN + 4, { ssn: 4 })), []);
  assert.deepEqual(types(target.pass(200)), ["sack"]);
  assert.deepEqual(types(target.hit(tag, data(OUR_TSN + 9, { ssn: 9 }))), ["sack"], "a gap");
});

test("§3.2: the highest bits of an unknown chunk say whether to go on and whether to report", () => {
  const table: readonly [id: number, goesOn: boolean, reports: boolean][] = [
    [0x3f, false, false],
    [0x7f, false, true],
    [0xbf, true, false],
    [0xff, true, true],
  ];
  for (const [id, goesOn, reports] of table) {
    const target = new Target(NEVER_LOST);
    const { tag } = associate(target);
    const answers = target.hit(tag, [Uint8Array.of(id, 0, 0, 4), data(OUR_TSN)]);
    assert.equal(target.kinds().includes("message"), goesOn, `${id}`);
    assert.equal(types(answers).includes("error"), reports, `${id}`);
  }
});

test("§3.2, §3.3.7: of an unknown chunk and of a reason to abort 128 bytes are told", () => {
  const target = new Target(NEVER_LOST);
  const { tag } = associate(target);
  const unknown = Buffer.alloc(1_000);
  unknown.writeUInt16BE(0xff00, 0);
  unknown.writeUInt16BE(1_000, 2);
  const [error] = chunksOf(target.hit(tag, unknown));
  assert.ok(error?.type === "error" && error.causes[0]?.bytes.length === 128);
  target.endpoint.abort(target.now, idOf(target), "x".repeat(1_000));
  const [abort] = chunksOf(target.drain());
  assert.ok(abort?.type === "abort" && abort.causes[0]?.bytes.length === 128);
});

test("§6.10: what is bundled fits into packets of 1,200 bytes, and nothing is left out", () => {
  const target = new Target(NEVER_LOST);
  const { tag } = associate(target);
  const unknown = Buffer.alloc(128);
  unknown.writeUInt16BE(0xff00, 0);
  unknown.writeUInt16BE(128, 2);
  const answers = target.hit(
    tag,
    Array.from({ length: 20 }, () => unknown),
  );
  assert.deepEqual(
    types(answers),
    Array.from({ length: 20 }, () => "error"),
  );
  for (const { bytes } of answers) assert.ok(bytes.length <= 1_200, `${bytes.length} bytes`);
});

test("§8.3: a HEARTBEAT is answered from the address of ours that it reached", () => {
  const target = new Target(NEVER_LOST);
  const { tag } = associate(target);
  for (const local of ["10.0.0.1", "10.0.0.2"]) {
    const heartbeat = encode.encodeHeartbeat(Uint8Array.of(1));
    const [answer] = target.hit(tag, heartbeat, { ...target.path, local });
    assert.equal(answer?.path.local, local);
  }
});

test("§5.2.4: a cookie from before the association, with other tags, is no restart", () => {
  const target = new Target(NEVER_LOST);
  const [answer] = target.hit(0, OTHER_INIT);
  const early = answer?.packet.chunks[0];
  assert.ok(early?.type === "init-ack" && early.cookie !== undefined);
  associate(target);
  assert.deepEqual(target.hit(early.tag, encode.encodeCookieEcho(early.cookie)), []);
  assert.deepEqual(target.kinds(), ["up"]);
});

test("§5.2.4: the cookie of a living association is answered though it is stale", () => {
  const target = new Target(NEVER_LOST);
  const { tag, cookie } = askCookie(target);
  target.hit(tag, encode.encodeCookieEcho(cookie));
  target.pass(70_000);
  assert.deepEqual(types(target.hit(tag, encode.encodeCookieEcho(cookie))), ["cookie-ack"]);
  assert.deepEqual(target.kinds(), ["up"]);
});

test("§9.2: whoever sets up anew while we wait for SHUTDOWN COMPLETE gets SHUTDOWN ACK", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  const [answer] = target.hit(0, OTHER_INIT);
  const tied = answer?.packet.chunks[0];
  assert.ok(tied?.type === "init-ack" && tied.cookie !== undefined);
  assert.deepEqual(types(target.hit(tag, encode.encodeShutdown(tsn - 1))), ["shutdown-ack"]);
  assert.deepEqual(types(target.hit(0, INIT)), ["shutdown-ack"]);
  const echo = encode.encodeCookieEcho(tied.cookie);
  assert.deepEqual(types(target.hit(tied.tag, echo)), ["shutdown-ack", "error"]);
  target.hit(tag, encode.encodeShutdownComplete(false));
  assert.deepEqual(target.kinds(), ["up", "closed"]);
});

test("§8.5.1 E: SHUTDOWN ACK for what we have forgotten is ended while we set up anew", () => {
  const target = new Target();
  target.endpoint.connect(target.now, target.path, PORT);
  assert.deepEqual(types(target.drain()), ["init"]);
  const answers = target.hit(0xabcd, encode.encodeShutdownAck());
  assert.deepEqual(types(answers), ["shutdown-complete"]);
  assert.equal(answers[0]?.packet.verificationTag, 0xabcd);
});

test("§9.2: DATA that cross our SHUTDOWN are delivered and answered with SACK and SHUTDOWN", () => {
  const target = new Target(NEVER_LOST);
  const { tag } = associate(target);
  assert.deepEqual(types(close(target)), ["shutdown"]);
  assert.deepEqual(types(target.hit(tag, data(OUR_TSN))), ["sack", "shutdown"]);
  assert.deepEqual(types(target.hit(tag, encode.encodeShutdownAck())), ["shutdown-complete"]);
  assert.deepEqual(target.kinds(), ["up", "message", "closed"]);
});

test("§9.2: SHUTDOWNs that cross are both answered", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  close(target);
  assert.deepEqual(types(target.hit(tag, encode.encodeShutdown(tsn - 1))), ["shutdown-ack"]);
  assert.deepEqual(types(target.hit(tag, encode.encodeShutdownAck())), ["shutdown-complete"]);
  assert.deepEqual(target.kinds(), ["up", "closed"]);
});

test("§9.2: SHUTDOWN goes out a limited number of times", () => {
  const target = new Target(NEVER_LOST);
  associate(target);
  const sent = types([...close(target), ...target.pass(30_000)]);
  assert.deepEqual(sent, [...Array.from({ length: 9 }, () => "shutdown"), "abort"]);
  assert.deepEqual(target.kinds(), ["up", "lost"]);
});

test("§9.2: closing ends even if the peer acknowledges for ever and takes nothing", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  target.hit(tag, encode.encodeSack(tsn - 1, 0, [], []));
  send(target, 3_000);
  close(target);
  for (let step = 0; step < 700; step += 1) {
    if (target.pass(100).length > 0) target.hit(tag, encode.encodeSack(tsn - 1, 0, [], []));
  }
  const last = target.events.at(-1);
  assert.ok(last?.type === "lost" && last.detail === "closing took too long", target.kinds().join());
});

test("§9.2: closing ends even if it is the peer who asked for it and takes nothing", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  target.hit(tag, encode.encodeSack(tsn - 1, 0, [], []));
  send(target, 3_000);
  target.hit(tag, encode.encodeShutdown(tsn - 1));
  const began = target.now;
  while (target.endpoint.status(idOf(target)) !== undefined && target.now < began + 70_000) {
    if (target.pass(100).length > 0) target.hit(tag, encode.encodeSack(tsn - 1, 0, [], []));
  }
  const last = target.events.at(-1);
  assert.ok(last?.type === "lost" && last.detail === "closing took too long", target.kinds().join());
  assert.equal(target.now - began, 60_000);
});

test("§9.2: DATA that cross our SHUTDOWN start its count anew, and are acknowledged at once", () => {
  const target = new Target(NEVER_LOST);
  const { tag } = associate(target);
  target.hit(tag, data(OUR_TSN));
  const shutdowns = types(close(target)).length + types(target.pass(10_000)).length;
  assert.ok(shutdowns > 5);
  assert.deepEqual(types(target.hit(tag, data(OUR_TSN + 1, { ssn: 1 }))), ["sack", "shutdown"]);
  const again = types(target.pass(100_000));
  assert.deepEqual(again, [...Array.from({ length: 8 }, () => "shutdown"), "abort"]);
});

test("§9.2: a peer that has asked for the end and forgotten us has ended, by agreement", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  assert.deepEqual(types(target.hit(tag, encode.encodeShutdown(tsn - 1))), ["shutdown-ack"]);
  target.hit(OUR_TAG, encode.encodeAbort(true, undefined));
  assert.deepEqual(target.kinds(), ["up", "closed"]);
});

test("§5.1.1: a peer may grant more streams than we asked for, and gets no more", () => {
  const target = new Target(NEVER_LOST);
  const id = target.endpoint.connect(target.now, target.path, PORT);
  const init = chunksOf(target.drain())[0];
  assert.ok(init?.type === "init" && init.outboundStreams === 16);
  const fields = { tag: OUR_TAG, window: 100_000, outboundStreams: 1, inboundStreams: 100, initialTsn: 1 };
  target.hit(init.tag, encode.encodeInitAck(fields, Uint8Array.of(1, 2), []));
  target.hit(init.tag, encode.encodeCookieAck());
  const results = [15, 16, 99].map((stream) =>
    target.endpoint.send(target.now, id, stream, 0, Uint8Array.of(1)),
  );
  assert.deepEqual(results, ["queued", "no-stream", "no-stream"]);
});

test("§5.1.1: a peer may grant fewer streams; messages for others are dropped", () => {
  const target = new Target(NEVER_LOST);
  const id = target.endpoint.connect(target.now, target.path, PORT);
  const init = chunksOf(target.drain())[0];
  assert.ok(init?.type === "init");
  for (const stream of [0, 5]) {
    assert.equal(target.endpoint.send(target.now, id, stream, 0, Uint8Array.of(1)), "queued");
  }
  const fields = { tag: OUR_TAG, window: 100_000, outboundStreams: 1, inboundStreams: 1, initialTsn: 1 };
  const echoed = target.hit(init.tag, encode.encodeInitAck(fields, Uint8Array.of(1, 2), []));
  assert.deepEqual(types(echoed), ["cookie-echo"]);
  const sent = chunksOf(target.hit(init.tag, encode.encodeCookieAck()));
  assert.deepEqual(
    sent.map((chunk) => chunk.type === "data" && chunk.stream),
    [0],
  );
  assert.equal(target.endpoint.send(target.now, id, 5, 0, Uint8Array.of(1)), "no-stream");
  target.hit(init.tag, encode.encodeSack(init.initialTsn, 100_000, [], []));
  assert.equal(target.endpoint.status(id)?.queuedBytes, 0);
});

test("§8.3: peers heard at the same moment are asked at different ones", () => {
  const lookAfter = (pace: number): number => {
    const supervision = new Supervision(0, DEFAULT_SCTP_SETTINGS, pace);
    supervision.sign(5_000, DEFAULT_SCTP_SETTINGS);
    const timing = { ...DEFAULT_SCTP_SETTINGS, answerWithin: 200, suspectSpacing: 0 };
    assert.equal(supervision.look(5_000, timing), "wait");
    return supervision.nextLook - 5_000;
  };
  assert.deepEqual([0.8, 0.9, 1].map(lookAfter), [800, 900, 1_000]);
});

test("§6.7: the chunk that fills the last gap is acknowledged at once", () => {
  const target = new Target(NEVER_LOST);
  const { tag } = associate(target);
  target.hit(tag, data(OUR_TSN));
  assert.deepEqual(types(target.hit(tag, data(OUR_TSN + 2, { ssn: 2 }))), ["sack"]);
  const [sack] = chunksOf(target.hit(tag, data(OUR_TSN + 1, { ssn: 1 })));
  assert.ok(sack?.type === "sack" && sack.cumulativeTsn === OUR_TSN + 2 && sack.gaps.length === 0);
});

test("RFC 7053 §4.1: the last chunk that may leave asks for its SACK at once, those before it do not", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  const asking = (answers: Answers): boolean[] =>
    chunksOf(answers).flatMap((chunk) => (chunk.type === "data" ? [chunk.immediate] : []));
  // Five packets' worth: the window lets four leave at first.
  assert.deepEqual(asking(send(target, 5_000)), [false, false, false, false]);
  assert.deepEqual(asking(target.hit(tag, encode.encodeSack(tsn + 3, 100_000, [], []))), [true]);
  assert.deepEqual(asking(send(target, 10)), [true]);
});

test("RFC 5827 §3: of three chunks with nothing behind them, two SACKs that miss the first are enough", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  assert.deepEqual(tsns(send(target, 3_000), tsn), [0, 1, 2]);
  const misses = (end: number): Uint8Array => encode.encodeSack(tsn - 1, 100_000, [{ start: 2, end }], []);
  assert.deepEqual(target.hit(tag, misses(2)), []);
  assert.deepEqual(tsns(target.hit(tag, misses(3)), tsn), [0]);
});

test("RFC 8985: what was sent again and is overtaken again is sent once more, without waiting for T3", () => {
  const target = new Target(NEVER_LOST);
  const { tag, tsn } = associate(target);
  target.hit(tag, encode.encodeSack(tsn - 1, 100_000, [], []));
  send(target, 40_000);
  let sent = 4;
  const resent: number[] = [];
  // The first is never acknowledged; everything sent after it is, one by one.
  for (let arrived = 1; arrived < 30; arrived += 1) {
    target.pass(1);
    const gap = { start: 2, end: arrived + 1 };
    const again = tsns(target.hit(tag, encode.encodeSack(tsn - 1, 100_000, [gap], [])), tsn);
    for (const number of again) {
      if (number < sent) resent.push(number);
      else sent = number + 1;
    }
    if (arrived >= sent - 1) break;
  }
  assert.ok(resent.length >= 2 && resent.every((number) => number === 0), `sent again: ${resent}`);
});
