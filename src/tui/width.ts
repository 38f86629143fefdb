import stringWidth from "string-width";

/**
 * How many columns a terminal gives to a text: 2 for East Asian wide characters and emoji (UAX #11), 0 for marks that
 * sit on their neighbour, 1 for all else. The full-screen face's renderer (ink) counts by the same package: what is cut
 * to a width here is as wide there.
 */

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The characters as people see them. */
export function graphemes(text: string): readonly string[] {
  // The common case, and much faster.
  if (/^[\x20-\x7e]*$/.test(text)) return [...text];
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

export function graphemeWidth(grapheme: string): number {
  return textWidth(grapheme);
}

/** Counting is slow, and what is on a screen is counted again with every key. */
const counted = new Map<string, number>();
/** Some screens full of rows, and their characters. */
const MAX_COUNTED = 8_192;
/** Longer ones are no rows. */
const MAX_COUNTED_LENGTH = 512;

export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  if (text.length > MAX_COUNTED_LENGTH) return stringWidth(text);
  const known = counted.get(text);
  if (known !== undefined) return known;
  const width = stringWidth(text);
  if (counted.size >= MAX_COUNTED) counted.clear();
  counted.set(text, width);
  return width;
}
