import { byteString, type Codec, converted, hexString, list, text, uint } from "./mp2-codec.ts";
import {
  type Address,
  type Capability,
  EPOCH_BYTES,
  type Epoch,
  FINGERPRINT_BYTES,
  type Fingerprint,
  MAX_ROOMS,
  MAX_UNIX_MILLIS,
  MESSAGE_ID_BYTES,
  type MessageId,
  type MessageText,
  NONCE_BYTES,
  type Nonce,
  type Notice,
  parseAddress,
  parseMessageText,
  parseNotice,
  parseRealm,
  parseRoomName,
  parseStatusText,
  type Realm,
  type RoomName,
  RUN_BYTES,
  type RunId,
  SESSION_BYTES,
  type SessionId,
  type StatusText,
} from "./mp2-values.ts";
import { type Nickname, parseNickname } from "./nickname.ts";

/** What the values of mp2-values.ts are on the wire: the codecs that message tables are made of. */

export const fingerprint: Codec<Fingerprint> = hexString(FINGERPRINT_BYTES);
export const epoch: Codec<Epoch> = hexString(EPOCH_BYTES);
export const run: Codec<RunId> = hexString(RUN_BYTES);
export const messageId: Codec<MessageId> = hexString(MESSAGE_ID_BYTES);
export const session: Codec<SessionId> = hexString(SESSION_BYTES);
export const nonce: Codec<Nonce> = byteString(NONCE_BYTES, NONCE_BYTES);

export const seq: Codec<number> = uint(0, Number.MAX_SAFE_INTEGER);
export const unixMillis: Codec<number> = uint(0, MAX_UNIX_MILLIS);

/** A client's P. Lower ports are refused: a roster must not point clients at other services (mp1 does so as well). */
export const clientPort: Codec<number> = uint(1_024, 65_534);
export const anyPort: Codec<number> = uint(1, 65_535);

/** A span of up to a day in milliseconds. */
export const millis: Codec<number> = uint(0, 86_400_000);

/** Only in its own form: the sender has parsed it, so what trimming or NFC would change is not ours. */
export const nickname: Codec<Nickname> = text((given) => {
  const parsed = parseNickname(given);
  return parsed.ok && parsed.nickname === given ? parsed.nickname : undefined;
});
export const address: Codec<Address> = text(parseAddress);
export const realm: Codec<Realm> = text(parseRealm);
export const statusText: Codec<StatusText> = text(parseStatusText);
export const notice: Codec<Notice> = text(parseNotice);
export const messageText: Codec<MessageText> = text(parseMessageText);

export const roomName: Codec<RoomName> = text(parseRoomName);

/** Ascending, each once; none is the field's absence. */
export const roomNames: Codec<readonly RoomName[]> = converted(
  list(roomName, 1, MAX_ROOMS),
  (rooms: readonly RoomName[]) => rooms,
  (rooms) => (rooms.some((room, at) => room <= (rooms[at - 1] ?? "")) ? undefined : rooms),
);

const CAPABILITIES: Readonly<Record<Capability, number>> = { rooms: 1, files: 2 };
const NAMES = new Map(Object.entries(CAPABILITIES).map(([name, number]) => [number, name as Capability]));

/** Ascending numbers. Those without a name here are left out: they are a later version's. */
export const capabilities: Codec<ReadonlySet<Capability>> = converted(
  list(uint(1, 65_535), 0, 64),
  (names: ReadonlySet<Capability>) => [...names].map((name) => CAPABILITIES[name]).sort((a, b) => a - b),
  (numbers) => {
    if (numbers.some((number, at) => number <= (numbers[at - 1] ?? 0))) return undefined;
    return new Set(numbers.flatMap((number) => NAMES.get(number) ?? [])) as ReadonlySet<Capability>;
  },
);
