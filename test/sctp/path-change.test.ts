/**
 * A peer whose address changes (RFC 6951 §5.4, RFC 9260 §5.4): nothing is taken from the new address before it has
 * proved that it receives there, and nobody can use that to send packets to somebody else.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as encode from "../../src/sctp/encode.ts";
import type { Path } from "../../src/sctp/index.ts";
import { associate, data, OUR_TSN, Target } from "./target.ts";

const HOME: Path = { via: "udp", address: "10.0.0.9", outerPort: 4_000, local: "" };
/** A NAT gave it another port. */
const REBOUND: Path = { ...HOME, outerPort: 61_234 };
/** It roamed to another network. */
const AWAY: Path = { ...HOME, address: "192.168.7.7", outerPort: 33_333 };

const HELLO = encode.encodeHeartbeat(Uint8Array.of(1, 2, 3));

/** The information of the one HEARTBEAT that goes to `path`, alone. */
function challengeTo(path: Path, answers: ReturnType<Target["hit"]>): Uint8Array {
  assert.equal(answers.length, 1);
  assert.deepEqual(answers[0]?.path, path);
  const [heartbeat, ...more] = answers[0]?.packet.chunks ?? [];
  assert.ok(heartbeat?.type === "heartbeat" && more.length === 0);
  return heartbeat.info;
}

for (const [what, path] of [
  ["another outer port", REBOUND],
  ["another address", AWAY],
] as const) {
  test(`a peer that speaks from ${what} keeps its association once it answers there`, () => {
    const target = new Target();
    const { tag } = associate(target);
    const info = challengeTo(path, target.hit(tag, [HELLO, data(OUR_TSN)], path));
    assert.deepEqual(target.kinds(), ["up"], "nothing was taken from an address that proves nothing");
    target.hit(tag, encode.encodeHeartbeatAck(info), path);
    assert.deepEqual(target.kinds(), ["up", "moved"]);
    const moved = target.events[1];
    assert.ok(moved?.type === "moved");
    assert.deepEqual(moved.path, path);
    assert.deepEqual(target.endpoint.status(moved.id)?.path, path);
    // From now on it is its address: data are taken there, and what we say goes there.
    const [answer] = target.hit(tag, data(OUR_TSN), path);
    assert.deepEqual(target.kinds(), ["up", "moved", "message"]);
    assert.deepEqual(answer?.path, path);
    target.endpoint.send(target.now, moved.id, 0, 0, Uint8Array.of(7));
    assert.deepEqual(target.drain()[0]?.path, path);
    // The former address is a stranger's now.
    challengeTo(HOME, target.hit(tag, HELLO, HOME));
  });
}

test("a challenge is no larger than three times what caused it, and one in 100 ms", () => {
  const target = new Target();
  const { tag } = associate(target);
  const shortest = encode.encodeCookieAck();
  const [challenge] = target.hit(tag, shortest, AWAY);
  assert.ok(challenge !== undefined && challenge.bytes.length <= 3 * (12 + shortest.length));
  for (let port = 1; port <= 50; port += 1) {
    assert.equal(target.hit(tag, shortest, { ...AWAY, outerPort: port }).length, 0);
  }
  target.pass(99);
  assert.equal(target.hit(tag, shortest, AWAY).length, 0);
  target.pass(1);
  assert.equal(target.hit(tag, shortest, AWAY).length, 1);
  assert.equal(target.count("wrong-path"), 53);
});

test("the right tag from a forged address moves nothing: answers from elsewhere, old and invented ones do not count", () => {
  const target = new Target();
  const { tag } = associate(target);
  const info = challengeTo(AWAY, target.hit(tag, HELLO, AWAY));
  const invented = info.slice();
  invented[11] = (invented[11] ?? 0) ^ 1;
  target.hit(tag, encode.encodeHeartbeatAck(invented), AWAY);
  target.hit(tag, encode.encodeHeartbeatAck(info), REBOUND);
  target.hit(tag, encode.encodeHeartbeatAck(info), { ...AWAY, outerPort: 1 });
  target.hit(tag, encode.encodeHeartbeatAck(info), { ...AWAY, via: "raw", outerPort: 0 });
  target.hit(tag + 1, encode.encodeHeartbeatAck(info), AWAY);
  assert.deepEqual(target.kinds(), ["up"]);
  // A HEARTBEAT of the association itself proves nothing about another address either.
  const own = target.pass(1_000).flatMap((sent) => sent.packet.chunks);
  const heartbeat = own.find((chunk) => chunk.type === "heartbeat");
  assert.ok(heartbeat?.type === "heartbeat");
  target.hit(tag, encode.encodeHeartbeatAck(heartbeat.info), AWAY);
  assert.deepEqual(target.kinds(), ["up"]);
});

