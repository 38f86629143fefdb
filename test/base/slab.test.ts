import assert from "node:assert/strict";
import { test } from "node:test";
import { transientBytes } from "../../src/base/slab.ts";

test("pieces are zeroed, of the length asked for, and none overlaps another", () => {
  const pieces = Array.from({ length: 3_000 }, (_, index) => transientBytes(index));
  for (const [index, piece] of pieces.entries()) {
    assert.equal(piece.length, index);
    assert.ok(piece.every((byte) => byte === 0));
    piece.fill(index);
  }
  for (const [index, piece] of pieces.entries()) assert.ok(piece.every((byte) => byte === (index & 0xff)));
});

test("what is long does not share memory", () => {
  assert.equal(transientBytes(5_000).buffer.byteLength, 5_000);
});
