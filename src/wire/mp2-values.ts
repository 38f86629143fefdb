import type { Random, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { isIpv4 } from "./mp1-roster.ts";
import { foldNickname, isVisible, parseNickname } from "./nickname.ts";

/** The values that mp2's messages carry, as types that prove their form. What each is on the wire: mp2-fields.ts. */

/** IPv4 group of discovery (organisation-local scope, RFC 2365 §6.2); "MP" in its last bytes. */
export const MP2_GROUP_IPV4 = "239.255.77.80";
/** IPv6 group of discovery (link-local scope, RFC 4291 §2.7). */
export const MP2_GROUP_IPV6 = "ff02::4d50:1";

/** ALPN (RFC 7301) of the registry's dial-back, of chat, of a file's bytes. Another version of each is another name. */
export const ALPN_REGISTRY = "mp2-registry";
export const ALPN_CHAT = "mp2-chat";
export const ALPN_FILE = "mp2-file";

export type { Fingerprint };

/**
 * One registration of one client: 16 random bytes, 32 lower-case hexadecimal digits inside, as a map key needs it. It
 * names, it does not authenticate: rosters carry it.
 */
export type SessionId = string & { readonly __sessionId: unique symbol };

/** The lineage of a registry's state: 64 random bits, 16 lower-case hexadecimal digits. Under another, no seq counts. */
export type Epoch = string & { readonly __epoch: unique symbol };

/** One life of a registry's process: 64 random bits, 16 lower-case hexadecimal digits. Another: its associations are gone. */
export type RunId = string & { readonly __runId: unique symbol };

/** Roster changes so far in this epoch: a non-negative safe integer. */
export type Seq = number;

/** 16 random bytes that tie an answer to its question. */
export type Nonce = Uint8Array & { readonly __nonce: unique symbol };

/** 16 random bytes, 32 lower-case hexadecimal digits: drawn by the sender, the same at each redelivery. */
export type MessageId = string & { readonly __messageId: unique symbol };

/** The registry's name for humans: 1–64 visible characters without white space. */
export type Realm = string & { readonly __realm: unique symbol };

/** What somebody says of themselves: 1–128 characters on one line. Saying nothing is the field's absence. */
export type StatusText = string & { readonly __statusText: unique symbol };

/** A line from one program to the other's user: 1–256 characters. */
export type Notice = string & { readonly __notice: unique symbol };

/**
 * A room without its "#": a nickname in its folded form, so that equal rooms are equal strings. At most
 * {@link MAX_ROOM_CHARACTERS} characters.
 */
export type RoomName = string & { readonly __roomName: unique symbol };

/** Unicode text of 1–16,384 bytes in UTF-8. Any character: whoever shows it escapes it. */
export type MessageText = string & { readonly __messageText: unique symbol };

/** IPv4 in dotted form or IPv6 after RFC 5952 §4, without zone and never an IPv4-mapped one. */
export type Address = string & { readonly __address: unique symbol };

/** What a peer can do beyond this version's minimum. */
export type Capability = "rooms" | "files";

export type EntryKind = "mp2" | "mp1-own" | "mp1-original";
export type PresenceState = "online" | "away" | "suspect" | "offline";
export type OfflineReason = "left" | "lost" | "superseded" | "kicked" | "registry-restart-expired";

export const FINGERPRINT_BYTES = 32;
export const SESSION_BYTES = 16;
export const EPOCH_BYTES = 8;
export const RUN_BYTES = 8;
export const NONCE_BYTES = 16;
export const MESSAGE_ID_BYTES = 16;
const UUID_TIME_BYTES = 6;
const MAX_UUID_TIME = 2 ** (8 * UUID_TIME_BYTES) - 1;
export const MAX_REALM_CHARACTERS = 64;
export const MAX_STATUS_CHARACTERS = 128;
export const MAX_NOTICE_CHARACTERS = 256;
export const MAX_ROOM_CHARACTERS = 32;
/** Of one client: its entry, which everybody gets, stays within a few packets. */
export const MAX_ROOMS = 16;
export const MAX_MESSAGE_TEXT_BYTES = 16_384;
/** The last moment of `Date` (ECMA-262, "Time Values and Time Range"): no time from a peer makes formatting throw. */
export const MAX_UNIX_MILLIS = 8_640_000_000_000_000;

export function parseEpoch(text: string): Epoch | undefined {
  return /^[0-9a-f]{16}$/.test(text) ? (text as Epoch) : undefined;
}

export function parseMessageId(text: string): MessageId | undefined {
  return /^[0-9a-f]{32}$/.test(text) ? (text as MessageId) : undefined;
}

/**
 * A new one: a UUID of version 7 (RFC 9562 §5.7), whose time comes first. So the newest ids are side by side in an index:
 * many messages that are stored together change a few of its pages, and not one each.
 */
export function drawMessageId(random: Random, at: UnixMillis): MessageId {
  const id = Buffer.from(random.bytes(MESSAGE_ID_BYTES));
  id.writeUIntBE(Math.min(Math.max(0, Math.floor(at)), MAX_UUID_TIME), 0, UUID_TIME_BYTES);
  id[6] = 0x70 | ((id[6] ?? 0) & 0x0f);
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  return id.toString("hex") as MessageId;
}

export function parseSessionId(text: string): SessionId | undefined {
  return /^[0-9a-f]{32}$/.test(text) ? (text as SessionId) : undefined;
}

export function parseNonce(bytes: Uint8Array): Nonce | undefined {
  return bytes.length === NONCE_BYTES ? (bytes as Nonce) : undefined;
}

/** Takes text that is a realm as it stands; trimming and normalising is the business of whoever reads it from a user. */
export function parseRealm(text: string): Realm | undefined {
  return isLine(text, MAX_REALM_CHARACTERS) && !text.includes(" ") ? (text as Realm) : undefined;
}

export function parseStatusText(text: string): StatusText | undefined {
  return isLine(text, MAX_STATUS_CHARACTERS) ? (text as StatusText) : undefined;
}

export function parseNotice(text: string): Notice | undefined {
  return isLine(text, MAX_NOTICE_CHARACTERS) ? (text as Notice) : undefined;
}

/** Takes a room's name as it must stand in a message; {@link foldNickname} makes it of what a user typed. */
export function parseRoomName(text: string): RoomName | undefined {
  const parsed = parseNickname(text);
  if (!parsed.ok || parsed.nickname !== text || text.startsWith("#")) return undefined;
  return foldNickname(text) === text ? (text as RoomName) : undefined;
}

/** Rooms as they stand in a message: each once, ascending by UTF-16 code units. */
export function sortedRooms(rooms: Iterable<RoomName>): readonly RoomName[] {
  return [...new Set(rooms)].sort();
}

export function parseMessageText(text: string): MessageText | undefined {
  if (text === "" || text.length > MAX_MESSAGE_TEXT_BYTES || !text.isWellFormed()) return undefined;
  return Buffer.byteLength(text) <= MAX_MESSAGE_TEXT_BYTES ? (text as MessageText) : undefined;
}

/** Takes an address as it must stand in a message; see {@link canonicalAddress} for those of a socket. */
export function parseAddress(text: string): Address | undefined {
  return canonicalAddress(text) === text ? (text as Address) : undefined;
}

/**
 * The canonical form of what a socket calls its peer: no zone, since that is a name of the local machine's, and
 * IPv4-mapped IPv6 (RFC 4291 §2.5.5.2) as the IPv4 that it is.
 */
export function canonicalAddress(text: string): Address | undefined {
  if (isIpv4(text)) return text as Address;
  const bare = text.replace(/%.*$/s, "");
  if (!/^[0-9a-f:.]{2,45}$/i.test(bare) || !bare.includes(":")) return undefined;
  const mapped = /^::ffff:([0-9.]+)$/i.exec(bare)?.[1];
  if (mapped !== undefined && isIpv4(mapped)) return mapped as Address;
  // WHATWG's URL serialises IPv6 as RFC 5952 §4 does.
  const host = URL.parse(`http://[${bare}]/`)?.hostname.slice(1, -1);
  return host === undefined || host.startsWith("::ffff:") ? undefined : (host as Address);
}

/** Visible characters and blanks (U+0020) between them, NFC, at most `most` code points. */
function isLine(text: string, most: number): boolean {
  if (text === "" || text.length > 2 * most || [...text].length > most) return false;
  if (text !== text.normalize("NFC") || text.trim() !== text) return false;
  return !/[^\S ]/u.test(text) && isVisible(text);
}
