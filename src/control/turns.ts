import type { Clock, Millis } from "../base/clock.ts";

/**
 * Work that is done a piece at a time, in the order in which it came, and takes no more than its share of the processor:
 * after a piece of 20 ms the next one waits until 20 ms are a `share` of the time since.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #share: number;
  /** When the next piece may begin. */
  #freeAt: Millis = 0;
  #last: Promise<void> = Promise.resolve();

  /** `share` in (0, 1]. */
  constructor(clock: Clock, share: number) {
    this.#clock = clock;
    this.#share = share;
  }

  /** Resolves when it is the caller's turn: it works at once and tells {@link spent}. */
  take(): Promise<void> {
    this.#last = this.#last.then(() => this.#free());
    return this.#last;
  }

  spent(millis: Millis): void {
    this.#freeAt = Math.max(this.#freeAt, this.#clock.now()) + millis * (1 / this.#share - 1);
  }

  async #free(): Promise<void> {
    // Whoever had the turn before has worked by then, and everything else has had its own.
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (let left = this.#left(); left > 0; left = this.#left())
      await new Promise((resolve) => setTimeout(resolve, left));
  }

  #left(): Millis {
    return this.#freeAt - this.#clock.now();
  }
}
