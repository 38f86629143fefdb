import type { Clock, Millis } from "../base/clock.ts";

/** A timer may fire this much late or early; a core is asked again anyway. */
const LONGEST_MILLIS = 60_000;

/** What Node makes of a shorter time. */
const SHORTEST_MILLIS = 1;

/**
 * The one real timer of a driver: wakes it at the deadline that its core names. Cores say when; this is the only place
 * in a driver that calls setTimeout.
 *
 * A deadline that moves away costs nothing: the timer stays, finds nothing due when it fires, and is set anew. Only one
 * that comes nearer replaces it. So a core whose next deadline changes with every packet does not pay for a timer each.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #wake: () => void;
  readonly #graceMillis: Millis;
  #timer: NodeJS.Timeout | undefined;
  /** Instead of the timer, for a deadline that has passed. */
  #turn: NodeJS.Immediate | undefined;
  /** When the timer fires. */
  #firesAt: Millis = 0;
  #deadline: Millis | undefined;

  /**
   * `graceMillis`: wakes up to so much after its deadline, at multiples of it, so that deadlines which lie close
   * together share one wake-up. 0 wakes at the deadline itself, and for one that has passed as soon as what has come in
   * has been read, not a millisecond later.
   */
  constructor(clock: Clock, wake: () => void, graceMillis: Millis = 0) {
    this.#clock = clock;
    this.#wake = wake;
    this.#graceMillis = graceMillis;
  }

  /** Wakes at `deadline`, or never when it is undefined. Replaces what was set before. */
  set(deadline: Millis | undefined): void {
    this.#deadline = deadline;
    if (deadline === undefined) this.clear();
    else if (this.#turn !== undefined) return;
    else if (this.#timer === undefined || this.#comesTooLate(deadline)) this.#start(deadline);
  }

  clear(): void {
    this.#stop();
    this.#deadline = undefined;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#timer = undefined;
    this.#turn = undefined;
  }

  /**
   * Whether the running timer would miss the deadline. One that is about to fire never does, however long ago the
   * deadline was: a process with too much to do would put it off again with every packet.
   */
  #comesTooLate(deadline: Millis): boolean {
    if (deadline >= this.#firesAt - this.#graceMillis) return false;
    return this.#clock.now() + SHORTEST_MILLIS < this.#firesAt;
  }

  #start(deadline: Millis): void {
    this.#stop();
    const now = this.#clock.now();
    const grace = this.#graceMillis;
    if (grace === 0 && deadline <= now) {
      this.#turn = setImmediate(() => this.#fire());
      return;
    }
    const wakeAt = grace > 0 ? Math.ceil(deadline / grace) * grace : deadline;
    const delay = Math.min(LONGEST_MILLIS, Math.max(SHORTEST_MILLIS, Math.ceil(wakeAt - now)));
    this.#firesAt = now + delay;
    this.#timer = setTimeout(() => this.#fire(), delay);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#turn = undefined;
    const deadline = this.#deadline;
    if (deadline === undefined) return;
    // Moved away meanwhile, further than one timer reaches, or the timer was a fraction of a millisecond early.
    if (deadline > this.#clock.now()) {
      this.#start(deadline);
      return;
    }
    this.#deadline = undefined;
    this.#wake();
  }
}
