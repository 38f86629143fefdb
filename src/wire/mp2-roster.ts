import type { UnixMillis } from "../base/clock.ts";
import { encodeCbor } from "./mp2-cbor.ts";
import { type Codec, choice, type Decoded, list, openChoice, uint } from "./mp2-codec.ts";
import {
  address,
  clientPort,
  epoch,
  fingerprint,
  nickname,
  roomNames,
  seq,
  session,
  statusText,
  unixMillis,
} from "./mp2-fields.ts";
import { decodeWhole, message, nullable, optional, record, required, union } from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type {
  Address,
  EntryKind,
  Epoch,
  Fingerprint,
  OfflineReason,
  PresenceState,
  RoomName,
  Seq,
  SessionId,
  StatusText,
} from "./mp2-values.ts";
import type { Nickname } from "./nickname.ts";

/**
 * Rosters of mp2: what a registry tells, and what a client asks when it lacks something. The published roster of an
 * epoch is a sequence of states, one a seq: a page is a part of one whole state, a delta leads from any of the states
 * before it to its own. So order, repetition and loss can make a client late, never wrong.
 */

interface EntryFields {
  /** Unique in a roster by its folded form. */
  readonly nick: Nickname;
  /** Null for mp1, which has no keys. */
  readonly fingerprint: Fingerprint | null;
  readonly address: Address;
  /** P: where it listens. An mp1 client takes chat messages on P + 1. */
  readonly port: number;
  readonly kind: EntryKind;
  readonly status?: StatusText;
  /** By the registry's clock: when an absent client was last there, since when a present one stands as it does. */
  readonly lastSeen: UnixMillis;
  /** Of an mp2 client, while it has one. */
  readonly session?: SessionId;
  /** Of an mp2 client: where it is, or was last. */
  readonly rooms?: readonly RoomName[];
}

/** One client as everybody sees it. */
export type RosterEntry = EntryFields &
  (
    | { readonly state: Exclude<PresenceState, "offline"> }
    | { readonly state: "offline"; readonly reason: OfflineReason }
  );

/** {@link RosterEntry} as its table describes it; the check below makes it one. */
interface FlatEntry extends EntryFields {
  readonly state: PresenceState;
  readonly reason?: OfflineReason;
}

const flatEntry = record<FlatEntry>(
  {
    nick: required(1, nickname),
    fingerprint: nullable(2, fingerprint),
    address: required(3, address),
    port: required(4, clientPort),
    kind: required(5, choice({ mp2: 1, "mp1-own": 2, "mp1-original": 3 })),
    state: required(6, choice({ online: 1, away: 2, suspect: 3, offline: 4 })),
    // "lost" says the least: not there, and nobody knows more.
    reason: optional(
      7,
      openChoice({ left: 1, lost: 2, superseded: 3, kicked: 4, "registry-restart-expired": 5 }, "lost"),
    ),
    status: optional(8, statusText),
    lastSeen: required(9, unixMillis),
    session: optional(10, session),
    rooms: optional(11, roomNames),
  },
  (entry) => {
    // A key is what makes an entry mp2's: without one it could not be told from an unverified one.
    if ((entry.kind === "mp2") !== (entry.fingerprint !== null)) return "fingerprint";
    if ((entry.state === "offline") !== (entry.reason !== undefined)) return "reason";
    if (entry.kind === "mp2") return undefined;
    if (entry.session !== undefined) return "session";
    return entry.rooms === undefined ? undefined : "rooms";
  },
);

export const ENTRY = flatEntry as Codec<RosterEntry> & Pick<typeof flatEntry, "rows">;

/** Part `index` (from 0) of `count` of the whole roster as it was at `seq`. Only all of them are that roster. */
export interface Page {
  readonly type: "page";
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly index: number;
  /** At least 1: the roster of nobody is one page without entries. */
  readonly count: number;
  readonly entries: readonly RosterEntry[];
}

/** More than fit a message; a registry fills pages and deltas to a quarter of that, so that neither blocks a stream. */
const MAX_ITEMS = 2_048;
const MAX_PAGES = 65_536;

export const PAGE = message<Page>(
  "page",
  MESSAGE_TYPES.page,
  {
    epoch: required(1, epoch),
    seq: required(2, seq),
    index: required(3, uint(0, MAX_PAGES - 1)),
    count: required(4, uint(1, MAX_PAGES)),
    entries: required(5, list(ENTRY, 0, MAX_ITEMS)),
  },
  (page) => (page.index < page.count ? undefined : "index"),
);

/** A newcomer, or an entry as it stands now, whole: in place of the one of that nickname. */
export interface Put {
  readonly type: "put";
  readonly entry: RosterEntry;
}

/** Nobody holds that nickname any more. */
export interface Remove {
  readonly type: "remove";
  readonly nick: Nickname;
}

/** Absolute, so that applying one twice does no harm. Who changes the nickname is removed and put. */
export type Change = Put | Remove;

/** The numbers of changes, key 0 of each. */
export const CHANGE_TYPES = { put: 1, remove: 2 } as const;

export const PUT = message<Put>("put", CHANGE_TYPES.put, { entry: required(1, ENTRY) });
export const REMOVE = message<Remove>("remove", CHANGE_TYPES.remove, { nick: required(1, nickname) });
const CHANGE: Codec<Change> = union(PUT, REMOVE);

/** A change by itself, as a registry keeps it. */
export function encodeChange(change: Change): Uint8Array {
  return encodeCbor(CHANGE.encode(change));
}

/** The caller has bounded `bytes`. */
export function decodeChange(bytes: Uint8Array): Decoded<Change> {
  return decodeWhole(CHANGE, bytes);
}

/**
 * n consecutive changes, the last of which has the number `seq`: it leads from any state s with seq - n ≤ s < seq to
 * that of seq. A client at s ≥ seq ignores it, one at s < seq - n lacks something and asks.
 */
export interface Delta {
  readonly type: "delta";
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly changes: readonly Change[];
}

export const DELTA = message<Delta>(
  "delta",
  MESSAGE_TYPES.delta,
  {
    epoch: required(1, epoch),
    seq: required(2, seq),
    changes: required(3, list(CHANGE, 1, MAX_ITEMS)),
  },
  ({ seq: last, changes }) => (changes.length <= last ? undefined : "changes"),
);

/** "Send all changes after seq." Answered by deltas or, when that is too far back, by pages. */
export interface ChangesWanted {
  readonly type: "changes";
  readonly epoch: Epoch;
  readonly seq: Seq;
}

/** "Send the pages of the roster at seq from index `from` on": a run of them broke off. */
export interface PagesWanted {
  readonly type: "pages";
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly from: number;
}

/** "Send everything." */
export interface RosterWanted {
  readonly type: "roster";
}

/** What a client lacks. */
export type Ask = ChangesWanted | PagesWanted | RosterWanted;

export const CHANGES = message<ChangesWanted>("changes", MESSAGE_TYPES.changes, {
  epoch: required(1, epoch),
  seq: required(2, seq),
});

export const PAGES = message<PagesWanted>("pages", MESSAGE_TYPES.pages, {
  epoch: required(1, epoch),
  seq: required(2, seq),
  from: required(3, uint(0, MAX_PAGES - 1)),
});

export const ROSTER = message<RosterWanted>("roster", MESSAGE_TYPES.roster, {});
