import type { Millis } from "../base/clock.ts";
import { SHUTDOWN_GUARD, SHUTDOWN_RETRANSMITS } from "./constants.ts";
import { encodeShutdown, encodeShutdownAck, encodeShutdownComplete } from "./encode.ts";
import type { Failure } from "./failure.ts";
import type { Link } from "./link.ts";
import type { Transfer } from "./transfer.ts";

/** The graceful end (RFC 9260 §9.2), begun by either side: data first, then SHUTDOWN and its answers under T2 and T5. */
export class Closing {
  readonly #link: Link;
  readonly #transfer: Transfer;
  /** The user has closed; carried out when the state allows. */
  #asked = false;

  constructor(link: Link, transfer: Transfer) {
    this.#link = link;
    this.#transfer = transfer;
  }

  get isAsked(): boolean {
    return this.#asked;
  }

  ask(now: Millis): void {
    this.#asked = true;
    this.proceed(now);
  }

  /** What the user has asked for begins, if it can by now, under T5-shutdown-guard (§9.2). */
  proceed(now: Millis): void {
    if (!this.#asked || this.#link.step({ type: "close" }) === undefined) return;
    this.#link.setTimer("guard", now + SHUTDOWN_GUARD);
  }

  /** In shutdown-pending and shutdown-received: on with it once our data are acknowledged. */
  drain(now: Millis): void {
    if (!this.#transfer.isDrained || this.#link.step({ type: "drained" }) === undefined) return;
    this.#link.clearTimer("t3");
    this.#sendOwn(now);
  }

  /** The peer's SHUTDOWN. */
  takeShutdown(now: Millis): void {
    if (this.#link.state.name === "shutdown-ack-sent") {
      this.#link.add(encodeShutdownAck());
      return;
    }
    const state = this.#link.step({ type: "shutdown" });
    if (state?.name === "shutdown-ack-sent") this.#sendOwn(now);
    if (state?.name === "shutdown-received") this.#link.setTimer("guard", now + SHUTDOWN_GUARD);
  }

  /** True when that is the end. */
  takeShutdownAck(): boolean {
    if (this.#link.step({ type: "shutdown-ack" }) === undefined) return false;
    this.#link.flush();
    this.#link.transmit([encodeShutdownComplete(false)]);
    return true;
  }

  /** §9.2: DATA that cross our SHUTDOWN are answered with it again, and T2 starts anew. True when they did. */
  crossedByData(): boolean {
    return this.#link.step({ type: "data" }) !== undefined;
  }

  sendShutdown(now: Millis): void {
    this.#link.add(encodeShutdown(this.#transfer.cumulativeTsn));
    this.#link.setTimer("t2", now + this.#link.roundTrip.timeout);
  }

  /**
   * T2 expired (§9.2, §6.3.3). "closed": the peer has everything and asked for the end; only its last word is missing.
   */
  sendAgain(now: Millis): Failure | "closed" | undefined {
    const { state, roundTrip } = this.#link;
    if (!("sendings" in state) || state.sendings > SHUTDOWN_RETRANSMITS) {
      if (state.name === "shutdown-ack-sent") return "closed";
      return { reason: "timeout", detail: "SHUTDOWN was not answered" };
    }
    roundTrip.backOff();
    this.#link.step({ type: "sent-again" });
    this.#sendOwn(now);
    return undefined;
  }

  /** SHUTDOWN or SHUTDOWN ACK, as the state has it. */
  #sendOwn(now: Millis): void {
    if (this.#link.state.name === "shutdown-sent") {
      this.sendShutdown(now);
      return;
    }
    this.#link.add(encodeShutdownAck());
    this.#link.setTimer("t2", now + this.#link.roundTrip.timeout);
  }
}
