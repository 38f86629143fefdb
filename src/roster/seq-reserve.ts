import type { Random } from "../base/clock.ts";
import type { Epoch, Seq } from "../wire/mp2-values.ts";
import type { Lineage } from "./store.ts";

/** A commit in so many roster changes, and so many numbers skipped at each start: 2^53 of them last for ever. */
export const SEQ_BLOCK = 65_536;
/** The next block is wanted when so few are left, so that numbers need not wait for a disk. */
const LOW_WATER = SEQ_BLOCK / 2;
const EPOCH_BYTES = 8;

interface Numbered {
  readonly epoch: Epoch;
  readonly seq: Seq;
}

/**
 * Hands out sequence numbers below a limit that the store has promised to remember: after a crash they go on above it,
 * so none comes twice. Where the store cannot remember (full, read-only), numbers go on in an epoch that only memory
 * knows: after a crash the stored epoch, or another new one, stands against it, and clients see that theirs is void.
 */
export class SeqReserve {
  /** It goes on right after the number that was `told` last, and skips none. */
  readonly goesOn: boolean;
  readonly #random: Random;
  #epoch: Epoch;
  #seq: Seq;
  /** Numbers below it may be handed out. Infinite in an epoch of memory alone. */
  #limit: Seq;
  /** The epoch is in the store, so that it will be there after a restart. */
  #stored: boolean;

  /** `told`: the last number that is known to have been told, if that is known. */
  constructor(lineage: Lineage | undefined, random: Random, told?: Numbered) {
    this.#random = random;
    this.#epoch = lineage?.epoch ?? this.#drawEpoch();
    this.#stored = lineage !== undefined;
    // All below the limit may have been handed out: go on above.
    this.#seq = lineage === undefined ? 0 : Math.max(0, lineage.seqLimit - 1);
    this.#limit = lineage?.seqLimit ?? 1;
    this.goesOn = told !== undefined && this.#stored && this.#bearsOut(told);
    if (this.goesOn && told !== undefined) this.#seq = told.seq;
  }

  /** Whoever begins above the limit reserves a block at once: what was told before lies below that block. */
  #bearsOut({ epoch, seq }: Numbered): boolean {
    return epoch === this.#epoch && seq < this.#limit && seq >= this.#limit - SEQ_BLOCK;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The last one handed out, or the one before the first. */
  get seq(): Seq {
    return this.#seq;
  }

  next(): { readonly epoch: Epoch; readonly seq: Seq } {
    if (this.#seq + 1 >= this.#limit) this.renew();
    this.#seq += 1;
    return { epoch: this.#epoch, seq: this.#seq };
  }

  /** Begins a new epoch, at first in memory alone. */
  renew(): void {
    this.#epoch = this.#drawEpoch();
    this.#stored = false;
    this.#seq = 0;
    this.#limit = Number.POSITIVE_INFINITY;
  }

  /** What the store is to remember next; undefined while it need not. */
  wanted(): Lineage | undefined {
    if (this.#stored && this.#limit - this.#seq > LOW_WATER) return undefined;
    return { epoch: this.#epoch, seqLimit: this.#seq + SEQ_BLOCK };
  }

  /** The store remembers `lineage`, which it was asked to. */
  reserved(lineage: Lineage): void {
    this.#limit = lineage.seqLimit;
    this.#stored = true;
  }

  #drawEpoch(): Epoch {
    return [...this.#random.bytes(EPOCH_BYTES)]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("") as Epoch;
  }
}
