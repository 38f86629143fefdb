import type { Millis } from "../base/clock.ts";

/** Who comes or goes leaves some 15 KiB behind: so many are worth the pause. */
const STORM_CLIENTS = 256;
/**
 * So long after a storm, with hardly anybody moving any more, what it left is garbage, and no other storm follows it. A
 * registry that has given memory back compiles anew and collects more often for a while.
 */
const QUIET_MILLIS: Millis = 30_000;
/** Clients that come and go in that time on any day. */
const FEW_CLIENTS = 48;

/**
 * Whether a storm of clients that came or went is over: the moment at which nobody minds the half a second that it takes
 * to give memory back. Pure; `vitals.ts` reads and acts.
 */
export class Lull {
  /** When the last of a calm began, and how many had moved by then. */
  #calm: { readonly since: Millis; readonly turnover: number } | undefined;
  /** At the last storm. */
  #turnover = 0;

  /** `turnover`: how many have come or gone since the registry began to serve. True once after each storm. */
  look(now: Millis, turnover: number): boolean {
    // It was stopped and started by an admin.
    if (turnover < this.#turnover) this.#turnover = 0;
    if (this.#calm === undefined || turnover - this.#calm.turnover > FEW_CLIENTS)
      this.#calm = { since: now, turnover };
    if (now - this.#calm.since < QUIET_MILLIS) return false;
    this.#calm = { since: now, turnover };
    if (turnover - this.#turnover < STORM_CLIENTS) return false;
    this.#turnover = turnover;
    return true;
  }
}
