import { utf8Length } from "../base/text.ts";
import type { Ask, Change, Delta, Page, RosterEntry } from "../wire/mp2-roster.ts";
import {
  type EntryKind,
  type Epoch,
  MAX_ROOM_CHARACTERS,
  MAX_ROOMS,
  type OfflineReason,
  type RoomName,
  type Seq,
} from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";

/**
 * The roster as mp2 tells it: the values of its messages, which registry and client exchange.
 * docs/decisions/0011-roster-deltas.md says when a mirror of them is right.
 */

export type { Ask, Change, Delta, Epoch, Page, Seq };

/** "mp2": has a key. The other two have none and are unverified: our client over mp1, and the original. */
export type ClientKind = EntryKind;

/** Why a client is not there. "registry-restart-expired": it did not come back after the registry did. */
export type AbsenceReason = OfflineReason;

/** One client as everybody sees it. Never changed in place: an entry may be shared by snapshots, deltas and mirrors. */
export type Listed = RosterEntry;

/** The state before which `delta` begins: it turns this one, or any later up to its own `seq`, into that of `seq`. */
export function baseOf(delta: Delta): Seq {
  return delta.seq - delta.changes.length;
}

export function sameListed(left: Listed | undefined, right: Listed | undefined): boolean {
  if (left === right) return true;
  if (left === undefined || right === undefined) return false;
  return (
    left.nick === right.nick &&
    left.fingerprint === right.fingerprint &&
    left.address === right.address &&
    left.port === right.port &&
    left.kind === right.kind &&
    left.status === right.status &&
    left.lastSeen === right.lastSeen &&
    left.session === right.session &&
    sameRooms(left.rooms, right.rooms) &&
    left.state === right.state &&
    reasonOf(left) === reasonOf(right)
  );
}

function sameRooms(left: readonly RoomName[] = [], right: readonly RoomName[] = []): boolean {
  return left === right || (left.length === right.length && left.every((room, at) => room === right[at]));
}

function reasonOf(entry: Listed): AbsenceReason | undefined {
  return entry.state === "offline" ? entry.reason : undefined;
}

/** Bytes that one change, or one entry of a page, takes in its message: an upper bound. */
export type Weigh = (item: Listed | Nickname) => number;

/** All of an entry in CBOR but its texts: twelve one-byte keys, a digest, a session, a time, numbers, heads of texts. */
const FIXED_BYTES = 98;
/** The head of a text of up to 255 bytes. */
const ROOM_HEAD_BYTES = 2;

/** No entry and no change is heavier: texts of four-byte characters, the longest address, all rooms. */
export const ENTRY_BYTES_AT_MOST =
  FIXED_BYTES + 4 * 32 + 45 + 4 * 128 + MAX_ROOMS * (ROOM_HEAD_BYTES + 4 * MAX_ROOM_CHARACTERS);

/** The weight in CBOR, a little generous. */
export function weighListed(item: Listed | Nickname): number {
  if (typeof item === "string") return FIXED_BYTES + utf8Length(item);
  const { nick, address, status = "", rooms = [] } = item;
  const inRooms = rooms.reduce((sum, room) => sum + ROOM_HEAD_BYTES + utf8Length(room), 0);
  return FIXED_BYTES + utf8Length(nick) + utf8Length(address) + utf8Length(status) + inRooms;
}
