const SLAB_BYTES = 16_384;
/** What is longer has memory of its own. */
const LONGEST = 2_048;

let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/**
 * Zeroed bytes that share memory with others made at about the same time: a tenth of the cost of a buffer of their own, in
 * making it and in collecting it. For what is of use for a moment; whoever keeps some of it copies it, since the
 * smallest piece keeps all of its slab.
 */
export function transientBytes(length: number): Uint8Array {
  if (length > LONGEST) return new Uint8Array(length);
  if (used + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const bytes = new Uint8Array(slab, used, length);
  used += length;
  return bytes;
}
