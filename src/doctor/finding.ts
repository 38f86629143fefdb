/** What a doctor found: one judgement of one thing, with what it rests on and what to do. */

/** In the order in which people want to read them. */
export const LEVELS = ["problem", "warning", "unknown", "note", "ok"] as const;

/**
 * "problem": it does not work, or will not. "warning": it works and is in danger. "unknown": it could not be looked at.
 * "note": worth knowing, nothing to do.
 */
export type Level = (typeof LEVELS)[number];

export interface Finding {
  /** What was looked at: "ports", "firewall". Stable, for scripts. */
  readonly check: string;
  readonly level: Level;
  readonly finding: string;
  /** What it rests on: what the system, the registry or a packet said. */
  readonly evidence: string;
  /** What to do; null where there is nothing to be done. */
  readonly fix: string | null;
}

/** Something that could be read, or why not. A doctor that does not know says so. */
export type Evidence<Value> =
  | { readonly known: true; readonly value: Value }
  | { readonly known: false; readonly why: string };

export function known<Value>(value: Value): Evidence<Value> {
  return { known: true, value };
}

export function notKnown(why: string): Evidence<never> {
  return { known: false, why };
}

/** The finding about what could not be read. */
export function unknownFinding(check: string, what: string, why: string, fix: string | null = null): Finding {
  return { check, level: "unknown", finding: `${what} could not be looked at`, evidence: why, fix };
}

/** The worst first; of one level in the order given. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
}

export function hasProblem(findings: readonly Finding[]): boolean {
  return findings.some(({ level }) => level === "problem");
}
