import { closeSync, openSync, readdirSync } from "node:fs";
import { errorCode } from "../base/errors.ts";

/** errno(3): this process, or the machine, has as many open files as it may. */
export function isNoDescriptors(code: string): boolean {
  return code === "EMFILE" || code === "ENFILE";
}

/** Open files of this process (proc(5)); Infinity when there is not even one left to look with; undefined without /proc. */
export function openDescriptors(): number | undefined {
  try {
    // One of them is the one that looks.
    return readdirSync("/proc/self/fd").length - 1;
  } catch (error) {
    return isNoDescriptors(errorCode(error)) ? Infinity : undefined;
  }
}

/**
 * Descriptors held in reserve for what must be done even when all others are in use. Whoever needs some borrows them and
 * takes them within the same turn, so that nobody else can; the reserve is larger than that, since others may be quicker
 * when they come back.
 */
export class SpareDescriptors {
  readonly #count: number;
  readonly #held: number[] = [];

  constructor(count: number) {
    this.#count = count;
    this.refill();
  }

  /** Takes what of the reserve is missing, as far as there is any to take. */
  refill(): void {
    try {
      while (this.#held.length < this.#count) this.#held.push(openSync("/dev/null", "r"));
    } catch {
      // The next attempt takes the rest.
    }
  }

  /** Lets go of so many of them; false, and nothing is let go of, where there are fewer. */
  lend(count: number): boolean {
    this.refill();
    if (this.#held.length < count) return false;
    for (const descriptor of this.#held.splice(0, count)) closeSync(descriptor);
    return true;
  }
}
