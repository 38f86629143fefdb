import { replaceActing } from "./text.ts";

/** Names of files that somebody else chose, made such that storing and showing them harms nobody. */

/** File systems take 255 bytes; " (1000)" and what marks an unfinished file must fit as well. */
const MAX_BYTES = 200;
/** Of a name's end; a longer one is no extension. */
const MAX_EXTENSION_BYTES = 16;
/** Names of devices, whatever follows a dot: the folder may be on a disk that Windows reads, too. */
const DEVICES = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)/i;

/**
 * `given` as a file's name: one segment, which shows whole, is not hidden, names no device, does not look like an option
 * of a command, and has at most 200 bytes. Never empty.
 */
export function safeFileName(given: string): string {
  const shown = replaceActing(given.normalize("NFC"), "_").replace(/[/\\:*?"<>|]/g, "_");
  const bare = shown.replace(/\s+/gu, " ").replace(/^[ .]+|[ .]+$/g, "");
  const named = bare.replace(/^-/, "_").replace(DEVICES, "_$1");
  return shorten(named === "" ? "file" : named);
}

/** The `count`-th name for a file that should be called `name`: "a.txt", "a (2).txt", "a (3).txt". */
export function numberedName(name: string, count: number): string {
  if (count === 1) return name;
  const [stem, extension] = split(name);
  return `${stem} (${count})${extension}`;
}

/** Cut at a character, with its extension. */
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= MAX_BYTES) return name;
  const [stem, extension] = split(name);
  let left = MAX_BYTES - Buffer.byteLength(extension);
  let kept = "";
  for (const character of stem) {
    left -= Buffer.byteLength(character);
    if (left < 0) break;
    kept += character;
  }
  return `${kept.replace(/[ .]+$/, "")}${extension}`;
}

/** ".tar.gz" is one extension. */
function split(name: string): readonly [stem: string, extension: string] {
  const [extension = ""] = /(?:\.tar)?\.[^. ]+$/.exec(name) ?? [];
  const isOne = extension.length < name.length && Buffer.byteLength(extension) <= MAX_EXTENSION_BYTES;
  return isOne ? [name.slice(0, name.length - extension.length), extension] : [name, ""];
}
