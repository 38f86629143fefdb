import type { UnixMillis } from "../base/clock.ts";
import type { ArchivedMessage, ArchiveReader, ConversationKey } from "../chat/archive.ts";
import type { Transfer } from "../chat/files/transfer.ts";
import type { ReceivedMessage } from "../chat/notices.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import type { Line } from "./lines.ts";
import {
  archivedSender,
  type Entry,
  type EntryState,
  type MessageEntry,
  ofArchived,
  ofReceived,
  type Quote,
} from "./screen-entries.ts";

/** What one look into the archive brings. */
const PAGE = 200;
/** Entries of one conversation in memory; what is beyond is read again when it is scrolled to. */
const MAX_ENTRIES = 1_200;

/** The part of a conversation that is in memory: a window that moves over all that was ever said. */
export class Transcript {
  readonly #key: ConversationKey | undefined;
  readonly #archive: ArchiveReader | undefined;
  readonly #newKey: () => number;
  #entries: Entry[] = [];
  /** Whether the window ends with the newest message, and begins with the oldest one. */
  #isAtEnd = true;
  #isAtStart = false;

  /** `key`: undefined for what is in no archive. */
  constructor(options: {
    key: ConversationKey | undefined;
    archive: ArchiveReader | undefined;
    newKey: () => number;
  }) {
    this.#key = options.key;
    this.#archive = options.key === undefined ? undefined : options.archive;
    this.#newKey = options.newKey;
    this.toEnd();
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** The newest page again, if the window has left it or nothing is there yet. */
  toEnd(): void {
    if (this.#isAtEnd && this.#entries.length > 0) return;
    this.#take(this.#page({ limit: PAGE }), { isAtEnd: true });
  }

  /** The part around a message that was found. */
  around(seq: number): void {
    const before = this.#page({ before: seq + 1, limit: PAGE / 2 });
    const after = this.#page({ after: seq, limit: PAGE / 2 });
    this.#take([...before, ...after], { isAtEnd: after.length < PAGE / 2 });
  }

  /** Reads what is before the window; false: there is nothing. */
  older(): boolean {
    if (this.#isAtStart || this.#archive === undefined) return false;
    const before = this.#placeOf(this.#entries.find(isMessage));
    if (before === undefined) return false;
    const page = this.#page({ before, limit: PAGE });
    this.#isAtStart = page.length < PAGE;
    this.#entries.unshift(...page.map((message) => this.#entry(message)));
    if (this.#entries.length > MAX_ENTRIES) {
      this.#entries.length = MAX_ENTRIES;
      this.#isAtEnd = false;
    }
    return page.length > 0;
  }

  /** Reads what is after the window; false: it ends with the newest message. */
  newer(): boolean {
    if (this.#isAtEnd) return false;
    const after = this.#placeOf(this.#entries.findLast(isMessage));
    if (after === undefined) return false;
    const page = this.#page({ after, limit: PAGE });
    this.#isAtEnd = page.length < PAGE;
    this.#entries.push(...page.map((message) => this.#entry(message)));
    this.#cutStart();
    return page.length > 0;
  }

  /** What was stored and told nobody, since the program that had to tell it has ended. */
  refresh(): void {
    if (!this.#isAtEnd) return;
    const last = this.#entries.findLast(isMessage);
    const after = last === undefined ? 0 : this.#placeOf(last);
    // By mp1 there is no id to find the last one by.
    if (after === undefined) return;
    const there = new Set(this.#entries.flatMap((entry) => (isMessage(entry) ? (entry.id ?? []) : [])));
    for (const message of this.#page({ after, limit: PAGE }))
      if (message.messageId === undefined || !there.has(message.messageId))
        this.#append(this.#entry(message));
  }

  received(message: ReceivedMessage, at: UnixMillis): void {
    const { messageId: id, text } = message;
    if (!this.#isAtEnd) return;
    // The archive had it when the window was read; by mp1 there is no id to know it by.
    const isThere = this.#entries
      .slice(-PAGE)
      .some(
        (entry) =>
          isMessage(entry) &&
          (id === undefined
            ? entry.seq !== undefined && entry.text === text && at - entry.at < 1_000
            : entry.id === id),
      );
    if (!isThere)
      this.#append(ofReceived(this.#newKey(), message, { at, quote: this.quoteOf(message.reply) }));
  }

  sent(message: { id: MessageId; text: string; reply: MessageId | undefined; at: UnixMillis }): void {
    this.toEnd();
    if (this.#entries.some((entry) => entry.kind === "message" && entry.id === message.id)) return;
    const { id, text, at } = message;
    this.#append({
      kind: "message",
      key: this.#newKey(),
      seq: undefined,
      id,
      from: undefined,
      origin: undefined,
      at,
      written: undefined,
      text,
      quote: this.quoteOf(message.reply),
      state: { type: "sending" },
    });
  }

  note(lines: readonly Line[], at: UnixMillis): void {
    if (lines.length > 0) this.#append({ kind: "note", key: this.#newKey(), at, lines });
  }

  /** A file stands where it was offered, or where it was first heard of here, and changes there. */
  file(transfer: Transfer, number: number, at: UnixMillis): void {
    const index = this.#entries.findLastIndex(
      (entry) => entry.kind === "file" && entry.transfer.id === transfer.id,
    );
    const there = this.#entries[index];
    if (there?.kind === "file") this.#entries[index] = { ...there, transfer };
    else this.#append({ kind: "file", key: this.#newKey(), at, transfer, number });
  }

  /** False: that message is not in the window. */
  settle(id: MessageId, state: EntryState): boolean {
    const index = this.#entries.findLastIndex((entry) => entry.kind === "message" && entry.id === id);
    const entry = this.#entries[index];
    if (entry?.kind !== "message") return this.#sentElsewhere(id, state);
    if (entry.state.type !== "read") this.#entries[index] = { ...entry, state };
    return true;
  }

  /** Another program of the user has sent it: it is shown here as well. False: it is none of what comes next here. */
  #sentElsewhere(id: MessageId, state: EntryState): boolean {
    const kept = this.#isAtEnd ? this.#archive?.message(id) : undefined;
    const last = this.#placeOf(this.#entries.findLast(isMessage)) ?? 0;
    if (kept?.direction !== "out" || kept.conversation !== this.#key || kept.seq <= last) return false;
    this.#append({ ...this.#entry(kept), state });
    return true;
  }

  /** What the user has not read, of that in memory; read from now on. */
  takeUnread(): readonly MessageId[] {
    const ids: MessageId[] = [];
    this.#entries.forEach((entry, index) => {
      if (entry.kind !== "message" || entry.state.type !== "received" || entry.state.isRead) return;
      this.#entries[index] = { ...entry, state: { type: "received", isRead: true } };
      if (entry.id !== undefined) ids.push(entry.id);
    });
    return ids;
  }

  quoteOf(id: MessageId | undefined): Quote | undefined {
    if (id === undefined) return undefined;
    const here = this.#entries.find((entry) => entry.kind === "message" && entry.id === id);
    if (here?.kind === "message") return { from: here.from ?? "you", text: here.text };
    const kept = this.#archive?.message(id);
    if (kept === undefined) return { from: "", text: "a message that is not here" };
    return { from: archivedSender(kept), text: kept.text };
  }

  /** In the archive. What has come since it was read has a place there, too. */
  #placeOf(entry: MessageEntry | undefined): number | undefined {
    if (entry?.seq !== undefined || entry?.id === undefined) return entry?.seq;
    return this.#archive?.message(entry.id)?.seq;
  }

  #page(range: { before?: number; after?: number; limit: number }): readonly ArchivedMessage[] {
    return this.#archive?.page(this.#key, range) ?? [];
  }

  #take(messages: readonly ArchivedMessage[], { isAtEnd }: { isAtEnd: boolean }): void {
    this.#entries = [];
    for (const message of messages) this.#entries.push(this.#entry(message));
    this.#isAtEnd = isAtEnd;
    this.#isAtStart = false;
  }

  #entry(message: ArchivedMessage): MessageEntry {
    return ofArchived(this.#newKey(), message, this.quoteOf(message.reply));
  }

  #append(entry: Entry): void {
    this.#entries.push(entry);
    this.#cutStart();
  }

  #cutStart(): void {
    if (this.#entries.length <= MAX_ENTRIES) return;
    this.#entries.splice(0, this.#entries.length - MAX_ENTRIES);
    this.#isAtStart = false;
  }
}

function isMessage(entry: Entry): entry is MessageEntry {
  return entry.kind === "message";
}
