/** What crosses the socket of a presence beside its notices: shapes and parsers. */
import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { AlertChoice, AlertSettings, Attention } from "../chat/alerts.ts";
import type { Transfer } from "../chat/files/transfer.ts";
import type { ChatSnapshot, Peer } from "../chat/notices.ts";
import type { Pin, PinSubject } from "../chat/pins.ts";
import type { Restricted, Restriction, RestrictionLevel } from "../chat/restrictions.ts";
import type { HolderReport, SessionNotice } from "../chat/session.ts";
import type { NamedRegistry, PresenceSettings, WhenTaken } from "../chat/settings.ts";
import type { MessageId, OfflineReason, PresenceState, RoomName, StatusText } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { transfer } from "./chat-files.ts";
import { parseNotice, registryStanding } from "./chat-notices.ts";
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
  roomNames,
  statusText,
  trust,
  unixMillis,
} from "./chat-values.ts";
import {
  boolean,
  field,
  integer,
  list,
  oneOf,
  optional,
  type Parse,
  parseObject,
  shape,
  wordOf,
} from "./parse.ts";

/** A snapshot without its people; a time since when instead of one on the holder's clock. */
export interface StateReport extends Omit<ChatSnapshot, "roster" | "registryLostAt"> {
  readonly registryLostFor: Millis | undefined;
}

/** What the holder tells an attached program unasked. */
export type Push =
  | { readonly type: "state"; readonly state: StateReport }
  /** Changes of the roster; at first all of it, in pieces. */
  | { readonly type: "peers"; readonly put: readonly Peer[]; readonly removed: readonly string[] }
  /** All trusted keys in pieces; they count with the last piece. */
  | {
      readonly type: "pins";
      readonly pins: readonly Pin[];
      readonly restrictions: readonly Restriction[];
      readonly part: "first" | "more" | "last" | "all";
    }
  /** Files that there are when a program attaches; notices tell of all that follows. */
  | { readonly type: "files"; readonly files: readonly Transfer[] }
  | { readonly type: "notice"; readonly notice: SessionNotice };

/** What an attached program has to know before anything else; the pushes before it brought the rest. */
export interface AttachReport {
  readonly pid: number;
  readonly settings: PresenceSettings;
  readonly fingerprint: Fingerprint;
  /** `seq` in the archive: notices tell of all messages that come after it. */
  readonly told: number | undefined;
}

export interface SendRequest {
  readonly messageId: MessageId;
  readonly to: string;
  readonly text: string;
  readonly waitMillis: Millis | undefined;
  readonly reply: MessageId | undefined;
}

export interface StatusRequest {
  readonly away: boolean;
  readonly status: StatusText | undefined;
}

export interface MarkReadRequest {
  readonly from: string;
  readonly ids: readonly MessageId[];
}

export interface AcceptRequest {
  readonly subject: PinSubject;
  readonly fingerprint: Fingerprint;
}

export interface QuietRequest {
  readonly until: UnixMillis | undefined;
}

export interface RestrictRequest {
  readonly who: Restricted;
  readonly level: RestrictionLevel | undefined;
}

/** In one piece: far below the largest frame, whatever is in it. */
export const PEERS_IN_A_PIECE = 200;
export const PINS_IN_A_PIECE = 200;
export const FILES_IN_A_PIECE = 20;
const MAX_IDS = 1_024;
/** More registries and interfaces than anybody names. */
const MAX_NAMED = 64;

const parsePeer = shape<Peer>({
  nickname,
  address: name,
  port,
  state: wordOf<PresenceState>({ online: true, away: true, suspect: true, offline: true }),
  online: boolean,
  reason: optional(
    wordOf<OfflineReason>({
      left: true,
      lost: true,
      superseded: true,
      kicked: true,
      "registry-restart-expired": true,
    }),
  ),
  lastSeen: optional(unixMillis),
  status: optional(name),
  fingerprint: optional(fingerprint),
  rooms: roomNames,
  kind: wordOf<Peer["kind"]>({ mp2: true, "mp1-own": true, "mp1-original": true, mp1: true }),
  trust,
  restriction: optional(restrictionLevel),
});

const parsePin: Parse<Pin> = (value, where) => ({
  ...pinSubject(value, where),
  ...shape<Omit<Pin, keyof PinSubject>>({
    fingerprint,
    by: oneOf(["first-use", "user"]),
    since: unixMillis,
    refused: optional(shape<NonNullable<Pin["refused"]>>({ fingerprint, at: unixMillis })) as Parse<
      NonNullable<Pin["refused"]>
    >,
  })(value, where),
});

