import type { SeededRandom } from "./random.ts";
import { seal } from "./wire.ts";

const HEADER = 12;
const INTERESTING = [0, 1, 3, 4, 5, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff] as const;

/**
 * A packet made from a real one by changing bytes, lengths or the order of its parts, or from two; its checksum is
 * right, so that it is looked at. Lengths of up to 64 KiB come out.
 */
export function mutate(
  packet: Uint8Array,
  other: Uint8Array | undefined,
  random: SeededRandom,
  times = 1 + random.below(3),
): Uint8Array {
  let bytes = Buffer.from(packet);
  for (let time = 0; time < times; time += 1) bytes = mutateOnce(bytes, other ?? packet, random);
  return seal(bytes);
}

function mutateOnce(
  bytes: Buffer<ArrayBuffer>,
  other: Uint8Array,
  random: SeededRandom,
): Buffer<ArrayBuffer> {
  if (bytes.length < HEADER + 4) return bytes;
  switch (random.below(8)) {
    case 0:
      bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    case 1: {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    }
    case 2:
      // A field of 16 bits, behind the header: mostly a length somewhere.
      bytes.writeUInt16BE(random.pick(INTERESTING), HEADER + 2 * random.below((bytes.length - HEADER) >> 1));
      return bytes;
    case 3:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 4:
      return splice(bytes, other, random);
    case 5:
      return duplicate(bytes, random);
    case 6:
      return removed(bytes, random);
    default:
      return Buffer.concat([bytes, random.bytes(random.below(40))]);
  }
}

function cut(length: number, random: SeededRandom): number {
  // Where chunks and parameters begin and end, most of the time.
  const at = HEADER + random.below(length - HEADER + 1);
  return random.oneIn(4) ? at : at & ~3;
}

/** The beginning of one, then the end of the other. */
function splice(bytes: Buffer, other: Uint8Array, random: SeededRandom): Buffer<ArrayBuffer> {
  const tail = other.subarray(Math.min(other.length, cut(Math.max(HEADER, other.length), random)));
  return Buffer.concat([bytes.subarray(0, cut(bytes.length, random)), tail]);
}

/** A part of it several times. */
function duplicate(bytes: Buffer, random: SeededRandom): Buffer<ArrayBuffer> {
  const [one, two] = [cut(bytes.length, random), cut(bytes.length, random)];
  const part = bytes.subarray(Math.min(one, two), Math.max(one, two));
  const most = random.oneIn(20) ? Math.floor(60_000 / (part.length + 1)) : 4;
  const copies = Array.from({ length: 1 + random.below(Math.min(most, 1_000)) }, () => part);
  return Buffer.concat([
    bytes.subarray(0, Math.max(one, two)),
    ...copies,
    bytes.subarray(Math.max(one, two)),
  ]);
}

function removed(bytes: Buffer, random: SeededRandom): Buffer<ArrayBuffer> {
  const [one, two] = [cut(bytes.length, random), cut(bytes.length, random)];
  return Buffer.concat([bytes.subarray(0, Math.min(one, two)), bytes.subarray(Math.max(one, two))]);
}
