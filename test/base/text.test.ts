import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeUtf8,
  durationText,
  encodeUtf8,
  escapeJson,
  escapeText,
  utf8Length,
} from "../../src/base/text.ts";

const ESCAPES: readonly (readonly [string, string])[] = [
  ["plain text, Größe 東京 👍🏽 👩‍💻", "plain text, Größe 東京 👍🏽 👩‍💻"],
  ["\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"],
  ["\x9b31m", "\\x9b31m"],
  ["line\nline\r\ttab\0", "line\\x0aline\\x0d\\x09tab\\x00"],
  ["abc\u202Ecba\u2066x", "abc\\u{202e}cba\\u{2066}x"],
  ["zero\u200Bwidth", "zero\\u{200b}width"],
  ["\u2028\u2029", "\\u{2028}\\u{2029}"],
  ["\uD800x", "\\u{d800}x"],
  ["\u007f", "\\x7f"],
];

for (const [text, escaped] of ESCAPES) {
  test(`escapes ${JSON.stringify(text)}`, () => assert.equal(escapeText(text), escaped));
}

test("nothing escaped can act on a terminal, whatever it was", () => {
  const anything = fc
    .array(fc.integer({ min: 0, max: 0x10ffff }))
    .map((codes) => String.fromCodePoint(...codes));
  fc.assert(
    fc.property(anything, (text) => {
      const escaped = escapeText(text);
      assert.doesNotMatch(
        escaped,
        /[\p{Cc}\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C\u200B\u2028\u2029\uFEFF]/u,
      );
      assert.equal(escapeText(escaped), escaped);
    }),
  );
});

test("JSON says the same without characters that act", () => {
  const value = { text: "\u202e\u009b31m\u200b\u{e0001}\ud800 👩‍💻 ä", list: [1, null] };
  const json = escapeJson(JSON.stringify(value));
  assert.doesNotMatch(json, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  assert.match(json, /\\u202e\\u009b31m\\u200b\\udb40\\udc01/);
  assert.deepEqual(JSON.parse(json), value);
});

test("long text is cut with a mark, never within a character", () => {
  assert.equal(escapeText("a".repeat(10), 4), "aaaa…");
  assert.equal(escapeText("👍👍", 3), "👍…");
});

test("invalid UTF-8 is not text", () => {
  assert.equal(decodeUtf8(Uint8Array.of(0xc3, 0x28)), undefined);
  assert.equal(decodeUtf8(Uint8Array.of(0xed, 0xa0, 0x80)), undefined);
  assert.equal(decodeUtf8(Uint8Array.of(0xc3, 0xa4)), "ä");
});

test("the length in UTF-8 is that of the bytes", () => {
  for (const text of ["", "ola", "Größe", "東京", "👩‍💻", "\u07ff\u0800\uffff\u{10000}"]) {
    assert.equal(utf8Length(text), encodeUtf8(text).length, text);
  }
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => utf8Length(text) === encodeUtf8(text).length),
  );
});

test("durations are told in one unit", () => {
  assert.deepEqual([0, 12.4, 999, 1_000, 61_000, 7_200_000, 200_000_000].map(durationText), [
    "0 ms",
    "12 ms",
    "999 ms",
    "1 s",
    "1 min",
    "2 h",
    "2 d",
  ]);
});
