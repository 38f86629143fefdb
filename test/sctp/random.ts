import type { Random } from "../../src/base/clock.ts";

/** A seeded generator (mulberry32): the same seed gives the same run. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 32 uniform bits, as a signed integer. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return value ^ (value >>> 14);
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return (this.bits() >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(((this.bits() >>> 0) / 2 ** 32) * limit);
  }

  /** One of `limit` times true. */
  oneIn(limit: number): boolean {
    return this.below(limit) === 0;
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0];
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.fill(bytes);
    return bytes;
  }

  fill(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; ) {
      let bits = this.bits();
      for (const end = Math.min(index + 4, bytes.length); index < end; index += 1) {
        bytes[index] = bits;
        bits >>>= 8;
      }
    }
  }
}

/** As the other, but every second 32-bit number it draws (a first TSN, a tag) is about to wrap. */
export class WrappingRandom extends SeededRandom {
  override below(limit: number): number {
    const drawn = super.below(limit);
    return limit === 2 ** 32 && this.bits() < 0 ? limit - 1 - (drawn % 2_000) : drawn;
  }
}

/** Draws consecutive 32-bit numbers: tags and first TSNs are where the test wants them. */
export class CountingRandom extends SeededRandom {
  #next: number;

  constructor(first: number) {
    super(first);
    this.#next = first;
  }

  override below(limit: number): number {
    if (limit !== 2 ** 32) return super.below(limit);
    this.#next = (this.#next + 1) >>> 0;
    return this.#next;
  }
}
