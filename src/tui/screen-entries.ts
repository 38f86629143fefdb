import type { UnixMillis } from "../base/clock.ts";
import type { ArchivedMessage } from "../chat/archive.ts";
import type { Transfer } from "../chat/files/transfer.ts";
import type { ReceivedMessage } from "../chat/notices.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { type Line, nameText } from "./lines.ts";
import { undeliveredText } from "./wording-delivery.ts";

/** What stands in a transcript. */
export type Entry = MessageEntry | NoteEntry | FileEntry;

/** Of a message to us, or how far one of ours has come. */
export type EntryState =
  | { readonly type: "received"; readonly isRead: boolean }
  | { readonly type: "sending" }
  /** `why`: what it waits for, in words. */
  | { readonly type: "waiting"; readonly why: string }
  /** `reached`: of how many in a room. */
  | { readonly type: "delivered"; readonly reached?: number }
  | { readonly type: "read" }
  | { readonly type: "failed"; readonly why: string };

export interface MessageEntry {
  readonly kind: "message";
  /** Of this entry as long as the program runs. */
  readonly key: number;
  /** Its place in the archive, if it came from there. */
  readonly seq: number | undefined;
  readonly id: MessageId | undefined;
  /** "ola", "ola*", "ola(?)"; of ours: undefined. */
  readonly from: string | undefined;
  /** Of "ola(?)": where it came from. */
  readonly origin: string | undefined;
  readonly at: UnixMillis;
  /** When it was written, where that is much earlier. */
  readonly written: UnixMillis | undefined;
  readonly text: string;
  readonly quote: Quote | undefined;
  readonly state: EntryState;
}

/** The message that another one answers. */
export interface Quote {
  readonly from: string;
  readonly text: string;
}

/** Said by the program, and kept nowhere. */
export interface NoteEntry {
  readonly kind: "note";
  readonly key: number;
  readonly at: UnixMillis;
  readonly lines: readonly Line[];
}

/** A file, as it is now. */
export interface FileEntry {
  readonly kind: "file";
  readonly key: number;
  readonly at: UnixMillis;
  readonly transfer: Transfer;
  /** By which commands call it. */
  readonly number: number;
}

/** What took longer than this on its way is shown with the time at which it was written. */
const LATE_MILLIS = 300_000;

/** `quote`: of what it answers. */
export function ofArchived(key: number, message: ArchivedMessage, quote: Quote | undefined): MessageEntry {
  const { seq, messageId: id, at, text, time } = message;
  const from = message.direction === "in" ? archivedSender(message) : undefined;
  const origin = message.direction === "in" && message.standing === "mismatch" ? message.address : undefined;
  const written = message.direction === "in" && at - time > LATE_MILLIS ? time : undefined;
  return {
    kind: "message",
    key,
    seq,
    id,
    from,
    origin,
    at,
    written,
    text,
    quote,
    state: archivedState(message),
  };
}

export function ofReceived(
  key: number,
  message: ReceivedMessage,
  how: { at: UnixMillis; quote: Quote | undefined },
): MessageEntry {
  const { messageId: id, text, time } = message;
  const written = time !== undefined && how.at - time > LATE_MILLIS ? time : undefined;
  const state = { type: "received", isRead: false } as const;
  return {
    kind: "message",
    key,
    seq: undefined,
    id,
    from: markedName(message.from, message.standing),
    origin: message.standing === "mismatch" ? message.address : undefined,
    written,
    text,
    state,
    ...how,
  };
}

/** Who wrote it, for a quote or a list of what was found. */
export function archivedSender(message: ArchivedMessage): string {
  if (message.direction === "out") return "you";
  return markedName(message.peer, message.standing);
}

function markedName(name: string, standing: ReceivedMessage["standing"]): string {
  const mark = standing === "mismatch" ? "(?)" : standing === "unverified" ? "*" : "";
  return `${nameText(name)}${mark}`;
}

function archivedState(message: ArchivedMessage): EntryState {
  if (message.direction === "in") return { type: "received", isRead: message.state === "read" };
  switch (message.state) {
    case "waiting":
      return {
        type: "waiting",
        why: `kept for ${nameText(message.peer)}: it goes out when both of you are here`,
      };
    case "failed":
      return { type: "failed", why: failureText(message.peer, message.why) };
    default:
      return { type: message.state };
  }
}

function failureText(to: string, why: Parameters<typeof undeliveredText>[0]["why"] | undefined): string {
  if (why === undefined) return "not delivered";
  const none = { destination: undefined, partsDelivered: 0, parts: 1, uncertain: false, waited: false };
  return undeliveredText({ messageId: "" as never, to, text: "", why, ...none });
}
