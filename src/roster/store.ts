/**
 * What a registry must not forget, as its cores see it: who owns which nickname, who is banned, and where the sequence
 * of roster changes stands. Back ends are in `src/store`; `ledger.ts` is what a core talks to.
 */
import type { UnixMillis } from "../base/clock.ts";
import { SystemError } from "../base/errors.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { Epoch, Seq } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";

/** More than a LAN has people, few enough to be loaded in a fraction of a second and held in some 20 MiB. */
export const MAX_BINDINGS = 50_000;
export const MAX_BANS = 10_000;
/** In UTF-16 units; what an admin writes beside a ban. */
export const MAX_BAN_REASON_LENGTH = 200;
/** Bounds what one call can make a registry wait. */
export const MAX_CHANGES_PER_COMMIT = 2_000;

/** A nickname's owner: first come, for good. */
export interface Binding {
  /** As its owner writes it. Two nicknames are the same name when they fold to the same (`foldNickname`). */
  readonly nickname: Nickname;
  readonly fingerprint: Fingerprint;
  readonly boundAt: UnixMillis;
  readonly lastSeen: UnixMillis;
}

export interface Ban {
  readonly fingerprint: Fingerprint;
  readonly bannedAt: UnixMillis;
  /** One line, at most {@link MAX_BAN_REASON_LENGTH}; may be empty. */
  readonly reason: string;
}

/** Every seq that was ever handed out in `epoch` is below `seqLimit`. */
export interface Lineage {
  readonly epoch: Epoch;
  readonly seqLimit: Seq;
}

/** All that a store holds: at most {@link MAX_BINDINGS} and {@link MAX_BANS}. */
export interface StoredState {
  readonly bindings: readonly Binding[];
  readonly bans: readonly Ban[];
  /** Undefined in a new store. */
  readonly lineage: Lineage | undefined;
}

export type StoreChange =
  /**
   * Binds a free name. Bound to this very key already, only last seen changes; bound to another key, it is our bug and
   * a MisuseError, since a binding never moves between keys.
   */
  | { readonly type: "bind"; readonly binding: Binding }
  /** Frees a name (`multiprotoctl forget NICK`); of a name that is free already, nothing. */
  | { readonly type: "unbind"; readonly nickname: Nickname }
  /** Moves last seen forward, never back; of a free name, nothing. */
  | { readonly type: "seen"; readonly nickname: Nickname; readonly at: UnixMillis }
  /** Of a key that is banned already, the older ban stays. */
  | { readonly type: "ban"; readonly ban: Ban }
  | { readonly type: "unban"; readonly fingerprint: Fingerprint }
  /** Reserves numbers, or begins another epoch. Within an epoch a lower limit than the stored one is a MisuseError. */
  | { readonly type: "lineage"; readonly lineage: Lineage };

/** A back end. One registry at a time has it. Calls are synchronous and block: a core makes few of them. */
export interface RegistryStore {
  /** Everything as of the last commit. Throws a {@link StoreError}. */
  load(): StoredState;
  /**
   * Makes all of `changes`, in order, in one transaction. When it returns, they survive a kill and a power cut, as far
   * as disk and kernel keep their word about fsync. When it throws (a {@link StoreError}, or a MisuseError), none of
   * them is made, with one exception that harms nobody: what was refused by a failing disk may be there after all if
   * the machine stops at that moment. After a StoreError the store still works: reads do, and the next commit tries
   * again.
   */
  commit(changes: readonly StoreChange[]): void;
  /** Releases the store to the next registry. Nothing is lost without it. */
  close(): void;
}

export type StoreFault =
  /** No space left, or the store's own bound reached. */
  | "full"
  /** The disk or the directory cannot be written. */
  | "read-only"
  /** The file belongs to somebody else: it cannot even be read. */
  | "no-access"
  /** The file is damaged, or none of ours. */
  | "corrupt"
  /** Written by a newer version of this program. */
  | "newer-schema"
  /** Another registry has it. */
  | "locked"
  /** The disk fails in another way. */
  | "io";

/** A store that says no. The text says what failed, why, and what to do. */
export class StoreError extends SystemError {
  readonly fault: StoreFault;

  constructor(message: string, fault: StoreFault, options?: ErrorOptions) {
    super(message, `STORE_${fault.toUpperCase().replace("-", "_")}`, options);
    this.fault = fault;
  }
}
