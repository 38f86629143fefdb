import type { Millis } from "../base/clock.ts";
import { CHAT_MESSAGE_BYTES, CHAT_OK, type ChatMessage, parseChat } from "../wire/mp1-chat.ts";

/**
 * The receiving side of one mp1 message. A sender writes it at once and terminates it by nothing, so the receiver has
 * to judge when it is whole. docs/protocol.md, "Chat".
 *
 * Contract of use: after any call drain {@link Mp1Receiver.poll}; "confirm" and "drop" end the connection.
 */

/** A connection is dropped when it has not brought a message after this time. */
export const RECEIVE_LIMIT_MILLIS: Millis = 2_000;

/** What came is taken as whole when nothing followed for this long. */
export const RECEIVE_GRACE_MILLIS: Millis = 50;

/**
 * RFC 9293 §3.7.1: the smallest segment that hosts may be expected to take is 536 bytes, so one write up to here
 * arrives in one piece and needs no grace.
 */
export const ONE_SEGMENT_BYTES = 536;

export type ReceiverOutput =
  | { readonly type: "message"; readonly message: ChatMessage }
  /** Write these bytes, then close. Comes after "message": the peer is told only of what was delivered. */
  | { readonly type: "confirm"; readonly bytes: Uint8Array }
  | { readonly type: "drop"; readonly why: "too-long" | "not-a-message" | "too-slow" };

type State =
  | { readonly type: "reading"; readonly until: Millis; readonly quietAt: Millis | undefined }
  | { readonly type: "finished" };

export class Mp1Receiver {
  readonly #outputs: ReceiverOutput[] = [];
  readonly #buffer = new Uint8Array(CHAT_MESSAGE_BYTES);
  #length = 0;
  #state: State;

  constructor(now: Millis) {
    this.#state = { type: "reading", until: now + RECEIVE_LIMIT_MILLIS, quietAt: undefined };
  }

  poll(): ReceiverOutput | undefined {
    return this.#outputs.shift();
  }

  nextDeadline(): Millis | undefined {
    if (this.#state.type === "finished") return undefined;
    return Math.min(this.#state.until, this.#state.quietAt ?? Infinity);
  }

  received(now: Millis, bytes: Uint8Array): void {
    if (this.#state.type !== "reading") return;
    if (this.#length + bytes.length > CHAT_MESSAGE_BYTES) {
      this.#drop("too-long");
      return;
    }
    this.#buffer.set(bytes, this.#length);
    const isFirst = this.#length === 0;
    this.#length += bytes.length;
    const message = this.#parse();
    if (message === undefined) this.#state = { ...this.#state, quietAt: undefined };
    else if (isFirst && this.#length <= ONE_SEGMENT_BYTES) this.#deliver(message);
    else this.#state = { ...this.#state, quietAt: now + RECEIVE_GRACE_MILLIS };
  }

  /** The peer closed its side: nothing more will come. */
  ended(): void {
    if (this.#state.type === "reading") this.#takeOrDrop("not-a-message");
  }

  advance(now: Millis): void {
    if (this.#state.type !== "reading") return;
    if (now >= this.#state.until) this.#takeOrDrop("too-slow");
    else if (now >= (this.#state.quietAt ?? Infinity)) this.#takeOrDrop("not-a-message");
  }

  #parse(): ChatMessage | undefined {
    return parseChat(this.#buffer.subarray(0, this.#length));
  }

  #takeOrDrop(why: "not-a-message" | "too-slow"): void {
    const message = this.#parse();
    if (message === undefined) this.#drop(why);
    else this.#deliver(message);
  }

  #deliver(message: ChatMessage): void {
    this.#state = { type: "finished" };
    this.#outputs.push({ type: "message", message }, { type: "confirm", bytes: CHAT_OK });
  }

  #drop(why: "too-long" | "not-a-message" | "too-slow"): void {
    this.#state = { type: "finished" };
    this.#outputs.push({ type: "drop", why });
  }
}
