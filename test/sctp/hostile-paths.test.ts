/**
 * Packets with the right tag from where the peer is not (RFC 6951 §5.4, RFC 9260 §5.4): all they may bring about is
 * one question to that place, and only an answer from there that nobody can guess moves the association.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Path } from "../../src/sctp/index.ts";
import { Scene, SITUATIONS, type Situation, type Write } from "./scene.ts";
import { OUR_TAG, OUR_TSN } from "./target.ts";
import { PORT, packet } from "./wire.ts";

const HOME: Path = { via: "udp", address: "10.0.0.9", outerPort: 4_000, local: "" };
const PLACES: readonly [name: string, path: Path][] = [
  ["another outer port", { ...HOME, outerPort: 61_234 }],
  ["another address", { ...HOME, address: "192.168.7.7" }],
  ["an IPv6 address", { ...HOME, address: "fd00::7" }],
];
const RAW: Path = { via: "raw", address: "10.0.0.9", outerPort: 0, local: "" };

/** In which states the peer may move. */
const MOVES: ReadonlySet<Situation> = new Set(["established", "shutdown-pending", "shutdown-received"]);

const CHUNKS: readonly [name: string, write: Write][] = [
  ["DATA", (to) => to.data({ tsn: OUR_TSN, stream: 0, ssn: 0, begins: true, ends: true, size: 1 })],
  ["INIT ACK", (to, scene) => scene.initAck(to)],
  ["SACK for DATA never sent", (to, scene) => to.sack(scene.lastTsn + 9, 0, [])],
  ["HEARTBEAT", (to) => to.heartbeat(4, Uint8Array.of(1))],
  ["HEARTBEAT ACK, invented", (to) => to.heartbeat(5, new Uint8Array(12))],
  ["HEARTBEAT ACK, empty", (to) => to.heartbeat(5, new Uint8Array(0))],
  ["ABORT", (to) => to.bare(6)],
  ["SHUTDOWN", (to, scene) => to.shutdown(scene.lastTsn)],
  ["SHUTDOWN ACK", (to) => to.bare(8)],
  ["ERROR, stale cookie", (to) => to.cause(9, 0, 3, new Uint8Array(4))],
  ["COOKIE ACK", (to) => to.bare(11)],
  ["SHUTDOWN COMPLETE", (to) => to.bare(14)],
  ["unknown 11", (to) => to.bare(255)],
];

for (const [place, path] of PLACES) {
  test(`every chunk in every state from ${place}: nothing but a question`, () => {
    for (const situation of SITUATIONS.slice(1)) {
      for (const [chunk, write] of CHUNKS) {
        const scene = new Scene(situation);
        const happens = MOVES.has(situation) ? "-> heartbeat; #wrong-path" : "#wrong-path";
        assert.equal(scene.give(write, scene.tag, path), happens, `${chunk}, ${situation}`);
        scene.assertGoesOnAs(situation);
      }
    }
  });
}

test("every chunk in every state from raw IP, while the association is over UDP: nothing at all", () => {
  for (const situation of SITUATIONS.slice(1)) {
    for (const [chunk, write] of CHUNKS) {
      const scene = new Scene(situation);
      assert.equal(scene.give(write, scene.tag, RAW), "#wrong-path", `${chunk}, ${situation}`);
      scene.assertGoesOnAs(situation);
    }
  }
});

test("every chunk in every state from another SCTP port: nothing at all", () => {
  for (const situation of SITUATIONS.slice(1)) {
    for (const [chunk, write] of CHUNKS) {
      const scene = new Scene(situation);
      const bytes = packet(scene.tag, scene.write(write).subarray(12), PORT + 1);
      assert.equal(scene.giveBytes(bytes), "#wrong-path", `${chunk}, ${situation}`);
      scene.assertGoesOnAs(situation);
    }
  }
});

test("what reflects the peer's tag from elsewhere ends nothing (§8.5.1 B, C)", () => {
  for (const situation of SITUATIONS.slice(2)) {
    for (const [, path] of PLACES) {
      for (const type of [6, 14]) {
        const scene = new Scene(situation);
        // To that place we have no association: a packet out of the blue that is never answered.
        assert.equal(
          scene.give((to) => to.bare(type, 1), OUR_TAG, path),
          "#out-of-the-blue",
          situation,
        );
        assert.equal(
          scene.give((to) => to.bare(type, 1), scene.tag, path),
          "#bad-tag",
          situation,
        );
        scene.assertGoesOnAs(situation);
      }
    }
  }
});

