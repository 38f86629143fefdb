import type { UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import {
  ARCHIVE_LIMITS,
  type ArchiveChange,
  type ArchivedIncoming,
  type ArchivedMessage,
  type ArchivedOutgoing,
  type ArchiveStore,
  type CommitResult,
  type ConversationKey,
  type ConversationSummary,
  conversationTitle,
  type IncomingRecord,
  type KeptState,
  type PostMember,
} from "../chat/archive.ts";
import type { TransferRecord } from "../chat/files/transfer.ts";
import type { MessageId, RoomName } from "../wire/mp2-values.ts";
import { parseWords } from "./archive-words.ts";

/** A program that keeps nothing on disk remembers so much. */
const MAX_MESSAGES = 10_000;
const MAX_IDS = 100_000;

type Entry = ArchivedMessage & {
  readonly until?: UnixMillis;
  readonly wasTried?: boolean;
  readonly told?: boolean;
  /** Of a message in a room. */
  readonly members?: readonly PostMember[];
  readonly reached?: ReadonlySet<Fingerprint>;
};

/**
 * An archive that lasts as long as its object does: for tests, simulations, and programs that run beside the holder of
 * the presence. `failWith` is its failing disk.
 */
export class MemoryArchive implements ArchiveStore {
  readonly isLasting: boolean;
  readonly #wall: () => UnixMillis;
  readonly #titles = new Map<ConversationKey, string>();
  readonly #messages = new Map<number, Entry>();
  readonly #transfers = new Map<MessageId, TransferRecord>();
  /** Of `sender id`, when it came. */
  readonly #known = new Map<string, UnixMillis>();
  /** Where in `#messages` ours are that wait. */
  readonly #waiting = new Map<MessageId, number>();
  readonly #rooms = new Set<RoomName>();
  #seq = 0;
  #failure: string | undefined;

  /** `isLasting`: a simulated process leaves it behind for the next one. */
  constructor(options: { wall: () => UnixMillis; isLasting?: boolean }) {
    this.#wall = options.wall;
    this.isLasting = options.isLasting ?? false;
  }

  /** From now on every commit fails; undefined ends that. */
  failWith(text: string | undefined): void {
    this.#failure = text;
  }

  load(): KeptState {
    const outgoing = this.#all().filter((message) => message.direction === "out");
    const incoming = this.#all().filter((message) => message.direction === "in");
    const waiting = outgoing.flatMap((message) => {
      const { state, messageId, conversation, peer: to, text, reply, time, until } = message;
      if (state !== "waiting" || until === undefined) return [];
      return [{ message, record: { messageId, conversation, to, text, reply, time, until } }];
    });
    const isPost = ({ to }: { to: string }): boolean => to.startsWith("#");
    return {
      waiting: waiting
        .filter(({ record }) => !isPost(record))
        .map(({ record, message: { wasTried = false } }) => ({ ...record, wasTried })),
      posts: waiting
        .filter(({ record }) => isPost(record))
        .map(({ record, message: { members = [], reached } }) => ({
          ...record,
          reached: members.filter(({ fingerprint }) => reached?.has(fingerprint) === true),
          left: members.filter(({ fingerprint }) => reached?.has(fingerprint) !== true),
        })),
      rooms: [...this.#rooms].sort(),
      unread: outgoing.flatMap(({ state, messageId, peer: to, text, fingerprint }) =>
        state === "delivered" && fingerprint !== undefined ? [{ messageId, to, text, fingerprint }] : [],
      ),
      untold: incoming.flatMap(({ fingerprint, messageId, told }) =>
        told === false && fingerprint !== undefined && messageId !== undefined
          ? [{ fingerprint, messageId }]
          : [],
      ),
      transfers: [...this.#transfers.values()],
      names: new Set(
        [...this.#titles.keys()].filter((key) => key.startsWith("@")).map((key) => key.slice(1)),
      ),
    };
  }

  commit(changes: readonly ArchiveChange[]): CommitResult {
    if (this.#failure !== undefined) return { type: "failed", text: this.#failure };
    const known: number[] = [];
    const seqs = new Map<number, number>();
    for (const [index, change] of changes.entries()) {
      const before = this.#seq;
      if (!this.#make(change)) known.push(index);
      else if (this.#seq > before) seqs.set(index, this.#seq);
    }
    forgetOldest(this.#messages, MAX_MESSAGES);
    forgetOldest(this.#known, MAX_IDS);
    forgetOldest(this.#waiting, MAX_MESSAGES);
    return { type: "stored", known, seqs };
  }

  conversations(): readonly ConversationSummary[] {
    const summaries = new Map<ConversationKey, ConversationSummary>();
    for (const last of this.#all().filter(isHeard)) {
      const { unread = 0, waiting = 0 } = summaries.get(last.conversation) ?? {};
      summaries.delete(last.conversation);
      summaries.set(last.conversation, {
        key: last.conversation,
        title: this.#titles.get(last.conversation) ?? last.peer,
        unread: unread + Number(last.state === "unread"),
        waiting: waiting + Number(last.state === "waiting"),
        last,
      });
    }
    return [...summaries.values()].reverse().slice(0, ARCHIVE_LIMITS.conversations);
  }

  page: ArchiveStore["page"] = (key, { before = Infinity, after, limit, withIgnored = false }) => {
    const within = this.#all().filter(
      ({ seq, conversation, state }) =>
        (withIgnored || state !== "ignored") &&
        seq < before &&
        seq > (after ?? -1) &&
        (key ?? conversation) === conversation,
    );
    const most = Math.min(limit, ARCHIVE_LIMITS.page);
    if (after !== undefined) return within.slice(0, most).map(plain);
    return most === 0 ? [] : within.slice(-most).map(plain);
  };

  message(id: MessageId): ArchivedMessage | undefined {
    const all = this.#all().filter(({ messageId }) => messageId === id);
    const found = all.find(({ direction }) => direction === "out") ?? all[0];
    return found && plain(found);
  }

  search: ArchiveStore["search"] = (text, { key, before = Infinity, limit }) => {
    const words = parseWords(text);
    if (words.type === "nothing") return [];
    const has = words.type === "beginnings" ? hasBeginnings : hasAnywhere;
    return this.#all()
      .reverse()
      .filter(
        (message) =>
          isHeard(message) &&
          message.seq < before &&
          (key ?? message.conversation) === message.conversation &&
          words.words.every((word) => has(message.text, word)),
      )
      .slice(0, Math.min(limit, ARCHIVE_LIMITS.found))
      .map(plain);
  };

  close(): void {}

  #all(): Entry[] {
    return [...this.#messages.values()];
  }

  /** False if the message is known. */
  #make(change: ArchiveChange): boolean {
    switch (change.type) {
      case "sent": {
        const { to: peer, ...record } = change.message;
        const at = this.#wall();
        if (!this.#isNew("", record.messageId, at)) return false;
        if (!this.#titles.has(record.conversation)) this.#titles.set(record.conversation, peer);
        const { conversation } = record;
        const fresh = { direction: "out", state: "waiting", fingerprint: undefined, why: undefined } as const;
        this.#add({ ...record, ...fresh, conversation, peer, at });
        this.#waiting.set(record.messageId, this.#seq);
        return true;
      }
      case "received":
        return this.#received(change.message);
      case "trying":
      case "waiting":
        this.#ours(change.messageId, (message) => ({ ...message, wasTried: change.type === "trying" }));
        return true;
      case "delivered": {
        const { fingerprint } = change;
        this.#ours(change.messageId, (message) => ({ ...message, state: "delivered", fingerprint }));
        return true;
      }
      case "failed":
        this.#ours(change.messageId, (message) => ({ ...message, state: "failed", why: change.why }));
        return true;
      case "reached":
        this.#ours(change.messageId, (message) => ({
          ...message,
          reached: new Set([...(message.reached ?? []), change.fingerprint]),
        }));
        return true;
      case "joined":
        this.#rooms.add(change.room);
        return true;
      case "parted":
        this.#rooms.delete(change.room);
        return true;
      case "transfer":
        this.#transfers.set(change.record.id, change.record);
        return true;
      case "transfer-forgotten":
        this.#transfers.delete(change.id);
        return true;
      case "index":
        // It has none.
        return true;
      case "prune":
        this.#prune(change.textsBefore ?? 0, change.idsBefore);
        return true;
      default:
        this.#mark(change);
        return true;
    }
  }

  #received({ message, conversation, at, isIgnored = false }: IncomingRecord): boolean {
    const { messageId, fingerprint, from: peer, time, reply, ...rest } = message;
    if (messageId !== undefined && fingerprint !== undefined && !this.#isNew(fingerprint, messageId, at))
      return false;
    this.#titles.set(conversation, conversationTitle(conversation, peer));
    const { text, address, standing } = rest;
    const record = { conversation, peer, text, address, standing, messageId, fingerprint, reply };
    const state = isIgnored ? "ignored" : "unread";
    this.#add({ ...record, direction: "in", state, time: time ?? at, at });
    return true;
  }

  #mark(change: Extract<ArchiveChange, { type: "read-there" | "read-here" | "read-told" }>): void {
    for (const [seq, message] of this.#messages) {
      const isNamed = message.messageId !== undefined && change.messageIds.includes(message.messageId);
      if (message.direction === "out") {
        if (change.type !== "read-there" || !isNamed || message.state !== "delivered") continue;
        if (message.fingerprint === change.fingerprint)
          this.#messages.set(seq, { ...message, state: "read" });
      } else if (change.type === "read-told") {
        if (isNamed && message.fingerprint === change.fingerprint && message.told === false)
          this.#messages.set(seq, { ...message, told: true });
      } else if (change.type === "read-here" && message.state === "unread") {
        if (isNamed) this.#messages.set(seq, { ...message, state: "read", told: false });
        else if (message.messageId === undefined && message.conversation === change.conversation)
          this.#messages.set(seq, { ...message, state: "read" });
      }
    }
  }

  #prune(textsBefore: UnixMillis, idsBefore: UnixMillis): void {
    for (const [seq, { at, state }] of this.#messages)
      if (at < textsBefore && state !== "waiting") this.#messages.delete(seq);
    for (const [key, at] of this.#known)
      if (at < idsBefore && this.#known.size > MAX_IDS) this.#known.delete(key);
  }

  #ours(id: MessageId, change: (message: Entry & ArchivedOutgoing) => Entry): void {
    const seq = this.#waiting.get(id);
    const message = seq === undefined ? undefined : this.#messages.get(seq);
    if (seq === undefined || message?.direction !== "out") return;
    const changed = change(message);
    this.#messages.set(seq, changed);
    if (changed.state !== "waiting") this.#waiting.delete(id);
  }

  #add(
    message: Omit<ArchivedIncoming, "seq"> | (Omit<ArchivedOutgoing, "seq"> & { until: UnixMillis }),
  ): void {
    this.#seq += 1;
    this.#messages.set(this.#seq, { seq: this.#seq, ...message });
  }

  #isNew(sender: Fingerprint | "", id: MessageId, at: UnixMillis): boolean {
    const key = `${sender} ${id}`;
    if (this.#known.has(key)) return false;
    this.#known.set(key, at);
    return true;
  }
}

function isHeard({ state }: Entry): boolean {
  return state !== "ignored";
}

/** What readers are shown. */
function plain(entry: Entry): ArchivedMessage {
  const { until: _, wasTried: __, told: ___, members: ____, reached: _____, ...message } = entry;
  return message;
}

function hasBeginnings(text: string, word: string): boolean {
  const tokens = tokensOf(text);
  const phrase = tokensOf(word);
  return tokens.some((_, at) =>
    phrase.every((part, index) => {
      const token = tokens[at + index];
      return index === phrase.length - 1 ? token?.startsWith(part) === true : token === part;
    }),
  );
}

function hasAnywhere(text: string, word: string): boolean {
  return text.toLowerCase().includes(word.toLowerCase());
}

/** As the index's tokenizer sees them. */
function tokensOf(text: string): readonly string[] {
  return (
    text
      .normalize("NFD")
      .replace(/\p{M}/gu, "")
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{Co}]+/gu) ?? []
  );
}

function forgetOldest<Key>(map: Map<Key, unknown>, atMost: number): void {
  for (const key of map.keys()) {
    if (map.size <= atMost) return;
    map.delete(key);
  }
}
