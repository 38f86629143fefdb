import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MisuseError } from "../../src/base/errors.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";

const LIMIT = 4_096;

/** Feeds `stream` in pieces of `sizes`, over and over; copies what comes out. */
function feed(reader: FrameReader, stream: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < stream.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    // As a socket may: the buffer is used again once it has been read.
    const piece = Uint8Array.from(stream.subarray(at, at + size));
    const read = reader.push(piece);
    assert.equal(read.fault, undefined);
    frames.push(...read.frames.map((frame) => Uint8Array.from(frame)));
    piece.fill(0xee);
    at += size;
  }
  return frames;
}

test("a frame is its length in four bytes, big-endian, and its bytes", () => {
  assert.equal(Buffer.from(encodeFrame(Uint8Array.of(0xa1, 0, 1))).toString("hex"), "00000003a10001");
  assert.throws(() => encodeFrame(new Uint8Array()), MisuseError);
});

test("frames come out as they went in, whatever pieces they arrive in", () => {
  const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: LIMIT, size: "max" }), { maxLength: 6 });
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5_000 })), {
    minLength: 1,
  });
  const check = fc.property(messages, sizes, (sent, pieces) => {
    const reader = new FrameReader(LIMIT);
    assert.deepEqual(feed(reader, Buffer.concat(sent.map(encodeFrame)), pieces), sent);
    assert.equal(reader.pending, 0);
  });
  fc.assert(check);
});

test("a length beyond the limit breaks the stream at its header; what came before stays", () => {
  const reader = new FrameReader(LIMIT);
  const good = encodeFrame(new Uint8Array(LIMIT));
  const read = reader.push(Buffer.concat([good, Buffer.from("00001001ff", "hex"), good]));
  assert.equal(read.frames.length, 1);
  assert.equal(read.fault, "frame-too-long");
  assert.deepEqual(reader.push(good), { frames: [], fault: "frame-too-long" });
  assert.equal(reader.pending, 0);
});

for (const [header, fault] of [
  ["ffffffff", "frame-too-long"],
  ["80000000", "frame-too-long"],
  ["16030100", "frame-too-long"], // A TLS record
  ["47455420", "frame-too-long"], // "GET "
  ["00000000", "frame-empty"],
] as const) {
  test(`the length ${header} is a fault: ${fault}`, () => {
    const reader = new FrameReader(65_536);
    for (const byte of Buffer.from(header, "hex").subarray(0, 3))
      assert.deepEqual(reader.push(Uint8Array.of(byte)), { frames: [] });
    assert.deepEqual(reader.push(Buffer.from(header, "hex").subarray(3)), { frames: [], fault });
  });
}

test("a peer that sends byte by byte has no more kept than it has sent", () => {
  const reader = new FrameReader(65_536);
  const stream = encodeFrame(new Uint8Array(65_536));
  for (const [at, byte] of stream.entries()) {
    assert.equal(reader.pending, at);
    const { frames } = reader.push(Uint8Array.of(byte));
    assert.equal(frames.length, at === stream.length - 1 ? 1 : 0);
  }
  assert.equal(reader.pending, 0);
});

test("what a length promises costs nothing before it comes", () => {
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 1_000 }, () => new FrameReader(65_536));
  for (const reader of readers) reader.push(Buffer.from("00010000ff", "hex"));
  const each = (process.memoryUsage().arrayBuffers - before) / readers.length;
  assert.ok(each < 4_096, `${each} bytes a reader`);
  assert.ok(readers.every(({ pending }) => pending === 5));
});

test("no bytes change nothing", () => {
  const reader = new FrameReader(LIMIT);
  reader.push(Uint8Array.of(0, 0));
  assert.deepEqual(reader.push(new Uint8Array()), { frames: [] });
  assert.equal(reader.pending, 2);
});
