import type { Holder, KeepBudget } from "../budgets.ts";
import { DUPLICATES_REPORTED, RECEIVE_WINDOW } from "../constants.ts";
import type { DataChunk, InterleavedDataChunk } from "../decode/chunks.ts";
import { CAUSE, type Cause, type EncodedChunk, encodeSack } from "../encode.ts";
import { tsnDistance } from "../serial.ts";
import { type Assembler, heldCost, type Message, TOO_LONG } from "./assembler.ts";
import { DataAssembler } from "./data-assembler.ts";
import { InterleavedAssembler } from "./interleaved-assembler.ts";
import { ReceivedTsns } from "./received.ts";

export type DataOutcome =
  /** Acknowledged. When its stream does not `exist` it was thrown away, which the peer must be told (§6.5). */
  | { readonly type: "taken"; readonly messages: readonly Message[]; readonly exists: boolean }
  /** Not taken and not acknowledged: outside the window, or seen before. */
  | { readonly type: "dropped" }
  /** `cause`: what the peer is told where that is not simply the violation. */
  | { readonly type: "violation"; readonly detail: string; readonly cause?: Cause };

export interface ReceptionOptions {
  readonly initialTsn: number;
  readonly streams: number;
  readonly maxMessage: number;
  /** Messages come as I-DATA (RFC 8260), else as DATA. */
  readonly interleaves: boolean;
  /** What all associations together keep, and who we are in it. */
  readonly kept: KeepBudget;
  readonly holder: Holder;
}

type AnyData = DataChunk | InterleavedDataChunk;

/**
 * The receiving half of an association (RFC 9260 §6.2, §6.5–§6.7): which TSNs have come, what still fits, and when to
 * say so. What is kept is bounded by the window, and for all associations together by `kept`.
 */
export class Reception {
  readonly #received: ReceivedTsns;
  readonly #options: ReceptionOptions;
  readonly #assembler: Assembler<AnyData>;
  #duplicates: number[] = NONE;
  /** DATA packets since the last SACK, and whether one is due without delay (§6.2). */
  #unacknowledged = 0;
  /** The first DATA is: it may be all that a peer says, who cannot shut down before it is acknowledged (§9.2). */
  #urgent = true;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#received = new ReceivedTsns(options.initialTsn);
    this.#assembler = options.interleaves
      ? new InterleavedAssembler(options.maxMessage)
      : new DataAssembler(this.#received.cumulative, options.maxMessage);
  }

  get cumulativeTsn(): number {
    return this.#received.cumulative;
  }

  get heldBytes(): number {
    return this.#assembler.heldBytes;
  }

  data(chunk: AnyData): DataOutcome {
    if ((chunk.type === "i-data") !== this.#options.interleaves) {
      // RFC 8260 §2.2.2: all user data in the one form or all in the other.
      return {
        type: "violation",
        detail: chunk.type === "data" ? "DATA where I-DATA was agreed" : NOT_AGREED,
      };
    }
    if (chunk.bytes.length === 0) {
      return { type: "violation", detail: "DATA without user data", cause: noUserData(chunk.tsn) };
    }
    if (chunk.bytes.length > this.#options.maxMessage) return { type: "violation", detail: TOO_LONG };
    const exists = chunk.stream < this.#options.streams;
    if (exists && !this.#assembler.delivers(chunk) && !this.#mayKeep(chunk)) return this.#drop();
    // §6.7: also what fills the last gap is told at once: a sender that lost packets waits for just that.
    const hadGaps = this.#received.hasGaps;
    const added = this.#received.add(chunk.tsn);
    if (added === "duplicate") return this.#duplicate(chunk.tsn);
    if (added === "too-far") return this.#drop();
    if (chunk.immediate || hadGaps || this.#received.hasGaps) this.#urgent = true;
    const messages: Message[] = [];
    const violation = this.#assembler.take(exists ? chunk : undefined, this.#received.cumulative, messages);
    return violation === undefined
      ? { type: "taken", messages, exists }
      : { type: "violation", detail: violation };
  }

  /** Called once a packet that held DATA: whether a SACK is due now (§6.2: every second packet, or on trouble). */
  packetEnds(): boolean {
    this.#unacknowledged += 1;
    return this.#urgent || this.#unacknowledged >= 2;
  }

  get owesSack(): boolean {
    return this.#unacknowledged > 0;
  }

  sack(): EncodedChunk {
    const duplicates = this.#duplicates;
    this.#duplicates = NONE;
    this.#unacknowledged = 0;
    this.#urgent = false;
    // §6.2: a_rwnd.
    const window = Math.max(0, RECEIVE_WINDOW - this.heldBytes);
    return encodeSack(this.#received.cumulative, window, this.#received.gaps(), duplicates);
  }

  /**
   * §6.2: what does not fit is dropped. What is next in TSN order may go beyond the window: without it nothing that is
   * kept could leave, and the sender does not know what keeping costs.
   */
  #mayKeep(chunk: AnyData): boolean {
    const isNext = tsnDistance(this.#received.cumulative, chunk.tsn) === 1;
    const cost = heldCost(chunk.bytes);
    const limit = isNext ? 2 * RECEIVE_WINDOW : RECEIVE_WINDOW;
    return this.heldBytes + cost <= limit && this.#options.kept.makeRoom(this.#options.holder, cost);
  }

  #drop(): DataOutcome {
    this.#urgent = true;
    return { type: "dropped" };
  }

  #duplicate(tsn: number): DataOutcome {
    if (this.#duplicates === NONE) this.#duplicates = [];
    if (this.#duplicates.length < DUPLICATES_REPORTED) this.#duplicates.push(tsn);
    return this.#drop();
  }
}

const NONE: number[] = [];
const NOT_AGREED = "I-DATA where DATA was agreed";

/** §3.3.10.9: the TSN. */
function noUserData(tsn: number): Cause {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, tsn);
  return { code: CAUSE.noUserData, bytes };
}
