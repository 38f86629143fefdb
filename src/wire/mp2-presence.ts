import { epoch, millis, notice, seq, session, statusText, unixMillis } from "./mp2-fields.ts";
import type { Availability } from "./mp2-registration.ts";
import { type Change, change, END, type EncodedEntry, PAGE, type RosterEntry } from "./mp2-roster.ts";
import { boolean, family, list, message, openChoice, optional, required, union } from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type { Epoch, Notice, Seq, SessionId, UnixMillis } from "./mp2-values.ts";

/**
 * mp2 presence: SCTP messages between a registered client and its registry, each sealed. Here is what is inside the
 * seal. attach → attached, then deltas as they happen; ask → the deltas that are missing, or a snapshot.
 *
 * A lost, repeated or late delta does no harm: each says from where to where it leads. A client at `s` applies one with
 * from ≤ s < seq, ignores one with seq ≤ s, and asks when from > s or the epoch is another.
 */

/** Payload protocol identifier of mp2's messages: "mp2" and its version. mp1's have 0, so the first message tells. */
export const MP2_PPID = 0x6d_70_32_01;

/** SCTP streams by purpose: what is long must not hold up what is urgent. */
export const STREAMS = {
  /** attach, attached, ask, status, leave, ended. */
  control: 0,
  /** delta. */
  deltas: 1,
  /** page, end. */
  pages: 2,
} as const;

/** "I am the one of that session, and my roster is at seq." The first message, within 5 s. */
export interface Attach {
  readonly type: "attach";
  readonly session: SessionId;
  readonly epoch: Epoch;
  readonly seq: Seq;
}

/** "You are online." What the client lacks follows without its asking. */
export interface Attached {
  readonly type: "attached";
  readonly epoch: Epoch;
  readonly seq: Seq;
  /** As in `registered`. */
  readonly time: UnixMillis;
}

/** What happened between two seqs, at most {@link MAX_CHANGES}; an entry that changed twice may stand once. */
export interface Delta<Entry = RosterEntry> {
  readonly type: "delta";
  readonly epoch: Epoch;
  readonly from: Seq;
  /** Greater than `from`. */
  readonly seq: Seq;
  readonly changes: readonly Change<Entry>[];
}

/** "I am at seq; send what I lack." Seq 0: everything. */
export interface Ask {
  readonly type: "ask";
  readonly epoch: Epoch;
  readonly seq: Seq;
}

/** "I am away", "I am back", "this is what I do". */
export interface Status extends Availability {
  readonly type: "status";
}

/** "I leave." SHUTDOWN follows. */
export interface Leave {
  readonly type: "leave";
}

export type EndReason =
  | "kicked"
  | "banned"
  /** The same key has registered anew. */
  | "superseded"
  /** The session is unknown here: register again. */
  | "expired"
  /** The registry comes back by itself. */
  | "restart"
  | "stop"
  | "other";

/** "Your session is over." ABORT follows, or SHUTDOWN. */
export interface Ended {
  readonly type: "ended";
  readonly reason: EndReason;
  /** What the admin says. */
  readonly text?: Notice;
  /** Expected absence of the registry, milliseconds. */
  readonly backIn?: number;
}

/** As many as always fit a message, however large each is: 64 · (ENTRY_BYTES + 8) < 65,536. */
export const MAX_CHANGES = 64;

export const ATTACH = message<Attach>("attach", MESSAGE_TYPES.attach, {
  session: required(1, session),
  epoch: required(2, epoch),
  seq: required(3, seq),
});

export const ATTACHED = message<Attached>("attached", MESSAGE_TYPES.attached, {
  epoch: required(1, epoch),
  seq: required(2, seq),
  time: required(3, unixMillis),
});

export const DELTA = message<Delta, Delta<RosterEntry | EncodedEntry>>(
  "delta",
  MESSAGE_TYPES.delta,
  {
    epoch: required(1, epoch),
    from: required(2, seq),
    seq: required(3, seq),
    changes: required(4, list(change, 0, MAX_CHANGES)),
  },
  (delta) => (delta.from < delta.seq ? undefined : "from"),
);

export const ASK = message<Ask>("ask", MESSAGE_TYPES.ask, {
  epoch: required(1, epoch),
  seq: required(2, seq),
});

export const STATUS = message<Status>("status", MESSAGE_TYPES.status, {
  away: required(1, boolean),
  status: optional(2, statusText),
});

export const LEAVE = message<Leave>("leave", MESSAGE_TYPES.leave, {});

export const ENDED = message<Ended>("ended", MESSAGE_TYPES.ended, {
  reason: required(1, openChoice({ kicked: 1, banned: 2, superseded: 3, expired: 4, restart: 5, stop: 6 })),
  text: optional(2, notice),
  backIn: optional(3, millis),
});

/** The most bytes, unsealed, that a registry takes from a client. */
export const CLIENT_MESSAGE_BYTES = 4_096;
/** … and that a client takes from a registry. */
export const REGISTRY_MESSAGE_BYTES = 65_536;

/** What a client sends. */
export const PRESENCE_TO_REGISTRY = family(union(ATTACH, ASK, STATUS, LEAVE), CLIENT_MESSAGE_BYTES);

/** What a registry sends. */
export const PRESENCE_TO_CLIENT = family(union(ATTACHED, DELTA, PAGE, END, ENDED), REGISTRY_MESSAGE_BYTES);
