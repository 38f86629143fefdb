import type { Millis } from "../base/clock.ts";
import type { Association } from "./association.ts";
import { encodeHeartbeat } from "./encode.ts";
import type { AssociationHost } from "./host.ts";
import type { RoundTrip } from "./rto.ts";
import { Supervision } from "./supervision.ts";
import type { Outbox } from "./tx/outbox.ts";

/** Ours to choose (§3.3.5): `when it was sent(64, float, running time) nonce(32)`. */
const INFO_SIZE = 12;
const NONCE_AT = 8;

/** The heartbeats of an association (RFC 9260 §8.3): sends them, knows their answers, and tells what they mean. */
export class Liveness {
  readonly #host: AssociationHost;
  readonly #association: Association;
  readonly #outbox: Outbox;
  readonly #roundTrip: RoundTrip;
  /** Who has not seen our heartbeats cannot answer one, even with the v-tag. */
  readonly #nonce: number;
  #supervision: Supervision | undefined;

  constructor(host: AssociationHost, association: Association, outbox: Outbox, roundTrip: RoundTrip) {
    this.#host = host;
    this.#association = association;
    this.#outbox = outbox;
    this.#roundTrip = roundTrip;
    this.#nonce = host.random.below(2 ** 32);
  }

  get suspect(): boolean {
    return this.#supervision?.suspect ?? false;
  }

  /** The association is up, or up anew. */
  start(now: Millis): void {
    const pace = 1 - 0.2 * (this.#nonce / 2 ** 32);
    this.#supervision = new Supervision(this.#running(now), this.#host.settings, pace);
    this.#schedule();
  }

  /** Asks for proof of life now. */
  probe(now: Millis): void {
    this.#supervision?.ask(this.#running(now), this.#host.settings);
    this.#sendHeartbeat(now);
    this.#schedule();
  }

  /** New settings count from now. */
  reconsider(now: Millis): void {
    this.#supervision?.reconsider(this.#running(now), this.#host.settings);
    this.#schedule();
  }

  /** A packet of the peer was taken. One that is leaving proves nothing for long: its end is what is to be told. */
  sign(now: Millis, stays: boolean): void {
    if (this.#supervision?.sign(this.#running(now)) !== true || !stays) return;
    const rttMillis = this.#roundTrip.smoothed ?? 0;
    this.#host.emit({ type: "recovered", id: this.#association.id, rttMillis });
  }

  answered(now: Millis, info: Uint8Array): void {
    const view = new DataView(info.buffer, info.byteOffset, info.length);
    if (info.length !== INFO_SIZE || view.getUint32(NONCE_AT) !== this.#nonce) {
      this.#host.count("bad-heartbeat-ack");
      return;
    }
    const roundTrip = this.#running(now) - view.getFloat64(0);
    const { lostAfterMillis } = this.#host.settings;
    if (roundTrip >= 0 && roundTrip <= lostAfterMillis) this.#roundTrip.measure(roundTrip);
  }

  /** The timer "look" expired. False when the peer is lost. */
  look(now: Millis): boolean {
    const supervision = this.#supervision;
    if (supervision === undefined) return true;
    const { settings } = this.#host;
    // The two clocks differ by a sum that may round: within a millisecond it is time.
    const running = Math.max(this.#running(now), supervision.nextLook);
    if (running - this.#running(now) < 1) {
      const within = this.#roundTrip.answerWithin(settings.heartbeatMillis / 4, settings.heartbeatMillis);
      const verdict = supervision.look(running, settings, within);
      if (verdict === "lost") return false;
      if (verdict === "suspect") this.#host.emit({ type: "suspect", id: this.#association.id });
      if (verdict !== "wait") this.#sendHeartbeat(now);
    }
    this.#schedule();
    return true;
  }

  #running(now: Millis): Millis {
    return now - this.#host.stalled;
  }

  #schedule(): void {
    if (this.#supervision === undefined) return;
    this.#host.timers.set(this.#association, "look", this.#supervision.nextLook + this.#host.stalled);
  }

  #sendHeartbeat(now: Millis): void {
    const info = new Uint8Array(INFO_SIZE);
    const view = new DataView(info.buffer);
    view.setFloat64(0, this.#running(now));
    view.setUint32(NONCE_AT, this.#nonce);
    this.#outbox.add(encodeHeartbeat(info));
  }
}
