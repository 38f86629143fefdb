import { baseOf, type Delta, type Seq } from "./listed.ts";

/**
 * Deltas that came before what they build on, by where they begin. At most `capacity` changes: beyond it the oldest go
 * first. A registry fills a gap from the latest that it knows, or with pages that are newer still, so what is latest
 * here will be of use; what is old may not.
 */
export class EarlyDeltas {
  readonly #capacity: number;
  #deltas: Delta[] = [];
  #changes = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Changes held. */
  get size(): number {
    return this.#changes;
  }

  /** Whether `delta` is held now that was not before. */
  add(delta: Delta): boolean {
    const at = this.#placeOf(delta);
    const next = this.#deltas[at];
    if (next !== undefined && baseOf(next) === baseOf(delta) && next.seq === delta.seq) return false;
    this.#deltas.splice(at, 0, delta);
    this.#changes += delta.changes.length;
    while (this.#changes > this.#capacity) {
      const oldest = this.#deltas.shift();
      this.#changes -= oldest?.changes.length ?? 0;
      if (oldest === delta) return false;
    }
    return true;
  }

  /** The deltas that lead on from `seq` without a gap, in order; they and those that `seq` has overtaken are gone. */
  take(seq: Seq): readonly Delta[] {
    const taken: Delta[] = [];
    let reached = seq;
    let looked = 0;
    for (const delta of this.#deltas) {
      if (baseOf(delta) > reached) break;
      looked += 1;
      this.#changes -= delta.changes.length;
      if (delta.seq <= reached) continue;
      taken.push(delta);
      reached = delta.seq;
    }
    if (looked > 0) this.#deltas = this.#deltas.slice(looked);
    return taken;
  }

  clear(): void {
    this.#deltas = [];
    this.#changes = 0;
  }

  /** Before all that begin later, or begin together and end later. */
  #placeOf(delta: Delta): number {
    const base = baseOf(delta);
    let [low, high] = [0, this.#deltas.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#deltas[middle];
      if (other !== undefined && (baseOf(other) - base || other.seq - delta.seq) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
