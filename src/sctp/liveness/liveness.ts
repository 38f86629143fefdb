import type { Millis } from "../../base/clock.ts";
import type { LivenessLimits } from "../api.ts";
import type { Link } from "../link.ts";
import { decodeInfo, heartbeatWith } from "./heartbeat-info.ts";
import { Supervision, type Timing } from "./supervision.ts";

/** The heartbeats of an association (RFC 9260 §8.3): sends them, knows their answers, and tells what they mean. */
export class Liveness {
  readonly #link: Link;
  /** Who has not seen our heartbeats cannot answer one, even with the v-tag. */
  readonly #nonce: number;
  #supervision: Supervision | undefined;
  /** When the latest heartbeat was sent that has an answer. */
  #answered: Millis = Number.NEGATIVE_INFINITY;
  /** Limits for this peer alone. */
  #own: LivenessLimits | undefined;
  /** The limits by which the crowd knows this peer. */
  #joined: LivenessLimits | undefined;

  constructor(link: Link) {
    this.#link = link;
    this.#nonce = link.host.random.below(2 ** 32);
  }

  get suspect(): boolean {
    return this.#supervision?.suspect ?? false;
  }

  /** Since the last sign of life, in running time. */
  silence(now: Millis): Millis {
    return this.#supervision?.silence(this.#link.running(now)) ?? 0;
  }

  /** The limits in force. */
  get limits(): LivenessLimits {
    return this.#link.host.crowd.stretched(this.#own ?? this.#link.host.settings);
  }

  /** The association is up, or up anew. */
  start(now: Millis): void {
    this.stop();
    const limits = this.#own ?? this.#link.host.settings;
    this.#joined = limits;
    this.#link.host.crowd.join(limits);
    const pace = 1 - 0.2 * (this.#nonce / 2 ** 32);
    this.#supervision = new Supervision(this.#link.running(now), this.limits, pace);
    this.#schedule();
  }

  /** The peer is not watched any more. */
  stop(): void {
    if (this.#joined === undefined) return;
    const { crowd } = this.#link.host;
    crowd.leave(this.#joined);
    if (this.suspect) crowd.unsuspected();
    this.#joined = undefined;
    this.#supervision = undefined;
    this.#link.clearTimer("look");
  }

  /** Asks for proof of life now. */
  probe(now: Millis): void {
    this.#supervision?.ask(this.#link.running(now), this.#timing());
    this.#sendHeartbeat(now);
    this.#schedule();
  }

  /** Limits for this peer alone, or the endpoint's; they count from now. */
  watch(now: Millis, limits: LivenessLimits | undefined): void {
    this.#own = limits;
    this.reconsider(now);
  }

  /** New settings of the endpoint count from now. */
  reconsider(now: Millis): void {
    if (this.#joined === undefined) return;
    const { crowd, settings } = this.#link.host;
    crowd.leave(this.#joined);
    this.#joined = this.#own ?? settings;
    crowd.join(this.#joined);
    this.#supervision?.reconsider(this.#link.running(now), this.#timing());
    this.#schedule();
  }

  /**
   * A packet of the peer was taken. To one who asked, a peer that is leaving is no proof of life: its end is what is to
   * be told.
   */
  sign(now: Millis, stays: boolean): void {
    const supervision = this.#supervision;
    if (supervision === undefined) return;
    const { probes, suspect } = supervision;
    const asked = supervision.sign(this.#link.running(now), this.limits);
    if (suspect) this.#link.host.crowd.unsuspected();
    if (probes > 0) this.#schedule();
    if (!suspect && !(asked && stays)) return;
    const rttMillis = this.#link.roundTrip.smoothed ?? 0;
    this.#link.host.emit({ type: "recovered", id: this.#link.id, rttMillis });
  }

  /** HEARTBEAT ACK (§8.3): it counts if it is an answer to us, and its time if it can be true. */
  answered(now: Millis, info: Uint8Array): void {
    const heartbeat = decodeInfo(info);
    if (heartbeat === undefined || heartbeat.nonce !== this.#nonce) {
      this.#link.host.count("bad-heartbeat-ack");
      return;
    }
    // What was repeated on its way is one answer.
    if (heartbeat.sentAt > this.#answered) this.#link.answers += 1;
    this.#answered = Math.max(this.#answered, heartbeat.sentAt);
    const roundTrip = this.#link.running(now) - heartbeat.sentAt;
    if (roundTrip >= 0 && roundTrip <= this.limits.lostAfterMillis) this.#link.roundTrip.measure(roundTrip);
  }

  /** The timer "look" expired. False when the peer is lost. */
  look(now: Millis): boolean {
    const supervision = this.#supervision;
    if (supervision === undefined) return true;
    // The two clocks differ by a sum that may round: within a millisecond it is time.
    const running = Math.max(this.#link.running(now), supervision.nextLook);
    if (running - this.#link.running(now) < 1) {
      const verdict = supervision.look(running, this.#timing());
      if (verdict === "lost") return false;
      if (verdict === "suspect") {
        this.#link.host.crowd.suspected();
        this.#link.host.emit({ type: "suspect", id: this.#link.id });
      }
      if (verdict !== "wait") this.#sendHeartbeat(now);
    }
    this.#schedule();
    return true;
  }

  #timing(): Timing {
    const { heartbeatMillis, lostAfterMillis } = this.limits;
    const answerWithin = this.#link.roundTrip.answerWithin(heartbeatMillis / 5, heartbeatMillis);
    const { suspectSpacing } = this.#link.host.crowd;
    return { heartbeatMillis, lostAfterMillis, answerWithin, suspectSpacing };
  }

  #schedule(): void {
    if (this.#supervision === undefined) return;
    this.#link.setTimer("look", this.#supervision.nextLook + this.#link.host.stalled);
  }

  #sendHeartbeat(now: Millis): void {
    this.#link.heartbeats += 1;
    this.#link.add(heartbeatWith({ sentAt: this.#link.running(now), nonce: this.#nonce }));
  }
}
