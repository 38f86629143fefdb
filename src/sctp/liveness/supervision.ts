import type { Millis } from "../../base/clock.ts";
import type { LivenessLimits } from "../api.ts";

/**
 * Unanswered probes before a peer is lost. The time-out is divided so that {@link AIM} fit into it; where it is too
 * short for that, or so many peers are suspect that probes must be spaced out, at least {@link ENOUGH} go out.
 *
 * Why so many: with 20% of packets lost at random, a probe and its answer both arrive with 0.8² = 64%, so n probes in
 * a row all fail with 0.36ⁿ. 24 probes: 2.2·10⁻¹¹ for each heartbeat interval, so 5,000 peers that only answer, at one
 * heartbeat a second, have one false alarm in 2,500 hours of such weather. The RFC's own five (Path.Max.Retrans,
 * 0.36⁶) would have eleven a second. 20 probes: 1.3·10⁻⁹, or 2·10⁻⁷ where a flood drops half of what comes in, and
 * then it is not chance.
 */
const AIM = 24;
const ENOUGH = 20;
/** However short the time-out, probes of one peer are not closer than this. */
const CLOSEST = 20;

/** What a look takes into account besides the time. */
export interface Timing extends LivenessLimits {
  /** When an unanswered probe counts as missed. */
  readonly answerWithin: Millis;
  /** The least time between probes of a suspect, for the sake of all: see Crowd. */
  readonly suspectSpacing: Millis;
}

/**
 * Is the peer still there? RFC 9260 §8.3 (path heartbeat) with the timing of a presence service.
 *
 * Any packet with our v-tag from the peer's address is a sign of life. After one heartbeat interval without, a
 * HEARTBEAT goes out; unanswered in time it makes the peer suspect, and quick probes follow until one is answered or
 * the time without a sign of life is over. At the defaults (1 s, 2.8 s): probes at 1.0 s, 1.2 s, then every 61 ms until
 * 2.6 s, so that the last, too, has its 200 ms to be answered, and the end at 2.8 s.
 *
 * All times are running time (see the endpoint's stall rule), which stands still while our own process does.
 */
export class Supervision {
  /** When to look again. */
  nextLook: Millis;
  #lastSign: Millis;
  /** Probes sent since the last sign. */
  #probes = 0;
  /** The user asked for proof of life and is to be told of it. */
  #asked = false;
  /** Share of the heartbeat interval this peer gets, so that peers that were all heard at once drift apart (§8.3). */
  readonly #pace: number;

  /** `pace` in [0.8, 1]. */
  constructor(now: Millis, limits: LivenessLimits, pace: number) {
    this.#lastSign = now;
    this.#pace = pace;
    this.nextLook = now + limits.heartbeatMillis * pace;
  }

  /** A probe was missed and nothing has come since. */
  get suspect(): boolean {
    return this.#probes > 1;
  }

  /** The probes sent since the last sign. */
  get probes(): number {
    return this.#probes;
  }

  /** How long nothing has come. */
  silence(now: Millis): Millis {
    return now - this.#lastSign;
  }

  /** A sign of life, which clears the error counter (§8.1, §8.2); true when the user has asked for one. */
  sign(now: Millis, limits: LivenessLimits): boolean {
    this.#lastSign = now;
    const asked = this.#asked;
    if (this.#probes > 0) this.nextLook = now + limits.heartbeatMillis * this.#pace;
    this.#probes = 0;
    this.#asked = false;
    return asked;
  }

  /** A probe goes out now, whatever the time. */
  ask(now: Millis, timing: Timing): void {
    this.#asked = true;
    if (this.#probes === 0) this.#probes = 1;
    this.nextLook = Math.min(this.nextLook, now + timing.answerWithin);
  }

  /**
   * New limits. What was silence enough by them is asked after now instead of being lost: the peer was not asked
   * before.
   */
  reconsider(now: Millis, timing: Timing): void {
    this.#lastSign = Math.max(this.#lastSign, now - timing.heartbeatMillis);
    this.nextLook = this.#probes > 0 ? Math.min(this.nextLook, now + timing.answerWithin) : now;
  }

  /**
   * What to do at `nextLook` or later; sets the next one. "suspect": the first probe was missed, send another. The
   * probes that are unanswered are the path's error counter (§8.2), which with one path is the association's (§8.1).
   */
  look(now: Millis, timing: Timing): "wait" | "probe" | "suspect" | "lost" {
    if (this.#probes === 0) return this.#lookAfterHealthy(now, timing);
    const end = this.#lastSign + timing.lostAfterMillis;
    const lastProbe = end - timing.answerWithin;
    if (this.#probes >= ENOUGH && now >= lastProbe) {
      if (now >= end) return "lost";
      this.nextLook = end;
      return "wait";
    }
    const verdict = this.#probes === 1 ? "suspect" : "probe";
    this.#probes += 1;
    this.nextLook = now + this.#untilNextProbe(lastProbe - now, timing);
    return verdict;
  }

  #lookAfterHealthy(now: Millis, timing: Timing): "wait" | "probe" {
    const probeAt = this.#lastSign + timing.heartbeatMillis * this.#pace;
    if (now < probeAt) {
      this.nextLook = probeAt;
      return "wait";
    }
    this.#probes = 1;
    this.nextLook = now + timing.answerWithin;
    return "probe";
  }

  /** `left`: the time in which the remaining probes are to go out. */
  #untilNextProbe(left: Millis, timing: Timing): Millis {
    // The last of those that had to wait for the sake of all has its time to be answered, too.
    if (left <= 0 && this.#probes >= ENOUGH) return timing.answerWithin;
    const even = left / Math.max(1, AIM - this.#probes + 1);
    return Math.max(even, CLOSEST, timing.suspectSpacing);
  }
}
