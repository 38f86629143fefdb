import type { Millis } from "../base/clock.ts";
import { COOKIE_LIFE } from "./constants.ts";

const CAPACITY = 16_384;

/**
 * Tags of associations that ended less than a cookie's life ago: a COOKIE ECHO that the network delivers once more
 * (or that somebody recorded) must not raise them from the dead. At most {@link CAPACITY}, the oldest go first.
 */
export class RetiredTags {
  readonly #until = new Map<number, Millis>();

  add(tag: number, now: Millis): void {
    for (const [old, until] of this.#until) {
      if (until > now && this.#until.size < CAPACITY) break;
      this.#until.delete(old);
    }
    this.#until.delete(tag);
    this.#until.set(tag, now + COOKIE_LIFE);
  }

  has(tag: number, now: Millis): boolean {
    return (this.#until.get(tag) ?? now) > now;
  }
}
