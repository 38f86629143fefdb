/** Who was refused for lack of room and wants to hear when there is some. */
export interface Waiter {
  othersGaveWay(): void;
}

/** What all associations of an endpoint together keep for later, and how much that may be. */
export class HeldBytes {
  limit: number;
  #bytes = 0;
  readonly #waiters = new Set<Waiter>();

  constructor(limit: number) {
    this.limit = limit;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.limit;
  }

  /** `bytes` more are held, or, when negative, less. */
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
