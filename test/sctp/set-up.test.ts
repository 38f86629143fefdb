/** Who is let in, under which tag, and what a cookie is still worth then (RFC 9260 §5). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CookieSeal } from "../../src/sctp/cookie.ts";
import * as encode from "../../src/sctp/encode.ts";
import type { Path } from "../../src/sctp/index.ts";
import { RetiredTags } from "../../src/sctp/retired-tags.ts";
import { SeededRandom } from "./random.ts";
import { Scene, type Situation, type Write } from "./scene.ts";
import { OUR_TAG, Target } from "./target.ts";
import { PORT } from "./wire.ts";

/** Draws the tags that a test has written down, in front of all others. */
class ScriptedRandom extends SeededRandom {
  readonly script: number[] = [];

  override below(limit: number): number {
    return (limit === 2 ** 32 ? this.script.shift() : undefined) ?? super.below(limit);
  }
}

const UNUSED = "#cookie-unused";

function echo(scene: Scene, { tag, cookie }: { tag: number; cookie: Uint8Array }, path?: Path): string {
  return scene.give((to) => to.body(10, 0, cookie), tag, path);
}

/** An association that has been restarted under other tags, and the cookie that did it. */
function restart(scene: Scene, ourTag: number): void {
  const asked = scene.askCookie(ourTag);
  assert.equal(echo(scene, asked), "-> cookie-ack; restarted");
  scene.tag = asked.tag;
}

function other(scene: Scene): Path {
  return { ...scene.target.path, address: "10.0.0.10" };
}

test("§5.3.1: a tag is not 0, and not one that is in use", () => {
  const random = new ScriptedRandom(1);
  const scene = new Scene("stranger", { random });
  random.script.push(0, 0, 7);
  const first = scene.askCookie();
  assert.equal(first.tag, 7);
  assert.equal(echo(scene, first), "-> cookie-ack; up");
  random.script.push(7, 8);
  assert.equal(scene.askCookie(OUR_TAG, other(scene)).tag, 8);
});

test("§5.1.3: of two cookies with one tag, drawn by chance, the second makes nothing and restarts nothing", () => {
  const random = new ScriptedRandom(1);
  const scene = new Scene("stranger", { random });
  const draw = (tag: number, ourTag: number, path = scene.target.path) => {
    random.script.push(tag);
    return scene.askCookie(ourTag, path);
  };
  const [first, second] = [draw(7, OUR_TAG), draw(7, OUR_TAG, other(scene))];
  assert.equal(echo(scene, first), "-> cookie-ack; up");
  assert.equal(echo(scene, second, other(scene)), UNUSED);
  const tied = draw(8, OUR_TAG + 1);
  assert.equal(echo(scene, draw(8, OUR_TAG, other(scene)), other(scene)), "-> cookie-ack; up");
  assert.equal(echo(scene, tied), UNUSED);
});

test("at the limit nobody is added, neither by INIT nor by a cookie from before, but a peer may start anew", () => {
  const scene = new Scene("established", { settings: { maxAssociations: 1 } });
  const early = new Scene("stranger", { settings: { maxAssociations: 1 } });
  const waiting = early.askCookie(OUR_TAG, other(early));
  assert.equal(echo(early, early.askCookie()), "-> cookie-ack; up");
  assert.equal(echo(early, waiting, other(early)), `${UNUSED}; #full`);
  const init: Write = (to) => to.init(1, 5, 1_000, 5, 5, new Uint8Array(0));
  assert.equal(scene.give(init, 0, other(scene)), "#full");
  restart(scene, OUR_TAG + 1);
});

/** Streams each way that an INIT or an INIT ACK tells of. */
const STREAMS: readonly [outbound: number, inbound: number][] = [
  [0, 5],
  [5, 0],
];

for (const [outboundStreams, inboundStreams] of STREAMS) {
  const fields = { tag: OUR_TAG, window: 9_000, outboundStreams, inboundStreams, initialTsn: 1 };

  test(`§3.3.2: INIT with ${outboundStreams} streams out and ${inboundStreams} in is refused`, () => {
    const [answer] = new Target().hit(0, encode.encodeInit(fields));
    assert.equal(answer?.packet.chunks[0]?.type, "abort");
  });

  test(`§3.3.3: INIT ACK with ${outboundStreams} streams out and ${inboundStreams} in ends the set-up`, () => {
    const scene = new Scene("cookie-wait");
    scene.target.hit(scene.tag, encode.encodeInitAck(fields, Uint8Array.of(1), []));
    assert.deepEqual(scene.target.kinds(), ["lost"]);
  });
}

test("§5.1.1: we send on as many streams as the peer takes, and 16 at most", () => {
  for (const [inboundStreams, granted] of [
    [5, 5],
    [16, 16],
    [17, 16],
    [65_535, 16],
  ] as const) {
    const init = { tag: OUR_TAG, window: 9_000, outboundStreams: 5, inboundStreams, initialTsn: 1 };
    const [answer] = new Target().hit(0, encode.encodeInit(init));
    const initAck = answer?.packet.chunks[0];
    assert.ok(initAck?.type === "init-ack" && initAck.outboundStreams === granted, `${inboundStreams}`);
  }
});

