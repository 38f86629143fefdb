import { graphemes, graphemeWidth, textWidth } from "./width.ts";

/** Breaks a line into rows of at most `columns`: between words, and inside a word that is longer than a row. */
export function wrapToWidth(line: string, columns: number): readonly string[] {
  if (textFits(line, columns)) return [line];
  const width = Math.max(2, columns);
  const rows: string[] = [];
  let row = "";
  let used = 0;
  for (const [, space = "", word = ""] of line.matchAll(/(\s*)(\S*)/gu)) {
    const wordWidth = textWidth(word);
    const spaceWidth = textWidth(space);
    if (used + spaceWidth + wordWidth <= width) {
      row += space + word;
      used += spaceWidth + wordWidth;
      continue;
    }
    // The space goes with the break.
    if (row !== "") rows.push(row);
    const broken = breakWord(row === "" ? space + word : word, width);
    rows.push(...broken.slice(0, -1));
    row = broken.at(-1) ?? "";
    used = textWidth(row);
  }
  return row === "" && rows.length > 0 ? rows : [...rows, row];
}

/** Cuts to `columns`; what was cut off is marked. */
export function cutToWidth(text: string, columns: number): string {
  if (textFits(text, columns)) return text;
  if (columns < 1) return "";
  let used = 0;
  let cut = "";
  for (const grapheme of graphemes(text)) {
    const width = graphemeWidth(grapheme);
    if (used + width > columns - 1) break;
    used += width;
    cut += grapheme;
  }
  return `${cut}…`;
}

export function padToWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - textWidth(text)));
}

function textFits(text: string, columns: number): boolean {
  // No character is narrower than nothing, and few are wider than two.
  return text.length * 2 <= columns || textWidth(text) <= columns;
}

function breakWord(word: string, width: number): readonly string[] {
  const rows: string[] = [];
  let row = "";
  let used = 0;
  for (const grapheme of graphemes(word)) {
    const next = graphemeWidth(grapheme);
    if (used + next > width && row !== "") {
      rows.push(row);
      row = "";
      used = 0;
    }
    row += grapheme;
    used += next;
  }
  return [...rows, row];
}
