import { GAP_BLOCKS_KEPT, TSN_WINDOW } from "../constants.ts";
import type { GapBlock } from "../encode.ts";
import { tsnDistance, tsnPlus } from "../serial.ts";

/**
 * Which TSNs have arrived: all up to `cumulative`, and at most {@link GAP_BLOCKS_KEPT} ranges beyond it. A TSN that
 * would need one more range is not taken (the peer sends it again), so the work per packet stays bounded.
 */
export class ReceivedTsns {
  cumulative: number;
  /** Ascending, apart by at least one missing TSN. */
  #ranges: Range[] = NONE;

  constructor(initialTsn: number) {
    this.cumulative = tsnPlus(initialTsn, -1);
  }

  get hasGaps(): boolean {
    return this.#ranges.length > 0;
  }

  add(tsn: number): "new" | "duplicate" | "too-far" {
    const ahead = tsnDistance(this.cumulative, tsn);
    // §6.2: what came before is told again, what is beyond the window is dropped.
    if (ahead <= 0) return "duplicate";
    if (ahead > TSN_WINDOW) return "too-far";
    if (ahead === 1) {
      this.cumulative = tsn;
      this.#absorb();
      return "new";
    }
    return this.#insert(tsn);
  }

  /** For SACK (§3.3.4): offsets from the cumulative TSN. */
  gaps(): readonly GapBlock[] {
    return this.#ranges.map((range) => ({
      start: tsnDistance(this.cumulative, range.first),
      end: tsnDistance(this.cumulative, range.last),
    }));
  }

  #absorb(): void {
    const first = this.#ranges[0];
    if (first === undefined || tsnDistance(this.cumulative, first.first) > 1) return;
    this.cumulative = first.last;
    this.#ranges.shift();
  }

  /** New TSNs mostly come at the end, so look from there. */
  #insert(tsn: number): "new" | "duplicate" | "too-far" {
    const ranges = this.#ranges;
    let index = ranges.length;
    while (index > 0 && tsnDistance(tsn, ranges[index - 1]?.first ?? tsn) > 0) index -= 1;
    const below = ranges[index - 1];
    const above = ranges[index];
    if (below !== undefined && tsnDistance(below.last, tsn) <= 0) return "duplicate";
    const joinsBelow = below !== undefined && tsnDistance(below.last, tsn) === 1;
    const joinsAbove = above !== undefined && tsnDistance(tsn, above.first) === 1;
    if (joinsBelow && joinsAbove) {
      below.last = above.last;
      ranges.splice(index, 1);
    } else if (joinsBelow) below.last = tsn;
    else if (joinsAbove) above.first = tsn;
    else if (ranges.length >= GAP_BLOCKS_KEPT) return "too-far";
    else this.#ranges = ranges.toSpliced(index, 0, { first: tsn, last: tsn });
    return "new";
  }
}

interface Range {
  first: number;
  last: number;
}

/** Shared by all that lack nothing, which is most of them at any time. */
const NONE: Range[] = [];
