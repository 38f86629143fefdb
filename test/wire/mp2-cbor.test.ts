import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MisuseError } from "../../src/base/errors.ts";
import { type CborFault, type CborValue, decodeCbor, encodeCbor } from "../../src/wire/mp2-cbor.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fromHex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** From RFC 8949, appendix A, where it has them. */
const VALUES: readonly (readonly [CborValue, string])[] = [
  [0, "00"],
  [23, "17"],
  [24, "1818"],
  [255, "18ff"],
  [256, "190100"],
  [65_535, "19ffff"],
  [65_536, "1a00010000"],
  [1_000_000_000_000, "1b000000e8d4a51000"],
  [2 ** 53 - 1, "1b001fffffffffffff"],
  [-1, "20"],
  [-100, "3863"],
  [-1_000, "3903e7"],
  [-(2 ** 53) + 1, "3b001ffffffffffffe"],
  [false, "f4"],
  [true, "f5"],
  [new Uint8Array(), "40"],
  [Uint8Array.of(1, 2, 3, 4), "4401020304"],
  [new Uint8Array(24), `5818${"00".repeat(24)}`],
  ["", "60"],
  ["IETF", "6449455446"],
  ["ü", "62c3bc"],
  ["水", "63e6b0b4"],
  ["\ufeffa", "64efbbbf61"],
  ["𐅑", "64f0908591"],
  [[], "80"],
  [[1, [2, 3], [4, 5]], "8301820203820405"],
  [new Map(), "a0"],
  [
    new Map([
      [1, 2],
      [3, 4],
    ]),
    "a201020304",
  ],
  [
    new Map<number, CborValue>([
      [23, "a"],
      [24, "b"],
      [256, "c"],
    ]),
    "a3176161181861621901006163",
  ],
];

for (const [value, bytes] of VALUES) {
  test(`${bytes.slice(0, 30)} is a value, and the only form of it`, () => {
    assert.equal(hex(encodeCbor(value)), bytes);
    assert.deepEqual(decodeCbor(fromHex(bytes)), { ok: true, value });
  });
}

