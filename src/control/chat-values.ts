/** The words and names of a presence as they cross its socket. */
import { type Fingerprint, parseFingerprint } from "../base/fingerprint.ts";
import type { Trust } from "../chat/notices.ts";
import { MAX_PIN_NAME_LENGTH, type PinSubject } from "../chat/pins.ts";
import type { RestrictionLevel } from "../chat/restrictions.ts";
import {
  MAX_ROOMS,
  MAX_STATUS_CHARACTERS,
  MAX_UNIX_MILLIS,
  type MessageId,
  parseMessageId,
  parseRoomName,
  parseStatusText,
  type RoomName,
  type StatusText,
} from "../wire/mp2-values.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import { integer, list, number, shape, text, textAs, wordOf } from "./parse.ts";

/** Longer than any name, host or address. */
export const name = text(300);
/** Texts of registries, admins and errors; all of them are bounded where they come in. */
export const sentence = text(4_096);
/**
 * A message: what mp2 takes four times over, in UTF-16 units. Whoever sends more is told "too long" by the core, up to
 * here.
 */
export const MAX_TEXT_LENGTH = 65_536;
export const messageText = text(MAX_TEXT_LENGTH);
export const port = integer(0, 65_535);
export const count = integer(0, Number.MAX_SAFE_INTEGER);
export const unixMillis = integer(0, MAX_UNIX_MILLIS);
export const millis = number(0, Number.MAX_VALUE);

/** A nickname has 32 characters, each of which may be several UTF-16 units. */
export const nickname = textAs<Nickname>(256, "a nickname", (value) => {
  const parsed = parseNickname(value);
  return parsed.ok ? parsed.nickname : undefined;
});
export const fingerprint = textAs<Fingerprint>(64, "64 hexadecimal digits", parseFingerprint);
export const messageId = textAs<MessageId>(32, "32 hexadecimal digits", parseMessageId);
export const roomName = textAs<RoomName>(256, "a room's name", parseRoomName);
export const roomNames = list(MAX_ROOMS, roomName);
export const statusText = textAs<StatusText>(2 * MAX_STATUS_CHARACTERS, "a status", parseStatusText);

export const trust = wordOf<Trust>({
  verified: true,
  pinned: true,
  new: true,
  changed: true,
  unverified: true,
});

export const pinName = text(MAX_PIN_NAME_LENGTH);
export const pinSubject = shape<PinSubject>({
  kind: wordOf<PinSubject["kind"]>({ realm: true, host: true, peer: true }),
  name: pinName,
});
export const restrictionLevel = wordOf<RestrictionLevel>({ ignored: true, blocked: true });
