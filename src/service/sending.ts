import type { Clock, Millis, Random } from "../base/clock.ts";
import { isOver } from "../chat/files/transfer.ts";
import type { SendOptions, SessionNotice } from "../chat/session.ts";
import { MAX_TEXT_LENGTH } from "../control/chat-values.ts";
import { drawMessageId, type MessageId } from "../wire/mp2-values.ts";
import type { PresenceCommands } from "./remote-commands.ts";

/** Messages of other programs that wait until we are registered after a takeover; beyond that they go at once. */
const MAX_DEFERRED = 10_000;

/** Sent, and neither delivered nor given up: a new holder is told again. */
interface Unsettled {
  readonly to: string;
  readonly text: string;
  readonly options: SendOptions;
  readonly at: Millis;
}

export interface SendingOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Of whoever holds the presence; undefined while nobody does. */
  readonly commands: () => PresenceCommands | undefined;
  readonly hear: (notice: SessionNotice) => void;
}

/** What this program has sent, until it is known what became of it, whoever holds the presence meanwhile. */
export class Sending {
  readonly #options: SendingOptions;
  readonly #unsettled = new Map<MessageId, Unsettled>();
  /** Files that are not over. The holder may be killed before it has stored what it told of them. */
  readonly #offering = new Map<MessageId, { readonly to: string; readonly path: string }>();
  /** Of other programs, under way: what comes again from one that was cut off is not sent again. */
  readonly #foreign = new Set<MessageId>();
  /** From a takeover on until we are registered, what is sent waits here: before that nobody is known. */
  #deferred: Map<MessageId, () => void> | undefined;

  constructor(options: SendingOptions) {
    this.#options = options;
  }

  /** Messages of this program. */
  get pending(): number {
    return this.#unsettled.size;
  }

  /** A takeover is under way. */
  get isDeferring(): boolean {
    return this.#deferred !== undefined;
  }

  /** `id`: another program's message, which is that program's to send again. */
  send(to: string, text: string, options: SendOptions, id?: MessageId): MessageId {
    const { clock, random, commands, hear } = this.#options;
    const messageId = id ?? drawMessageId(random, clock.wall());
    if (id !== undefined) {
      if (this.#foreign.has(id)) return id;
      this.#foreign.add(id);
    } else this.#unsettled.set(messageId, { to, text, options, at: clock.now() });
    if (text.length > MAX_TEXT_LENGTH || to.length > MAX_TEXT_LENGTH) {
      queueMicrotask(() => hear(tooLong(messageId, to, text)));
      return messageId;
    }
    const submit = () => commands()?.send(to, text, options, messageId);
    if (this.#deferred !== undefined && this.#deferred.size < MAX_DEFERRED)
      this.#deferred.set(messageId, submit);
    else submit();
    return messageId;
  }

  sendFile(to: string, path: string, given?: MessageId): MessageId {
    const { clock, random } = this.#options;
    const id = given ?? drawMessageId(random, clock.wall());
    this.#offering.set(id, { to, path });
    if (!this.isDeferring) this.#options.commands()?.sendFile(to, path, id);
    return id;
  }

  /** What has become of something, or who keeps it from here on: the holder, and whoever holds after it. */
  heard(notice: SessionNotice): void {
    switch (notice.type) {
      case "delivered":
      case "room-delivered":
      case "room-undelivered":
      case "waiting":
        this.#settle(notice.messageId);
        return;
      case "undelivered":
        this.#settle(notice.message.messageId);
        return;
      case "file":
        if (isOver(notice.transfer.state)) this.#offering.delete(notice.transfer.id);
        return;
      default:
        return;
    }
  }

  /** The holder has ended: what is sent waits until {@link again}. */
  defer(): void {
    this.#deferred ??= new Map();
  }

  /** All that is not settled, to the new holder. */
  again(): void {
    const { clock, commands } = this.#options;
    const deferred = [...(this.#deferred ?? [])].filter(([id]) => !this.#unsettled.has(id));
    this.#deferred = undefined;
    for (const [messageId, { to, text, options, at }] of this.#unsettled) {
      const { waitMillis } = options;
      const left =
        waitMillis === undefined ? {} : { waitMillis: Math.max(1, waitMillis - (clock.now() - at)) };
      commands()?.send(to, text, { ...options, ...left }, messageId);
    }
    for (const [, submit] of deferred) submit();
    // One that it knows stays as it is.
    for (const [id, { to, path }] of this.#offering) commands()?.sendFile(to, path, id);
  }

  /** This program leaves: how each of its messages stands, and nothing is remembered. */
  leave(): readonly SessionNotice[] {
    const notices = [...this.#unsettled].map(([messageId, { to, text, options }]): SessionNotice => {
      const isKept = options.waitMillis === undefined;
      if (!isKept) return undelivered(messageId, to, text, "left");
      return { type: "waiting", messageId, to, text, why: "left", destination: undefined };
    });
    this.#unsettled.clear();
    return notices;
  }

  #settle(messageId: MessageId): void {
    this.#unsettled.delete(messageId);
    this.#foreign.delete(messageId);
  }
}

function tooLong(messageId: MessageId, to: string, text: string): SessionNotice {
  return undelivered(messageId, to.slice(0, MAX_TEXT_LENGTH), text.slice(0, MAX_TEXT_LENGTH), "too-long");
}

function undelivered(
  messageId: MessageId,
  to: string,
  text: string,
  why: "too-long" | "left",
): SessionNotice {
  const tried = {
    destination: undefined,
    partsDelivered: 0,
    parts: 0,
    uncertain: why === "left",
    waited: false,
  };
  return { type: "undelivered", message: { messageId, to, text, why, ...tried } };
}
