import type { UnixMillis } from "../../base/clock.ts";
import type { Fingerprint } from "../../base/fingerprint.ts";
import type { TransferId } from "../../wire/mp2-files.ts";

/** Files that are sent and received: what the archive keeps of them, and what faces see. */

/** Why one is paused, or how it ended. */
export type TransferWhy =
  /** Paused by our user, or by theirs. */
  | "here"
  | "there"
  /** Our disk is full. */
  | "disk-full"
  /** Nobody of that name is known. */
  | "unknown-name"
  /** An older client (mp1), or one that takes no files. */
  | "not-supported"
  /** Another key than the one that is known. */
  | "key-changed"
  /** The user has blocked them. */
  | "blocked-here"
  /** Too many files at once: ours, or those that the other side has been offered. */
  | "too-many"
  /** Ours: no such file; no regular file; not readable; larger than numbers go. */
  | "not-found"
  | "not-a-file"
  | "unreadable"
  /** Ours is not the file any more that was offered; theirs says so of its own. */
  | "changed"
  /** The user does not want it. */
  | "declined"
  /** What came is not what was offered. */
  | "corrupt"
  /** The folder for it cannot be used; the notice before says why. */
  | "storage"
  /** The other side does not know it any more. */
  | "unknown"
  | "cancelled"
  | "other";

/** What the archive keeps: all that a crash must not change. Bytes that are there are counted on disk. */
export interface TransferRecord {
  readonly id: TransferId;
  readonly direction: "in" | "out";
  /** Theirs. */
  readonly fingerprint: Fingerprint;
  /** Their nickname when it began. */
  readonly peer: string;
  /** Safe to be shown and to be a file's name. */
  readonly name: string;
  readonly size: number;
  /** When it was offered, by the sender's clock. */
  readonly time: UnixMillis;
  /**
   * "out": the file. "in": the folder where its part is, from the acceptance on, and with "done" the file. Empty where
   * there is none.
   */
  readonly path: string;
  /** "out": what tells that it is the same file still. */
  readonly stamp: string;
  readonly state: "offered" | "accepted" | "paused" | "done" | "refused" | "failed" | "cancelled";
  readonly why: TransferWhy | undefined;
}

export type TransferState =
  /** "out": not answered. "in": the user decides. */
  | "offered"
  /** Accepted; waits for the other side, or for its turn. */
  | "waiting"
  | "running"
  | "paused"
  | "done"
  | "refused"
  | "failed"
  | "cancelled";

/** One file as faces see it. */
export interface Transfer
  extends Pick<TransferRecord, "id" | "direction" | "peer" | "name" | "size" | "time" | "path" | "why"> {
  /** Undefined where nobody of that name was known. */
  readonly fingerprint: Fingerprint | undefined;
  readonly state: TransferState;
  /** Bytes that are there, as far as this side knows. */
  readonly bytes: number;
  /** Of the last seconds; 0 unless it runs. */
  readonly bytesPerSecond: number;
}

/** What has just happened to it. */
export type TransferChange =
  /** "out": it will be offered. "in": somebody offers it. */
  | "offered"
  | "accepted"
  /** The user accepted it, and that cannot be: `why` says what is in the way. It stays offered. */
  | "not-accepted"
  | "started"
  | "progress"
  /** The connection broke; it goes on by itself. */
  | "interrupted"
  | "paused"
  | "resumed"
  | "done"
  | "refused"
  | "failed"
  | "cancelled";

export type TransferAction = "accept" | "refuse" | "pause" | "resume" | "cancel";

export function isOver(state: TransferRecord["state"] | TransferState): boolean {
  return state === "done" || state === "refused" || state === "failed" || state === "cancelled";
}

/**
 * Whose files are taken without a question: nobody's, those of keys that the user verified, also those of keys of which
 * the user has taken one before.
 */
export type AcceptFiles = "ask" | "verified" | "known";

/** Every bound of files and why it is what it is. */
export const FILE_BOUNDS = {
  /** Not over yet, in each direction: more is no list that somebody looks through. */
  open: 256,
  /** Of one peer that the user has not decided about. */
  offersPerPeer: 32,
  /** Over, kept so that what comes again is known; the oldest are forgotten. */
  over: 2_000,
  /** Of those, shown. */
  overShown: 50,
  /** Sent at the same time: more share one network and make each of them later. */
  running: 4,
  runningPerPeer: 2,
  /** Received at the same time: each has buffers of some MiB. */
  receiving: 8,
} as const;
