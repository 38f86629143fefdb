import type { Millis } from "./clock.ts";

/**
 * One deadline: `owner` says whose, `name` says which and why. Made once, then set and cleared in a
 * {@link DeadlineHeap} as often as needed without making anything new.
 */
export class Deadline<Owner, Name extends string> {
  readonly owner: Owner;
  readonly name: Name;
  /** When it is due; meaningless while it is not set. */
  at: Millis = 0;
  /** Its place in the heap, -1 while it is not set. The heap's to change. */
  slot = -1;

  constructor(owner: Owner, name: Name) {
    this.owner = owner;
    this.name = name;
  }

  get isSet(): boolean {
    return this.slot >= 0;
  }
}

/** Children of a place: four make the heap half as deep as two would, and lie side by side in memory. */
const BRANCHES = 4;

/**
 * Deadlines, the earliest first: a heap whose entries know their place. Setting, moving and clearing one of 50,000
 * costs O(log n), asking for the next O(1), and nothing is allocated. The times stand in an array of their own, so that
 * comparing them does not touch the entries.
 */
export class DeadlineHeap<Owner, Name extends string> {
  readonly #entries: Deadline<Owner, Name>[] = [];
  readonly #times: Millis[] = [];

  /** Sets or moves `deadline`. */
  set(deadline: Deadline<Owner, Name>, at: Millis): void {
    deadline.at = at;
    if (deadline.slot < 0) {
      deadline.slot = this.#entries.length;
      this.#entries.push(deadline);
      this.#times.push(at);
    }
    this.#settle(deadline);
  }

  clear(deadline: Deadline<Owner, Name>): void {
    const { slot } = deadline;
    if (slot < 0) return;
    deadline.slot = -1;
    const last = this.#entries.pop();
    this.#times.pop();
    if (last === undefined || last === deadline) return;
    last.slot = slot;
    this.#settle(last);
  }

  /** The earliest time, or undefined when none is set. */
  next(): Millis | undefined {
    return this.#times[0];
  }

  /** Removes and returns one deadline that is due at `now`, earliest first. */
  due(now: Millis): Deadline<Owner, Name> | undefined {
    const first = this.#entries[0];
    if (first === undefined || first.at > now) return undefined;
    this.clear(first);
    return first;
  }

  /** Moves `deadline` up or down from its place to where it belongs. */
  #settle(deadline: Deadline<Owner, Name>): void {
    const { at } = deadline;
    let { slot } = deadline;
    while (slot > 0) {
      const parent = Math.floor((slot - 1) / BRANCHES);
      if (this.#timeAt(parent) <= at) break;
      this.#move(parent, slot);
      slot = parent;
    }
    for (let child = this.#earliestChild(slot); this.#timeAt(child) < at; ) {
      this.#move(child, slot);
      slot = child;
      child = this.#earliestChild(slot);
    }
    this.#entries[slot] = deadline;
    this.#times[slot] = at;
    deadline.slot = slot;
  }

  #move(from: number, to: number): void {
    const entry = this.#entries[from];
    if (entry === undefined) return;
    this.#entries[to] = entry;
    this.#times[to] = this.#timeAt(from);
    entry.slot = to;
  }

  /** Infinity where there is nothing. */
  #timeAt(slot: number): Millis {
    return slot < this.#times.length ? (this.#times[slot] ?? Infinity) : Infinity;
  }

  #earliestChild(slot: number): number {
    const first = BRANCHES * slot + 1;
    let earliest = first;
    for (let child = first + 1; child < first + BRANCHES; child += 1) {
      if (this.#timeAt(child) < this.#timeAt(earliest)) earliest = child;
    }
    return earliest;
  }
}
