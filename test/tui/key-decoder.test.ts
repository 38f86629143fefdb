import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Input, KeyDecoder } from "../../src/tui/key-decoder.ts";

const ESC = "\x1b";

function names(inputs: readonly Input[]): readonly string[] {
  return inputs.map((input) =>
    input.type === "key"
      ? input.name
      : input.type === "paste"
        ? `paste ${input.text}`
        : input.type === "focus"
          ? `focus ${input.isFocused}`
          : `cursor ${input.column}`,
  );
}

const TABLE: readonly [string, string, readonly string[]][] = [
  ["letters of any script", "aÅ你👍", ["a", "Å", "你", "👍"]],
  [
    "the window gets and loses the keyboard, in between",
    "a\x1b[Ib\x1b[Oc",
    ["a", "focus true", "b", "focus false", "c"],
  ],
  ["Enter and Ctrl-J are two keys", "\r\n", ["return", "ctrl-j"]],
  [
    "controls",
    "\x01\x06\x0e\x1a\t\x7f ",
    ["ctrl-a", "ctrl-f", "ctrl-n", "ctrl-z", "tab", "backspace", "space"],
  ],
  ["arrows, both ways to send them", `${ESC}[A${ESC}OB`, ["up", "down"]],
  ["Alt and Ctrl arrows", `${ESC}[1;3A${ESC}[1;5C${ESC}${ESC}[B`, ["alt-up", "ctrl-right", "alt-down"]],
  [
    "pages, Home, End, Delete",
    `${ESC}[5~${ESC}[6~${ESC}[H${ESC}[4~${ESC}[3~`,
    ["pageup", "pagedown", "home", "end", "delete"],
  ],
  ["Ctrl-Home", `${ESC}[1;5H`, ["ctrl-home"]],
  ["F1 in its three forms", `${ESC}OP${ESC}[11~${ESC}[P`, ["f1", "f1", "f1"]],
  ["Alt with a letter, a digit, Enter", `${ESC}r${ESC}3${ESC}\r`, ["alt-r", "alt-3", "alt-return"]],
  ["a paste, with what acts in it", `${ESC}[200~a\r${ESC}[Ab${ESC}[201~c`, [`paste a\r${ESC}[Ab`, "c"]],
  ["an answer of the terminal is nothing that was typed", `${ESC}[1;3R`, ["cursor 3"]],
  ["what no keyboard sends", `${ESC}[?1;2c${ESC}[99~${ESC}[9I`, []],
];

for (const [what, sent, keys] of TABLE) {
  test(`${what}, in one piece and in single characters`, () => {
    assert.deepEqual(names(new KeyDecoder().push(sent)), keys);
    const decoder = new KeyDecoder();
    assert.deepEqual(names(Array.from(sent).flatMap((character) => decoder.push(character))), keys);
    assert.equal(decoder.isUndecided, false);
  });
}

test("an escape that nothing follows is the key", () => {
  const decoder = new KeyDecoder();
  assert.deepEqual(decoder.push(ESC), []);
  assert.equal(decoder.isUndecided, true);
  assert.deepEqual(names(decoder.flush()), ["escape"]);
  assert.deepEqual(names(decoder.push("[A")), ["[", "A"]);
});

test("a paste without an end is bounded, and its end is still found", () => {
  const decoder = new KeyDecoder();
  decoder.push(`${ESC}[200~`);
  for (let round = 0; round < 40; round += 1) decoder.push("x".repeat(65_536));
  const [pasted] = decoder.push(`${ESC}[201~`);
  assert.equal(pasted?.type, "paste");
  assert.ok(pasted?.type === "paste" && pasted.text.length <= 1_048_576);
  assert.deepEqual(names(decoder.push("a")), ["a"]);
});

test("whatever comes, in whatever pieces, leaves a decoder that works", () => {
  const piece = fc.string({
    unit: fc.constantFrom(ESC, "[", "O", "1", ";", "~", "A", "R", "a", "\r", "你", "\x9b"),
  });
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const decoder = new KeyDecoder();
      for (const text of pieces) decoder.push(text);
      decoder.flush();
      assert.equal(decoder.isUndecided, false);
      assert.deepEqual(names(decoder.push("x")), ["x"]);
    }),
  );
});
