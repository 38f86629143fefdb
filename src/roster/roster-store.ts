/**
 * The published roster as the next registry finds it, so that a restart is no change for anybody. Unlike what
 * `store.ts` keeps it may be lost at any time, but it must never be believed when it may be older than what was told.
 */
import type { UnixMillis } from "../base/clock.ts";
import type { Change, Epoch, Listed, Seq } from "./listed.ts";

/** More than a registry serves (`maxClients`). A file that holds more is none of ours. */
export const MAX_KEPT_ENTRIES = 16_384;

/** Changes kept besides, so that whoever was not told the last ones is told those alone and not everything. */
export const KEPT_CHANGES = 1_024;

/** The roster as it was last told. */
export interface KeptRoster {
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly entries: readonly Listed[];
  /** The last changes that led there, one a number, at most {@link KEPT_CHANGES}. */
  readonly recent: readonly Change[];
  /** When its registry ended in good order, if it did. */
  readonly endedAt?: UnixMillis;
}

/**
 * A back end. Calls are synchronous and do not wait for a disk: what is written survives the end of the process, not that
 * of the kernel. A back end that has another kernel's roster has none.
 */
export interface RosterStore {
  /** What the registry before has told, undefined if there is nothing that can be believed. Called once, first. */
  load(): KeptRoster | undefined;
  /** Holds this and nothing else from now on. Throws a StoreError, and is then not to be believed. */
  begin(roster: Pick<KeptRoster, "epoch" | "seq" | "entries">): void;
  /** The roster that it holds is at `seq` now, by `changes`. Throws a StoreError: all of it is written, or none. */
  publish(seq: Seq, changes: readonly Change[]): void;
  /** The registry ends in good order. Never throws: without it the roster counts all the same. */
  end(at: UnixMillis): void;
  /** Holds nothing any more. False if what it held may be found again. */
  drop(): boolean;
  close(): void;
}
