import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Msg } from "../wire/mp2-chat.ts";
import type { MessageId, MessageText, RoomName } from "../wire/mp2-values.ts";

/** A message to one key, from being written until it is acknowledged or given up. */
export interface Outgoing {
  readonly messageId: MessageId;
  readonly time: UnixMillis;
  readonly text: MessageText;
  readonly reply?: MessageId;
  readonly room?: RoomName;
  /** Given up then. */
  readonly until: Millis;
  /** Whether the user gave it time: then a failure is no reason to give up before that. */
  readonly waits: boolean;
}

interface Entry {
  readonly message: Outgoing;
  /** Whether the other side may have it. */
  wasSent: boolean;
}

/** Given up, and whether the other side may have it all the same. */
export interface Abandoned {
  readonly message: Outgoing;
  readonly uncertain: boolean;
}

/**
 * What one peer has not acknowledged, in order. On every link all of it is sent in that order from its beginning on: so
 * whichever link brings a message first, the one before has come already, and the receiver sorts out what comes twice.
 */
export class Outbox {
  #entries: Entry[] = [];
  /** So many from the first on were sent on the present link. */
  #sent = 0;
  /** The first time at which one is given up. */
  #expiry = Infinity;

  get size(): number {
    return this.#entries.length;
  }

  /** Whether something waits for room or for a link. */
  get hasUnsent(): boolean {
    return this.#sent < this.#entries.length;
  }

  /** Whether something was not given time of its own. */
  get hasImpatient(): boolean {
    return this.#entries.some(({ message }) => !message.waits);
  }

  /** In order. */
  messages(): readonly Outgoing[] {
    return this.#entries.map(({ message }) => message);
  }

  add(message: Outgoing): void {
    this.#entries.push({ message, wasSent: false });
    this.#expiry = Math.min(this.#expiry, message.until);
  }

  /** The next to be sent on the present link; counts as sent. */
  next(): Msg | undefined {
    const entry = this.#entries[this.#sent];
    if (entry === undefined) return undefined;
    entry.wasSent = true;
    this.#sent += 1;
    const { messageId, time, text, reply, room } = entry.message;
    return {
      type: "msg",
      id: messageId,
      time,
      text,
      ...(reply !== undefined && { reply }),
      ...(room !== undefined && { room }),
    };
  }

  /** The present link is gone: on the next one everything is sent anew. */
  linkLost(): void {
    this.#sent = 0;
  }

  /** The other side has it. */
  acknowledged(id: MessageId): Outgoing | undefined {
    const at = this.#entries.findIndex(({ message }) => message.messageId === id);
    // What was never sent cannot have arrived.
    if (at < 0 || this.#entries[at]?.wasSent !== true) return undefined;
    return this.#remove(at).message;
  }

  /** Gives up those whose time is over. */
  expire(now: Millis): readonly Abandoned[] {
    return this.#abandon(({ until }) => until <= now);
  }

  /** Gives up those that were not given time of their own, or all. */
  fail(which: "impatient" | "all"): readonly Abandoned[] {
    return this.#abandon(({ waits }) => which === "all" || !waits);
  }

  nextExpiry(): Millis | undefined {
    return this.#expiry === Infinity ? undefined : this.#expiry;
  }

  #abandon(isOver: (message: Outgoing) => boolean): readonly Abandoned[] {
    const over = this.#entries.filter(({ message }) => isOver(message));
    for (const entry of over) this.#remove(this.#entries.indexOf(entry));
    return over.map(({ message, wasSent }) => ({ message, uncertain: wasSent }));
  }

  #remove(at: number): Entry {
    const [entry] = this.#entries.splice(at, 1) as [Entry];
    if (at < this.#sent) this.#sent -= 1;
    if (entry.message.until === this.#expiry)
      this.#expiry = this.#entries.reduce((first, { message }) => Math.min(first, message.until), Infinity);
    return entry;
  }
}
