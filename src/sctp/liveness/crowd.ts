import type { Millis } from "../../base/clock.ts";
import { HEARTBEATS_PER_SECOND, type LivenessLimits } from "../api.ts";

/**
 * Probes sent to suspects in a second, all together: about two fifths of a core while it lasts. When a switch dies,
 * thousands fall silent at once; without a bound their probes would keep us from hearing everybody else.
 */
const SUSPECT_PROBES_PER_SECOND = 20_000;

/** All watched peers of an endpoint together, so that watching them stays within a budget of CPU. */
export class Crowd {
  #heartbeatsPerSecond = 0;
  #suspects = 0;

  /** A peer is watched by `limits` from now on; `leave` takes the same. */
  join(limits: LivenessLimits): void {
    this.#heartbeatsPerSecond += 1_000 / limits.heartbeatMillis;
  }

  leave(limits: LivenessLimits): void {
    // Sums of fractions do not come back to exactly nothing.
    this.#heartbeatsPerSecond = Math.max(0, this.#heartbeatsPerSecond - 1_000 / limits.heartbeatMillis);
  }

  get suspects(): number {
    return this.#suspects;
  }

  suspected(): void {
    this.#suspects += 1;
  }

  unsuspected(): void {
    this.#suspects -= 1;
  }

  /** The limits as they are in force: 5,000 peers at 1 s each get their due, 50,000 get 10 s. */
  stretched(limits: LivenessLimits): LivenessLimits {
    const factor = this.#heartbeatsPerSecond / HEARTBEATS_PER_SECOND;
    if (factor <= 1) return limits;
    const heartbeatMillis = limits.heartbeatMillis * factor;
    return {
      heartbeatMillis,
      lostAfterMillis: limits.lostAfterMillis + heartbeatMillis - limits.heartbeatMillis,
    };
  }

  /** The least time between two probes of one suspect. */
  get suspectSpacing(): Millis {
    return (this.#suspects * 1_000) / SUSPECT_PROBES_PER_SECOND;
  }
}
