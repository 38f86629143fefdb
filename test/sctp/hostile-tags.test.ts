/** Who may say what: checksums, verification tags, the T bit, and where a packet comes from (RFC 9260 §6.8, §8.5). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { encodeInitAck } from "../../src/sctp/encode.ts";
import { Scene, SITUATIONS, type Write } from "./scene.ts";
import { OUR_TAG, OUR_TSN } from "./target.ts";
import { crc32c, setChecksum } from "./wire.ts";

const DATA: Write = (to) => to.data({ tsn: OUR_TSN, stream: 0, ssn: 0, begins: true, ends: true, size: 1 });
const ABORT: Write = (to) => to.bare(6);

/** All that could do harm. */
const CHUNKS: readonly [name: string, write: Write][] = [
  ["DATA", DATA],
  ["INIT ACK", (to, scene) => scene.initAck(to)],
  ["SACK", (to, scene) => to.sack(scene.lastTsn + 9, 0, [])],
  ["HEARTBEAT", (to) => to.heartbeat(4, Uint8Array.of(1))],
  ["HEARTBEAT ACK", (to) => to.heartbeat(5, new Uint8Array(12))],
  ["ABORT", ABORT],
  ["SHUTDOWN", (to, scene) => to.shutdown(scene.lastTsn)],
  ["SHUTDOWN ACK", (to) => to.bare(8)],
  ["ERROR, stale cookie", (to) => to.cause(9, 0, 3, new Uint8Array(4))],
  ["COOKIE ACK", (to) => to.bare(11)],
  ["SHUTDOWN COMPLETE", (to) => to.bare(14)],
  ["unknown 11", (to) => to.bare(255)],
];

test("one bit of a packet flipped, any: refused (§6.8)", () => {
  const scene = new Scene("established");
  const good = scene.write(ABORT);
  for (let bit = 0; bit < 8 * good.length; bit += 1) {
    const flipped = Uint8Array.from(good);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    // A change of the destination port is seen first; one of the source port is not.
    const happens = bit >> 4 === 1 ? "#other-port" : "#bad-checksum";
    assert.equal(scene.giveBytes(flipped), happens, `bit ${bit}`);
  }
  scene.assertGoesOnAs("established");
});

const CHECKSUMS: readonly [name: string, of: (bytes: Buffer) => number][] = [
  ["zero", () => 0],
  ["all ones", () => 0xffffffff],
  ["CRC32 of IEEE 802.3", (bytes) => crc32(bytes)],
  ["CRC32c with its bytes turned round", (bytes) => Buffer.from(bytes).readUInt32BE(8)],
  ["CRC32c not complemented", (bytes) => ~crc32c(bytes) >>> 0],
  ["CRC32c of the packet with a checksum in it", (bytes) => crc32c(bytes) ^ 1],
  ["Adler-32 (RFC 2960)", (bytes) => adler32(bytes)],
];

function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return ((high << 16) | low) >>> 0;
}

for (const [name, of] of CHECKSUMS) {
  test(`a checksum that is ${name}: refused (§6.8)`, () => {
    for (const [chunk, write] of CHUNKS) {
      const scene = new Scene("established");
      const bytes = scene.write(write);
      const zeroed = Buffer.from(bytes);
      if (name.includes("turned")) setChecksum(bytes, of(zeroed));
      else {
        zeroed.fill(0, 8, 12);
        setChecksum(bytes, of(zeroed));
      }
      assert.equal(scene.giveBytes(bytes), "#bad-checksum", chunk);
      scene.assertGoesOnAs("established");
    }
  });
}

const WRONG_TAGS: readonly [name: string, tag: (scene: Scene) => number][] = [
  ["0", () => 0],
  ["one more", (scene) => scene.tag + 1],
  ["one bit wrong", (scene) => scene.tag ^ 0x80000000],
  ["its complement", (scene) => ~scene.tag],
  ["its bytes turned round", (scene) => turned(scene.tag)],
  // The sender's own goes with the T bit only.
  ["the sender's own", () => OUR_TAG],
];

function turned(tag: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(tag >>> 0);
  return bytes.readUInt32BE();
}

for (const [name, tag] of WRONG_TAGS) {
  test(`a wrong tag (${name}) in every state: nothing is done and nothing answered (§8.5)`, () => {
    for (const situation of SITUATIONS.slice(1)) {
      for (const [chunk, write] of CHUNKS) {
        const scene = new Scene(situation);
        // §8.5.1 E: the peer waits for the end of an association that we know nothing of.
        const isForgotten = chunk === "SHUTDOWN ACK" && situation.startsWith("cookie");
        const happens = isForgotten ? "-> shutdown-complete T; #out-of-the-blue" : "#bad-tag";
        assert.equal(scene.give(write, tag(scene)), happens, `${chunk}, ${situation}`);
        scene.assertGoesOnAs(situation);
      }
    }
  });
}

