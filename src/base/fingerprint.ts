import { equalInConstantTime, sha256 } from "./hash.ts";

/**
 * Fingerprints: who somebody is, as programs compare it and as two people read it to each other. Programs use all 256
 * bits. People get the first 128 as eight groups of five digits, since digits are said alike in every language, fit any
 * keyboard and have no look-alikes; who wants another key with the same digits has 2^128 keys to try.
 */

/** SHA-256 of a public key's SubjectPublicKeyInfo (DER): 64 lower-case hexadecimal digits. */
export type Fingerprint = string & { readonly __fingerprint: unique symbol };

const FINGERPRINT_BYTES = 32;

/** Each group is two bytes, big-endian, as a decimal number from 00000 to 65535. */
const GROUPS = 8;
const GROUP_BYTES = 2;
const GROUP_DIGITS = 5;
const SPOKEN_BYTES = GROUPS * GROUP_BYTES;

/** Longer than any way to write one down; nothing beyond it is looked at. */
const MAX_TEXT_LENGTH = 256;

/** The fingerprint of the key in `spki` (SubjectPublicKeyInfo, DER). */
export function fingerprintOfSpki(spki: Uint8Array): Fingerprint {
  return Buffer.from(sha256(spki)).toString("hex") as Fingerprint;
}

/** Takes exactly 64 lower-case hexadecimal digits. */
export function parseFingerprint(text: string): Fingerprint | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? (text as Fingerprint) : undefined;
}

/** Whether both are one key's, in a time that does not tell where they differ. */
export function isSameFingerprint(left: Fingerprint, right: Fingerprint): boolean {
  return equalInConstantTime(bytesOf(left), bytesOf(right));
}

/** "04521 61200 00007 33319 05000 65535 12345 48211": what people compare. Always 47 characters. */
export function fingerprintText(fingerprint: Fingerprint): string {
  const bytes = bytesOf(fingerprint);
  return Array.from({ length: GROUPS }, (_, group) =>
    String(bytes.readUInt16BE(group * GROUP_BYTES)).padStart(GROUP_DIGITS, "0"),
  ).join(" ");
}

/** What somebody was told of a fingerprint: its digits for people, or all of it. */
export type SpokenFingerprint = Uint8Array & { readonly __spoken: unique symbol };

/**
 * Parses what a user typed or pasted: the forty digits, with spaces, new lines, hyphens or nothing between them, or the
 * 64 hexadecimal digits, in either case. Undefined for everything else: a part of a fingerprint proves nothing.
 */
export function parseSpokenFingerprint(text: string): SpokenFingerprint | undefined {
  if (text.length > MAX_TEXT_LENGTH) return undefined;
  const bare = text.replace(/[\s-]+/gu, "");
  if (/^[0-9a-f]{64}$/i.test(bare)) return Buffer.from(bare, "hex") as Uint8Array as SpokenFingerprint;
  if (!/^[0-9]{40}$/.test(bare)) return undefined;
  const bytes = Buffer.alloc(SPOKEN_BYTES);
  for (let group = 0; group < GROUPS; group += 1) {
    const value = Number(bare.slice(group * GROUP_DIGITS, (group + 1) * GROUP_DIGITS));
    if (value > 0xffff) return undefined;
    bytes.writeUInt16BE(value, group * GROUP_BYTES);
  }
  return bytes as Uint8Array as SpokenFingerprint;
}

/** Whether `spoken` is of `fingerprint`, in a time that does not tell where they differ. */
export function isSpokenOf(spoken: SpokenFingerprint, fingerprint: Fingerprint): boolean {
  const whole = bytesOf(fingerprint);
  const isLong = spoken.length === FINGERPRINT_BYTES;
  return equalInConstantTime(spoken, isLong ? whole : whole.subarray(0, SPOKEN_BYTES));
}

function bytesOf(fingerprint: Fingerprint): Buffer {
  return Buffer.from(fingerprint, "hex");
}