const REFUSED: readonly (readonly [string, CborFault, string])[] = [
  ["", "malformed", "nothing"],
  ["18", "malformed", "an integer without its byte"],
  ["1817", "malformed", "23 in two bytes"],
  ["190017", "malformed", "23 in three bytes"],
  ["1a00000100", "malformed", "256 in five bytes"],
  ["1b0000000000000001", "malformed", "1 in nine bytes"],
  ["1b0020000000000000", "malformed", "2^53"],
  ["1bffffffffffffffff", "malformed", "2^64 - 1"],
  ["3bffffffffffffffff", "malformed", "-2^64"],
  ["1c", "malformed", "reserved additional information"],
  ["1f", "malformed", "an indefinite integer"],
  ["5801 00", "malformed", "a length of one in two bytes"],
  ["44010203", "malformed", "a byte string cut short"],
  ["5b7fffffffffffffff", "malformed", "a byte string of 2^63 bytes"],
  ["5affffffff", "malformed", "a byte string of 2^32 bytes"],
  ["5f41014102ff", "malformed", "an indefinite byte string"],
  ["7f6161ff", "malformed", "indefinite text"],
  ["62c3", "malformed", "text cut short"],
  ["62c328", "bad-text", "text that is not UTF-8"],
  ["63eda080", "bad-text", "a surrogate"],
  ["61ff", "bad-text", "a byte that is never UTF-8"],
  ["62c080", "bad-text", "an overlong zero"],
  ["9f01ff", "malformed", "an indefinite array"],
  ["8201", "malformed", "an array cut short"],
  ["9affffffff", "malformed", "an array of 2^32 items"],
  ["9b001fffffffffffff", "malformed", "an array of 2^53 items"],
  ["80 00", "trailing-bytes", "a byte after the array"],
  ["bf0102ff", "malformed", "an indefinite map"],
  ["a101", "malformed", "a map without its value"],
  ["a1", "malformed", "a map without its key"],
  ["baffffffff", "malformed", "a map of 2^32 pairs"],
  ["a2 0102 0103", "unordered-keys", "a key twice"],
  ["a2 0202 0103", "unordered-keys", "keys out of order"],
  ["a2 180001 0002", "malformed", "a key twice, once in a longer form"],
  ["a1 2001", "bad-key", "a negative key"],
  ["a1 616101", "bad-key", "a text key"],
  ["a1 4101 01", "bad-key", "a byte string as key"],
  ["a1 8001", "bad-key", "an array as key"],
  ["a1 a001", "bad-key", "a map as key"],
  ["a1 f501", "bad-key", "a boolean as key"],
  ["a1 f97e0001", "malformed", "NaN as key"],
  ["a1 1bffffffffffffffff 01", "malformed", "a key beyond the safe integers"],
  ["f6", "forbidden-item", "null"],
  ["f7", "malformed", "undefined"],
  ["e0", "malformed", "simple value 0"],
  ["f8ff", "malformed", "simple value 255"],
  ["ff", "malformed", "a break"],
  ["81ff", "malformed", "a break in an array"],
  ["f93c00", "forbidden-item", "half-precision 1.0"],
  ["fa47c35000", "forbidden-item", "single-precision 100000.0"],
  ["fb3ff199999999999a", "forbidden-item", "double-precision 1.1"],
  ["f97e00", "malformed", "NaN"],
  ["f97c00", "malformed", "infinity"],
  ["c11a514b67b0", "forbidden-item", "a tagged time"],
  ["c249010000000000000000", "forbidden-item", "a tagged bignum"],
  ["d9d9f700", "forbidden-item", "self-described CBOR"],
  [`${"81".repeat(9)}00`, "too-deep", "nine arrays in each other"],
  [`${"a100".repeat(9)}00`, "too-deep", "nine maps in each other"],
  ["81".repeat(60_000), "too-deep", "60,000 arrays in each other"],
];

for (const [bytes, reason, what] of REFUSED) {
  test(`${what} is refused: ${reason}`, () => {
    const result = decodeCbor(fromHex(bytes));
    assert.deepEqual(result, { ok: false, reason });
  });
}

test("eight levels are enough and allowed", () => assert.ok(decodeCbor(fromHex(`${"81".repeat(8)}00`)).ok));

test("what is decoded shares no memory with the bytes it came from", () => {
  const bytes = fromHex("8244aabbccdd6161");
  const decoded = decodeCbor(bytes);
  bytes.fill(0);
  assert.deepEqual(decoded, { ok: true, value: [Uint8Array.of(0xaa, 0xbb, 0xcc, 0xdd), "a"] });
});

test("the encoder refuses what the decoder would", () => {
  let deep: CborValue = 0;
  for (let level = 0; level < 9; level += 1) deep = [deep];
  const values = [0.5, 2 ** 53, Number.NaN, "\ud800", new Map([[-1, 0]]), new Map([["a", 0]]), deep];
  for (const value of values) assert.throws(() => encodeCbor(value as CborValue), MisuseError);
});

const { value: arbitrary } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.array(fc.tuple(fc.maxSafeNat(), tie("value")), { maxLength: 5 }).map((pairs) => new Map(pairs)),
  ),
}));

test("every value comes back, whatever the order of its keys, and has one encoding", () => {
  const check = fc.property(arbitrary, (value) => {
    const bytes = encodeCbor(value);
    const decoded = decodeCbor(bytes);
    assert.ok(decoded.ok);
    assert.deepEqual(decoded.value, value);
    assert.deepEqual(encodeCbor(decoded.value), bytes);
  });
  fc.assert(check, { numRuns: 1_000 });
});

test("whatever is decoded is encoded to the bytes it came from: no value has two forms", () => {
  const check = fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
    const decoded = decodeCbor(bytes);
    if (decoded.ok) assert.equal(hex(encodeCbor(decoded.value)), hex(bytes));
  });
  fc.assert(check, { numRuns: 20_000 });
});
