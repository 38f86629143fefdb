/** RFC 8260: messages of different streams in alternation, so that a long one holds nobody up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as encode from "../../src/sctp/encode.ts";
import { nextMid } from "../../src/sctp/serial.ts";
import { associated, Network, PERFECT } from "./pair.ts";
import { askCookie, OUR_TAG, OUR_TSN, Target } from "./target.ts";

const ROUND_TRIP = 20;

function bytes(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index + seed) % 251);
}

/** Sends 64 KiB on stream 2 and, once that is under way, a short message on stream 1; ms until it is there. */
function delayOfShort(after: number): number {
  const network = new Network(7, { ...PERFECT, delay: [ROUND_TRIP / 2, ROUND_TRIP / 2] });
  const { client, server, clientId } = associated(network);
  client.endpoint.send(network.now, clientId, 2, 0, bytes(65_536));
  network.drain(client);
  network.runFor(after);
  const sent = network.now;
  client.endpoint.send(network.now, clientId, 1, 0, bytes(10));
  network.drain(client);
  assert.ok(network.runFor(5_000, () => server.of("message").some((message) => message.stream === 1)));
  const took = network.now - sent;
  assert.ok(network.runFor(5_000, () => server.of("message").length === 2));
  return took;
}

test("a short message waits for a long one on another stream by no more than a round trip", () => {
  for (let after = 0; after <= 200; after += 7) {
    const took = delayOfShort(after);
    // One way it must travel anyway, and at most one round trip it waits for the window.
    assert.ok(took <= 1.5 * ROUND_TRIP + 1, `${took} ms after ${after} ms`);
  }
});

test("16 long messages on 16 streams at once do not fill the receiver with unfinished ones", () => {
  const network = new Network(3, { loss: 0.05, duplication: 0.02, delay: [1, 20] });
  const { client, server, clientId } = associated(network, { maxQueuedBytes: 2_000_000 });
  for (let stream = 0; stream < 16; stream += 1) {
    assert.equal(
      client.endpoint.send(network.now, clientId, stream, stream, bytes(65_536, stream)),
      "queued",
    );
  }
  network.drain(client);
  assert.ok(
    network.runFor(60_000, () => server.of("message").length === 16),
    "all arrive",
  );
  for (const message of server.of("message")) {
    assert.deepEqual(Buffer.from(message.bytes), Buffer.from(bytes(65_536, message.stream)));
    assert.equal(message.ppid, message.stream);
  }
});

const INTERLEAVING_INIT = encode.encodeInit({
  tag: OUR_TAG,
  window: 100_000,
  outboundStreams: 10,
  inboundStreams: 10,
  initialTsn: OUR_TSN,
  interleaves: true,
});

function associateInterleaving(target: Target): number {
  const { tag, cookie } = askCookie(target, target.path, INTERLEAVING_INIT);
  target.hit(tag, encode.encodeCookieEcho(cookie));
  assert.deepEqual(target.kinds(), ["up"]);
  return tag;
}

function idata(offset: number, fields: Partial<encode.InterleavedDataFields> = {}): Uint8Array {
  const whole = { stream: 0, mid: 0, fsn: 0, ppid: 0, begins: true, ends: true, bytes: Uint8Array.of(1) };
  return encode.encodeInterleavedData({ tsn: (OUR_TSN + offset) >>> 0, ...whole, ...fields });
}

test("what is agreed is what both list; the INIT ACK stays below three times the INIT", () => {
  for (const offered of [false, true]) {
    const target = new Target();
    const init = offered ? INTERLEAVING_INIT : undefined;
    const answer = askCookie(target, target.path, init);
    assert.equal(answer.interleaves, offered);
    assert.ok(answer.packetBytes <= 3 * answer.requestBytes, `${answer.packetBytes} bytes`);
  }
});

test("a message is whole when all its fragments are there, in any order", () => {
  const target = new Target();
  const tag = associateInterleaving(target);
  const part = (fsn: number): Uint8Array => Uint8Array.of(10 + fsn);
  target.hit(tag, idata(2, { begins: false, ends: true, fsn: 2, bytes: part(2) }));
  target.hit(tag, idata(0, { ends: false, ppid: 9, bytes: part(0) }));
  // Another stream is not held up meanwhile.
  target.hit(tag, idata(3, { stream: 1 }));
  target.hit(tag, idata(1, { begins: false, ends: false, fsn: 1, bytes: part(1) }));
  const messages = target.events.filter((event) => event.type === "message");
  assert.deepEqual(
    messages.map((message) => [message.stream, message.ppid, [...message.bytes]]),
    [
      [1, 0, [1]],
      [0, 9, [10, 11, 12]],
    ],
  );
});

