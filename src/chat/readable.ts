import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import type { KeptState } from "./archive.ts";
import type { Archiving } from "./archiving.ts";
import { BOUNDS } from "./bounds.ts";
import type { ChatOutput } from "./events.ts";

type Delivered = KeptState["unread"][number];

/** What was delivered over mp2 and is not known to be read: the newest ones, also of earlier processes. */
export class Readable {
  readonly #options: { readonly archiving: Archiving; readonly emit: (output: ChatOutput) => void };
  readonly #delivered = new Map<MessageId, Delivered>();

  constructor(options: { archiving: Archiving; emit: (output: ChatOutput) => void }) {
    this.#options = options;
  }

  add(delivered: Delivered): void {
    this.#delivered.set(delivered.messageId, delivered);
    for (const oldest of this.#delivered.keys()) {
      if (this.#delivered.size <= BOUNDS.readable) break;
      this.#delivered.delete(oldest);
    }
  }

  /** Whoever has that key has seen these. */
  seen(now: Millis, fingerprint: Fingerprint, ids: readonly MessageId[]): void {
    const read = ids.filter((id) => this.#delivered.get(id)?.fingerprint === fingerprint);
    if (read.length === 0) return;
    this.#options.archiving.put(now, { type: "read-there", fingerprint, messageIds: read });
    for (const messageId of read) {
      const { to = "", text = "" } = this.#delivered.get(messageId) ?? {};
      this.#delivered.delete(messageId);
      this.#options.emit({ type: "notice", notice: { type: "read", messageId, to, text } });
    }
  }
}
