import type { UnixMillis } from "../base/clock.ts";
import { boolean, openChoice } from "./mp2-codec.ts";
import { ticketBytes } from "./mp2-discovery.ts";
import { epoch, millis, notice, roomNames, seq, session, statusText, unixMillis } from "./mp2-fields.ts";
import type { Availability } from "./mp2-registration.ts";
import { CHANGES, DELTA, PAGE, PAGES, ROSTER } from "./mp2-roster.ts";
import { family, message, optional, record, required, union } from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type { Epoch, Notice, Seq, SessionId } from "./mp2-values.ts";

/**
 * mp2 presence: SCTP messages between a registered client and its registry, each sealed. Here is what is inside the
 * seal. attach → attached, then deltas as they happen; a question of mp2-roster.ts → deltas or pages.
 */

/** Payload protocol identifier of mp2's messages: "mp2" and its version. mp1's have 0, so the first message tells. */
export const MP2_PPID = 0x6d_70_32_01;

/** SCTP streams by purpose: what is long must not hold up what is urgent. */
export const STREAMS = {
  /** All but what the other two carry. */
  control: 0,
  /** delta. */
  deltas: 1,
  /** page. */
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
  /** With it the client may go on in its session without a handshake, if the association or the registry goes away. */
  readonly ticket?: Ticket;
}

export interface Ticket {
  /** Opaque. */
  readonly bytes: Uint8Array;
  /** For how long it is good, milliseconds. */
  readonly life: number;
}

/** "I am away", "I am back", "this is what I do", "I am in these rooms": all of it, each time. */
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

export const ATTACH = message<Attach>("attach", MESSAGE_TYPES.attach, {
  session: required(1, session),
  epoch: required(2, epoch),
  seq: required(3, seq),
});

export const TICKET = record<Ticket>({
  bytes: required(1, ticketBytes),
  life: required(2, millis),
});

export const ATTACHED = message<Attached>("attached", MESSAGE_TYPES.attached, {
  epoch: required(1, epoch),
  seq: required(2, seq),
  time: required(3, unixMillis),
  ticket: optional(4, TICKET),
});

export const STATUS = message<Status>("status", MESSAGE_TYPES.status, {
  away: required(1, boolean),
  status: optional(2, statusText),
  rooms: optional(3, roomNames),
});

export const LEAVE = message<Leave>("leave", MESSAGE_TYPES.leave, {});

export const ENDED = message<Ended>("ended", MESSAGE_TYPES.ended, {
  reason: required(
    1,
    openChoice({ other: 0, kicked: 1, banned: 2, superseded: 3, expired: 4, restart: 5, stop: 6 }, "other"),
  ),
  text: optional(2, notice),
  backIn: optional(3, millis),
});

/** The most bytes, unsealed, that a registry takes from a client. */
export const CLIENT_MESSAGE_BYTES = 4_096;
/** … and that a client takes from a registry. */
export const REGISTRY_MESSAGE_BYTES = 65_536;

/** What a client sends. */
export const PRESENCE_TO_REGISTRY = family(
  union(ATTACH, CHANGES, PAGES, ROSTER, STATUS, LEAVE),
  CLIENT_MESSAGE_BYTES,
);

/** What a registry sends. */
export const PRESENCE_TO_CLIENT = family(union(ATTACHED, DELTA, PAGE, ENDED), REGISTRY_MESSAGE_BYTES);
