/** Whom a command is about: how it is named on the command line, and how it is told who it was. */
import { type Fingerprint, fingerprintText } from "../base/fingerprint.ts";
import type { ConcernedReport } from "../control/admin-reports.ts";

/** What goes for `<who...>`: a fingerprint may be read out in groups, so all words are one. */
export const WHO = "a nickname, or a key's fingerprint (64 hexadecimal digits, or its 40 digits in groups)";

export function whoOf(words: readonly string[]): string {
  return words.join(" ");
}

/** "ola (04521 61200 …) at 10.0.0.5", as far as it is known; otherwise as it was asked for. */
export function concernedText(report: ConcernedReport, asked: string): string {
  const { nickname, fingerprint, address } = report;
  const key = fingerprint === null ? undefined : spoken(fingerprint);
  const who = nickname ?? (key === undefined ? asked : `the key ${key}`);
  const whose = nickname !== null && key !== undefined ? ` (key ${key})` : "";
  return `${who}${whose}${address === null ? "" : ` at ${address}`}`;
}

/** The digits that people compare. The control plane's parser has seen that these are 64 hexadecimal ones. */
export function spoken(fingerprint: string): string {
  return fingerprintText(fingerprint as Fingerprint);
}
