import { utf8Length } from "../base/text.ts";
import type { Nickname } from "../wire/nickname.ts";

/**
 * The roster as mp2 tells it: values that registry and client exchange. The codecs of src/wire write them one to one.
 * docs/decisions/0011-roster-deltas.md says when a mirror of them is right.
 */

/** Names one lineage of sequence numbers: 16 hex digits. Under another epoch a {@link Seq} means nothing. */
export type Epoch = string;

/** How many changes the roster of an epoch has had: a safe integer from 0. */
export type Seq = number;

/** "mp2": has a key. The other two have none and are unverified: our client over mp1, and the original. */
export type ClientKind = "mp2" | "mp1-own" | "mp1-original";

/** Why a client is not there. "registry-restart-expired": it did not come back after the registry did. */
export type AbsenceReason = "left" | "lost" | "superseded" | "kicked" | "registry-restart-expired";

interface ListedFacts {
  /** Unique, folded by `foldNickname`. */
  readonly nick: Nickname;
  /** SHA-256 of the client's SPKI, 64 lower-case hex digits; null without a key. */
  readonly fingerprint: string | null;
  /** IP address in canonical text form. */
  readonly address: string;
  /** P: the client's listener. */
  readonly port: number;
  readonly kind: ClientKind;
  /** One line, at most 128 characters. */
  readonly status?: string;
  /** Unix time, ms: when an absent client was last there; since when a present one stands as it does. */
  readonly lastSeen: number;
  /** Hex digits; only while there is one. */
  readonly session?: string;
}

/** One client as everybody sees it. Never changed in place: an entry may be shared by snapshots, deltas and mirrors. */
export type Listed = ListedFacts &
  (
    | { readonly state: "online" | "away" | "suspect" }
    | { readonly state: "offline"; readonly reason: AbsenceReason }
  );

export type Change =
  | { readonly type: "put"; readonly entry: Listed }
  /** Nobody holds that name any more. */
  | { readonly type: "remove"; readonly nick: Nickname };

/**
 * `changes.length` consecutive changes (at least one), at most one a name; `seq` is the number of the last. Each says
 * how an entry stands after it, not how it differs from before.
 */
export interface Delta {
  readonly type: "delta";
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly changes: readonly Change[];
}

/** Part `index` (from 0) of `count` (at least 1) of the whole roster as it was at `seq`. */
export interface Page {
  readonly type: "page";
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly index: number;
  readonly count: number;
  readonly entries: readonly Listed[];
}

/** What a mirror lacks. */
export type Ask =
  /** All changes after `seq`. */
  | { readonly type: "changes"; readonly epoch: Epoch; readonly seq: Seq }
  /** Everything. */
  | { readonly type: "roster" }
  /** The pages of the roster at `seq` from number `from` on: the run broke off. */
  | { readonly type: "pages"; readonly epoch: Epoch; readonly seq: Seq; readonly from: number };

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
    left.state === right.state &&
    reasonOf(left) === reasonOf(right)
  );
}

function reasonOf(entry: Listed): AbsenceReason | undefined {
  return entry.state === "offline" ? entry.reason : undefined;
}

/** Bytes that one change, or one entry of a page, takes in its message: an upper bound. */
export type Weigh = (item: Listed | Nickname) => number;

/** All of an entry in CBOR but its texts: eleven one-byte keys, a digest, a session, a time, numbers, heads of texts. */
const FIXED_BYTES = 96;

/** No entry and no change is heavier: nickname and status of four-byte characters, the longest address. */
export const ENTRY_BYTES_AT_MOST = FIXED_BYTES + 4 * 32 + 45 + 4 * 128;

/** The weight in CBOR, a little generous. */
export function weighListed(item: Listed | Nickname): number {
  if (typeof item === "string") return FIXED_BYTES + utf8Length(item);
  const { nick, address, status = "" } = item;
  return FIXED_BYTES + utf8Length(nick) + utf8Length(address) + utf8Length(status);
}