test("§5.2.4 B: a COOKIE ECHO while we wait brings it up, whatever tag the peer has told before", () => {
  for (const situation of ["cookie-wait", "cookie-echoed"] as const) {
    const scene = new Scene(situation);
    const asked = scene.askCookie(OUR_TAG + 1);
    assert.equal(asked.tag, scene.tag, "§5.2.1: INITs that cross keep the tag");
    assert.equal(echo(scene, asked), "-> cookie-ack; up");
    assert.equal(scene.answers[0]?.packet.verificationTag, OUR_TAG + 1);
    scene.assertGoesOnAs("established");
  }
});

test("§5.2.4, table 12: where the peer's tag matches and ours does not, a cookie restarts nothing, tied or not", () => {
  const scene = new Scene("established");
  assert.equal(echo(scene, scene.askCookie(OUR_TAG)), UNUSED);
  scene.assertGoesOnAs("established");
});

test("§5.2.4 A: a cookie tied to the association as it was two restarts ago is no restart", () => {
  const scene = new Scene("established");
  const tied = scene.askCookie(OUR_TAG + 3);
  restart(scene, OUR_TAG + 1);
  restart(scene, OUR_TAG);
  assert.equal(echo(scene, tied), UNUSED);
  scene.assertGoesOnAs("established");
});

/** Where a peer may start anew, and what is sent and told then. */
const RESTARTS: readonly [situation: Situation, happens: string, then: Situation][] = [
  ["established", "-> cookie-ack; restarted", "established"],
  ["shutdown-pending", "-> cookie-ack + shutdown; restarted", "shutdown-sent"],
  ["shutdown-sent", "-> cookie-ack + shutdown; restarted", "shutdown-sent"],
  ["shutdown-received", "-> cookie-ack; restarted", "established"],
];

for (const [situation, happens, then] of RESTARTS) {
  test(`§5.2.4 A: a restart in ${situation.toUpperCase()} begins with nothing, and the user's close still counts`, () => {
    const scene = new Scene(situation);
    const asked = scene.askCookie(OUR_TAG + 1);
    assert.equal(echo(scene, asked), happens);
    scene.tag = asked.tag;
    assert.equal(scene.target.endpoint.status(scene.id)?.queuedBytes, 0);
    if (then === "established")
      assert.deepEqual(scene.target.pass(100_000), [], "no timer from before is left");
    scene.assertGoesOnAs(then);
  });
}

test("§5.2.4 A: a restart forgets the round trip and the question to another address", () => {
  const scene = new Scene("established");
  const { target } = scene;
  const away = { ...target.path, address: "192.168.7.7" };
  scene.say();
  target.now += 40;
  scene.give((to) => to.sack(scene.lastTsn, 100_000, []));
  assert.equal(target.endpoint.status(scene.id)?.rttMillis, 40);
  const probe: Write = (to) => to.heartbeat(4, new Uint8Array(20));
  assert.equal(scene.give(probe, scene.tag, away), "-> heartbeat; #wrong-path");
  const question = scene.answers[0]?.packet.chunks[0];
  assert.ok(question?.type === "heartbeat");
  restart(scene, OUR_TAG + 1);
  assert.equal(target.endpoint.status(scene.id)?.rttMillis, undefined);
  const answer: Write = (to) => to.heartbeat(5, question.info);
  assert.equal(scene.give(answer, scene.tag, away), "-> heartbeat; #wrong-path", "it is asked anew");
});

test("§5.1.3: the cookie from before a restart raises nothing once that association has ended, too", () => {
  const scene = new Scene("stranger");
  const first = scene.askCookie();
  assert.equal(echo(scene, first), "-> cookie-ack; up");
  restart(scene, OUR_TAG + 1);
  scene.give((to) => to.bare(6));
  assert.equal(echo(scene, first), UNUSED);
});

test("§5.2.4 A: a peer is the same to whichever of our addresses it speaks", () => {
  const scene = new Scene("established");
  const path = { ...scene.target.path, local: "10.0.0.1" };
  const asked = scene.askCookie(OUR_TAG + 1, path);
  assert.equal(echo(scene, asked, path), "-> cookie-ack; restarted");
});

test("§5.1.3: a cookie is bound to raw IP or UDP and to our own port, though all else is the same", () => {
  const raw: Path = { via: "raw", address: "10.0.0.9", outerPort: 0, local: "" };
  const seal = (port: number) => new CookieSeal(new SeededRandom(1), port, 0);
  const contents = { localTag: 7, localTsn: 1, peerTag: 2, peerTsn: 3, peerWindow: 4, outboundStreams: 5 };
  const whole = { ...contents, interleaves: false, localTieTag: 0, peerTieTag: 0 };
  const cookie = seal(PORT).seal(0, raw, PORT, whole);
  assert.equal(seal(PORT).open(0, raw, PORT, 7, cookie)?.peerTag, 2);
  assert.equal(seal(PORT + 1).open(0, raw, PORT, 7, cookie), undefined);
  assert.equal(seal(PORT).open(0, { ...raw, via: "udp" }, PORT, 7, cookie), undefined);
});

test("§5.1.3: the tags of what has ended are kept for a cookie's life, the last 16,384 of them", () => {
  const retired = new RetiredTags();
  for (let tag = 1; tag <= 20_000; tag += 1) retired.add(tag, 0);
  assert.deepEqual(
    [20_000 - 16_384, 20_000 - 16_383, 20_000].map((tag) => retired.has(tag, 59_999)),
    [false, true, true],
  );
  assert.equal(retired.has(20_000, 60_000), false);
});
