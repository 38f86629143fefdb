import type { Millis } from "./clock.ts";

/**
 * Named deadlines of a core: `key` says whose, `name` says which and why. A binary heap with lazy deletion, so that
 * setting, moving and clearing one of 10,000 costs O(log n) and asking for the next costs O(1) amortised.
 */
export class Deadlines<Key, Name extends string> {
  readonly #heap: Entry<Key, Name>[] = [];
  readonly #live = new Map<Key, Map<Name, Entry<Key, Name>>>();
  #stale = 0;

  /** Sets or moves the deadline `name` of `key`. */
  set(key: Key, name: Name, at: Millis): void {
    this.clear(key, name);
    const entry: Entry<Key, Name> = { key, name, at, live: true };
    let names = this.#live.get(key);
    if (names === undefined) {
      names = new Map();
      this.#live.set(key, names);
    }
    names.set(name, entry);
    this.#push(entry);
  }

  clear(key: Key, name: Name): void {
    const names = this.#live.get(key);
    const entry = names?.get(name);
    if (names === undefined || entry === undefined) return;
    entry.live = false;
    this.#stale += 1;
    names.delete(name);
    if (names.size === 0) this.#live.delete(key);
    if (this.#stale > 64 && this.#stale > this.#heap.length / 2) this.#compact();
  }

  /** Clears every deadline of `key`. */
  clearAll(key: Key): void {
    for (const name of [...(this.#live.get(key)?.keys() ?? [])]) this.clear(key, name);
  }

  at(key: Key, name: Name): Millis | undefined {
    return this.#live.get(key)?.get(name)?.at;
  }

  /** The earliest deadline, or undefined when none is set. */
  next(): Millis | undefined {
    this.#dropStale();
    return this.#heap[0]?.at;
  }

  /** Removes and returns one deadline that is due at `now`, earliest first. */
  due(now: Millis): { readonly key: Key; readonly name: Name; readonly at: Millis } | undefined {
    this.#dropStale();
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.clear(first.key, first.name);
    return first;
  }

  #dropStale(): void {
    while (this.#heap[0]?.live === false) {
      this.#pop();
      this.#stale -= 1;
    }
  }

  #compact(): void {
    const live = this.#heap.filter((entry) => entry.live);
    this.#heap.length = 0;
    this.#stale = 0;
    for (const entry of live) this.#push(entry);
  }

  #push(entry: Entry<Key, Name>): void {
    const heap = this.#heap;
    heap.push(entry);
    let index = heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= entry.at) break;
      heap[index] = above;
      heap[parent] = entry;
      index = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let index = 0;
    for (;;) {
      let smallest = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if ((heap[child]?.at ?? Infinity) < (heap[smallest]?.at ?? Infinity)) smallest = child;
      }
      if (smallest === index) return;
      const child = heap[smallest];
      if (child === undefined) return;
      heap[smallest] = last;
      heap[index] = child;
      index = smallest;
    }
  }
}

interface Entry<Key, Name> {
  readonly key: Key;
  readonly name: Name;
  readonly at: Millis;
  live: boolean;
}
