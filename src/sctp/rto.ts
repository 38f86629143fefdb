import { RTO_INITIAL, RTO_MAX, RTO_MIN } from "./constants.ts";

/** Round-trip time and retransmission time-out (RFC 9260 §6.3.1). */
export class RoundTrip {
  /** Smoothed round-trip time; undefined before the first measurement. */
  smoothed: number | undefined = undefined;
  #variation = 0;
  #backOff = 1;

  /** Another peer behind the same address: nothing is known of it. */
  reset(): void {
    this.smoothed = undefined;
    this.#variation = 0;
    this.#backOff = 1;
  }

  /** C2 for the first, C3 for all others. */
  measure(millis: number): void {
    this.#backOff = 1;
    if (this.smoothed === undefined) {
      this.smoothed = millis;
      this.#variation = millis / 2;
      return;
    }
    this.#variation = 0.75 * this.#variation + 0.25 * Math.abs(this.smoothed - millis);
    this.smoothed = 0.875 * this.smoothed + 0.125 * millis;
  }

  /** New data were acknowledged: the path works, also where nothing could be measured (Karn), as TCP in Linux has it. */
  worksAgain(): void {
    this.#backOff = 1;
  }

  /** §6.3.3 E2. */
  backOff(): void {
    this.#backOff = Math.min(this.#backOff * 2, RTO_MAX);
  }

  /** RTO for T1, T2 and T3, between RTO.Min (C6) and RTO.Max (C7). */
  get timeout(): number {
    return Math.min(RTO_MAX, Math.max(RTO_MIN, this.#plain(RTO_INITIAL)) * this.#backOff);
  }

  /** When a heartbeat that is not answered counts as missed; heartbeats are answered without delay. */
  answerWithin(least: number, most: number): number {
    return Math.min(most, Math.max(least, this.#plain(least)));
  }

  #plain(unknown: number): number {
    return this.smoothed === undefined ? unknown : this.smoothed + 4 * this.#variation;
  }
}
