import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { Box, renderToString, Text } from "ink";
import { createElement } from "react";
import { inputBox } from "../../src/tui/screen-input.ts";
import { fitRow, type Part, paintParts, paintRow, rowWidth, span } from "../../src/tui/screen-style.ts";
import {
  displayLine,
  displayLines,
  EMOJI_PROBES,
  type EmojiSupport,
  NO_EMOJI_SEQUENCES,
} from "../../src/tui/screen-text.ts";
import { cutToWidth, wrapToWidth } from "../../src/tui/screen-wrap.ts";
import { graphemes, textWidth } from "../../src/tui/width.ts";

const ALL: EmojiSupport = { joined: true, variation: true, toned: true, flags: true };

/** Text as an attacker, or a friend, would choose it. */
const HOSTILE = fc.string({
  unit: fc.constantFrom(
    "a",
    " ",
    "\t",
    "\n",
    "你",
    "한",
    "ᄀ",
    "ᅡ",
    "👍",
    "👍🏽",
    "👩‍💻",
    "🇳🇴",
    "❤️",
    "1️⃣",
    "e\u0301",
    "\u0301\u0302",
    "a\u0300\u0301\u0302\u0303\u0304\u0305",
    "ש",
    "ع",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\x1b[2J",
    "\x9b",
    "\x07",
    "\r",
    "\u0e33",
    "का",
    "ﾞ",
    "\u{e0041}",
    "\ud800",
  ),
  maxLength: 60,
});
const SUPPORT = fc.record({
  joined: fc.boolean(),
  variation: fc.boolean(),
  toned: fc.boolean(),
  flags: fc.boolean(),
});

const ACTS = /(?!\u200C|\u200D)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;

test("nothing of it acts on a terminal, whatever comes", () => {
  fc.assert(
    fc.property(HOSTILE, SUPPORT, (text, emoji) => {
      for (const line of displayLines(text, emoji)) assert.doesNotMatch(line, ACTS);
    }),
  );
});

test("wrapped rows are within their width, and nothing but spaces is lost between them", () => {
  const squeezed = (text: string): string => text.replace(/\s+/gu, "");
  fc.assert(
    fc.property(HOSTILE, fc.integer({ min: 4, max: 30 }), (text, columns) => {
      const line = displayLine(text, ALL);
      const rows = wrapToWidth(line, columns);
      for (const row of rows) assert.ok(textWidth(row) <= columns, row);
      assert.equal(squeezed(rows.join("")), squeezed(line));
    }),
  );
});

test("ink shows each row as it is handed over: it counts columns as we do", () => {
  fc.assert(
    fc.property(HOSTILE, SUPPORT, fc.integer({ min: 4, max: 30 }), (text, emoji, columns) => {
      const row = fitRow([span("│ ", "quiet"), span(displayLine(text, emoji)), span(" │", "quiet")], columns);
      assert.equal(rowWidth(row), columns);
      const handed = stripVTControlCharacters(paintRow(row, false)).trimEnd();
      const options = { columns };
      const shown = renderToString(createElement(Text, { wrap: "truncate" }, paintRow(row, false)), options);
      assert.equal(stripVTControlCharacters(shown).trimEnd(), handed);
    }),
    { numRuns: 300 },
  );
});

test("looks are painted in ink's own form, so that it takes each row apart once", () => {
  const styles = ["plain", "quiet", "strong", "name", "own", "good", "bad", "alarm", "here", "hit"] as const;
  const spans = fc.array(fc.tuple(fc.constantFrom("ab", "é ☕", ""), fc.constantFrom(...styles)), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(spans, fc.boolean(), (parts, hasColor) => {
      const row = [...parts.map(([text, style]) => span(text, style)), span(".")];
      const painted = paintRow(row, hasColor);
      const shown = renderToString(createElement(Text, { wrap: "truncate" }, painted), { columns: 80 });
      assert.equal(shown, painted);
    }),
    { numRuns: 1_000 },
  );
});

test("a row without its gaps is shown by ink as the row", () => {
  const styles = ["plain", "quiet", "strong", "own", "alarm", "here", "hit"] as const;
  const gap = fc.constantFrom(" ", " ".repeat(7), " ".repeat(8), " ".repeat(30));
  const said = fc.tuple(HOSTILE, SUPPORT).map(([text, emoji]) => displayLine(text, emoji));
  const spans = fc.array(fc.tuple(gap, said, gap, fc.constantFrom(...styles)), { maxLength: 4 });
  const place = ({ x, text }: Part) =>
    createElement(Box, { position: "absolute", left: x }, createElement(Text, { wrap: "truncate" }, text));
  fc.assert(
    fc.property(spans, (drawn) => {
      const columns = 120;
      const row = fitRow(
        drawn.map(([before, text, after, style]) => span(`${before}${text}${after}`, style)),
        columns,
      );
      const parts = paintParts(row, true);
      const shown = renderToString(createElement(Box, { height: 1 }, ...parts.map(place)), { columns });
      assert.equal(
        stripVTControlCharacters(shown).trimEnd(),
        stripVTControlCharacters(paintRow(row, true)).trimEnd(),
      );
    }),
    { numRuns: 300 },
  );
});

test("gaps are no part of a row, unless they can be seen", () => {
  const row = [span("ab", "strong"), span(" ".repeat(30)), span("cd"), span(`${" ".repeat(9)}e`, "here")];
  assert.deepEqual(
    paintParts(row, false).map(({ x, text }) => [x, stripVTControlCharacters(text)]),
    [
      [0, "ab"],
      [32, "cd         e"],
    ],
  );
  assert.deepEqual(paintParts([span(" ".repeat(80))], true), []);
});

test("a word of 64 KB breaks into rows, quickly", () => {
  const rows = wrapToWidth(displayLine("x".repeat(65_536), ALL), 80);
  assert.equal(rows.length, Math.ceil(65_536 / 80));
  assert.ok(rows.every((row) => textWidth(row) <= 80));
});

test("zalgo keeps few of its marks; a mark without a letter gets a circle", () => {
  const zalgo = `z${"\u0335".repeat(500)}o`;
  assert.ok(displayLine(zalgo, ALL).length <= 6);
  assert.equal(displayLine("\u0301a", ALL), "\u25CC\u0301a");
});

test("sequences of emoji are taken apart where the terminal does not know them", () => {
  const text = Object.values(EMOJI_PROBES).join(" ");
  assert.equal(displayLine(text, ALL), text);
  assert.equal(displayLine(text, NO_EMOJI_SEQUENCES), "👩💻 \u2764 👍 [NO]");
  for (const probe of Object.values(EMOJI_PROBES)) assert.equal(textWidth(displayLine(probe, ALL)), 2);
});

test("right-to-left text is shown, its controls are written out", () => {
  assert.equal(displayLine("שלום \u202eabc", ALL), "שלום \\u{202e}abc");
});

test("a cut is marked, and never cuts a character in two", () => {
  assert.equal(cutToWidth("你好吗", 5), "你好…");
  assert.equal(cutToWidth("你好吗", 6), "你好吗");
  assert.equal(cutToWidth("e\u0301e\u0301e\u0301", 2), "e\u0301…");
});

test("the input shows its lines around the cursor, which stands within it", () => {
  const text = fc.string({ unit: fc.constantFrom("a", " ", "\n", "你", "👍", "e\u0301"), maxLength: 200 });
  fc.assert(
    fc.property(text, text, fc.integer({ min: 12, max: 40 }), (before, after, columns) => {
      const box = inputBox({ label: "to ola> ", before, after }, { columns, height: 5 });
      assert.ok(box.rows.length >= 1 && box.rows.length <= 5);
      assert.ok(box.cursor.y >= 0 && box.cursor.y < box.rows.length);
      assert.ok(box.cursor.x < columns);
      for (const row of box.rows) assert.ok(rowWidth(row) <= columns);
      const line = graphemes(before.split("\n").at(-1) ?? "");
      const shown = box.rows[box.cursor.y]?.map((part) => part.text).join("") ?? "";
      const [last = ""] = line.slice(-1);
      assert.ok(shown.includes(last));
    }),
  );
});
