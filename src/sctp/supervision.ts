import type { Millis } from "../base/clock.ts";
import type { SctpSettings } from "./api.ts";

/**
 * Is the peer still there? RFC 9260 §8.3 (path heartbeat) with the timing of a presence service.
 *
 * Any packet with our v-tag from the peer's address is a sign of life. After one heartbeat interval without, a
 * HEARTBEAT goes out; unanswered within the time-out it makes the peer suspect, and probes follow ever faster until
 * one is answered or `lostAfterMillis` have passed since the last sign of life.
 *
 * Why ever faster: with 20% of packets lost at random, a probe and its answer both arrive with 0.8² = 64%, so n probes
 * in a row all fail with 0.36ⁿ. At the defaults (1 s, 4 s) a peer that only answers gets probes at 1.0, 1.25, 1.5,
 * 1.75, 1.98 … s and ends at ten a second: 20 in 3 s. 0.36²⁰ = 1.3·10⁻⁹ for each heartbeat interval, 4.8·10⁻⁶ an hour:
 * one false alarm among 1,000 peers in some 200 hours of that. Probes at a fixed 250 ms (12 in 3 s) would give 17 an
 * hour, and three plain heartbeats (0.36³) a false alarm every 21 s.
 *
 * All times are running time (see the endpoint's stall rule), which stands still while our own process does.
 */
export class Supervision {
  /** When to look again. */
  nextLook: Millis;
  suspect = false;
  #lastSign: Millis;
  /** A probe is out and nothing has come since. */
  #waiting = false;
  /** The user asked for proof of life and is to be told of it. */
  #asked = false;
  /** Share of the heartbeat interval this peer gets, so that peers that were all heard at once drift apart (§8.3). */
  readonly #pace: number;

  /** `pace` in [0.8, 1]. */
  constructor(now: Millis, settings: SctpSettings, pace: number) {
    this.#lastSign = now;
    this.#pace = pace;
    this.nextLook = now + settings.heartbeatMillis * pace;
  }

  /** A sign of life; true when somebody waits to hear of it. */
  sign(now: Millis): boolean {
    this.#lastSign = now;
    this.#waiting = false;
    const awaited = this.suspect || this.#asked;
    this.suspect = false;
    this.#asked = false;
    return awaited;
  }

  /** Probe now, whatever the time. */
  ask(now: Millis, settings: SctpSettings): void {
    this.#asked = true;
    this.#waiting = true;
    this.nextLook = this.#bounded(now + quickest(settings) * 2.5, settings);
  }

  /**
   * New settings. What was silence enough by them is asked after now instead of being lost: the peer was not
   * asked before.
   */
  reconsider(now: Millis, settings: SctpSettings): void {
    this.#lastSign = Math.max(this.#lastSign, now - settings.heartbeatMillis);
    this.nextLook = this.#waiting ? this.#bounded(this.nextLook, settings) : now;
  }

  /** What to do at `nextLook` or later; sets the next one. */
  look(now: Millis, settings: SctpSettings, answerWithin: Millis): "wait" | "probe" | "suspect" | "lost" {
    const silence = now - this.#lastSign;
    // Compared as sums, as `nextLook` was made: rounding must not make a look too early for itself.
    if (now >= this.#lastSign + settings.lostAfterMillis) return "lost";
    if (this.#waiting) {
      this.nextLook = this.#bounded(now + this.#quickened(silence, settings), settings);
      if (this.suspect) return "probe";
      this.suspect = true;
      return "suspect";
    }
    const probeAt = this.#lastSign + settings.heartbeatMillis * this.#pace;
    if (now < probeAt) {
      this.nextLook = probeAt;
      return "wait";
    }
    this.#waiting = true;
    this.nextLook = this.#bounded(now + answerWithin, settings);
    return "probe";
  }

  #quickened(silence: Millis, settings: SctpSettings): Millis {
    const left = settings.lostAfterMillis - silence;
    const slowest = settings.heartbeatMillis / 4;
    return Math.min(slowest, Math.max(quickest(settings), left / 10));
  }

  #bounded(at: Millis, settings: SctpSettings): Millis {
    return Math.min(at, this.#lastSign + settings.lostAfterMillis);
  }
}

function quickest(settings: SctpSettings): Millis {
  return settings.heartbeatMillis / 10;
}
