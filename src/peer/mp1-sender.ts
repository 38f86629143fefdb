import type { Millis } from "../base/clock.ts";
import { CHAT_OK, type DeliveryFailure, type DeliveryOutcome } from "../wire/mp1-chat.ts";

/**
 * The sending side of one mp1 message: connect, write it whole, read `OK`, close. docs/protocol.md, "Chat".
 *
 * Contract of use: after any call drain {@link Mp1Sender.poll}; when it says "finish", close the connection.
 */

/** Connecting and the answer each have this long. */
export const SEND_LIMIT_MILLIS: Millis = 5_000;

export type SenderOutput =
  | { readonly type: "write"; readonly bytes: Uint8Array }
  | { readonly type: "finish"; readonly outcome: DeliveryOutcome };

type State =
  | { readonly type: "connecting"; readonly until: Millis }
  | { readonly type: "awaiting-ok"; readonly until: Millis; readonly answer: string }
  | { readonly type: "finished" };

export class Mp1Sender {
  readonly #bytes: Uint8Array;
  readonly #outputs: SenderOutput[] = [];
  #state: State;

  constructor(now: Millis, bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#state = { type: "connecting", until: now + SEND_LIMIT_MILLIS };
  }

  poll(): SenderOutput | undefined {
    return this.#outputs.shift();
  }

  nextDeadline(): Millis | undefined {
    return this.#state.type === "finished" ? undefined : this.#state.until;
  }

  /** An original that reads nothing stops listening for good, so the message follows the connection at once. */
  connected(now: Millis): void {
    if (this.#state.type !== "connecting") return;
    this.#state = { type: "awaiting-ok", until: now + SEND_LIMIT_MILLIS, answer: "" };
    this.#outputs.push({ type: "write", bytes: this.#bytes });
  }

  received(bytes: Uint8Array): void {
    if (this.#state.type !== "awaiting-ok") return;
    const answer = this.#state.answer + String.fromCharCode(...bytes.subarray(0, CHAT_OK.length));
    const ok = String.fromCharCode(...CHAT_OK);
    // The peer need not close after its OK: some originals do so much later.
    if (answer.startsWith(ok)) this.#finish({ type: "confirmed" });
    else if (!ok.startsWith(answer)) this.#fail("not-confirmed");
    else this.#state = { ...this.#state, answer };
  }

  /** The peer closed its side. */
  ended(): void {
    this.#fail("not-confirmed");
  }

  /** The connection broke or was never made; `code` is the system's ("ECONNREFUSED"). */
  failed(code: string): void {
    this.#fail(failureOf(code, this.#state.type === "awaiting-ok"));
  }

  advance(now: Millis): void {
    if (this.#state.type !== "finished" && now >= this.#state.until) this.#fail("timeout");
  }

  #fail(failure: DeliveryFailure): void {
    this.#finish({ type: "failed", failure, sent: this.#state.type === "awaiting-ok" });
  }

  #finish(outcome: DeliveryOutcome): void {
    if (this.#state.type === "finished") return;
    this.#state = { type: "finished" };
    this.#outputs.push({ type: "finish", outcome });
  }
}

function failureOf(code: string, sent: boolean): DeliveryFailure {
  switch (code) {
    case "ECONNREFUSED":
      return "refused";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EHOSTDOWN":
    case "ENETDOWN":
      return "unreachable";
    case "ETIMEDOUT":
      return "timeout";
    default:
      return sent ? "not-confirmed" : "system";
  }
}
