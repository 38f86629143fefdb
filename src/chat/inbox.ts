import type { Fingerprint } from "../base/fingerprint.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { BOUNDS } from "./bounds.ts";

/**
 * The ids of what came, for each key: what comes again is acknowledged again and not shown again. The peer that was
 * heard longest ago is forgotten first, and of each the oldest ids.
 */
export class Inbox {
  readonly #peers = new Map<Fingerprint, Set<MessageId>>();

  /** Ids remembered in all. */
  get size(): number {
    let size = 0;
    for (const ids of this.#peers.values()) size += ids.size;
    return size;
  }

  /** Whether it is new; from now on it is not. */
  take(from: Fingerprint, id: MessageId): boolean {
    const ids = this.#peers.get(from) ?? new Set();
    if (ids.has(id)) return false;
    this.#peers.delete(from);
    this.#peers.set(from, ids);
    ids.add(id);
    forgetOldest(ids, BOUNDS.rememberedIds);
    forgetOldest(this.#peers, BOUNDS.rememberedPeers);
    return true;
  }
}

/** Sets and maps keep their order: the first is the oldest. */
function forgetOldest<Key>(
  keys: { readonly size: number; keys(): Iterator<Key>; delete(key: Key): boolean },
  atMost: number,
): void {
  if (keys.size <= atMost) return;
  const oldest = keys.keys().next();
  if (oldest.done !== true) keys.delete(oldest.value);
}
