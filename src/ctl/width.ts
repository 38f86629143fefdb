import stringWidth from "string-width";

/** Columns that a terminal gives to a text: two for East Asian wide characters and emoji, none for marks (UAX #11). */
export function textWidth(text: string): number {
  return isPlain(text) ? text.length : stringWidth(text);
}

/** `text` in that many columns at most; what is cut off ends in "…". No character is cut in two. */
export function cutTo(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  if (isPlain(text)) return `${text.slice(0, columns - 1)}…`;
  let [cut, width] = ["", 0];
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)) {
    width += stringWidth(segment);
    if (width > columns - 1) break;
    cut += segment;
  }
  return `${cut}…`;
}

/** The common case, and much faster. */
function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
