import type { UnixMillis } from "../base/clock.ts";
import { hexString, openChoice, text, uint } from "./mp2-codec.ts";
import { messageId, unixMillis } from "./mp2-fields.ts";
import { family, message, required, union } from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type { MessageId } from "./mp2-values.ts";

/**
 * mp2 files: what is said about them on a chat connection, to those with the capability "files" alone, and what goes
 * over the connection of its own that each of them has (ALPN "mp2-file", the sender connects). docs/protocol-mp2.md §8.
 *
 * Every message may come again: the sender offers until it is answered, and what is asked about a file that is over is
 * answered with how it ended.
 */

/** 16 random bytes, drawn by the sender, as those of messages. */
export type TransferId = MessageId;

/** A file's name as its sender has it: 1–255 bytes of UTF-8, any characters. Whoever stores it makes it safe. */
export type OfferedName = string & { readonly __offeredName: unique symbol };

/** SHA-256 of a whole file, 64 lower-case hexadecimal digits. */
export type FileHash = string & { readonly __fileHash: unique symbol };

export const MAX_OFFERED_NAME_BYTES = 255;

/** "I have a file for you." */
export interface FileOffer {
  readonly type: "fileOffer";
  readonly id: TransferId;
  readonly name: OfferedName;
  /** In bytes. */
  readonly size: number;
  /** When it was first offered, by the sender's clock. */
  readonly time: UnixMillis;
}

/** "I know of it; my answer comes later." The receiver's. */
export interface FilePending {
  readonly type: "filePending";
  readonly id: TransferId;
}

/** "Send it, from this byte on." The receiver's. */
export interface FileAccept {
  readonly type: "fileAccept";
  readonly id: TransferId;
  readonly offset: number;
}

export type FileRefusal =
  /** The user does not want it. */
  | "declined"
  /** Too many offers of that sender; the only one that is not the last word: it may be offered again later. */
  | "busy"
  /** What came is not what was offered, or its SHA-256 is another one. */
  | "corrupt"
  /** It cannot be stored. */
  | "storage"
  | "other";

/** "I will not have it." The receiver's last word, but for "busy". */
export interface FileRefuse {
  readonly type: "fileRefuse";
  readonly id: TransferId;
  readonly reason: FileRefusal;
}

/** "Not now." Either side's; the receiver ends it by an accept, the sender by sending. */
export interface FilePause {
  readonly type: "filePause";
  readonly id: TransferId;
}

export type FileCancellation =
  /** The user does not send it any more. */
  | "cancelled"
  /** It is not the file any more that was offered. */
  | "changed"
  /** It cannot be read any more. */
  | "unreadable"
  /** It was never offered, or that was long ago. */
  | "unknown"
  | "other";

/** "You will not get it." The sender's last word. */
export interface FileCancel {
  readonly type: "fileCancel";
  readonly id: TransferId;
  readonly reason: FileCancellation;
}

/** "I have it whole, verified, on disk." The receiver's last word. */
export interface FileDone {
  readonly type: "fileDone";
  readonly id: TransferId;
}

/** The first frame of a file's connection: its bytes from the accepted offset on follow as they are. */
export interface FileData {
  readonly type: "fileData";
  readonly id: TransferId;
  readonly offset: number;
}

/** The frame after the file's last byte. */
export interface FileEnd {
  readonly type: "fileEnd";
  /** Of the whole file, from its first byte on. */
  readonly sha256: FileHash;
}

const size = uint(0, Number.MAX_SAFE_INTEGER);
const sha256 = hexString<FileHash>(32);

export function parseOfferedName(given: string): OfferedName | undefined {
  if (given === "" || given.length > MAX_OFFERED_NAME_BYTES || !given.isWellFormed()) return undefined;
  return Buffer.byteLength(given) <= MAX_OFFERED_NAME_BYTES ? (given as OfferedName) : undefined;
}

const id = required(1, messageId);

export const FILE_OFFER = message<FileOffer>("fileOffer", MESSAGE_TYPES.fileOffer, {
  id,
  name: required(2, text(parseOfferedName)),
  size: required(3, size),
  time: required(4, unixMillis),
});
export const FILE_PENDING = message<FilePending>("filePending", MESSAGE_TYPES.filePending, { id });
export const FILE_ACCEPT = message<FileAccept>("fileAccept", MESSAGE_TYPES.fileAccept, {
  id,
  offset: required(2, size),
});
export const FILE_REFUSE = message<FileRefuse>("fileRefuse", MESSAGE_TYPES.fileRefuse, {
  id,
  reason: required(2, openChoice({ other: 0, declined: 1, busy: 2, corrupt: 3, storage: 4 }, "other")),
});
export const FILE_PAUSE = message<FilePause>("filePause", MESSAGE_TYPES.filePause, { id });
export const FILE_CANCEL = message<FileCancel>("fileCancel", MESSAGE_TYPES.fileCancel, {
  id,
  reason: required(2, openChoice({ other: 0, cancelled: 1, changed: 2, unreadable: 3, unknown: 4 }, "other")),
});
export const FILE_DONE = message<FileDone>("fileDone", MESSAGE_TYPES.fileDone, { id });

export const FILE_DATA = message<FileData>("fileData", MESSAGE_TYPES.fileData, {
  id,
  offset: required(2, size),
});
export const FILE_END = message<FileEnd>("fileEnd", MESSAGE_TYPES.fileEnd, {
  sha256: required(1, sha256),
});

/** What is said about files on a chat connection. */
export type FileMessage =
  | FileOffer
  | FilePending
  | FileAccept
  | FileRefuse
  | FilePause
  | FileCancel
  | FileDone;

/** The most bytes of a frame on a file's connection. */
export const FILE_FRAME_BYTES = 256;

/** What the sender says on a file's connection, before and after the bytes. */
export const FILE_STREAM = family(union(FILE_DATA, FILE_END), FILE_FRAME_BYTES);
