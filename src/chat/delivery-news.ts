import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { Archiving } from "./archiving.ts";
import type { Delivery } from "./delivery.ts";
import type { ChatOutput } from "./events.ts";
import type { ChatNotice, UndeliveredReason, WaitingReason } from "./notices.ts";

/** What becomes of our messages, as the archive keeps it and as the user is told: each end once, and why one waits. */
export class DeliveryNews {
  readonly #options: { readonly archiving: Archiving; readonly emit: (output: ChatOutput) => void };

  constructor(options: { archiving: Archiving; emit: (output: ChatOutput) => void }) {
    this.#options = options;
  }

  /** `fingerprint`: of whoever has it; undefined over mp1. */
  delivered(now: Millis, { id: messageId, to, text }: Delivery, fingerprint: Fingerprint | undefined): void {
    this.#options.archiving.put(now, { type: "delivered", messageId, fingerprint });
    this.#tell({ type: "delivered", messageId, to, text });
  }

  undelivered(now: Millis, delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    this.#options.archiving.put(now, { type: "failed", messageId: delivery.id, why });
    this.notTaken(delivery, why, uncertain);
  }

  /** Of one that this process has not stored, so that the archive has nothing to learn of it. */
  notTaken(delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    const { id: messageId, to, text, partsDelivered, destination } = delivery;
    const parts = delivery.parts.length;
    const waited = delivery.patience !== "once";
    const message = { messageId, to, text, why, destination, partsDelivered, parts, uncertain, waited };
    this.#tell({ type: "undelivered", message });
  }

  /** Once for each reason; scripts that wait for a limited time learn how it ended. */
  waiting(delivery: Delivery, why: WaitingReason): void {
    const { id: messageId, to, text, patience, told, destination } = delivery;
    if (patience !== "lasting" || told === why || (told !== undefined && why === "left")) return;
    delivery.told = why;
    this.#tell({ type: "waiting", messageId, to, text, why, destination });
  }

  #tell(notice: ChatNotice): void {
    this.#options.emit({ type: "notice", notice });
  }
}
