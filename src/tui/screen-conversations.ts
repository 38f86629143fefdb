import { type ArchiveReader, type ConversationKey, conversationWith, unreadOf } from "../chat/archive.ts";
import { Transcript } from "./screen-transcript.ts";

/** Conversations that are listed from the archive at the start; older ones are found by search or by name. */
const MAX_LISTED = 60;
/** Transcripts in memory, where an archive has them as well. */
const MAX_IN_MEMORY = 8;

/** One with a person or, with a "#", in a room. */
export interface ConversationEntry {
  readonly key: ConversationKey;
  /** Whom to send to: a nickname, ADDRESS:PORT or "#room". */
  readonly title: string;
  readonly unread: number;
  /** First of those that were new when it was opened: the line "new" stands above it. */
  readonly unreadFrom: number | undefined;
}

/** The conversations, in an order that stays while the program runs, and which of them is on the screen. */
export class Conversations {
  readonly #archive: ArchiveReader | undefined;
  readonly #newKey: () => number;
  #list: ConversationEntry[];
  /** The latest opened last. */
  readonly #transcripts = new Map<ConversationKey, Transcript>();
  /** Undefined: home, where everybody is listed. */
  #current: ConversationKey | undefined;

  constructor(options: { archive: ArchiveReader | undefined; newKey: () => number }) {
    this.#archive = options.archive;
    this.#newKey = options.newKey;
    const kept = options.archive?.conversations().slice(0, MAX_LISTED) ?? [];
    this.#list = kept.map(({ key, title, unread }) => ({ key, title, unread, unreadFrom: undefined }));
  }

  get list(): readonly ConversationEntry[] {
    return this.#list;
  }

  get current(): ConversationEntry | undefined {
    return this.#list.find(({ key }) => key === this.#current);
  }

  get unread(): number {
    return unreadOf(this.#list).total;
  }

  /** The transcript on the screen. */
  get transcript(): Transcript | undefined {
    return this.#current === undefined ? undefined : this.transcriptOf(this.#current);
  }

  transcriptOf(key: ConversationKey): Transcript {
    const transcript =
      this.#transcripts.get(key) ?? new Transcript({ key, archive: this.#archive, newKey: this.#newKey });
    this.#transcripts.delete(key);
    this.#transcripts.set(key, transcript);
    const [oldest] = this.#transcripts.keys();
    const isSurplus = this.#archive !== undefined && this.#transcripts.size > MAX_IN_MEMORY;
    if (isSurplus && oldest !== undefined && oldest !== this.#current) this.#transcripts.delete(oldest);
    return transcript;
  }

  /** Whether its transcript is in memory; else the archive has what came. */
  isLoaded(key: ConversationKey): boolean {
    return this.#archive === undefined || this.#transcripts.has(key);
  }

  /** Lists a conversation if it is not, under its latest name. */
  add(title: string): ConversationEntry {
    const key = keyOf(title);
    const there = this.#list.find((item) => item.key === key);
    const entry = { key, unread: 0, unreadFrom: undefined, ...there, title };
    if (there === undefined) this.#list = [...this.#list, entry];
    else this.#put(entry);
    return entry;
  }

  /** Shows it; undefined: home. */
  open(key: ConversationKey | undefined): void {
    if (key === this.#current) return;
    const left = this.current;
    if (left !== undefined) this.#put({ ...left, unreadFrom: undefined });
    this.#current = key;
    const entry = this.current;
    if (key === undefined || entry === undefined) return;
    const transcript = this.transcriptOf(key);
    transcript.toEnd();
    const first = entry.unread === 0 ? undefined : firstUnread(transcript, entry.unread);
    this.#put({ ...entry, unreadFrom: first });
  }

  /** By its place in the list, home being 0. */
  openAt(index: number): void {
    if (index === 0) this.open(undefined);
    else if (this.#list[index - 1] !== undefined) this.open(this.#list[index - 1]?.key);
  }

  /** The next one, or the one before; home is one of them. */
  step(by: 1 | -1): void {
    const count = this.#list.length + 1;
    const index = this.#list.findIndex(({ key }) => key === this.#current) + 1;
    this.openAt((index + by + count) % count);
  }

  openUnread(): boolean {
    const next = this.#list.find(({ unread, key }) => unread > 0 && key !== this.#current);
    if (next !== undefined) this.open(next.key);
    return next !== undefined;
  }

  received(key: ConversationKey): void {
    const entry = this.#list.find((item) => item.key === key);
    if (entry !== undefined) this.#put({ ...entry, unread: entry.unread + 1 });
  }

  /** The user has seen what is new in it. */
  seen(key: ConversationKey): void {
    const entry = this.#list.find((item) => item.key === key);
    if (entry !== undefined && entry.unread > 0) this.#put({ ...entry, unread: 0 });
  }

  #put(entry: ConversationEntry): void {
    this.#list = this.#list.map((item) => (item.key === entry.key ? entry : item));
  }
}

export function keyOf(title: string): ConversationKey {
  return title.startsWith("#") ? `#${title.slice(1)}` : conversationWith(title);
}

function firstUnread(transcript: Transcript, unread: number): number | undefined {
  const incoming = transcript.entries.filter(
    (entry) => entry.kind === "message" && entry.state.type === "received",
  );
  return incoming.at(-unread)?.key ?? incoming[0]?.key;
}
