import type { Millis } from "../../src/base/clock.ts";

/** What happens when, on a virtual clock: earliest first, and in the order of asking where times are equal. */
export class Schedule {
  #now: Millis = 0;
  #order = 0;
  /** A binary heap. */
  readonly #heap: { readonly at: Millis; readonly order: number; readonly happen: () => void }[] = [];

  get now(): Millis {
    return this.#now;
  }

  /** A time that has passed is now. */
  at(time: Millis, happen: () => void): void {
    this.#order += 1;
    const event = { at: Math.max(time, this.#now), order: this.#order, happen };
    let slot = this.#heap.push(event) - 1;
    while (slot > 0) {
      const parent = (slot - 1) >>> 1;
      if (!this.#isBefore(slot, parent)) break;
      this.#swap(slot, parent);
      slot = parent;
    }
  }

  after(delay: Millis, happen: () => void): void {
    this.at(this.#now + delay, happen);
  }

  /** Lets time pass until `end`. */
  runUntil(end: Millis): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#take();
      this.#now = next.at;
      next.happen();
    }
    this.#now = end;
  }

  #take(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let slot = 0; ; ) {
      const [left, right] = [2 * slot + 1, 2 * slot + 2];
      let first = slot;
      if (left < this.#heap.length && this.#isBefore(left, first)) first = left;
      if (right < this.#heap.length && this.#isBefore(right, first)) first = right;
      if (first === slot) return;
      this.#swap(slot, first);
      slot = first;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [left, right] = [this.#heap[one], this.#heap[other]];
    if (left === undefined || right === undefined) return false;
    return left.at < right.at || (left.at === right.at && left.order < right.order);
  }

  #swap(one: number, other: number): void {
    const [left, right] = [this.#heap[one], this.#heap[other]];
    if (left === undefined || right === undefined) return;
    this.#heap[one] = right;
    this.#heap[other] = left;
  }
}

/** One alarm that moves: the next deadline of a core. */
export class VirtualAlarm {
  readonly #schedule: Schedule;
  readonly #ring: () => void;
  #at: Millis | undefined;

  constructor(schedule: Schedule, ring: () => void) {
    this.#schedule = schedule;
    this.#ring = ring;
  }

  set(at: Millis | undefined): void {
    if (at === this.#at) return;
    this.#at = at;
    if (at === undefined) return;
    this.#schedule.at(at, () => {
      if (this.#at !== at) return;
      this.#at = undefined;
      this.#ring();
    });
  }
}
