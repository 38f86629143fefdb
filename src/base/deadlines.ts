import type { Millis } from "./clock.ts";
import { Deadline, DeadlineHeap } from "./deadline-heap.ts";

/** Named deadlines of a core, found by their key: `key` says whose, `name` says which and why. */
export class Deadlines<Key, Name extends string> {
  readonly #heap = new DeadlineHeap<Key, Name>();
  readonly #live = new Map<Key, Map<Name, Deadline<Key, Name>>>();

  /** Sets or moves the deadline `name` of `key`. */
  set(key: Key, name: Name, at: Millis): void {
    let names = this.#live.get(key);
    if (names === undefined) {
      names = new Map();
      this.#live.set(key, names);
    }
    let deadline = names.get(name);
    if (deadline === undefined) {
      deadline = new Deadline(key, name);
      names.set(name, deadline);
    }
    this.#heap.set(deadline, at);
  }

  clear(key: Key, name: Name): void {
    const names = this.#live.get(key);
    const deadline = names?.get(name);
    if (names === undefined || deadline === undefined) return;
    this.#heap.clear(deadline);
    names.delete(name);
    if (names.size === 0) this.#live.delete(key);
  }

  /** Clears every deadline of `key`. */
  clearAll(key: Key): void {
    for (const deadline of this.#live.get(key)?.values() ?? []) this.#heap.clear(deadline);
    this.#live.delete(key);
  }

  at(key: Key, name: Name): Millis | undefined {
    return this.#live.get(key)?.get(name)?.at;
  }

  /** The earliest deadline, or undefined when none is set. */
  next(): Millis | undefined {
    return this.#heap.next();
  }

  /** Removes and returns one deadline that is due at `now`, earliest first. */
  due(now: Millis): { readonly key: Key; readonly name: Name; readonly at: Millis } | undefined {
    const deadline = this.#heap.due(now);
    if (deadline === undefined) return undefined;
    const { owner: key, name, at } = deadline;
    this.clear(key, name);
    return { key, name, at };
  }
}
