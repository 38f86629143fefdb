import { isUtf8 } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { parse as parseToml, TomlError } from "smol-toml";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";

/** What both configuration files have in common: reading TOML, and saying what is wrong with it and where. */

/** One thing that is wrong with a configuration. */
export interface Mistake {
  /** 1-based; null where it is about the whole file, or where the parser keeps no position. */
  readonly line: number | null;
  /** "network.port"; null where it is about no key. */
  readonly key: string | null;
  /** What is wrong, and what would do. */
  readonly text: string;
}

/** A refused configuration; its text names file, line, key and what would do. Exit code 78 (EX_CONFIG). */
export class ConfigurationError extends SystemError {
  /** All that is wrong, in the order of the file; at least one. The message tells the first. */
  readonly mistakes: readonly Mistake[];

  constructor(file: string, mistakes: readonly [Mistake, ...Mistake[]]) {
    super(`${mistakeText(file, mistakes[0])}${moreText(mistakes.length - 1)}`, "ECONFIG");
    this.mistakes = mistakes;
  }
}

/** "multiproto.toml, line 3: network.port: wants a port number from 1 to 65535". */
export function mistakeText(file: string, { line, key, text }: Mistake): string {
  return `${file}${line === null ? "" : `, line ${line}`}: ${key === null ? "" : `${key}: `}${text}`;
}

function moreText(more: number): string {
  return more === 0 ? "" : ` (and ${more} more ${more === 1 ? "mistake" : "mistakes"})`;
}

/** A file larger than this is not a configuration. */
const MAX_FILE_BYTES = 65_536;

/** Parses one value; throws an Error that says what is wanted. */
export type ParseValue = (value: unknown) => unknown;

/** The text of the file; "" for one that is missing and need not exist. Errors: {@link ConfigurationError}. */
export function readToml(file: string, required: boolean): string {
  const failed = (line: number | null, text: string): ConfigurationError =>
    new ConfigurationError(file, [{ line, key: null, text }]);
  let bytes: Uint8Array;
  try {
    bytes = readStart(file);
  } catch (error) {
    if (errorCode(error) === "ENOENT" && !required) return "";
    throw failed(null, `cannot be read: ${errorText(error)}`);
  }
  if (bytes.length > MAX_FILE_BYTES) throw failed(null, `is longer than ${MAX_FILE_BYTES} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw failed(lineOfBadByte(bytes), "not UTF-8 text");
  }
}

/**
 * The file's bytes, one more than it may have at most. Neither a pipe without a writer nor a device without an end
 * holds the reader up.
 */
function readStart(file: string): Uint8Array {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    // A device for the sake of /dev/null.
    if (!stat.isFile() && !stat.isCharacterDevice()) throw new Error("it is not a file");
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** The line that is not UTF-8, 1-based: no byte of a character is a line feed. */
function lineOfBadByte(bytes: Uint8Array): number {
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const bad = lines.findIndex((line) => !isUtf8(Buffer.from(line, "latin1")));
  return bad + 1;
}

export function tomlTable(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "not TOML";
    throw new ConfigurationError(file, [{ line: error.line, key: null, text: escapeText(why) }]);
  }
}

export function mistake(text: string, section: string, name: string | undefined, why: string): Mistake {
  const line = lineOf(text, section, name);
  const key = [section, name].filter((part) => part !== undefined && part !== "").join(".");
  return { line: line === 0 ? null : line, key: escapeText(key, 100), text: why };
}

/** For who ends at the first mistake. */
export function refusal(
  text: string,
  file: string,
  section: string,
  name: string | undefined,
  why: string,
): ConfigurationError {
  return new ConfigurationError(file, [mistake(text, section, name, why)]);
}

/** The line of a key, 1-based; 0 when it is not written in the plain way. The parser keeps no positions of values. */
function lineOf(text: string, section: string, name: string | undefined): number {
  let current = "";
  for (const [index, line] of text.split("\n").entries()) {
    // Neither pattern tries a character twice: a file may have one line of 64 KiB.
    const header = /^\s*\[\s*"?([^\]"\s][^\]"]*)["\]]/.exec(line)?.[1]?.trimEnd();
    if (header !== undefined) current = header;
    const key = /^\s*"?([\w-]+)"?\s*[=.]/.exec(line)?.[1];
    if (name === undefined ? header === section || key === section : current === section && key === name)
      return index + 1;
  }
  return 0;
}

/** " (did you mean X?)" for the nearest of `known`, or the list of all. */
export function suggestion(wrong: string, known: readonly string[]): string {
  const nearest = known
    .map((name) => ({ name, distance: editDistance(wrong, name) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (nearest !== undefined && nearest.distance <= Math.max(2, nearest.name.length / 3)) {
    return ` (did you mean ${nearest.name}?)`;
  }
  return ` (there are: ${known.join(", ")})`;
}

/** Levenshtein distance; words longer than 64 are cut. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.slice(0, 64).length + 1 }, (_, index) => index);
  for (const [index, character] of [...one.slice(0, 64)].entries()) {
    const next = [index + 1];
    for (let column = 1; column < row.length; column += 1) {
      const change = (row[column - 1] ?? 0) + (character === other[column - 1] ? 0 : 1);
      next.push(Math.min(change, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

export function interfaceNames(value: unknown): readonly string[] {
  const wanted = 'a list of interface names, as in ["eth0"]';
  if (!Array.isArray(value) || value.length > 64) throw new Error(`wants ${wanted}`);
  for (const name of value) {
    if (typeof name !== "string" || !/^[\w.:@-]{1,32}$/.test(name)) throw new Error(`wants ${wanted}`);
  }
  return value as readonly string[];
}

export function port(value: unknown): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new Error("wants a port number from 1 to 65535");
  }
  return number;
}

export function trueOrFalse(value: unknown): boolean {
  if (typeof value !== "boolean") throw new Error("wants true or false");
  return value;
}

export function oneOf<Choice extends string>(...choices: readonly Choice[]): (value: unknown) => Choice {
  return (value) => {
    const chosen = choices.find((choice) => choice === value);
    if (chosen === undefined) {
      const near =
        typeof value === "string" ? suggestion(value, choices) : ` (there are: ${choices.join(", ")})`;
      throw new Error(`wants one of a few words${near}`);
    }
    return chosen;
  };
}

/** "500ms", "4s", "2m" within [min, max] milliseconds. */
export function duration(min: number, max: number): (value: unknown) => number {
  const wanted = `wants a duration from "${min}ms" to "${max / 1000}s", as in "4s" or "500ms"`;
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };
  return (value) => {
    const match = typeof value === "string" ? /^(\d{1,6}(?:\.\d{1,3})?)\s*(ms|s|m)$/.exec(value) : null;
    const millis =
      match === null ? Number.NaN : Math.round(Number(match[1]) * (units[match[2] ?? ""] ?? Number.NaN));
    if (!(millis >= min && millis <= max)) throw new Error(wanted);
    return millis;
  };
}
