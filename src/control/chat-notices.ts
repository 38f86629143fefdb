/**
 * The notices of a presence as they cross its socket. The table names every type of notice and every field of it, so one
 * that is added to the core does not compile until it can cross.
 */
import type { AssociationEnd } from "../chat/events.ts";
import type {
  Destination,
  EndReason,
  ReceivedMessage,
  Refusal,
  RefusalCode,
  RefusalNext,
  RegistryStanding,
  RoomUndeliveredReason,
  StoredAt,
  UndeliveredMessage,
  UndeliveredReason,
} from "../chat/notices.ts";
import type { RoomChange } from "../chat/rooms.ts";
import type { SessionNotice } from "../chat/session.ts";
import type { BlockedReason } from "../wire/mp2-discovery.ts";
import { transfer, transferChange } from "./chat-files.ts";
import {
  count,
  fingerprint,
  messageId,
  messageText,
  millis,
  name,
  nickname,
  pinName,
  pinSubject,
  port,
  restrictionLevel,
  roomName,
  sentence,
  trust,
  unixMillis,
} from "./chat-values.ts";
import {
  boolean,
  field,
  list,
  oneOf,
  optional,
  type Parse,
  parseObject,
  shape,
  text,
  wordOf,
} from "./parse.ts";

type Type = SessionNotice["type"];
/** The fields of a notice beside its type. */
type Fields<Name extends Type> = Omit<Extract<SessionNotice, { type: Name }>, "type">;
/** A core that takes 10,000 people tells of them in one notice. */
const MAX_NAMES = 100_000;

const refusal = shape<Refusal>({
  code: wordOf<RefusalCode>({
    "nickname-taken": true,
    "nickname-invalid": true,
    "registry-full": true,
    banned: true,
    "too-many": true,
    unsupported: true,
    stopping: true,
    storage: true,
    other: true,
  }),
  text: sentence,
  holder: optional(name) as Parse<string>,
  holderFingerprint: optional(fingerprint) as typeof fingerprint,
  suggestion: optional(name) as Parse<string>,
  retryInMillis: optional(millis) as Parse<number>,
});

const why = wordOf<UndeliveredReason>({
  refused: true,
  unreachable: true,
  timeout: true,
  "not-confirmed": true,
  system: true,
  "unknown-name": true,
  empty: true,
  "too-long": true,
  "queue-full": true,
  "never-online": true,
  offline: true,
  "legacy-off": true,
  "key-changed": true,
  "blocked-here": true,
  "wrong-key": true,
  "not-trusted-there": true,
  "not-known-there": true,
  "busy-there": true,
  "quota-there": true,
  left: true,
});

const received = shape<ReceivedMessage>({
  from: nickname,
  address: name,
  text: messageText,
  standing: wordOf<ReceivedMessage["standing"]>({
    verified: true,
    pinned: true,
    new: true,
    unverified: true,
    mismatch: true,
  }),
  messageId: optional(messageId),
  time: optional(unixMillis),
  fingerprint: optional(fingerprint),
  reply: optional(messageId) as typeof messageId,
  room: optional(roomName) as typeof roomName,
});

const destination = optional(shape<Destination>({ address: name, port }));

const undelivered = shape<UndeliveredMessage>({
  messageId,
  to: messageText,
  text: messageText,
  why,
  destination,
  partsDelivered: count,
  parts: count,
  uncertain: boolean,
  waited: boolean,
});

export const registryStanding = shape<RegistryStanding>({
  protocol: oneOf(["mp1", "mp2"]),
  address: name,
  realm: optional(name),
  fingerprint: optional(fingerprint),
  trust,
});

const aboutMessage = { messageId, to: messageText, text: messageText };