test("ABORT, SHUTDOWN and data from elsewhere do nothing, with the right tag and as reflections", () => {
  const target = new Target();
  const { tag, tsn } = associate(target);
  for (const chunk of [
    encode.encodeAbort(false, undefined),
    encode.encodeAbort(true, undefined),
    encode.encodeShutdown(tsn - 1),
    encode.encodeShutdownAck(),
    encode.encodeShutdownComplete(false),
    data(OUR_TSN),
  ]) {
    target.hit(tag, chunk, AWAY);
    target.hit(0x1111, chunk, AWAY);
  }
  assert.deepEqual(target.kinds(), ["up"]);
  const [answer] = target.hit(tag, HELLO);
  assert.deepEqual(
    answer?.packet.chunks.map((chunk) => chunk.type),
    ["heartbeat-ack"],
  );
});

test("an address that another association has is not taken over", () => {
  const target = new Target();
  const { tag } = associate(target);
  const cookie = target.hit(
    0,
    encode.encodeInit({ tag: 5, window: 9_000, outboundStreams: 1, inboundStreams: 1, initialTsn: 1 }),
    AWAY,
  );
  const initAck = cookie[0]?.packet.chunks[0];
  assert.ok(initAck?.type === "init-ack" && initAck.cookie !== undefined);
  target.hit(initAck.tag, encode.encodeCookieEcho(initAck.cookie), AWAY);
  assert.deepEqual(target.kinds(), ["up", "up"]);
  const info = challengeTo(AWAY, target.hit(tag, HELLO, AWAY));
  target.hit(tag, encode.encodeHeartbeatAck(info), AWAY);
  assert.deepEqual(target.kinds(), ["up", "up"]);
});

test("a peer that moved is found where it is and not where it was, and its round trip there is a new one", () => {
  const target = new Target();
  const { tag } = associate(target);
  const untilAsked = (target.endpoint.nextDeadline() ?? 0) - target.now;
  const [asked] = target.pass(untilAsked).flatMap((answer) => [...answer.packet.chunks]);
  assert.ok(asked?.type === "heartbeat");
  target.now += 100;
  target.hit(tag, encode.encodeHeartbeatAck(asked.info));
  assert.equal(Math.round(target.endpoint.status(1)?.rttMillis ?? 0), 100);
  const info = Uint8Array.from(challengeTo(AWAY, target.hit(tag, HELLO, AWAY)));
  target.now += 7;
  // When it was asked we know ourselves, whatever the answer says.
  info.fill(0, 0, 8);
  target.hit(tag, encode.encodeHeartbeatAck(info), AWAY);
  assert.equal(Math.round(target.endpoint.status(1)?.rttMillis ?? 0), 7);
  assert.equal(target.count("bad-heartbeat-ack"), 0, "the answer was no answer of the path before");
  // Who sets up from there is the peer, started anew; who sets up from where it was is somebody else.
  for (const path of [AWAY, HOME]) {
    const init = { tag: 5, window: 9_000, outboundStreams: 1, inboundStreams: 1, initialTsn: 1 };
    const initAck = target.hit(0, encode.encodeInit(init), path)[0]?.packet.chunks[0];
    assert.ok(initAck?.type === "init-ack" && initAck.cookie !== undefined);
    target.hit(initAck.tag, encode.encodeCookieEcho(initAck.cookie), path);
  }
  assert.deepEqual(target.kinds(), ["up", "moved", "restarted", "up"]);
});
