import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canonicalAddress,
  drawMessageId,
  parseAddress,
  parseEpoch,
  parseMessageId,
  parseMessageText,
  parseNonce,
  parseNotice,
  parseRealm,
  parseSessionId,
  parseStatusText,
} from "../../src/wire/mp2-values.ts";

/** What a socket may say, and what stands in a message. */
const ADDRESSES: readonly (readonly [string, string | undefined])[] = [
  ["10.0.0.5", "10.0.0.5"],
  ["010.0.0.5", undefined],
  ["10.0.0", undefined],
  ["10.0.0.5:80", undefined],
  ["::1", "::1"],
  ["fe80::1%eth0", "fe80::1"],
  ["2001:DB8::1", "2001:db8::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["::ffff:10.0.0.5", "10.0.0.5"],
  ["::ffff:a00:5", undefined],
  ["1::2::3", undefined],
  [":::", undefined],
  ["1:2:3:4:5:6:7:8:9", undefined],
  ["[::1]", undefined],
  ["localhost", undefined],
  ["", undefined],
  [`::1${" ".repeat(50)}`, undefined],
];

for (const [text, canonical] of ADDRESSES) {
  test(`the address ${JSON.stringify(text)} is ${canonical ?? "none"}`, () => {
    assert.equal(canonicalAddress(text), canonical);
    assert.equal(parseAddress(text), text === canonical ? text : undefined);
  });
}

const LINES: readonly (readonly [string, boolean])[] = [
  ["at lunch", true],
  ["東京  👩‍💻", true],
  ["x".repeat(128), true],
  ["😀".repeat(128), true],
  ["x".repeat(129), false],
  ["", false],
  [" x", false],
  ["x ", false],
  ["a\nb", false],
  ["a\tb", false],
  ["a\u00a0b", false],
  ["a\u2028b", false],
  ["\x1b[2J", false],
  ["a\u202eb", false],
  ["\u0301a", false],
  ["e\u0301", false],
  ["\ud800", false],
];

for (const [text, ok] of LINES) {
  test(`${JSON.stringify(text.slice(0, 20))} is ${ok ? "a" : "no"} status`, () => {
    assert.equal(parseStatusText(text), ok ? text : undefined);
  });
}

test("a realm has no blanks and 64 characters, a notice has both and 256", () => {
  assert.equal(parseRealm("office-3"), "office-3");
  assert.equal(parseRealm("office 3"), undefined);
  assert.equal(parseRealm("x".repeat(65)), undefined);
  assert.equal(parseNotice("x ".repeat(127)), undefined);
  assert.equal(parseNotice("x y".repeat(85))?.length, 255);
});

test("identifiers are lower-case hexadecimal of their length", () => {
  assert.ok(parseEpoch("ab".repeat(8)) && parseMessageId("ab".repeat(16)) && parseSessionId("ab".repeat(16)));
  for (const bad of ["AB".repeat(16), "ab".repeat(17), "zz".repeat(16), `${"ab".repeat(16)}\n`, ""]) {
    assert.equal(parseEpoch(bad), undefined);
    assert.equal(parseMessageId(bad), undefined);
    assert.equal(parseSessionId(bad), undefined);
  }
  assert.ok(parseNonce(new Uint8Array(16)));
  assert.equal(parseNonce(new Uint8Array(17)), undefined);
});

test("a message is 1–16,384 bytes of any Unicode text", () => {
  for (const text of ["x", "\0\x1b[2J\n", "x".repeat(16_384), "😀".repeat(4_096)])
    assert.equal(parseMessageText(text), text);
  for (const text of ["", "x".repeat(16_385), "😀".repeat(4_097), "\ud800"])
    assert.equal(parseMessageText(text), undefined);
});

test("a new id is a UUID of version 7: its time first, then what nobody can guess", () => {
  const random = { bytes: (length: number) => new Uint8Array(length).fill(0xff), below: () => 0 };
  // The example of RFC 9562, appendix A.6, has this time.
  const id = drawMessageId(random, 0x017f22e279b0 + 0.9);
  assert.equal(id, "017f22e279b07fffbfffffffffffffff");
  assert.equal(parseMessageId(id), id);
  const zeros = { bytes: (length: number) => new Uint8Array(length), below: () => 0 };
  assert.equal(drawMessageId(zeros, -1), "00000000000070008000000000000000");
  assert.equal(drawMessageId(zeros, 2 ** 60), "ffffffffffff70008000000000000000");
});
