import { escapeText } from "../base/text.ts";

/**
 * Text from elsewhere as rows of a screen can hold it: nothing in it acts on the terminal, and every terminal gives it
 * the same width.
 */

/** Marks on one character; more only climb over the neighbouring rows ("zalgo"). No language needs more. */
const MAX_MARKS = 4;
const SURPLUS_MARKS = new RegExp(`(\\p{M}{${MAX_MARKS}})\\p{M}+`, "gu");
/** Jamo that make no syllable: terminals disagree on how wide they are. */
const LOOSE_JAMO = /[\u1100-\u11FF\uA960-\uA97C\uD7B0-\uD7FB]/gu;
/** At the start of a word it would sit on whatever stands before that on the screen. */
const LOOSE_MARK = /(^|\s)(?=\p{M}|\p{Grapheme_Extend}|\p{Emoji_Modifier}|[\u0E33\u0EB3])/gu;
const TAB = "    ";

/** Which sequences of emoji this terminal draws as one character of two columns; it is asked at the start. */
export interface EmojiSupport {
  /** Several, joined by U+200D: families, professions. */
  readonly joined: boolean;
  /** A text character that U+FE0F makes an emoji. */
  readonly variation: boolean;
  /** With the tone of a skin. */
  readonly toned: boolean;
  /** Two letters that make a flag. */
  readonly flags: boolean;
}

/** Of a terminal that does not answer: each sequence is taken apart into what all terminals draw alike. */
export const NO_EMOJI_SEQUENCES: EmojiSupport = {
  joined: false,
  variation: false,
  toned: false,
  flags: false,
};

/** What is drawn to find out, each two columns wide where it is supported. */
export const EMOJI_PROBES: Readonly<Record<keyof EmojiSupport, string>> = {
  joined: "\u{1F469}\u200D\u{1F4BB}",
  variation: "\u2764\uFE0F",
  toned: "\u{1F44D}\u{1F3FD}",
  flags: "\u{1F1F3}\u{1F1F4}",
};

/** The lines of a text, each for one row or more. */
export function displayLines(text: string, emoji: EmojiSupport): readonly string[] {
  return text.split(/\r\n|[\n\r\v\f\u2028\u2029]/u).map((line) => displayLine(line, emoji));
}

/** The same on one line. */
export function displayLine(text: string, emoji: EmojiSupport): string {
  const line = text.replaceAll("\t", TAB);
  if (/^[\x20-\x7e]*$/.test(line)) return line;
  return calm(escapeText(line.normalize("NFC"), Number.MAX_SAFE_INTEGER), emoji)
    .replace(SURPLUS_MARKS, "$1")
    .replace(LOOSE_JAMO, "\uFFFD")
    .replace(LOOSE_MARK, "$1\u25CC");
}

/** Takes sequences apart that this terminal does not know. */
function calm(text: string, emoji: EmojiSupport): string {
  let calmed = text;
  if (!emoji.joined) calmed = calmed.replace(/(?<=\p{Extended_Pictographic}\S{0,2})\u200D/gu, "");
  if (!emoji.toned) calmed = calmed.replace(/\p{Emoji_Modifier}/gu, "");
  if (!emoji.variation) calmed = calmed.replace(/[\uFE0E\uFE0F\u20E3]/gu, "");
  if (!emoji.flags) calmed = calmed.replace(/[\u{1F1E6}-\u{1F1FF}]+/gu, flagLetters);
  return calmed;
}

/** "[NO]" for the flag of Norway. */
function flagLetters(flags: string): string {
  const letters = Array.from(flags, (letter) =>
    String.fromCharCode((letter.codePointAt(0) ?? 0) - 0x1f1e6 + 65),
  );
  return `[${letters.join("")}]`;
}
