import type {
  ArchivedIncoming,
  ArchivedMessage,
  ArchivedOutgoing,
  ArchiveReader,
  ConversationKey,
  ConversationSummary,
} from "../../src/chat/archive.ts";
import type { MessageId } from "../../src/wire/mp2-values.ts";

/** What was said, in memory: as much of an archive as a face sees. */
export class MemoryArchive implements ArchiveReader {
  readonly messages: ArchivedMessage[] = [];

  incoming(peer: string, text: string, more: Partial<ArchivedIncoming> = {}): ArchivedIncoming {
    const message: ArchivedIncoming = {
      ...this.#common(peer, text),
      direction: "in",
      address: "10.0.0.2",
      standing: "pinned",
      state: "read",
      ...more,
    };
    this.messages.push(message);
    return message;
  }

  outgoing(peer: string, text: string, more: Partial<ArchivedOutgoing> = {}): ArchivedOutgoing {
    const message: ArchivedOutgoing = {
      ...this.#common(peer, text),
      direction: "out",
      state: "delivered",
      why: undefined,
      ...more,
    };
    this.messages.push(message);
    return message;
  }

  conversations(): readonly ConversationSummary[] {
    const last = new Map(this.messages.map((message) => [message.conversation, message]));
    return [...last.values()]
      .sort((left, right) => right.seq - left.seq)
      .map((message) => {
        const all = this.messages.filter(({ conversation }) => conversation === message.conversation);
        const unread = all.filter(({ state }) => state === "unread").length;
        const waiting = all.filter(({ state }) => state === "waiting").length;
        return { key: message.conversation, title: message.peer, unread, waiting, last: message };
      });
  }

  page(
    key: ConversationKey | undefined,
    range: { before?: number; after?: number; limit: number },
  ): readonly ArchivedMessage[] {
    const { before = Infinity, after = -Infinity, limit } = range;
    const all = this.messages.filter(
      ({ conversation, seq }) => (key === undefined || conversation === key) && seq < before && seq > after,
    );
    return range.after === undefined ? all.slice(-limit) : all.slice(0, limit);
  }

  message(id: MessageId): ArchivedMessage | undefined {
    return this.messages.find(({ messageId }) => messageId === id);
  }

  search(words: string, { limit }: { limit: number }): readonly ArchivedMessage[] {
    const all = words.toLowerCase().split(/\s+/u).filter(Boolean);
    return this.messages
      .filter(({ text }) => all.every((word) => text.toLowerCase().includes(word)))
      .toReversed()
      .slice(0, limit);
  }

  close(): void {}

  #common(peer: string, text: string) {
    const seq = this.messages.length + 1;
    const at = Date.UTC(2026, 10, 1, 12) + seq * 60_000;
    return {
      seq,
      conversation: `@${peer}` as const,
      peer,
      fingerprint: undefined,
      messageId: seq.toString(16).padStart(32, "0") as MessageId,
      time: at,
      at,
      text,
      reply: undefined,
    };
  }
}
