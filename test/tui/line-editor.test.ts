import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type EditorEffect, type Key, LineEditor, MAX_LINE } from "../../src/tui/line-editor.ts";

function type(editor: LineEditor, text: string): void {
  for (const character of text) editor.key({ text: character });
}

function press(editor: LineEditor, ...names: readonly string[]): EditorEffect {
  let effect: EditorEffect = { type: "none" };
  for (const name of names) {
    const [, modifier, key] = /^(?:(C|M)-)?(.+)$/.exec(name) ?? [];
    effect = editor.key({ name: key, ctrl: modifier === "C", meta: modifier === "M" });
  }
  return effect;
}

/** The text with "|" at the cursor. */
function shown(editor: LineEditor): string {
  return `${editor.before}|${editor.after}`;
}

const EDITING: readonly [string, readonly string[], string][] = [
  ["one two", ["left", "backspace"], "one t|o"],
  ["one two", ["home", "delete"], "|ne two"],
  ["one two", ["C-left"], "one |two"],
  ["one two", ["C-left", "M-b", "M-f"], "one| two"],
  ["one two ", ["C-w"], "one |"],
  ["one two", ["C-w", "home", "C-y"], "two|one "],
  ["one two", ["C-a", "C-k"], "|"],
  ["one two", ["C-left", "C-u"], "|two"],
  ["one two", ["home", "M-d"], "| two"],
  ["你好", ["left", "backspace"], "|好"],
  ["ae\u0301", ["backspace"], "a|"],
  ["a👩‍💻b", ["left", "left"], "a|👩‍💻b"],
  ["a", ["left", "left", "left", "delete", "delete"], "|"],
];

for (const [text, keys, result] of EDITING) {
  test(`${text} ${keys.join(" ")}`, () => {
    const editor = new LineEditor();
    type(editor, text);
    press(editor, ...keys);
    assert.equal(shown(editor), result);
  });
}

test("Enter submits; Up and Down leaf through what was submitted, and back to what was being typed", () => {
  const editor = new LineEditor(["old"]);
  type(editor, "one");
  assert.deepEqual(press(editor, "return"), { type: "submit", line: "one" });
  type(editor, "draft");
  press(editor, "up");
  assert.equal(editor.line, "one");
  press(editor, "up", "up");
  assert.equal(editor.line, "old");
  press(editor, "down", "down", "down");
  assert.equal(editor.line, "draft");
});

test("nothing and the same line again are not remembered", () => {
  const editor = new LineEditor();
  for (const line of ["one", "one", "  "]) {
    type(editor, line);
    press(editor, "return");
  }
  press(editor, "up", "up");
  assert.equal(editor.line, "one");
});

test("Ctrl-D ends on an empty line and erases on another; Ctrl-C, Tab, Ctrl-L are the face's", () => {
  const editor = new LineEditor();
  assert.equal(press(editor, "C-d").type, "end");
  type(editor, "ab");
  press(editor, "home");
  assert.equal(press(editor, "C-d").type, "changed");
  assert.equal(editor.line, "b");
  assert.equal(press(editor, "C-c").type, "interrupt");
  assert.equal(press(editor, "tab").type, "complete");
  assert.equal(press(editor, "C-l").type, "clear-screen");
});

test("a paste is inserted where the cursor is; its line breaks are spaces and submit nothing", () => {
  const editor = new LineEditor();
  type(editor, "[]");
  press(editor, "left", "paste-start");
  for (const key of [
    { text: "a" },
    { name: "return", text: "\r" },
    { name: "tab", text: "\t" },
    { text: "b" },
  ])
    assert.equal(editor.key(key).type, "none");
  press(editor, "paste-end");
  assert.equal(shown(editor), "[a b|]");
});

test("what acts on a terminal cannot be typed or pasted; a long text is cut and said to be", () => {
  const editor = new LineEditor();
  type(editor, "a\u001bb\u202ec\u0007");
  assert.equal(editor.line, "abc");
  assert.equal(editor.key({ text: "x".repeat(MAX_LINE) }).type, "cut");
  assert.equal(editor.line.length, MAX_LINE);
});

test("whatever is pressed, the text stays whole and clean", () => {
  const names = ["left", "right", "backspace", "delete", "up", "down", "return", "paste-start", "paste-end"];
  const letters = ["a", "b", "d", "e", "f", "h", "k", "n", "p", "u", "w", "y", "left", "right", "backspace"];
  const key: fc.Arbitrary<Key> = fc.oneof(
    fc.record({ name: fc.constantFrom(...names) }),
    fc.record({ name: fc.constantFrom(...letters), ctrl: fc.boolean(), meta: fc.boolean() }),
    fc.record({ text: fc.string({ unit: "grapheme" }) }),
    fc.record({ text: fc.string({ unit: "binary" }) }),
  );
  fc.assert(
    fc.property(fc.array(key, { maxLength: 60 }), (keys) => {
      const editor = new LineEditor(["history 你好"]);
      for (const one of keys) editor.key(one);
      assert.ok(editor.line.isWellFormed());
      assert.doesNotMatch(editor.line, /\p{Cc}/u);
    }),
  );
});
