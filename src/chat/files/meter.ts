import type { Millis } from "../../base/clock.ts";

/** Half of what is shown is from the last two seconds: steady to look at, and soon true after a change. */
const HALF_LIFE_MILLIS: Millis = 2_000;

/** How fast bytes pass. */
export class Meter {
  #at: Millis;
  #bytes: number;
  #rate: number | undefined;

  constructor(now: Millis, bytes: number) {
    this.#at = now;
    this.#bytes = bytes;
  }

  get bytesPerSecond(): number {
    return Math.round(this.#rate ?? 0);
  }

  /** `bytes`: in all, now. */
  passed(now: Millis, bytes: number): void {
    const time = now - this.#at;
    if (time <= 0) return;
    const rate = ((bytes - this.#bytes) * 1_000) / time;
    const weight = 1 - 0.5 ** (time / HALF_LIFE_MILLIS);
    this.#rate = this.#rate === undefined ? rate : this.#rate + (rate - this.#rate) * weight;
    this.#at = now;
    this.#bytes = bytes;
  }
}
