import type { UnixMillis } from "../base/clock.ts";
import type { Change, Listed, Seq } from "../roster/listed.ts";
import { KEPT_CHANGES, type KeptRoster, type RosterStore } from "../roster/roster-store.ts";
import type { StoreError } from "../roster/store.ts";
import { foldNickname } from "../wire/nickname.ts";

interface Held extends Pick<KeptRoster, "epoch" | "seq" | "recent" | "endedAt"> {
  readonly byName: ReadonlyMap<string, Listed>;
}

/**
 * A roster that lasts as long as its object does: for tests and simulations. A simulated registry that crashes leaves it
 * behind for the next one.
 */
export class MemoryRosterStore implements RosterStore {
  #held: Held | undefined;
  #failure: StoreError | undefined;
  #canDrop = true;

  /** From now on writing throws `failure`; undefined ends that. `canDrop`: whether it can be emptied meanwhile. */
  failWith(failure: StoreError | undefined, canDrop = true): void {
    this.#failure = failure;
    this.#canDrop = failure === undefined || canDrop;
  }

  load(): KeptRoster | undefined {
    if (this.#held === undefined) return undefined;
    const { byName, endedAt, ...held } = this.#held;
    this.#held = { byName, ...held };
    return { ...held, entries: [...byName.values()], ...(endedAt === undefined ? {} : { endedAt }) };
  }

  begin({ epoch, seq, entries }: Pick<KeptRoster, "epoch" | "seq" | "entries">): void {
    if (this.#failure !== undefined) throw this.#failure;
    const byName = new Map(entries.map((entry) => [foldNickname(entry.nick), entry]));
    this.#held = { epoch, seq, byName, recent: [] };
  }

  publish(seq: Seq, changes: readonly Change[]): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#held === undefined) return;
    const byName = new Map(this.#held.byName);
    for (const change of changes) {
      if (change.type === "put") byName.set(foldNickname(change.entry.nick), change.entry);
      else byName.delete(foldNickname(change.nick));
    }
    const recent = [...this.#held.recent, ...changes].slice(-KEPT_CHANGES);
    this.#held = { ...this.#held, seq, byName, recent };
  }

  end(at: UnixMillis): void {
    if (this.#held !== undefined) this.#held = { ...this.#held, endedAt: at };
  }

  drop(): boolean {
    if (this.#canDrop) this.#held = undefined;
    return this.#canDrop;
  }

  close(): void {}
}
