import type { Delta, Seq } from "./listed.ts";

/** The latest deltas, one after the other without a gap: what a mirror that lacks a few of them is given. */
export class ChangeLog {
  readonly #capacity: number;
  readonly #deltas: Delta[] = [];
  /** The state from which the log leads to the present. */
  #from: Seq;
  #changes = 0;

  /** An empty log at `seq`, for at most `capacity` changes. */
  constructor(seq: Seq, capacity: number) {
    this.#from = seq;
    this.#capacity = capacity;
  }

  /** `delta` must begin where the last one ended. */
  add(delta: Delta): void {
    this.#deltas.push(delta);
    this.#changes += delta.changes.length;
    while (this.#changes > this.#capacity) {
      const oldest = this.#deltas.shift();
      if (oldest === undefined) break;
      this.#changes -= oldest.changes.length;
      this.#from = oldest.seq;
    }
  }

  /** Whether the log leads from the state at `seq` to the present. */
  reaches(seq: Seq): boolean {
    return seq >= this.#from;
  }

  /** The deltas that lead from the state at `seq` to the present; undefined when the log does not go back so far. */
  since(seq: Seq): readonly Delta[] | undefined {
    return this.reaches(seq) ? this.#deltas.slice(this.#firstAfter(seq)) : undefined;
  }

  #firstAfter(seq: Seq): number {
    let [low, high] = [0, this.#deltas.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const delta = this.#deltas[middle];
      if (delta !== undefined && delta.seq <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
