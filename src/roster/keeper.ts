import type { Millis } from "../base/clock.ts";
import type { Ledger } from "./ledger.ts";
import type { Change, Epoch, Listed, Seq } from "./listed.ts";
import type { KeptRoster, RosterStore } from "./roster-store.ts";
import { StoreError } from "./store.ts";

/** After the store said no nothing is written for so long: to begin anew means to write everything. */
export const KEEP_RETRY_MILLIS: Millis = 30_000;

/** Where the published roster stands, all of it. */
export interface Published {
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly entries: () => Iterable<Listed>;
}

type State =
  /** The store holds what was told. */
  | { readonly type: "keeping" }
  /** It holds nothing, and is tried again at `retryAt`. */
  | { readonly type: "failing"; readonly retryAt: Millis; readonly error: StoreError };

/**
 * Writes the published roster before it is told. Where that fails the store is emptied, since it would be older than what
 * is told from then on; and where not even that works, the epoch ends, so that nobody believes it.
 *
 *     keeping ── write failed ──> failing ── all written ──> keeping
 */
export class RosterKeeper {
  /** What the registry before has told, as far as the ledger's numbers bear it out. */
  readonly left: KeptRoster | undefined;
  readonly #store: RosterStore;
  readonly #ledger: Ledger;
  #state: State = { type: "keeping" };

  /** `ledger`: made with what `left` says of its numbers. */
  constructor(options: {
    readonly store: RosterStore;
    readonly ledger: Ledger;
    readonly left: KeptRoster | undefined;
  }) {
    this.#store = options.store;
    this.#ledger = options.ledger;
    this.left = options.ledger.goesOn ? options.left : undefined;
  }

  /** Why nothing is kept. */
  get trouble(): StoreError | undefined {
    return this.#state.type === "failing" ? this.#state.error : undefined;
  }

  /**
   * `published` is all that there is: at the start, or in another epoch. What the store holds otherwise is of numbers that
   * the ledger has left behind.
   */
  begin(now: Millis, { epoch, seq, entries }: Published): void {
    if (this.#state.type === "failing" && now < this.#state.retryAt) return;
    try {
      this.#store.begin({ epoch, seq, entries: [...entries()] });
      this.#state = { type: "keeping" };
    } catch (error) {
      this.#failed(now, error);
    }
  }

  /**
   * `changes` have led to `published`, and nobody has been told. False if they must not be told in this epoch: the ledger
   * has begun another one.
   */
  publish(now: Millis, published: Published, changes: readonly Change[]): boolean {
    if (this.#state.type === "failing") {
      this.begin(now, published);
      return true;
    }
    try {
      this.#store.publish(published.seq, changes);
      return true;
    } catch (error) {
      if (this.#failed(now, error)) return true;
      this.#ledger.newEpoch();
      return false;
    }
  }

  nextDeadline(): Millis | undefined {
    return this.#state.type === "failing" ? this.#state.retryAt : undefined;
  }

  advance(now: Millis, published: Published): void {
    if (this.#state.type === "failing") this.begin(now, published);
  }

  /** Whether the store is empty now. */
  #failed(now: Millis, error: unknown): boolean {
    if (!(error instanceof StoreError)) throw error;
    this.#state = { type: "failing", retryAt: now + KEEP_RETRY_MILLIS, error };
    return this.#store.drop();
  }
}
