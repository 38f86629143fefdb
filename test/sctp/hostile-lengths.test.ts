/**
 * Chunks whose length is wrong, of every type: the packet is refused as a whole, counted, and harms nobody
 * (RFC 9260 §3.2: a length counts the header and not the padding).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { raw, Scene, SITUATIONS } from "./scene.ts";
import { OUR_TSN } from "./target.ts";
import { chunk, fromHex, packet } from "./wire.ts";

const any = (): boolean => true;
const none = (): boolean => false;
const exactly =
  (right: number) =>
  (length: number): boolean =>
    length === right;

const I_DATA = 64;

/** Which lengths a chunk may have when its body is nothing but zeros. */
const TYPES: readonly [name: string, id: number, fits: (length: number) => boolean][] = [
  ["DATA", 0, (length) => length >= 16],
  ["INIT", 1, exactly(20)],
  ["INIT ACK", 2, exactly(20)],
  ["SACK", 3, exactly(16)],
  ["HEARTBEAT", 4, none],
  ["HEARTBEAT ACK", 5, none],
  // §3.3.7: an ABORT counts whatever its causes look like.
  ["ABORT", 6, any],
  ["SHUTDOWN", 7, exactly(8)],
  ["SHUTDOWN ACK", 8, exactly(4)],
  ["ERROR", 9, any],
  ["COOKIE ECHO", 10, any],
  ["COOKIE ACK", 11, exactly(4)],
  ["ECNE, unknown to us", 12, any],
  ["CWR, unknown to us", 13, any],
  ["SHUTDOWN COMPLETE", 14, exactly(4)],
  ["I-DATA (RFC 8260 §2.1)", I_DATA, (length) => length >= 20],
  ["unknown, 00", 63, any],
  ["unknown, 01", 127, any],
  ["unknown, 10", 191, any],
  ["unknown, 11", 255, any],
];

/** Bodies that would be right, so that nothing but the length is wrong. */
const RIGHT_BODIES: ReadonlyMap<number, string> = new Map([
  [0, "000003e8 0000 0000 00000000 61"],
  [1, "00000001 00010000 000a 000a 00000001"],
  [2, "00000001 00010000 000a 000a 00000001 0007 0008 01020304"],
  [3, "00000000 00010000 0000 0000"],
  [4, "0001 0008 01020304"],
  [5, "0001 0008 01020304"],
  [6, "000c 0006 6869 0000"],
  [7, "00000000"],
  [9, "0003 0008 00000001"],
  [10, "01020304"],
  [I_DATA, "000003e8 0000 0000 00000000 00000000 61"],
]);

function tagFor(scene: Scene, id: number): number {
  return id === 1 ? 0 : scene.tag;
}

for (const [name, id, fits] of TYPES) {
  test(`${name} of every length from 4 to 44, zeros inside`, () => {
    for (const situation of ["stranger", "established"] as const) {
      for (let length = 4; length <= 44; length += 1) {
        const scene = new Scene(situation);
        const happens = scene.giveBytes(
          raw(scene, chunk(id, 0, new Uint8Array(length - 4)), tagFor(scene, id)),
        );
        assert.equal(happens === "#bad-chunk", !fits(length), `${situation}, length ${length}: ${happens}`);
        if (!fits(length)) scene.assertGoesOnAs(situation);
      }
    }
  });
}

const WRONG_LENGTHS: readonly [name: string, length: (size: number) => number][] = [
  ["0", () => 0],
  ["1", () => 1],
  ["2", () => 2],
  ["3", () => 3],
  // The padding is no part of the packet's last chunk: one more is beyond the end.
  ["one more than the packet", (size) => size + 1],
  ["4 more than the packet", (size) => size + 4],
  ["32,768", () => 32_768],
  ["65,535", () => 65_535],
];

for (const [name, length] of WRONG_LENGTHS) {
  test(`a chunk of length ${name}: refused in every state, alone and behind a good one`, () => {
    for (const [, id] of TYPES) {
      const body = fromHex(RIGHT_BODIES.get(id) ?? "");
      const size = (4 + body.length + 3) & ~3;
      const bad = chunk(id, 3, body, length(size));
      for (const situation of SITUATIONS) {
        const scene = new Scene(situation);
        assert.equal(scene.giveBytes(raw(scene, bad, tagFor(scene, id))), "#bad-chunk", `${situation} ${id}`);
        // Nothing acts on half of a packet: the HEARTBEAT in front is not answered.
        const behind = Buffer.concat([fromHex("0400 000c 0001 0008 01020304"), bad]);
        assert.equal(scene.giveBytes(raw(scene, behind)), "#bad-chunk", `behind, ${situation} ${id}`);
        scene.assertGoesOnAs(situation);
      }
    }
  });
}

test("SACK whose counts do not fit its length (§3.3.4)", () => {
  for (const counts of ["ffff ffff", "0001 0000", "0000 0001", "8000 8000", "0002 ffff"]) {
    const scene = new Scene("established");
    const sack = chunk(3, 0, fromHex(`00000000 00010000 ${counts}`));
    assert.equal(scene.giveBytes(raw(scene, sack)), "#bad-chunk", counts);
    scene.assertGoesOnAs("established");
  }
});

const FRAMES: readonly [name: string, bytes: (scene: Scene) => Uint8Array, happens: string][] = [
  ["nothing", () => new Uint8Array(0), "#wrong-size"],
  ["one byte", () => new Uint8Array(1), "#wrong-size"],
  ["a common header alone", (scene) => packet(scene.tag, new Uint8Array(0)), "#wrong-size"],
  ["three bytes of a chunk", (scene) => packet(scene.tag, Uint8Array.of(0, 3, 0)), "#wrong-size"],
  ["more than an IP packet holds", (scene) => packet(scene.tag, new Uint8Array(65_536)), "#wrong-size"],
  ["64 KiB of zeros", (scene) => packet(scene.tag, new Uint8Array(65_000)), "#bad-chunk"],
  ["257 chunks", (scene) => packet(scene.tag, Buffer.alloc(4 * 257, fromHex("0b000004"))), "#bad-chunk"],
  [
    "16,000 chunks",
    (scene) => packet(scene.tag, Buffer.alloc(4 * 16_000, fromHex("0b000004"))),
    "#bad-chunk",
  ],
  [
    "256 chunks that mean nothing",
    (scene) => packet(scene.tag, Buffer.alloc(4 * 256, fromHex("0b000004"))),
    "nothing",
  ],
  ["for another port", (scene) => packet(scene.tag, fromHex("06000004"), 10_001, 10_002), "#other-port"],
  ["from port 0", (scene) => packet(scene.tag, fromHex("06000004"), 0), "#other-port"],
];

for (const [name, bytes, happens] of FRAMES) {
  test(`a packet of ${name} (§3.1)`, () => {
    const scene = new Scene("established");
    assert.equal(scene.giveBytes(bytes(scene)), happens);
    scene.assertGoesOnAs("established");
  });
}

test("chunks of odd length are padded; the padding of the last may be missing (§3.2)", () => {
  for (let size = 1; size <= 9; size += 1) {
    const scene = new Scene("established");
    const data = scene.write((to) =>
      to.data({ tsn: OUR_TSN, stream: 0, ssn: 0, begins: true, ends: true, size }),
    );
    const whole = data.subarray(12);
    assert.equal(scene.giveBytes(raw(scene, whole.subarray(0, 16 + size))), "-> sack; message", `${size}`);
    assert.equal(
      scene.giveBytes(raw(scene, Buffer.concat([whole, fromHex("04000009 0001 0005 61")]))),
      "-> heartbeat-ack + sack; #data-dropped",
    );
  }
});