const REFLECTED: readonly [name: string, write: Write][] = [
  ["ABORT", (to) => to.bare(6, 1)],
  ["SHUTDOWN COMPLETE", (to) => to.bare(14, 1)],
];

for (const [name, write] of REFLECTED) {
  test(`${name} with the T bit under a tag that is not the receiver's peer's (§8.5.1 B, C)`, () => {
    for (const situation of SITUATIONS.slice(2)) {
      for (const tag of [0, OUR_TAG + 1, OUR_TAG ^ 0x80000000, ~OUR_TAG]) {
        const scene = new Scene(situation);
        assert.equal(scene.give(write, tag), "#bad-tag", `${situation} ${tag}`);
        scene.assertGoesOnAs(situation);
      }
    }
  });
}

test("nothing reflected counts while the peer's tag is not known: not even tag 0 (§8.5.1 B, C)", () => {
  for (const [name, write] of REFLECTED) {
    for (const tag of [0, OUR_TAG]) {
      const scene = new Scene("cookie-wait");
      assert.equal(scene.give(write, tag), "#bad-tag", `${name} under ${tag}`);
      scene.assertGoesOnAs("cookie-wait");
    }
  }
});

test("with the T bit the peer's tag counts from the peer's address only, even if both have one tag (§8.5.1 B, C)", () => {
  const scene = new Scene("cookie-wait");
  const peer = { tag: scene.tag, window: 9_000, outboundStreams: 5, inboundStreams: 5, initialTsn: 1 };
  scene.target.hit(scene.tag, encodeInitAck(peer, Uint8Array.of(1), []));
  scene.give((to) => to.bare(11));
  for (const [name, write] of REFLECTED) {
    const away = { ...scene.target.path, address: "192.168.7.7" };
    assert.equal(scene.give(write, scene.tag, away), "#bad-tag", name);
  }
  scene.assertGoesOnAs("established");
});

test("ABORT with the T bit and the tag that the peer has: the peer knows no association (§8.5.1 B)", () => {
  for (const situation of SITUATIONS.slice(2)) {
    const scene = new Scene(situation);
    assert.match(
      scene.give((to) => to.bare(6, 1), OUR_TAG),
      /^(lost aborted|closed)$/,
      situation,
    );
    scene.assertGoesOnAs("over");
  }
});

test("SHUTDOWN COMPLETE with the T bit and the tag that the peer has (§8.5.1 C)", () => {
  for (const situation of SITUATIONS.slice(2)) {
    const scene = new Scene(situation);
    const ends = situation === "shutdown-ack-sent";
    assert.equal(
      scene.give((to) => to.bare(14, 1), OUR_TAG),
      ends ? "closed" : "nothing",
      situation,
    );
    scene.assertGoesOnAs(ends ? "over" : situation);
  }
});

test("T bits that stand where none belongs change nothing: the tag decides (§3.2: flags are ignored)", () => {
  const scene = new Scene("established");
  assert.equal(
    scene.give((to) => to.heartbeat(4, Uint8Array.of(1))),
    "-> heartbeat-ack",
  );
  assert.equal(
    scene.give((to) => to.bare(8, 0xff)),
    "nothing",
  );
  assert.equal(
    scene.give((to) => to.bare(11, 0xff)),
    "nothing",
  );
  assert.equal(
    scene.give((to) => to.bare(9, 0xff)),
    "nothing",
  );
  scene.assertGoesOnAs("established");
});

test("only the first chunk's T bit counts for the packet: one in the middle lends it no other tag", () => {
  const scene = new Scene("established");
  const happens = scene.give((to, peer) => {
    DATA(to, peer);
    to.bare(6, 1);
  }, OUR_TAG);
  assert.equal(happens, "#bad-tag");
  scene.assertGoesOnAs("established");
});

test("out of the blue: the tag comes back, with the T bit, and once (§8.4)", () => {
  for (const tag of [0, 1, 77, 0x80000000, 0xffffffff]) {
    for (const [name, write] of CHUNKS) {
      const scene = new Scene("stranger");
      const happens = scene.give(write, tag);
      assert.match(happens, /^(-> (abort|shutdown-complete) T; )?#out-of-the-blue$/, `${name} under ${tag}`);
      const [answer] = scene.answers;
      if (answer !== undefined) assert.equal(answer.packet.verificationTag, tag);
      assert.ok((answer?.bytes.length ?? 0) <= scene.write(write, tag).length, "never larger than what came");
    }
  }
});

test("out of the blue: a packet with an ABORT anywhere in it is never answered (§8.4 (2))", () => {
  for (const [name, write] of CHUNKS) {
    const scene = new Scene("stranger");
    const happens = scene.give((to, peer) => {
      write(to, peer);
      to.bare(6);
    });
    assert.equal(happens, "#out-of-the-blue", name);
  }
});
