import type { UnixMillis } from "../base/clock.ts";
import { boolean, choice, list, openChoice, uint } from "./mp2-codec.ts";
import {
  capabilities,
  messageId,
  messageText,
  nickname,
  notice,
  roomName,
  unixMillis,
} from "./mp2-fields.ts";
import {
  FILE_ACCEPT,
  FILE_CANCEL,
  FILE_DONE,
  FILE_OFFER,
  FILE_PAUSE,
  FILE_PENDING,
  FILE_REFUSE,
} from "./mp2-files.ts";
import { family, message, optional, required, union } from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type { Capability, MessageId, MessageText, Notice, RoomName } from "./mp2-values.ts";
import type { Nickname } from "./nickname.ts";

/**
 * mp2 chat: the frames between two clients, TLS 1.3 with both certificates, ALPN "mp2-chat". Both send a greeting
 * first; afterwards either sends what it likes. Who the other is, the certificate tells: each side holds its
 * fingerprint against its roster and its pins. Replay within a connection is TLS's to prevent; redelivery over
 * connections is harmless by message ids.
 */

/** "I am, under this name." The first frame of each side, and only the first. */
export interface Greeting {
  readonly type: "greeting";
  /** Must be the roster's for the fingerprint. */
  readonly nick: Nickname;
  /** The sender may use what both have. */
  readonly capabilities: ReadonlySet<Capability>;
}

/** A message to the other side's user. Sent again with the same id until acknowledged. */
export interface Msg {
  readonly type: "msg";
  readonly id: MessageId;
  /** When it was written, by the sender's clock. */
  readonly time: UnixMillis;
  readonly text: MessageText;
  /** To everybody in that room, each by a message of the same id; absent: to the receiver alone. */
  readonly room?: RoomName;
  /** The message that it answers. */
  readonly reply?: MessageId;
}

export type AckState =
  /** Stored: the sender need not send it again. */
  | "delivered"
  /** Shown to the user; implies delivered. */
  | "read";

/** What became of messages. */
export interface Ack {
  readonly type: "ack";
  /** 1–{@link MAX_ACK_IDS}. */
  readonly ids: readonly MessageId[];
  readonly state: AckState;
}

/** The other side's user is writing, or has stopped. Forgotten after a few seconds without repetition. */
export interface Typing {
  readonly type: "typing";
  readonly active: boolean;
}

/** "Are you there?" TCP alone does not tell within minutes. */
export interface Ping {
  readonly type: "ping";
  readonly token: number;
}

/** "Yes", with the ping's token. */
export interface Pong {
  readonly type: "pong";
  readonly token: number;
}

export type CloseReason =
  /** Both connected at once; the connection of the lower fingerprint stays. */
  | "duplicate"
  /** The fingerprint is not the pinned one, or not the roster's for the name. */
  | "untrusted"
  /** Nobody of that fingerprint is in the roster. */
  | "unknown"
  | "busy"
  | "leaving"
  /** The other side sent what is no frame of ours. */
  | "protocol"
  /** It has sent more than this user takes of one peer in a day; what is not acknowledged may come later. */
  | "quota"
  | "other";

/** "I close this connection, because …" The last frame. */
export interface Close {
  readonly type: "close";
  readonly reason: CloseReason;
  readonly text?: Notice;
}

export const MAX_ACK_IDS = 256;

export const GREETING = message<Greeting>("greeting", MESSAGE_TYPES.greeting, {
  nick: required(1, nickname),
  capabilities: required(2, capabilities),
});

/** `room` goes only to those with that capability: others would take it for a private word. */
export const MSG = message<Msg>("msg", MESSAGE_TYPES.msg, {
  id: required(1, messageId),
  time: required(2, unixMillis),
  text: required(3, messageText),
  room: optional(4, roomName),
  reply: optional(5, messageId),
});

export const ACK = message<Ack>("ack", MESSAGE_TYPES.ack, {
  ids: required(1, list(messageId, 1, MAX_ACK_IDS)),
  state: required(2, choice<AckState>({ delivered: 1, read: 2 })),
});

export const TYPING = message<Typing>("typing", MESSAGE_TYPES.typing, {
  active: required(1, boolean),
});

const token = uint(0, 0xffff_ffff);
export const PING = message<Ping>("ping", MESSAGE_TYPES.ping, { token: required(1, token) });
export const PONG = message<Pong>("pong", MESSAGE_TYPES.pong, { token: required(1, token) });

export const CLOSE = message<Close>("close", MESSAGE_TYPES.close, {
  reason: required(
    1,
    openChoice(
      { other: 0, duplicate: 1, untrusted: 2, unknown: 3, busy: 4, leaving: 5, protocol: 6, quota: 7 },
      "other",
    ),
  ),
  text: optional(2, notice),
});

/** The most bytes of a frame; this version's messages have 16,500 at most. */
export const CHAT_FRAME_BYTES = 65_536;

const FILES = [
  FILE_OFFER,
  FILE_PENDING,
  FILE_ACCEPT,
  FILE_REFUSE,
  FILE_PAUSE,
  FILE_CANCEL,
  FILE_DONE,
] as const;

/** What either side sends; about files only to those with that capability. */
export const CHAT = family(union(GREETING, MSG, ACK, TYPING, PING, PONG, CLOSE, ...FILES), CHAT_FRAME_BYTES);
