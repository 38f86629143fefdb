import { cutToWidth, padToWidth } from "./screen-wrap.ts";
import { textWidth } from "./width.ts";

/** What stands on a row, and how it looks. Looks only stress what the words say: without colours nothing is lost. */

export type Style = "plain" | "quiet" | "strong" | "name" | "own" | "good" | "bad" | "alarm" | "here" | "hit";

export interface Span {
  readonly text: string;
  readonly style: Style;
}

export type Row = readonly Span[];

/** SGR codes (ECMA-48 §8.3.117) of a style, each with what ends it: weights share one, and so do colours. */
type Look = readonly (keyof typeof ENDS)[];
const ENDS = { 1: 22, 2: 22, 4: 24, 7: 27, 31: 39, 35: 39 } as const;

/** Without colours: weight and inversion, which are none. */
const PLAIN_LOOK: Readonly<Record<Style, Look>> = {
  plain: [],
  quiet: [2],
  strong: [1],
  name: [1],
  own: [],
  good: [],
  bad: [1],
  alarm: [1, 7],
  here: [7],
  hit: [1, 4],
};

/**
 * The terminal's own foreground and background, which are right in light and dark, and those two of its base colours that
 * can be read on both: yellow, green and cyan are lost on white, blue on black.
 */
const COLOR_LOOK: Readonly<Record<Style, Look>> = {
  ...PLAIN_LOOK,
  name: [1, 35],
  own: [35],
  bad: [31],
  alarm: [1, 7, 31],
};

export function span(text: string, style: Style = "plain"): Span {
  return { text, style };
}

export function rowWidth(row: Row): number {
  return row.reduce((width, { text }) => width + textWidth(text), 0);
}

/** Exactly `columns` wide: cut, or filled with spaces. */
export function fitRow(row: Row, columns: number, fill: Style = "plain"): Row {
  const fitted: Span[] = [];
  let left = columns;
  for (const { text, style } of row) {
    if (left <= 0) break;
    const cut = cutToWidth(text, left);
    fitted.push({ text: cut, style });
    left -= textWidth(cut);
    if (cut !== text) break;
  }
  if (left > 0) fitted.push({ text: padToWidth("", left), style: fill });
  return fitted;
}

/** `left` and `right` at both ends; of two that do not fit `left` is cut. */
export function spreadRow(left: Row, right: Row, columns: number, fill: Style = "plain"): Row {
  const rightWidth = Math.min(rowWidth(right), columns);
  return [...fitRow(left, columns - rightWidth, fill), ...fitRow(right, rightWidth, fill)];
}

/**
 * As a terminal takes it, in the very form in which ink writes it: whatever is in another one ink takes apart twice, which
 * takes a fifth more time for a screen.
 */
export function paintRow(row: Row, hasColor: boolean): string {
  const looks = hasColor ? COLOR_LOOK : PLAIN_LOOK;
  let painted = "";
  /** In the order in which they began. */
  let inForce: Look = [];
  const turn = (to: Look): void => {
    const ended = inForce.filter((code) => !to.some(isWeight(code) ? same(code) : replaces(code)));
    const begun = to.filter((code) => !inForce.includes(code));
    for (const code of [...ended.toReversed().map((each) => ENDS[each]), ...begun])
      painted += `\x1b[${code}m`;
    inForce = [...inForce.filter((code) => to.includes(code)), ...begun];
  };
  for (const { text, style } of row) {
    if (text === "") continue;
    turn(looks[style]);
    painted += text;
  }
  if (inForce.length === 0) return painted.trimEnd();
  turn(looks.plain);
  return painted;
}

/** What stands on a row from column `x` on, painted. */
export interface Part {
  readonly x: number;
  readonly text: string;
}

/** Blanks in a row that are a gap and no part of what is said. */
const GAP = / {8,}/g;

/**
 * A row as what stands on it, without the gaps between. Half of a large screen is blank, and ink takes as much time for a
 * blank as for a letter; and of panes side by side only that part is new that has changed.
 */
export function paintParts(row: Row, hasColor: boolean): readonly Part[] {
  const parts: Part[] = [];
  let begun: { readonly x: number; readonly spans: Span[] } | undefined;
  let x = 0;
  const end = (): void => {
    if (begun !== undefined) parts.push({ x: begun.x, text: paintRow(begun.spans, hasColor) });
    begun = undefined;
  };
  for (const { text, style } of row) {
    let from = 0;
    for (const { 0: blanks, index } of isSeenOnBlanks(style) ? [] : text.matchAll(GAP)) {
      add(text.slice(from, index), style);
      end();
      x += blanks.length;
      from = index + blanks.length;
    }
    add(text.slice(from), style);
  }
  end();
  return parts;

  function add(text: string, style: Style): void {
    if (text === "") return;
    begun ??= { x, spans: [] };
    begun.spans.push({ text, style });
    x += textWidth(text);
  }
}

/** Inverted or underlined blanks can be seen. */
function isSeenOnBlanks(style: Style): boolean {
  return COLOR_LOOK[style].some((code) => code === 4 || code === 7);
}

/** A weight does not replace the other one: it is added to it. */
function isWeight(code: Look[number]): boolean {
  return code === 1 || code === 2;
}

function same(code: Look[number]): (other: Look[number]) => boolean {
  return (other) => other === code;
}

function replaces(code: Look[number]): (other: Look[number]) => boolean {
  return (other) => ENDS[other] === ENDS[code];
}
