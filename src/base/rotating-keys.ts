import type { Millis, Random } from "./clock.ts";

const KEY_BYTES = 32;

/**
 * Secrets for proofs that somebody carries for us and brings back (cookies). Two take turns, each for one life, so a
 * proof made now can be checked for one life at least, and one that is two lives old never.
 */
export class RotatingKeys {
  readonly #random: Random;
  readonly #lifeMillis: Millis;
  /** Number of the current key, 8 bits that wrap. */
  #number = 0;
  #rotatedAt: Millis;
  #current: Uint8Array;
  #previous: Uint8Array;

  constructor(random: Random, lifeMillis: Millis, now: Millis) {
    this.#random = random;
    this.#lifeMillis = lifeMillis;
    this.#rotatedAt = now;
    this.#current = random.bytes(KEY_BYTES);
    this.#previous = random.bytes(KEY_BYTES);
  }

  /** The key to make proofs with, and the number by which to find it again. */
  current(now: Millis): { readonly number: number; readonly key: Uint8Array } {
    this.#rotate(now);
    return { number: this.#number, key: this.#current };
  }

  /** The key of that number, undefined when it is forgotten. */
  find(number: number, now: Millis): Uint8Array | undefined {
    this.#rotate(now);
    if (number === this.#number) return this.#current;
    return number === ((this.#number - 1) & 0xff) ? this.#previous : undefined;
  }

  #rotate(now: Millis): void {
    if (now - this.#rotatedAt < this.#lifeMillis) return;
    const missedOne = now - this.#rotatedAt >= 2 * this.#lifeMillis;
    this.#previous = missedOne ? this.#random.bytes(KEY_BYTES) : this.#current;
    this.#current = this.#random.bytes(KEY_BYTES);
    this.#number = (this.#number + 1) & 0xff;
    this.#rotatedAt = now;
  }
}
