import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";

/**
 * Whether anybody has been at a keyboard lately.
 *
 *     active ── no key for so long, and not away ──> idle
 *        ^                                             │
 *        └────────────────── a key ────────────────────┘
 *
 * "idle" makes the user away, and the next key ends that. Away by the user's own word is not touched by either: it is
 * ended by the user.
 */
export class Idleness {
  readonly #limit: Millis | undefined;
  readonly #deadlines = new Deadlines<"idleness", "idle">();
  #isIdle = false;

  /** `limit`: undefined, never. */
  constructor(limit: Millis | undefined) {
    this.#limit = limit;
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** A key, or the beginning. True when that ends being idle. */
  active(now: Millis): boolean {
    const was = this.#isIdle;
    this.#isIdle = false;
    if (this.#limit !== undefined) this.#deadlines.set("idleness", "idle", now + this.#limit);
    return was;
  }

  /** The user has said what they are: nothing that was so by itself is any more. */
  decided(): void {
    this.#isIdle = false;
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  /** True when the user is idle from now on. `isAway`: by their own word. */
  advance(now: Millis, isAway: boolean): boolean {
    if (this.#deadlines.due(now) === undefined || isAway) return false;
    this.#isIdle = true;
    return true;
  }
}
