import { randomBytes, randomFillSync, randomInt } from "node:crypto";
import type { Random } from "../base/clock.ts";

/** Drawn from the system at once: a call costs 4 µs, however few bytes it is for. */
const DRAWN_BYTES = 4_096;
/** Longer ones are drawn by themselves. */
const SMALL_BYTES = 64;

/** The system's cryptographic randomness. What is handed out is forgotten here. */
class SystemRandom implements Random {
  readonly #drawn = Buffer.alloc(DRAWN_BYTES);
  #used = DRAWN_BYTES;

  bytes(length: number): Uint8Array {
    if (length > SMALL_BYTES) return randomBytes(length);
    if (this.#used + length > DRAWN_BYTES) {
      randomFillSync(this.#drawn);
      this.#used = 0;
    }
    const taken = this.#drawn.subarray(this.#used, this.#used + length);
    this.#used += length;
    const bytes = Uint8Array.from(taken);
    taken.fill(0);
    return bytes;
  }

  below(limit: number): number {
    return randomInt(limit);
  }
}

export const systemRandom: Random = new SystemRandom();
