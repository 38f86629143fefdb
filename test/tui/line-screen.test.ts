import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fitPrompt, wrapWords } from "../../src/tui/line-screen.ts";
import { textWidth } from "../../src/tui/width.ts";

test("a prompt that fits is shown as it is", () => {
  assert.deepEqual(fitPrompt({ label: "> ", before: "ab", after: "cd" }, 20), { text: "> abcd", cursor: 4 });
});

test("a long text is shown around the cursor", () => {
  const end = fitPrompt({ label: "> ", before: "0123456789", after: "" }, 8);
  assert.deepEqual(end, { text: "> …56789", cursor: 8 });
  const start = fitPrompt({ label: "> ", before: "", after: "0123456789" }, 10);
  assert.deepEqual(start, { text: "> 01", cursor: 2 });
});

test("whatever is typed, the prompt takes one row and the cursor stands in it", () => {
  const text = fc.string({ unit: fc.constantFrom("a", " ", "你", "👍", "é", "e\u0301") });
  fc.assert(
    fc.property(text, text, fc.integer({ min: 8, max: 40 }), (before, after, columns) => {
      const fitted = fitPrompt({ label: "to ola> ", before, after }, columns);
      assert.ok(textWidth(fitted.text) <= columns, fitted.text);
      assert.ok(fitted.cursor <= columns);
    }),
  );
});

test("lines break between words, the next row is indented", () => {
  assert.deepEqual(wrapWords("12:03 ola*: one two three", 18), ["12:03 ola*: one", "      two three"]);
  assert.deepEqual(wrapWords("short", 80), ["short"]);
  assert.deepEqual(wrapWords("", 80), [""]);
});

test("a word longer than a row is left whole", () => {
  const address = `https://example.org/${"x".repeat(60)}`;
  assert.deepEqual(wrapWords(`look: ${address} ok`, 40), [`look: ${address} ok`]);
});

test("breaking loses nothing but the space where it breaks", () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 10, max: 60 }), (text, columns) => {
      const squeezed = (value: string): string => value.replace(/\s+/g, "");
      assert.equal(squeezed(wrapWords(text, columns).join("")), squeezed(text));
    }),
  );
});
