import type { UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { MessageId, RoomName } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import type { TransferRecord } from "./files/transfer.ts";
import type { ReceivedMessage, UndeliveredReason } from "./notices.ts";

/**
 * What was said, and what is still to be said: as the core changes it, and as faces read it. Back ends are in
 * `src/store`; who holds the user's presence writes, every program of the user may read at the same time.
 */

/** Of one conversation: with a person ("@" and the folded nickname, or ADDRESS:PORT), or in a room. */
export type ConversationKey = `@${string}` | `#${string}`;

/** The conversation with whoever has that name. */
export function conversationWith(nickname: string): ConversationKey {
  return `@${foldNickname(nickname)}`;
}

/** What a conversation is called in which somebody of that name has written. */
export function conversationTitle(key: ConversationKey, writer: string): string {
  return key.startsWith("#") ? key : writer;
}

interface Archived {
  /** Order in the archive; never used twice. */
  readonly seq: number;
  readonly conversation: ConversationKey;
  /** Who wrote it, or to whom: as written. */
  readonly peer: string;
  /** The key that it came from or was delivered to. */
  readonly fingerprint: Fingerprint | undefined;
  /** When it was written, by the sender's clock. */
  readonly time: UnixMillis;
  /** When it came here. */
  readonly at: UnixMillis;
  readonly text: string;
  /** The message that it answers. */
  readonly reply: MessageId | undefined;
}

export interface ArchivedIncoming extends Archived {
  readonly direction: "in";
  /** Undefined over mp1. */
  readonly messageId: MessageId | undefined;
  readonly address: string;
  readonly standing: ReceivedMessage["standing"];
  /** "ignored": came while the user did not want to hear its sender. */
  readonly state: "unread" | "read" | "ignored";
}

export interface ArchivedOutgoing extends Archived {
  readonly direction: "out";
  readonly messageId: MessageId;
  readonly state: "waiting" | "delivered" | "read" | "failed";
  /** Of "failed". */
  readonly why: UndeliveredReason | undefined;
}

export type ArchivedMessage = ArchivedIncoming | ArchivedOutgoing;

export interface ConversationSummary {
  readonly key: ConversationKey;
  /** The name as it was written last. */
  readonly title: string;
  readonly unread: number;
  /** Outgoing messages that have not arrived yet. */
  readonly waiting: number;
  readonly last: ArchivedMessage;
}

/** What is new, in all and where. */
export interface Unread {
  readonly total: number;
  /** The one with the newest message first; {@link ARCHIVE_LIMITS}.conversations at most. */
  readonly conversations: readonly Pick<ConversationSummary, "key" | "title" | "unread">[];
}

export function unreadOf(all: readonly Pick<ConversationSummary, "key" | "title" | "unread">[]): Unread {
  const conversations = all.flatMap(({ key, title, unread }) => (unread > 0 ? [{ key, title, unread }] : []));
  return { total: conversations.reduce((sum, { unread }) => sum + unread, 0), conversations };
}

/** What one call returns at most, whatever `limit` says: so that a face never waits long for it. */
export const ARCHIVE_LIMITS = { page: 1_000, found: 200, conversations: 1_000 } as const;

export interface PageRange {
  readonly before?: number;
  readonly after?: number;
  readonly limit: number;
  readonly withIgnored?: boolean;
}

/** Reads, synchronously and bounded. All throw a {@link SystemError} when the file cannot be read. */
export interface ArchiveReader {
  /** The one with the newest message first; those without messages are none. What is ignored does not count. */
  conversations(): readonly ConversationSummary[];
  /**
   * In their order: the last ones before `before` or, with `after`, the first ones after it. Without a key: of all. What is
   * ignored is left out unless `withIgnored`.
   */
  page(key: ConversationKey | undefined, range: PageRange): readonly ArchivedMessage[];
  /** By its id; of two that claim one id, ours. */
  message(id: MessageId): ArchivedMessage | undefined;
  /**
   * Messages that contain all of the words and are not ignored, newest first. A word is found where one begins with it, whatever its case
   * and accents; in scripts without spaces between words, and where `words` has signs only, anywhere.
   */
  search(
    words: string,
    range: { readonly key?: ConversationKey; readonly before?: number; readonly limit: number },
  ): readonly ArchivedMessage[];
  close(): void;
}

/** A message of ours as it is stored first. */
export interface OutgoingRecord {
  readonly messageId: MessageId;
  readonly conversation: ConversationKey;
  readonly to: string;
  readonly text: string;
  readonly reply: MessageId | undefined;
  readonly time: UnixMillis;
  /** Given up then. */
  readonly until: UnixMillis;
  /** In a room: whom it goes to. */
  readonly members?: readonly PostMember[];
}

/** Somebody whom what is said in a room goes to. */
export interface PostMember {
  readonly fingerprint: Fingerprint;
  readonly nickname: Nickname;
}

/** A message to us as it is stored first. */
export interface IncomingRecord {
  readonly conversation: ConversationKey;
  readonly message: ReceivedMessage;
  readonly at: UnixMillis;
  /** The user does not want to hear its sender. */
  readonly isIgnored?: boolean;
}

export type ArchiveChange =
  /** Known by its id: nothing. */
  | { readonly type: "sent"; readonly message: OutgoingRecord }
  /** We are in that room, also after the end of this process, or are not any more. */
  | { readonly type: "joined"; readonly room: RoomName }
  | { readonly type: "parted"; readonly room: RoomName }
  /** Of a message in a room, which is not "delivered" before all have it: that member has it. */
  | { readonly type: "reached"; readonly messageId: MessageId; readonly fingerprint: Fingerprint }
  /** By mp1, which tells nobody what came twice: from now on it may have arrived. */
  | { readonly type: "trying"; readonly messageId: MessageId }
  /** It has not. */
  | { readonly type: "waiting"; readonly messageId: MessageId }
  | {
      readonly type: "delivered";
      readonly messageId: MessageId;
      readonly fingerprint: Fingerprint | undefined;
    }
  | { readonly type: "failed"; readonly messageId: MessageId; readonly why: UndeliveredReason }
  /** Whoever has that key has seen these of ours. */
  | {
      readonly type: "read-there";
      readonly fingerprint: Fingerprint;
      readonly messageIds: readonly MessageId[];
    }
  /** Known by the sender's key and its id: nothing. */
  | { readonly type: "received"; readonly message: IncomingRecord }
  /** The user has seen these, and all of that conversation that have no id. */
  | {
      readonly type: "read-here";
      readonly conversation: ConversationKey;
      readonly messageIds: readonly MessageId[];
    }
  /** Their sender has been told so. */
  | {
      readonly type: "read-told";
      readonly fingerprint: Fingerprint;
      readonly messageIds: readonly MessageId[];
    }
  /** A file: in place of what was known of it. */
  | { readonly type: "transfer"; readonly record: TransferRecord }
  | { readonly type: "transfer-forgotten"; readonly id: MessageId }
  /** Nothing that is to be seen: search becomes faster by it. Costs little for each message that is new since the last. */
  | { readonly type: "index" }
  /** Some of what is older; ids stay longer than texts, so that what comes again is known. */
  | {
      readonly type: "prune";
      readonly textsBefore: UnixMillis | undefined;
      readonly idsBefore: UnixMillis;
    };

/** A message that was not delivered when the last holder of the archive ended. */
export interface KeptMessage extends OutgoingRecord {
  /** By mp1: it was being sent, so it may have arrived. */
  readonly wasTried: boolean;
}

/** A message in a room that not everybody had when the last holder of the archive ended. */
export interface KeptPost extends OutgoingRecord {
  /** Who has it, and who does not. */
  readonly reached: readonly PostMember[];
  readonly left: readonly PostMember[];
}

/** What a core begins with. */
export interface KeptState {
  /** To people, in their order. */
  readonly waiting: readonly KeptMessage[];
  /** In rooms, in their order. */
  readonly posts: readonly KeptPost[];
  /** Where we are. */
  readonly rooms: readonly RoomName[];
  /** Delivered, and not known to be read: the newest ones, in their order. */
  readonly unread: readonly {
    readonly messageId: MessageId;
    readonly to: string;
    readonly text: string;
    readonly fingerprint: Fingerprint;
  }[];
  /** Read here, and not told. */
  readonly untold: readonly { readonly fingerprint: Fingerprint; readonly messageId: MessageId }[];
  /** Whom there are conversations with: folded names. */
  readonly names: ReadonlySet<string>;
  /** In the order in which they began. */
  readonly transfers: readonly TransferRecord[];
}

export const NOTHING_KEPT: KeptState = {
  ...{ waiting: [], posts: [], rooms: [], unread: [], untold: [], transfers: [] },
  names: new Set(),
};

export type CommitResult =
  /** On disk, all of it. */
  | {
      readonly type: "stored";
      /** Those of `changes`, by their index, whose message was there already. */
      readonly known: readonly number[];
      /** `seq` of each message that was not, by the index of its change. */
      readonly seqs: ReadonlyMap<number, number>;
    }
  /** Nothing of it is. What failed, why, what to do. */
  | { readonly type: "failed"; readonly text: string };

/** A back end: whoever holds the user's presence has it. */
export interface ArchiveStore extends ArchiveReader {
  /** What is committed is there after the end of the process. */
  readonly isLasting: boolean;
  load(): KeptState;
  /**
   * Makes all of `changes` in order, in one transaction. Messages survive a power cut when it returns; changes of their
   * state alone a kill only, since each of them is found out again.
   */
  commit(changes: readonly ArchiveChange[]): CommitResult;
}