test("messages of a stream come in the order of their MIDs, whatever arrives first", () => {
  const target = new Target();
  const tag = associateInterleaving(target);
  for (const [offset, mid] of [
    [2, 2],
    [1, 1],
    [0, 0],
  ] as const) {
    target.hit(tag, idata(offset, { mid, bytes: Uint8Array.of(mid + 1) }));
  }
  const got = target.events.flatMap((event) => (event.type === "message" ? [...event.bytes] : []));
  assert.deepEqual(got, [1, 2, 3]);
});

const VIOLATIONS: readonly [string, readonly Uint8Array[]][] = [
  ["DATA where I-DATA was agreed", [encode.encodeData({ ...plain(0) })]],
  ["DATA without user data", [idata(0, { bytes: new Uint8Array(0) })]],
  ["two beginnings of a message", [idata(0, { begins: false, ends: false, fsn: 0 })]],
  ["a fragment sent as another chunk", [idata(0, { ends: false }), idata(1, { ends: false })]],
  ["two ends of a message", [idata(0, { begins: false, fsn: 3 }), idata(1, { begins: false, fsn: 5 })]],
  [
    "a fragment behind the end of its message",
    [idata(0, { begins: false, fsn: 3 }), idata(1, { begins: false, ends: false, fsn: 4 })],
  ],
  ["message sent once more", [idata(0), idata(1)]],
  [
    "message longer than allowed",
    Array.from({ length: 60 }, (_, fsn) =>
      idata(fsn, { begins: fsn === 0, ends: false, fsn, bytes: new Uint8Array(1_100) }),
    ),
  ],
];

function plain(offset: number): encode.DataFields {
  const tsn = (OUR_TSN + offset) >>> 0;
  return { tsn, stream: 0, ssn: 0, ppid: 0, begins: true, ends: true, bytes: Uint8Array.of(1) };
}

for (const [detail, chunks] of VIOLATIONS) {
  test(`ends the association: ${detail}`, () => {
    const target = new Target();
    const tag = associateInterleaving(target);
    for (const chunk of chunks) target.hit(tag, chunk);
    const lost = target.events.find((event) => event.type === "lost");
    assert.ok(lost?.type === "lost" && lost.reason === "protocol-violation", target.kinds().join());
    assert.equal(lost.detail, detail);
  });
}

test("I-DATA where it was not agreed ends the association", () => {
  const target = new Target();
  const { tag, cookie } = askCookie(target);
  target.hit(tag, encode.encodeCookieEcho(cookie));
  target.hit(tag, idata(0));
  assert.deepEqual(target.kinds(), ["up", "lost"]);
});

test("messages that never end are kept up to the window, in TSN order and out of it", () => {
  for (const step of [1, 2]) {
    const target = new Target();
    const tag = associateInterleaving(target);
    for (let index = 0; index < 2_000; index += 1) {
      const fields = { stream: index % 16, mid: Math.floor(index / 16), ends: false };
      target.hit(tag, idata(index * step, { ...fields, bytes: new Uint8Array(1_100) }));
    }
    assert.deepEqual(target.kinds(), ["up"]);
    assert.ok(target.count("data-dropped") > 1_000, `${target.count("data-dropped")} dropped`);
  }
});

test("the window told counts what collecting a message costs, once, and each of its fragments (§6.2)", () => {
  const target = new Target();
  const tag = associateInterleaving(target);
  const windows = [0, 1, 2].map((fsn) => {
    const fragment = idata(fsn, { fsn, begins: fsn === 0, ends: fsn === 2, bytes: new Uint8Array(100) });
    fragment[1] = (fragment[1] ?? 0) | 8;
    const sack = target.hit(tag, fragment)[0]?.packet.chunks[0];
    assert.ok(sack?.type === "sack");
    return 262_144 - sack.window;
  });
  assert.deepEqual(windows, [256 + 356, 256 + 2 * 356, 0]);
});

test("message identifiers wrap after 2^32 - 1 (§2.1)", () => {
  assert.deepEqual([0, 0xffff, 0xfffffffe, 0xffffffff].map(nextMid), [1, 0x10000, 0xffffffff, 0]);
});