const parseRestriction = shape<Restriction>({
  name: pinName,
  fingerprint: optional(fingerprint),
  level: restrictionLevel,
  since: unixMillis,
});

const parseState = shape<StateReport>({
  nickname,
  registry: optional(registryStanding),
  registryLostFor: optional(millis),
  away: boolean,
  isIdle: boolean,
  quietUntil: optional(unixMillis),
  status: optional(name),
  rooms: roomNames,
});

const PUSHES: { readonly [Type in Push["type"]]: Parse<Omit<Extract<Push, { type: Type }>, "type">> } = {
  state: shape<{ state: StateReport }>({ state: parseState }),
  peers: shape<Omit<Extract<Push, { type: "peers" }>, "type">>({
    put: list(PEERS_IN_A_PIECE, parsePeer),
    removed: list(PEERS_IN_A_PIECE, name),
  }),
  pins: shape<Omit<Extract<Push, { type: "pins" }>, "type">>({
    pins: list(PINS_IN_A_PIECE, parsePin),
    restrictions: list(PINS_IN_A_PIECE, parseRestriction),
    part: oneOf(["first", "more", "last", "all"]),
  }),
  files: shape<{ files: readonly Transfer[] }>({ files: list(FILES_IN_A_PIECE, transfer) }),
  notice: shape<{ notice: SessionNotice }>({ notice: parseNotice }),
};

export const parsePush: Parse<Push> = (value, where) => {
  const types = Object.keys(PUSHES) as Push["type"][];
  const type = field(parseObject(value, where), "type", oneOf(types), where);
  return { type, ...PUSHES[type](value, where) } as Push;
};

const parseSettings = shape<PresenceSettings>({
  nickname: nickname as Parse<Nickname>,
  whenTaken: wordOf<WhenTaken>({ ask: true, suggestion: true, end: true }),
  legacy: boolean,
  registries: list(MAX_NAMED, shape<NamedRegistry>({ typed: name, host: name, port })),
  interfaces: list(MAX_NAMED, name),
  port,
  encapsulationPort: port,
  autoAwayMillis: optional(millis),
  alerts: shape<AlertSettings>({
    bell: boolean,
    notify: wordOf<AlertChoice>({ "private-and-mentions": true, all: true, none: true }),
  }),
});

const pid = integer(1, 2 ** 31 - 1);

export const parseAttach = shape<AttachReport>({
  pid,
  settings: parseSettings,
  fingerprint,
  told: optional(count),
});

export const parseHolder = shape<HolderReport>({
  pid,
  version: name,
  nickname: name,
  fingerprint: name,
  registry: optional(name),
  realm: optional(name),
  away: boolean,
  attached: count,
  pending: count,
});

export const parseAttachRequest = shape<{ readonly version: string }>({ version: name });

export const parseSendRequest = shape<SendRequest>({
  messageId,
  to: messageText,
  text: messageText,
  waitMillis: optional(millis),
  reply: optional(messageId),
});

export const parseStatusRequest = shape<StatusRequest>({ away: boolean, status: optional(statusText) });
export const parseMarkReadRequest = shape<MarkReadRequest>({ from: name, ids: list(MAX_IDS, messageId) });
export const parseTypingRequest = shape<{ readonly to: string; readonly active: boolean }>({
  to: messageText,
  active: boolean,
});
export const parseRenameRequest = shape<{ readonly nickname: Nickname }>({ nickname });
export const parseRoomRequest = shape<{ readonly room: RoomName }>({ room: roomName });
export const parseAcceptRequest = shape<AcceptRequest>({ subject: pinSubject, fingerprint });
export const parseQuietRequest = shape<QuietRequest>({ until: optional(unixMillis) });
export const parseAttention = shape<Attention>({
  conversation: optional(name) as Parse<Attention["conversation"]>,
  isFocused: boolean,
  isActive: boolean,
});
export const parseRestrictRequest = shape<RestrictRequest>({
  who: shape<Restricted>({ name: pinName, fingerprint: optional(fingerprint) }),
  level: optional(restrictionLevel),
});
export const parseForgetRequest = shape<{ readonly subject: PinSubject }>({ subject: pinSubject });
