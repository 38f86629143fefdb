import { encodeCbor } from "./mp2-cbor.ts";
import {
  address,
  clientPort,
  epoch,
  fingerprint,
  nickname,
  seq,
  session,
  statusText,
  unixMillis,
} from "./mp2-fields.ts";
import {
  choice,
  embedded,
  list,
  message,
  nullable,
  optional,
  record,
  required,
  uint,
  union,
} from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type {
  Address,
  EntryKind,
  Epoch,
  Fingerprint,
  OfflineReason,
  PresenceState,
  Seq,
  SessionId,
  StatusText,
  UnixMillis,
} from "./mp2-values.ts";
import type { Nickname } from "./nickname.ts";

/**
 * Rosters of mp2: entries, the pages of a snapshot (after registration by TLS, later by SCTP), and changes.
 *
 * A snapshot is any number of pages, index 0 first, and one end; all name the same epoch and seq, and only a complete
 * one is taken over. An entry stands in its message as a byte string with its own encoding, so that the registry
 * encodes it once a change instead of once a receiver.
 */

/** The part of an entry that changes often. */
export interface Standing {
  readonly state: PresenceState;
  /** Only when offline; absent when the registry knows none, or one that this version does not. */
  readonly reason?: OfflineReason;
  readonly status?: StatusText;
  /** By the registry's clock. */
  readonly lastSeen: UnixMillis;
}

/** One client as everybody sees it. */
export interface RosterEntry extends Standing {
  readonly nick: Nickname;
  /** Null for mp1, which has no keys. */
  readonly fingerprint: Fingerprint | null;
  readonly address: Address;
  /** P: where it listens. An mp1 client takes chat messages on P + 1. */
  readonly port: number;
  readonly kind: EntryKind;
  /** Of an mp2 client that is there. */
  readonly session?: SessionId;
}

/** The most bytes of one encoded entry; this version's have 670 at most. */
export const ENTRY_BYTES = 1_000;

/** {@link RosterEntry} in its encoding, made by {@link encodeEntry}. */
export type EncodedEntry = Uint8Array & { readonly __encodedEntry: unique symbol };

const STATE = choice<PresenceState>({ online: 1, away: 2, suspect: 3, offline: 4 });
const REASON = choice<OfflineReason>({
  left: 1,
  lost: 2,
  superseded: 3,
  kicked: 4,
  "registry-restart-expired": 5,
});

export const ENTRY = record<RosterEntry>(
  {
    nick: required(1, nickname),
    fingerprint: nullable(2, fingerprint),
    address: required(3, address),
    port: required(4, clientPort),
    kind: required(5, choice<EntryKind>({ mp2: 1, "mp1-own": 2, "mp1-original": 3 })),
    state: required(6, STATE),
    reason: optional(7, REASON),
    status: optional(8, statusText),
    lastSeen: required(9, unixMillis),
    session: optional(10, session),
  },
  (entry) => {
    // A key is what makes an entry mp2's: without one it could not be told from an unverified one.
    if ((entry.kind === "mp2") !== (entry.fingerprint !== null)) return "fingerprint";
    if (entry.kind !== "mp2" && entry.session !== undefined) return "session";
    return brokenStanding(entry);
  },
);

function brokenStanding(standing: Standing): string | undefined {
  return standing.reason !== undefined && standing.state !== "offline" ? "reason" : undefined;
}

/** Encodes an entry once, for all pages and deltas that it goes into. */
export function encodeEntry(entry: RosterEntry): EncodedEntry {
  // A copy of its exact size: what lives long must not pin a pool that others have done with.
  return Uint8Array.from(encodeCbor(ENTRY.encode(entry))) as EncodedEntry;
}

const embeddedEntry = embedded<RosterEntry, RosterEntry, EncodedEntry>(ENTRY, ENTRY_BYTES);

/** A part of a snapshot. */
export interface Page<Entry = RosterEntry> {
  readonly type: "page";
  readonly epoch: Epoch;
  readonly seq: Seq;
  /** 0, 1, … */
  readonly index: number;
  readonly entries: readonly Entry[];
}

/** The snapshot is complete. */
export interface End {
  readonly type: "end";
  readonly epoch: Epoch;
  readonly seq: Seq;
  /** How many pages it had; none when nobody is there. */
  readonly pages: number;
  /** How many entries in all. */
  readonly entries: number;
}

/** How many bytes a page is filled up to. Small enough that a delta on another stream is soon in between. */
export const PAGE_BYTES = 16_384;
const MAX_PAGES = 65_536;

export const PAGE = message<Page, Page<RosterEntry | EncodedEntry>>("page", MESSAGE_TYPES.page, {
  epoch: required(1, epoch),
  seq: required(2, seq),
  index: required(3, uint(0, MAX_PAGES - 1)),
  entries: required(4, list(embeddedEntry, 1, 2_048)),
});

export const END = message<End>("end", MESSAGE_TYPES.end, {
  epoch: required(1, epoch),
  seq: required(2, seq),
  pages: required(3, uint(0, MAX_PAGES)),
  entries: required(4, uint(0, 2_048 * MAX_PAGES)),
});

/** What a page has beside its entries, and what an entry has beside its bytes, at most. */
const PAGE_OVERHEAD = 64;
const ENTRY_OVERHEAD = 3;

/** The entries of each page in turn: as many as fit {@link PAGE_BYTES}. */
export function* pagesOf(entries: Iterable<EncodedEntry>): Generator<readonly EncodedEntry[]> {
  let page: EncodedEntry[] = [];
  let size = PAGE_OVERHEAD;
  for (const entry of entries) {
    if (size + entry.length + ENTRY_OVERHEAD > PAGE_BYTES) {
      yield page;
      page = [];
      size = PAGE_OVERHEAD;
    }
    page.push(entry);
    size += entry.length + ENTRY_OVERHEAD;
  }
  if (page.length > 0) yield page;
}

/** A newcomer, or an entry of which anything but its standing changed: the whole entry, in place of the nickname's. */
export interface Put<Entry = RosterEntry> {
  readonly type: "put";
  readonly entry: Entry;
}

/** The entry of `nick` stands otherwise; all of its standing, so a status that is absent is none. */
export interface Stand extends Standing {
  readonly type: "stand";
  readonly nick: Nickname;
}

/** The entry of `nick` is no longer listed. */
export interface Remove {
  readonly type: "remove";
  readonly nick: Nickname;
}

/**
 * What happened to one entry. Absolute, so that applying one twice does no harm. A nickname names the entry, exactly
 * as written there: it is unique in a roster, and a client that changes it is removed and put.
 */
export type Change<Entry = RosterEntry> = Put<Entry> | Stand | Remove;

/** The numbers of changes, key 0 of each. */
export const CHANGE_TYPES = { put: 1, stand: 2, remove: 3 } as const;

export const PUT = message<Put, Put<RosterEntry | EncodedEntry>>("put", CHANGE_TYPES.put, {
  entry: required(1, embeddedEntry),
});

export const STAND = message<Stand>(
  "stand",
  CHANGE_TYPES.stand,
  {
    nick: required(1, nickname),
    state: required(2, STATE),
    reason: optional(3, REASON),
    status: optional(4, statusText),
    lastSeen: required(5, unixMillis),
  },
  brokenStanding,
);

export const REMOVE = message<Remove>("remove", CHANGE_TYPES.remove, {
  nick: required(1, nickname),
});

export const change = union(PUT, STAND, REMOVE);
