/** Every mp2 decoder, given bytes made from real messages: it never throws, and what it takes it can say again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeAnnouncement, encodeAnnouncement } from "../../src/wire/mp2-announcement.ts";
import { FrameReader } from "../../src/wire/mp2-frames.ts";
import { SeededRandom } from "../sctp/random.ts";
import { announcement, FAMILIES, type FamilyUnderTest } from "./mp2-arbitraries.ts";

const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 500);
const INPUTS_A_ROUND = 400;
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000);

/** First bytes of CBOR items that decoders have been tripped with: long lengths, indefinite ones, floats, tags. */
const HEADS = [0x00, 0x1b, 0x3b, 0x40, 0x5b, 0x5f, 0x60, 0x7b, 0x7f, 0x80, 0x9b, 0x9f, 0xa0, 0xbb, 0xbf];
const OTHERS = [
  0xc0, 0xdb, 0xe0, 0xf4, 0xf6, 0xf7, 0xf8, 0xf9, 0xfb, 0xff, 0x01, 0x17, 0x18, 0x19, 0x1a, 0xa1,
];
const INTERESTING = [...HEADS, ...OTHERS];

/** A few changes to `bytes`: bits, bytes, pieces cut out, doubled, or taken from `other`. */
function mutate(bytes: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  let result = Buffer.from(bytes);
  for (let count = random.below(4); count >= 0; count -= 1) {
    const at = random.below(result.length + 1);
    const length = random.below(Math.min(40, result.length - at + 1));
    const from = random.below(other.length + 1);
    const piece = [
      () => Buffer.of(INTERESTING[random.below(INTERESTING.length)] ?? 0),
      () => Buffer.of((result[at] ?? 0) ^ (1 << random.below(8))),
      () => Buffer.of(random.below(256)),
      () => Buffer.alloc(0),
      () => Buffer.concat([result.subarray(at, at + length), result.subarray(at, at + length)]),
      () => Buffer.from(other.subarray(from, from + random.below(60))),
    ][random.below(6)];
    const replaced = random.below(3) === 0 ? length : 1;
    result = Buffer.concat([
      result.subarray(0, at),
      piece?.() ?? Buffer.alloc(0),
      result.subarray(at + replaced),
    ]);
  }
  return result;
}

interface Specimen {
  readonly bytes: Uint8Array;
  /** Index of the family that it is a message of. */
  readonly family: number;
}

/** Real messages of all families, short enough that a change is likely to hit something. */
function corpusOf(seed: number): readonly Specimen[] {
  const real = FAMILIES.flatMap(({ family, messages }, index) =>
    fc
      .sample(fc.oneof(...messages), { numRuns: 12, seed })
      .map((value) => ({ bytes: family.encode(value as never), family: index })),
  );
  const announced = fc.sample(announcement, { numRuns: 6, seed }).map((value) => ({
    bytes: encodeAnnouncement(value, new Uint8Array(32), () => new Uint8Array(64)),
    family: 0,
  }));
  return [...real, ...announced].filter(({ bytes }) => bytes.length < 2_000);
}

/** True when the decoder takes the bytes. */
function decode(family: FamilyUnderTest["family"] | undefined, bytes: Uint8Array): boolean {
  const decoded = family?.decode(bytes);
  if (family === undefined || decoded?.ok !== true) return false;
  assert.deepEqual(family.decode(family.encode(decoded.value as never)), decoded);
  return true;
}

test("200,000 hostile inputs: no decoder throws, and what one takes it encodes and takes again", () => {
  let taken = 0;
  const corpus = corpusOf(FIRST_SEED);
  for (let round = 0; round < ROUNDS; round += 1) {
    const random = new SeededRandom(FIRST_SEED + round);
    const any = (): Specimen => corpus[random.below(corpus.length)] ?? { bytes: new Uint8Array(), family: 0 };
    for (let count = 0; count < INPUTS_A_ROUND; count += 1) {
      const specimen = any();
      const bytes = mutate(specimen.bytes, any().bytes, random);
      try {
        if (decode(FAMILIES[specimen.family]?.family, bytes)) taken += 1;
        decode(FAMILIES[random.below(FAMILIES.length)]?.family, bytes);
        decodeAnnouncement(bytes, () => true);
        new FrameReader(4_096).push(bytes);
      } catch (error) {
        const hex = Buffer.from(bytes).toString("hex");
        throw new Error(`FUZZ_SEED=${FIRST_SEED + round} FUZZ_ROUNDS=1, input ${hex}`, { cause: error });
      }
    }
  }
  // A fuzz that nothing survives tests only the first check.
  assert.ok(taken > (ROUNDS * INPUTS_A_ROUND) / 100, `${taken} taken`);
});
