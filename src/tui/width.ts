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
  return stringWidth(grapheme);
}

export function textWidth(text: string): number {
  return stringWidth(text);
}
