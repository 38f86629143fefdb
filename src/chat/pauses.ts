import type { Millis, Random } from "../base/clock.ts";

/** Times of the search for a registry, by either protocol. */

/** Pauses between two hellos; the last one repeats. */
export const PAUSES = {
  /** While no registry was ever found. */
  first: [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000],
  /** After a registry is gone: it is probably being restarted, so look closely for the first half minute. */
  return: [250, 500, ...Array<Millis>(30).fill(1_000), 2_000, 5_000],
} as const satisfies Readonly<Record<string, readonly Millis[]>>;

export type PauseKind = keyof typeof PAUSES;

/**
 * From a join to its repetitions, and from the last one to the next hello. On an idle LAN one takes a few milliseconds, so
 * the first is for what was lost; a busy registry lets joins wait for 5 s and then forgets them, and a dial-back that
 * nobody answers takes it as long to find out, so nobody else is asked before that.
 */
export const JOIN_PAUSES: readonly Millis[] = [500, 1_000, 2_000, 3_000];

/**
 * Whoever comes back asks where the registry was, and the others only when that is silent for so long: a registry to which
 * a thousand come back at once takes longer over its answers than a lost datagram is worth.
 */
export const FORMER_PLACE_MILLIS: Millis = 500;

/** After a registry that answered but could not be used. */
export const PATIENT_MILLIS: Millis = 4_000;
/** After a registry is gone everybody comes back: spread over this time. */
export const RETURN_SPREAD_MILLIS: Millis = 400;

/** The pause after the hello number `attempt` (from 0). */
export function pauseAfter(random: Random, kind: PauseKind, attempt: number): Millis {
  const pauses: readonly Millis[] = PAUSES[kind];
  return jittered(random, pauses[Math.min(attempt, pauses.length - 1)] ?? 0);
}

/** With 20% of jitter either way, so that clients that started together drift apart. */
export function jittered(random: Random, pause: Millis): Millis {
  return pause * (0.8 + random.below(401) / 1_000);
}
