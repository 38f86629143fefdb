import type { Millis } from "../../base/clock.ts";
import { TokenBucket } from "../../base/tokens.ts";
import type { Delta, Epoch, Page, Seq } from "../../roster/listed.ts";
import type { RegistryLimits } from "../limits.ts";

/** An answer that is being sent: parts of it at a time, as fast as its client reads. */
export interface Run {
  readonly messages: readonly (Delta | Page)[];
  /** How many of them have been handed over. */
  readonly at: number;
}

/** What a client has been handed: with the rest of `run` it leads to the roster at `told` of `epoch`. */
export interface Position {
  readonly epoch: Epoch;
  readonly told: Seq;
  readonly run: Run | undefined;
}

/**
 * How far one attached client has been told. A message that its association's queue has no room for is refused right
 * after it was handed over, before anything else happens; then the position goes back to where it was before that turn,
 * and everything since is sent again when there is room. Sent twice, nothing of it does harm (ADR 11).
 */
export class Receiver {
  #position: Position;
  /** Where it stood when the present turn began. */
  #committed: Position;
  #turn = -1;
  #blocked = false;
  /** Messages of a run in one turn: one after a refusal, so that each turn leads on, then twice as many each time. */
  #burst: number;
  readonly #limits: RegistryLimits;
  readonly #asks: TokenBucket;

  constructor(now: Millis, position: Position, limits: RegistryLimits) {
    this.#position = position;
    this.#committed = position;
    this.#limits = limits;
    this.#burst = limits.runMessagesATurn;
    this.#asks = new TokenBucket(limits.asks, now);
  }

  get position(): Position {
    return this.#position;
  }

  get isBlocked(): boolean {
    return this.#blocked;
  }

  get burst(): number {
    return this.#burst;
  }

  /** `turn`: grows with each set of outputs that the shell has been given. */
  advance(turn: number, position: Position): void {
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#committed = this.#position;
    }
    this.#position = position;
  }

  /** A turn's part of a run has been handed over, and the one before was taken. */
  widen(): void {
    this.#burst = Math.min(2 * this.#burst, this.#limits.runMessagesATurn);
  }

  /** Something of the present turn was refused. */
  refused(): void {
    this.#position = this.#committed;
    this.#blocked = true;
    this.#burst = 1;
  }

  /** There is room again. */
  writable(): void {
    this.#blocked = false;
  }

  mayAsk(now: Millis): boolean {
    return this.#asks.take(now);
  }
}
