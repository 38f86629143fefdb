import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foldNickname, numberedNickname, parseNickname } from "../../src/wire/nickname.ts";

const VALID = [
  "ola",
  "Ola-Nordmann",
  "ola~2",
  "Zoë",
  "東京",
  "👩‍💻",
  "❤️",
  "x".repeat(32),
  "😀".repeat(32),
  " ola\n",
];
const INVALID: readonly (readonly [string, string])[] = [
  ["", "empty"],
  ["  \n", "empty"],
  ["x".repeat(33), "too-long"],
  ["x".repeat(10_000), "too-long"],
  ["ola nordmann", "white-space"],
  ["ola\u00a0n", "white-space"],
  ["\x1b[2J", "not-visible"],
  ["ola\0", "not-visible"],
  ["\u202Ealo", "not-visible"],
  ["o\u200Bla", "not-visible"],
  ["\u3164", "not-visible"],
  ["\u2800", "not-visible"],
  ["\u0301", "not-visible"],
  ["o\u200Dla", "not-visible"],
];

for (const text of VALID) {
  test(`${JSON.stringify(text.slice(0, 40))} is a nickname`, () => {
    const parsed = parseNickname(text);
    assert.ok(parsed.ok);
    assert.equal(parsed.nickname, text.trim().normalize("NFC"));
  });
}

for (const [text, fault] of INVALID) {
  test(`${JSON.stringify(text.slice(0, 40))} is refused: ${fault}`, () => {
    const parsed = parseNickname(text);
    assert.equal(parsed.ok ? "valid" : parsed.fault, fault);
  });
}

test("decomposed letters are composed", () => {
  const parsed = parseNickname("Zoe\u0308");
  assert.ok(parsed.ok && parsed.nickname === "Zoë");
});

test("names that look or read alike are one name", () => {
  for (const other of ["ola", "OLA", "Ola", "ｏｌａ"]) assert.equal(foldNickname(other), "ola");
  assert.equal(foldNickname("ﬁona"), foldNickname("Fiona"));
});

test("a numbered name is the first free one and still a nickname", () => {
  const parsed = parseNickname("😀".repeat(32));
  assert.ok(parsed.ok);
  const taken = new Set<string>();
  for (let round = 0; round < 12; round += 1) {
    const next = numberedNickname(parsed.nickname, (candidate) => !taken.has(candidate));
    assert.ok(parseNickname(next).ok && !taken.has(next), next);
    taken.add(next);
  }
});

test("no text makes the parser throw, and what it accepts it accepts again unchanged", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
      const parsed = parseNickname(text);
      if (!parsed.ok) return;
      const again = parseNickname(parsed.nickname);
      assert.ok(again.ok && again.nickname === parsed.nickname);
    }),
    { numRuns: 2_000 },
  );
});
