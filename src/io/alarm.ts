import type { Clock, Millis } from "../base/clock.ts";

/** A timer may fire this much late or early; a core is asked again anyway. */
const LONGEST_MILLIS = 60_000;

/**
 * The one real timer of a driver: wakes it at the deadline that its core names. Cores say when; this is the only place
 * in a driver that calls setTimeout.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #timer: NodeJS.Timeout | undefined;
  #at: Millis | undefined;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Wakes at `deadline`, or never when it is undefined. Replaces what was set before. */
  set(deadline: Millis | undefined): void {
    if (deadline === this.#at && (this.#timer !== undefined || deadline === undefined)) return;
    this.clear();
    if (deadline === undefined) return;
    this.#at = deadline;
    const delay = Math.min(LONGEST_MILLIS, Math.max(0, Math.ceil(deadline - this.#clock.now())));
    this.#timer = setTimeout(() => {
      this.clear();
      this.#wake();
    }, delay);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#at = undefined;
  }
}
