/** Who was refused for lack of room and wants to hear when there is some. */
export interface Waiter {
  othersGaveWay(): void;
}

/** What all associations of an endpoint together have queued to send, and how much that may be. */
export class SendBudget {
  limit: number;
  #bytes = 0;
  readonly #waiters = new Set<Waiter>();

  constructor(limit: number) {
    this.limit = limit;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.limit;
  }

  /** `bytes` more are queued, or, when negative, fewer. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  waits(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  gone(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** Calls the waiters once a quarter is free, so that they do not take turns byte by byte. */
  callWaiters(): void {
    if (this.#waiters.size === 0 || this.#bytes > this.limit * 0.75) return;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.othersGaveWay();
  }
}

/** Who keeps received bytes of messages that are not whole or not next. */
export interface Holder {
  /** Everything that is kept must go, now. */
  evict(): void;
}

/** Holders looked at for one that should go; whoever floods us must not make us look through thousands. */
const LOOKED_AT = 16;

/**
 * What all associations together keep of messages that cannot be delivered yet. When there is no room left, of those
 * who have kept something longest whoever keeps most goes: peers that begin messages and never end them make room for
 * one that has little to keep for a moment.
 */
export class KeepBudget {
  limit: number;
  #bytes = 0;
  /** Those who keep anything, which is few at any time; who has done so longest comes first. */
  readonly #holders = new Map<Holder, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** `holder` keeps `bytes` in all now. */
  set(holder: Holder, bytes: number): void {
    this.#bytes += bytes - (this.#holders.get(holder) ?? 0);
    if (bytes === 0) this.#holders.delete(holder);
    else this.#holders.set(holder, bytes);
  }

  /** Makes room for `bytes` more of `holder`; false when nobody is found who keeps more than it does. */
  makeRoom(holder: Holder, bytes: number): boolean {
    while (this.#bytes + bytes > this.limit) {
      const most = this.#whoKeepsMoreThan(this.#holders.get(holder) ?? 0);
      if (most === undefined) return false;
      most.evict();
    }
    return true;
  }

  #whoKeepsMoreThan(least: number): Holder | undefined {
    let found: Holder | undefined;
    let most = least;
    let looked = 0;
    for (const [holder, bytes] of this.#holders) {
      if (bytes > most) {
        found = holder;
        most = bytes;
      }
      looked += 1;
      if (looked === LOOKED_AT) break;
    }
    return found;
  }
}
