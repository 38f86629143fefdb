/**
 * Text that came from elsewhere, made safe for a terminal or a log line. Everything printed or logged that a peer,
 * a file or a user could have chosen goes through {@link escapeText}.
 */

/**
 * Characters that act instead of show: C0, DEL, C1 (terminal control), line and paragraph separators, bidirectional
 * marks, embeddings, overrides and isolates (UAX #9), zero-width and other format characters, surrogates without
 * a partner, private use and unassigned code points.
 */
const ACTING = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;

/** Joins emoji and some scripts; harmless between visible characters, so kept there. */
const JOINER =
  /(?<=\p{L}|\p{M}|\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u{FE0F})[\u200C\u200D](?=\p{L}|\p{Extended_Pictographic})/u;

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/**
 * `text` with every acting character written out (`\x1b`, `\u{202e}`), at most `limit` UTF-16 units long before
 * escaping; a cut is marked with "…". New lines count as acting: the result is always one line.
 */
export function escapeText(text: string, limit = 4096): string {
  const cut = text.length > limit ? `${text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
  if (!ACTING.test(cut)) return cut;
  const kept = new Set<number>();
  for (const joiner of cut.matchAll(new RegExp(JOINER, "gu"))) kept.add(joiner.index);
  const acting = new RegExp(ACTING, "gu");
  return cut.replace(acting, (character, index: number) =>
    kept.has(index) ? character : escapeCharacter(character),
  );
}

/** `text` with `by` in place of every acting character. */
export function replaceActing(text: string, by: string): string {
  return text.replace(new RegExp(ACTING, "gu"), by);
}

/** The same JSON with every acting character inside its strings written as `\\uXXXX`. */
export function escapeJson(json: string): string {
  if (!ACTING.test(json)) return json;
  const unit = (character: string, at: number) => character.charCodeAt(at).toString(16).padStart(4, "0");
  return json.replace(new RegExp(ACTING, "gu"), (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${unit(character, at)}`).join(""),
  );
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text in `bytes` if they are valid UTF-8, else undefined. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder();

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** How many bytes `text` takes in UTF-8, without making them; a surrogate without its partner counts as two. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Both halves of a character beyond U+FFFF count two.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}

/** "2 h", "3 min", "12 s", "85 ms": one unit, for people. */
export function durationText(milliseconds: number): string {
  const units: readonly [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ];
  for (const [size, name] of units) {
    if (milliseconds >= size) return `${Math.floor(milliseconds / size)} ${name}`;
  }
  return `${Math.max(0, Math.round(milliseconds))} ms`;
}
