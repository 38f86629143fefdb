import type { Millis } from "../base/clock.ts";
import { KeyedBuckets } from "../base/tokens.ts";

/** Connections of peers at once, in all and from one address. */
const MAX_CONNECTIONS = 64;
const MAX_PER_ADDRESS = 8;

/** New connections from one address: a long pasted text at once, then no more than a screen can show. */
const RATE = { perSecond: 50, burst: 200 };
const MAX_ADDRESSES = 1_024;

/** Who may open one more connection to our chat port. */
export class Admission {
  readonly #open = new Map<string, number>();
  readonly #rate = new KeyedBuckets(RATE, MAX_ADDRESSES);
  #total = 0;

  /** True when a connection from `address` may stay; then {@link release} must follow when it ends. */
  admit(now: Millis, address: string): boolean {
    const open = this.#open.get(address) ?? 0;
    if (this.#total >= MAX_CONNECTIONS || open >= MAX_PER_ADDRESS) return false;
    if (!this.#rate.take(address, now)) return false;
    this.#open.set(address, open + 1);
    this.#total += 1;
    return true;
  }

  release(address: string): void {
    const open = this.#open.get(address);
    if (open === undefined) return;
    this.#total -= 1;
    if (open === 1) this.#open.delete(address);
    else this.#open.set(address, open - 1);
  }
}