const NOTICES: { readonly [Name in Type]: Parse<Fields<Name>> } = {
  searching: shape<Fields<"searching">>({}),
  "search-failing": shape<Fields<"search-failing">>({ text: sentence }),
  "search-hint": shape<Fields<"search-hint">>({
    waitedMillis: millis,
    unverified: oneOf(["asked", "pinned", "off"]),
  }),
  blocked: shape<Fields<"blocked">>({
    registry: name,
    port,
    reason: wordOf<BlockedReason>({
      refused: true,
      timeout: true,
      unreachable: true,
      tls: true,
      other: true,
    }),
  }),
  "registry-new": shape<Fields<"registry-new">>({ subject: name, address: name, fingerprint }),
  "registry-changed": shape<Fields<"registry-changed">>({
    subject: name,
    address: name,
    pinned: fingerprint,
    offered: fingerprint,
  }),
  online: shape<Fields<"online">>({ nickname, registry: name, standing: registryStanding, again: boolean }),
  renamed: shape<Fields<"renamed">>({ nickname, before: nickname }),
  refused: shape<Fields<"refused">>({
    nickname,
    refusal,
    next: wordOf<RefusalNext>({ ask: true, suggestion: true, retry: true, keep: true, end: true }),
  }),
  "registry-away": shape<Fields<"registry-away">>({
    registry: name,
    reason: oneOf(["restart", "stop", "other"]),
    backInMillis: optional(millis),
  }),
  "other-registry": shape<Fields<"other-registry">>({
    registry: name,
    address: name,
    realm: name,
    fingerprint,
  }),
  "registry-lost": shape<Fields<"registry-lost">>({
    registry: name,
    how: wordOf<AssociationEnd>({ closed: true, lost: true, aborted: true, unreachable: true }),
  }),
  "presence-failed": shape<Fields<"presence-failed">>({ registry: name }),
  presence: shape<Fields<"presence">>({
    online: list(MAX_NAMES, nickname),
    offline: list(MAX_NAMES, nickname),
  }),
  "peer-changed": shape<Fields<"peer-changed">>({
    nickname,
    address: name,
    pinned: fingerprint,
    offered: optional(fingerprint),
    proved: boolean,
  }),
  restricted: shape<Fields<"restricted">>({
    name: pinName,
    fingerprint: optional(fingerprint),
    level: optional(restrictionLevel),
  }),
  roster: shape<Fields<"roster">>({}),
  idle: shape<Fields<"idle">>({ isIdle: boolean }),
  quiet: shape<Fields<"quiet">>({ until: optional(unixMillis) }),
  room: shape<Fields<"room">>({
    change: shape<RoomChange>({
      room: roomName,
      joined: list(MAX_NAMES, nickname),
      left: list(MAX_NAMES, nickname),
    }),
  }),
  trust: shape<Fields<"trust">>({
    change: oneOf(["accepted", "forgotten"]),
    subject: pinSubject,
    fingerprint,
  }),
  "over-allowance": shape<Fields<"over-allowance">>({ from: name, of: oneOf(["messages", "files"]) }),
  received: shape<Fields<"received">>({
    message: received,
    stored: optional(shape<StoredAt>({ seq: count, at: unixMillis })),
  }),
  waiting: shape<Fields<"waiting">>({
    text: messageText,
    destination,
    messageId,
    to: messageText,
    why,
  }),
  delivered: shape<Fields<"delivered">>(aboutMessage),
  read: shape<Fields<"read">>(aboutMessage),
  undelivered: shape<Fields<"undelivered">>({ message: undelivered }),
  "room-delivered": shape<Fields<"room-delivered">>({
    messageId,
    room: roomName,
    text: messageText,
    reached: list(MAX_NAMES, nickname),
  }),
  "room-undelivered": shape<Fields<"room-undelivered">>({
    messageId,
    room: roomName,
    text: messageText,
    why: wordOf<RoomUndeliveredReason>({
      "not-in-room": true,
      "nobody-there": true,
      "not-reached": true,
      empty: true,
      "too-long": true,
      "queue-full": true,
    }),
    missed: list(MAX_NAMES, nickname),
  }),
  file: shape<Fields<"file">>({ transfer, change: transferChange }),
  typing: shape<Fields<"typing">>({ from: nickname, active: boolean }),
  trouble: shape<Fields<"trouble">>({ text: sentence }),
  ring: shape<Fields<"ring">>({ from: messageText }),
  "presence-moved": shape<Fields<"presence-moved">>({ here: boolean }),
  ended: shape<Fields<"ended">>({
    reason: wordOf<EndReason>({
      left: true,
      refused: true,
      kicked: true,
      banned: true,
      superseded: true,
      failed: true,
    }),
    text: optional(sentence),
  }),
};

const noticeType = text(32);

export const parseNotice: Parse<SessionNotice> = (value, where) => {
  const type = field(parseObject(value, where), "type", noticeType, where);
  const known = oneOf(Object.keys(NOTICES) as Type[])(type, `${where}.type`);
  return { type: known, ...NOTICES[known](value, where) } as SessionNotice;
};
