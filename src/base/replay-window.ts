/** What a counter is to a receiver that has seen others. */
export type Freshness = "new" | "replayed" | "too-old";

/** Counters that may come late: bits in two words. */
export const REPLAY_WINDOW_WIDTH = 64;

/** Which of the latest {@link REPLAY_WINDOW_WIDTH} counters have come, after RFC 4303 §3.4.3. */
export class ReplayWindow {
  /** The highest counter that has come, -1 before the first. */
  #highest = -1;
  /** Bit n: `#highest - n` has come. */
  #recent = 0;
  /** Bit n: `#highest - 32 - n` has come. */
  #older = 0;

  judge(counter: number): Freshness {
    if (counter > this.#highest) return "new";
    const age = this.#highest - counter;
    if (age >= REPLAY_WINDOW_WIDTH) return "too-old";
    const word = age < 32 ? this.#recent : this.#older;
    return ((word >>> (age & 31)) & 1) === 1 ? "replayed" : "new";
  }

  /** `counter` has come, and what it came with is genuine. */
  accept(counter: number): void {
    if (counter > this.#highest) this.#shift(counter - this.#highest);
    this.#highest = Math.max(this.#highest, counter);
    const age = this.#highest - counter;
    if (age < 32) this.#recent |= 1 << age;
    else if (age < REPLAY_WINDOW_WIDTH) this.#older |= 1 << (age & 31);
  }

  /** JavaScript shifts by the number modulo 32, so whole words are moved by hand. */
  #shift(by: number): void {
    if (by >= REPLAY_WINDOW_WIDTH) this.#older = 0;
    else if (by >= 32) this.#older = this.#recent << (by & 31);
    else this.#older = (this.#older << by) | (this.#recent >>> (32 - by));
    this.#recent = by >= 32 ? 0 : this.#recent << by;
  }
}
