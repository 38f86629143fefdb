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

/**
 * What all associations together keep of messages that cannot be delivered yet. When there is no room left, whoever
 * keeps most goes: peers that begin messages and never end them make room for one that has little to keep.
 */
export class KeepBudget {
  limit: number;
  #bytes = 0;
  /** Those who keep anything, which is few at any time. */
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

  /** Makes room for `bytes` more of `holder`; false when it is the one who keeps most. */
  makeRoom(holder: Holder, bytes: number): boolean {
    while (this.#bytes + bytes > this.limit) {
      const most = this.#whoKeepsMost();
      if (most === undefined || most === holder) return false;
      most.evict();
    }
    return true;
  }

  #whoKeepsMost(): Holder | undefined {
    let most: Holder | undefined;
    for (const [holder, bytes] of this.#holders) {
      if (most === undefined || bytes > (this.#holders.get(most) ?? 0)) most = holder;
    }
    return most;
  }
}
