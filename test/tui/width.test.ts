import assert from "node:assert/strict";
import { test } from "node:test";
import { graphemes, textWidth } from "../../src/tui/width.ts";

const TABLE: readonly [string, number, number][] = [
  ["", 0, 0],
  ["abc", 3, 3],
  ["wörld", 5, 5],
  ["e\u0301", 1, 1],
  ["你好", 4, 2],
  ["ｏｌａ", 6, 3],
  ["한글", 4, 2],
  ["👍", 2, 1],
  ["👩‍💻", 2, 1],
  ["→✓…", 3, 3],
];

for (const [text, columns, characters] of TABLE) {
  test(`${JSON.stringify(text)} takes ${columns} columns`, () => {
    assert.equal(textWidth(text), columns);
    assert.equal(graphemes(text).length, characters);
  });
}
