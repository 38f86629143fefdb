import { CHUNKS_LIMIT, LOSS_WINDOW, MAX_BURST } from "../constants.ts";

/** What a SACK told, for the window (RFC 9260 §7.2). */
export interface AcknowledgedBytes {
  readonly bytes: number;
  /** The cumulative TSN moved. */
  readonly advanced: boolean;
  /** In flight before the SACK. */
  readonly flightBefore: number;
  /** In flight after it. */
  readonly flight: number;
}

/** Slow start, congestion avoidance and the reactions to loss, RFC 9260 §7.2. All in bytes of chunks. */
export class CongestionWindow {
  /** §7.2.1: min(4 MTU, max(2 MTU, 4,404)). */
  size = Math.min(4 * CHUNKS_LIMIT, Math.max(2 * CHUNKS_LIMIT, 4_404));
  #threshold = Number.MAX_SAFE_INTEGER;
  #acknowledged = 0;

  acknowledge(event: AcknowledgedBytes, inFastRecovery: boolean): void {
    const utilised = event.flightBefore + CHUNKS_LIMIT > this.size;
    if (!event.advanced || inFastRecovery) return;
    if (this.size <= this.#threshold) {
      // §7.2.1
      if (utilised) this.size += Math.min(event.bytes, CHUNKS_LIMIT);
      return;
    }
    // §7.2.2: one MTU for each window that was acknowledged.
    this.#acknowledged += event.bytes;
    if (this.#acknowledged >= this.size && utilised) {
      this.#acknowledged -= this.size;
      this.size += CHUNKS_LIMIT;
    }
    if (event.flight === 0) this.#acknowledged = 0;
  }

  /** §6.1 D: after silence or a far-reaching SACK the window must not leave as one burst. */
  limitBurst(flight: number): void {
    this.size = Math.min(this.size, Math.max(LOSS_WINDOW, flight + MAX_BURST * CHUNKS_LIMIT));
  }

  /** §7.2.4: three SACKs miss a TSN. */
  fastRetransmit(): void {
    this.#threshold = Math.max(this.size / 2, 4 * CHUNKS_LIMIT);
    this.size = this.#threshold;
    this.#acknowledged = 0;
  }

  /** §7.2.3: T3-rtx expired. */
  timeout(): void {
    this.#threshold = Math.max(this.size / 2, 4 * CHUNKS_LIMIT);
    this.size = LOSS_WINDOW;
    this.#acknowledged = 0;
  }
}
