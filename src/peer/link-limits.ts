import type { Millis } from "../base/clock.ts";
import type { Rate } from "../base/tokens.ts";

/** Every time of a link and why it is what it is. */
export const LINK_TIMES = {
  /** For both greetings. The other side may wait for its roster, and for the end of another connection. */
  greeting: 8_000,
  /** While the other side owes an answer, so much silence leads to a ping … */
  silence: 1_500,
  /** … and so much more to the end: found dead after 3.5 s, and replaced within five. */
  pong: 2_000,
  /** While it owes nothing, finding out late harms nobody. */
  idlePing: 15_000,
  /** A deadline that is noticed so late means that we were stopped, not that the other side is dead. */
  stall: 1_000,
  /** "Is writing" that is not repeated is over. */
  typing: 6_000,
} as const satisfies Readonly<Record<string, Millis>>;

/** Messages that are sent and not acknowledged: half of what TLS may queue (1 MiB) when all are of the longest. */
export const LINK_WINDOW = 32;

/** Changes between writing and not writing that are worth showing. */
export const TYPING_RATE: Rate = { perSecond: 4, burst: 8 };
