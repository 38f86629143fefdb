import type { Millis } from "./clock.ts";

/** A rate with a burst: `burst` at once, `perSecond` in the long run. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A token bucket on a clock from outside. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #at: Millis;

  constructor(rate: Rate, now: Millis) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** Takes so many tokens; false, and nothing is taken, when there are fewer. */
  take(now: Millis, count = 1): boolean {
    if (!this.has(now, count)) return false;
    this.#tokens -= count;
    return true;
  }

  /** What was taken was not needed. */
  give(count: number): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + count);
  }

  /** Whether `take` would succeed. */
  has(now: Millis, count = 1): boolean {
    const gained = (Math.max(0, now - this.#at) * this.#rate.perSecond) / 1000;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + gained);
    this.#at = now;
    return this.#tokens >= count;
  }

  /** True when nothing was taken for so long that forgetting this bucket changes nothing. */
  isFull(now: Millis): boolean {
    return this.#tokens + ((now - this.#at) * this.#rate.perSecond) / 1000 >= this.#rate.burst;
  }
}

/**
 * One bucket per key (a source address) for at most `capacity` keys. When full, keys whose bucket has refilled are
 * forgotten first, then the oldest: an attacker with many addresses can make us forget, never make us grow.
 */
export class KeyedBuckets {
  readonly #rate: Rate;
  readonly #capacity: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: Rate, capacity: number) {
    this.#rate = rate;
    this.#capacity = capacity;
  }

  /** Keys remembered, at most the capacity. */
  get size(): number {
    return this.#buckets.size;
  }

  take(key: string, now: Millis, count = 1): boolean {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#capacity) this.#evict(now);
      bucket = new TokenBucket(this.#rate, now);
      this.#buckets.set(key, bucket);
    }
    return bucket.take(now, count);
  }

  give(key: string, count: number): void {
    this.#buckets.get(key)?.give(count);
  }

  #evict(now: Millis): void {
    let looked = 0;
    for (const [key, bucket] of this.#buckets) {
      looked += 1;
      if (bucket.isFull(now) || looked === 1) this.#buckets.delete(key);
      if (looked >= 16) break;
    }
  }
}
