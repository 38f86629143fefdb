import { MisuseError } from "../base/errors.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import {
  type Ban,
  type Binding,
  type Lineage,
  MAX_BANS,
  MAX_BINDINGS,
  type RegistryStore,
  type StoreChange,
  type StoredState,
  StoreError,
} from "../roster/store.ts";
import { checkChanges } from "../roster/store-check.ts";
import { foldNickname } from "../wire/nickname.ts";

type Undo = () => void;

/**
 * A store that lasts as long as its object does: for tests, simulations and a registry that shall keep nothing.
 * A simulated registry that crashes leaves it behind for the next one; `failWith` is its failing disk.
 */
export class MemoryStore implements RegistryStore {
  readonly #bindings = new Map<string, Binding>();
  readonly #bans = new Map<Fingerprint, Ban>();
  #lineage: Lineage | undefined;
  #failure: StoreError | undefined;

  /** From now on every commit throws `failure`; undefined ends that. */
  failWith(failure: StoreError | undefined): void {
    this.#failure = failure;
  }

  load(): StoredState {
    return {
      bindings: [...this.#bindings.values()],
      bans: [...this.#bans.values()],
      lineage: this.#lineage,
    };
  }

  commit(changes: readonly StoreChange[]): void {
    checkChanges(changes);
    if (this.#failure !== undefined) throw this.#failure;
    const undos: Undo[] = [];
    try {
      for (const change of changes) undos.push(this.#make(change));
    } catch (error) {
      for (const undo of undos.reverse()) undo();
      throw error;
    }
  }

  close(): void {}

  #make(change: StoreChange): Undo {
    switch (change.type) {
      case "bind":
        return this.#bind(change.binding);
      case "unbind":
        return replace(this.#bindings, foldNickname(change.nickname), undefined);
      case "seen": {
        const folded = foldNickname(change.nickname);
        const binding = this.#bindings.get(folded);
        if (binding === undefined || binding.lastSeen >= change.at) return () => {};
        return replace(this.#bindings, folded, { ...binding, lastSeen: change.at });
      }
      case "ban":
        if (this.#bans.has(change.ban.fingerprint)) return () => {};
        if (this.#bans.size >= MAX_BANS)
          throw new StoreError(`Cannot ban: ${MAX_BANS} bans are stored`, "full");
        return replace(this.#bans, change.ban.fingerprint, change.ban);
      case "unban":
        return replace(this.#bans, change.fingerprint, undefined);
      case "lineage":
        return this.#setLineage(change.lineage);
    }
  }

  #bind(binding: Binding): Undo {
    const folded = foldNickname(binding.nickname);
    const holder = this.#bindings.get(folded);
    if (holder === undefined) {
      if (this.#bindings.size >= MAX_BINDINGS) {
        throw new StoreError(`Cannot bind: ${MAX_BINDINGS} bindings are stored`, "full");
      }
      return replace(this.#bindings, folded, binding);
    }
    if (holder.fingerprint !== binding.fingerprint) {
      throw new MisuseError(`${binding.nickname} is bound to another key`);
    }
    const lastSeen = Math.max(holder.lastSeen, binding.lastSeen);
    return replace(this.#bindings, folded, { ...holder, lastSeen });
  }

  #setLineage(lineage: Lineage): Undo {
    const before = this.#lineage;
    if (before?.epoch === lineage.epoch && lineage.seqLimit < before.seqLimit) {
      throw new MisuseError(`seq would go back from ${before.seqLimit} to ${lineage.seqLimit}`);
    }
    this.#lineage = lineage;
    return () => {
      this.#lineage = before;
    };
  }
}

function replace<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): Undo {
  const before = map.get(key);
  const set = (to: Value | undefined): void => {
    if (to === undefined) map.delete(key);
    else map.set(key, to);
  };
  set(value);
  return () => set(before);
}
