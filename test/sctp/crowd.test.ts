/** Who counts among the watched and the suspect peers of an endpoint, and whose answers count (RFC 9260 §8.3). */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as encode from "../../src/sctp/encode.ts";
import type { AssociationHost } from "../../src/sctp/host.ts";
import type { LivenessLimits, Path } from "../../src/sctp/index.ts";
import { Crowd } from "../../src/sctp/liveness/crowd.ts";
import { askCookie, associate, Target } from "./target.ts";

/** An endpoint with so many peers, all up at the same moment. */
class Endpoint extends Target {
  readonly peers: readonly { readonly tag: number; readonly path: Path }[];

  constructor(count: number, limits: Partial<LivenessLimits> = {}) {
    super(limits);
    this.peers = Array.from({ length: count }, (_, index) => {
      const path = { ...this.path, outerPort: 5_000 + index };
      const { tag, cookie } = askCookie(this, path);
      this.hit(tag, encode.encodeCookieEcho(cookie), path);
      return { tag, path };
    });
  }

  /** What the endpoint lends to its associations. */
  get crowd(): Crowd {
    return (this.endpoint as unknown as AssociationHost).crowd;
  }

  get heartbeatMillis(): number {
    return Math.round(this.endpoint.status(1)?.liveness.heartbeatMillis ?? 0);
  }
}

test("§8.3: only a HEARTBEAT ACK with our own nonce tells a round trip", () => {
  const target = new Target();
  const { tag } = associate(target);
  const [heartbeat] = target.pass(1_000).flatMap((answer) => [...answer.packet.chunks]);
  assert.ok(heartbeat?.type === "heartbeat");
  for (let bit = 64; bit < 96; bit += 1) {
    const info = Uint8Array.from(heartbeat.info);
    info[bit >> 3] = (info[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    target.hit(tag, encode.encodeHeartbeatAck(info));
  }
  assert.equal(target.count("bad-heartbeat-ack"), 32);
  assert.equal(target.endpoint.status(1)?.rttMillis, undefined);
  target.hit(tag, encode.encodeHeartbeatAck(heartbeat.info));
  assert.notEqual(target.endpoint.status(1)?.rttMillis, undefined);
});

test("§8.3: peers that came at one moment are asked at different ones, between 0.8 and 1 s", () => {
  const endpoint = new Endpoint(20);
  const began = endpoint.now;
  const times = new Set<number>();
  while (times.size < 20 && endpoint.now < began + 1_000) {
    endpoint.pass((endpoint.endpoint.nextDeadline() ?? 0) - endpoint.now);
    times.add(endpoint.now - began);
  }
  const sorted = [...times].sort((left, right) => left - right);
  assert.ok(times.size === 20 && (sorted[0] ?? 0) >= 800 && (sorted[19] ?? 0) <= 1_000, sorted.join());
});

test("who ends, and who is watched less closely, stretches the heartbeats of others no longer", () => {
  // Sixty peers at 100 heartbeats a second are 6,000 in all.
  const endpoint = new Endpoint(60, { heartbeatMillis: 10, lostAfterMillis: 1_000 });
  assert.equal(endpoint.heartbeatMillis, 12);
  for (let id = 51; id <= 55; id += 1) endpoint.endpoint.abort(endpoint.now, id, "");
  assert.equal(endpoint.heartbeatMillis, 11);
  const rarely = { heartbeatMillis: 1_000, lostAfterMillis: 2_000 };
  for (let id = 2; id <= 40; id += 1) endpoint.endpoint.watch(endpoint.now, id, rarely);
  assert.equal(endpoint.heartbeatMillis, 10);
  for (let id = 2; id <= 40; id += 1) endpoint.endpoint.watch(endpoint.now, id, undefined);
  assert.equal(endpoint.heartbeatMillis, 11);
});

test("a peer is one suspect from the first probe missed until it answers, ends, or starts anew", () => {
  const endpoint = new Endpoint(3);
  endpoint.pass(1_500);
  assert.equal(endpoint.crowd.suspects, 3);
  const [one] = endpoint.peers;
  assert.ok(one !== undefined);
  endpoint.hit(one.tag, encode.encodeHeartbeat(new Uint8Array(4)), one.path);
  assert.equal(endpoint.crowd.suspects, 2);
  endpoint.endpoint.abort(endpoint.now, 2, "");
  assert.equal(endpoint.crowd.suspects, 1);
  endpoint.pass(5_000);
  assert.equal(endpoint.crowd.suspects, 0);
  assert.equal(endpoint.endpoint.nextDeadline(), undefined, "nobody is left to be looked after");
});

test("of many suspects each is asked less often: 20,000 probes a second in all", () => {
  const crowd = new Crowd();
  const spacings = [1, 1_000, 20_000].map((suspects) => {
    while (crowd.suspects < suspects) crowd.suspected();
    return crowd.suspectSpacing;
  });
  assert.deepEqual(spacings, [0.05, 50, 1_000]);
});