/** The information of the HEARTBEAT that was the answer. */
function asked(scene: Scene): Uint8Array {
  const heartbeat = scene.answers[0]?.packet.chunks[0];
  assert.ok(heartbeat?.type === "heartbeat");
  return Uint8Array.from(heartbeat.info);
}

const AWAY = PLACES[1]?.[1] ?? HOME;
const PROBE: Write = (to) => to.heartbeat(4, Uint8Array.of(1));

test("the answer to the question moves the association, in each state that may move", () => {
  for (const situation of MOVES) {
    const scene = new Scene(situation);
    scene.give(PROBE, scene.tag, AWAY);
    const info = asked(scene);
    assert.equal(
      scene.give((to) => to.heartbeat(5, info), scene.tag, AWAY),
      "moved; #wrong-path",
      situation,
    );
    assert.deepEqual(scene.target.endpoint.status(scene.id)?.path, AWAY);
    // There the association goes on; where it was, nothing happens any more but a question.
    assert.equal(scene.give(PROBE, scene.tag, AWAY), "-> heartbeat-ack");
    scene.target.pass(1_000);
    assert.equal(
      scene.give((to) => to.bare(6), scene.tag, HOME),
      "-> heartbeat; #wrong-path",
    );
    assert.equal(
      scene.give((to) => to.heartbeat(5, info), scene.tag, HOME),
      "#wrong-path",
      "an old answer",
    );
    assert.equal(
      scene.give((to) => to.bare(6), scene.tag, AWAY),
      "lost aborted",
    );
  }
});

test("an answer with any bit changed, cut or drawn out moves nothing", () => {
  const scene = new Scene("established");
  scene.give(PROBE, scene.tag, AWAY);
  const info = asked(scene);
  const wrong = [
    info.subarray(0, info.length - 1),
    Buffer.concat([info, new Uint8Array(1)]),
    new Uint8Array(0),
  ];
  // The nonce stands at the end; what is before it is the time.
  for (let bit = 8 * (info.length - 4); bit < 8 * info.length; bit += 1) {
    const changed = Uint8Array.from(info);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    wrong.push(changed);
  }
  for (const each of wrong) {
    assert.equal(
      scene.give((to) => to.heartbeat(5, each), scene.tag, AWAY),
      "#wrong-path",
    );
  }
  scene.assertGoesOnAs("established");
  assert.equal(
    scene.give((to) => to.heartbeat(5, info), scene.tag, AWAY),
    "moved; #wrong-path",
  );
});

test("an answer from a third place, or under another tag, moves nothing", () => {
  const scene = new Scene("established");
  scene.give(PROBE, scene.tag, AWAY);
  const info = asked(scene);
  for (const path of [{ ...AWAY, outerPort: 1 }, { ...AWAY, address: "10.0.0.66" }, RAW]) {
    assert.equal(
      scene.give((to) => to.heartbeat(5, info), scene.tag, path),
      "#wrong-path",
    );
  }
  assert.match(
    scene.give((to) => to.heartbeat(5, info), scene.tag + 1, AWAY),
    /out-of-the-blue/,
  );
  scene.assertGoesOnAs("established");
});

test("questions are rare, however many places seem to ask: nobody is flooded by way of us", () => {
  const scene = new Scene("established");
  let [packets, bytes] = [0, 0];
  for (let number = 0; number < 5_000; number += 1) {
    const path = { ...AWAY, address: `192.168.${number >> 8}.${number & 0xff}` };
    scene.give(PROBE, scene.tag, path);
    for (const answer of scene.answers) {
      packets += 1;
      bytes += answer.bytes.length;
    }
    scene.target.pass(1);
  }
  assert.ok(packets <= 60 && bytes < 60 * 40, `${packets} packets, ${bytes} bytes in 5 s`);
  scene.assertGoesOnAs("established");
});
