import type { Millis } from "../base/clock.ts";
import { type DeliveryOutcome, encodeChat } from "../wire/mp1-chat.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { Archiving } from "./archiving.ts";
import type { Delivery } from "./delivery.ts";
import type { ChatOutput, Source } from "./events.ts";

/** Between two attempts to reach a peer that is listed as online: doubled each time, up to the last. */
const RETRY_MILLIS = { first: 500, last: 60_000 } as const;

export type Failed = Extract<DeliveryOutcome, { type: "failed" }>;

interface Mp1TransmissionsOptions {
  readonly archiving: Archiving;
  readonly nickname: () => Nickname;
  readonly emit: (output: ChatOutput) => void;
}

/**
 * Messages on their way by mp1: one connection a part, one part after the other. Apart from the queues, since only mp1
 * needs that: it has no ids, so a peer cannot tell what comes twice, and what may have arrived is on disk as such before
 * it is sent. Whose turn it is, and whom it is told, is not decided here.
 */
export class Mp1Transmissions {
  readonly #options: Mp1TransmissionsOptions;
  #count = 0;

  constructor(options: Mp1TransmissionsOptions) {
    this.#options = options;
  }

  /** Sends the first part that has not arrived; a "transmitted" event follows for it. */
  begin(now: Millis, delivery: Delivery, place: Source): void {
    // With a part that has arrived it is on disk already.
    if (delivery.partsDelivered > 0) {
      this.#transmit(delivery, place);
      return;
    }
    const state = { type: "marking", place } as const;
    delivery.state = state;
    this.#options.archiving.put(now, { type: "trying", messageId: delivery.id }, () => {
      if (delivery.state === state) this.#transmit(delivery, place);
    });
  }

  /** We leave: what is only marked yet is not sent any more, and has not been tried. */
  withdraw(now: Millis, delivery: Delivery): void {
    if (delivery.state.type !== "marking") return;
    delivery.state = { type: "queued" };
    this.#options.archiving.put(now, { type: "waiting", messageId: delivery.id });
  }

  /** The part on its way has arrived. True: it was the last one; else the next one is on its way. */
  confirmed(delivery: Delivery): boolean {
    delivery.partsDelivered += 1;
    if (delivery.partsDelivered >= delivery.parts.length || delivery.destination === undefined) return true;
    const { address, port } = delivery.destination;
    this.#transmit(delivery, { address, port: port - 1 });
    return false;
  }

  /** The part on its way has not arrived, or may not have. When to begin again; undefined: not at all. */
  failed(now: Millis, delivery: Delivery, { failure, sent }: Failed): Millis | undefined {
    delivery.lastFailure = failure;
    const pause = Math.min(RETRY_MILLIS.first * 2 ** delivery.attempts, RETRY_MILLIS.last);
    // What may have arrived is not sent again: a person would read it twice.
    if (sent || delivery.patience === "once" || now + pause >= delivery.until) return undefined;
    delivery.attempts += 1;
    if (delivery.partsDelivered === 0)
      this.#options.archiving.put(now, { type: "waiting", messageId: delivery.id });
    return now + pause;
  }

  #transmit(delivery: Delivery, { address, port: listed }: Source): void {
    if (delivery.parts.length === 0) delivery.parts = encodeChat(this.#options.nickname(), delivery.text);
    const bytes = delivery.parts[delivery.partsDelivered];
    if (bytes === undefined) return;
    this.#count += 1;
    const transmission = this.#count;
    delivery.state = { type: "transmitting", transmission };
    // docs/protocol.md, "Chat": a client chats on P + 1.
    const port = listed + 1;
    delivery.destination = { address, port };
    this.#options.emit({ type: "transmit", transmission, address, port, bytes });
  }
}
