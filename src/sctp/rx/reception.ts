import { DUPLICATES_REPORTED, HELD_OVERHEAD, RECEIVE_WINDOW } from "../constants.ts";
import type { DataChunk } from "../decode/chunks.ts";
import { type EncodedChunk, encodeSack } from "../encode.ts";
import { nextSsn, tsnDistance, tsnPlus } from "../serial.ts";
import { ReceivedTsns } from "./received.ts";

/** A whole message; `bytes` are its own. */
export interface Message {
  readonly stream: number;
  readonly ppid: number;
  readonly bytes: Uint8Array;
}

export type DataOutcome =
  /** Acknowledged. When its stream does not `exist` it was thrown away, which the peer must be told (§6.5). */
  | { readonly type: "taken"; readonly messages: readonly Message[]; readonly exists: boolean }
  /** Not taken and not acknowledged: outside the window, or seen before. */
  | { readonly type: "dropped" }
  | { readonly type: "violation"; readonly detail: string };

/**
 * The receiving half of an association (RFC 9260 §6.2, §6.5–§6.7, §6.9).
 *
 * Whole messages that are next in their stream are delivered at once, even behind a lost packet of another stream;
 * everything else waits in `#held` until all TSNs before it have arrived, and is then fed in TSN order to one
 * assembler. Fragments of a message have consecutive TSNs, so one assembler is enough, and whatever then does not
 * fit is a peer's violation: nothing can be held for ever. What is held is bounded by the window.
 */
export class Reception {
  readonly #received: ReceivedTsns;
  readonly #streams: number;
  readonly #maxMessage: number;
  /** The SSN expected next, by stream; absent means 0. */
  readonly #expected: number[] = [];
  #held: Map<number, DataChunk> | undefined;
  #heldBytes = 0;
  /** All TSNs up to here have been through the assembler, or did not need to. */
  #fed: number;
  #partial: Partial | undefined;
  #duplicates: number[] = [];
  /** DATA packets since the last SACK, and whether one is due without delay (§6.2). */
  #unacknowledged = 0;
  /** The first DATA is: it may be all that a peer says, who cannot shut down before it is acknowledged (§9.2). */
  #urgent = true;

  constructor(initialTsn: number, streams: number, maxMessage: number) {
    this.#received = new ReceivedTsns(initialTsn);
    this.#fed = this.#received.cumulative;
    this.#streams = streams;
    this.#maxMessage = maxMessage;
  }

  get cumulativeTsn(): number {
    return this.#received.cumulative;
  }

  data(chunk: DataChunk): DataOutcome {
    if (chunk.bytes.length === 0) return { type: "violation", detail: "DATA without user data" };
    if (chunk.bytes.length > this.#maxMessage) return { type: "violation", detail: TOO_LONG };
    const next = tsnDistance(this.#received.cumulative, chunk.tsn) === 1;
    if (!next && this.#window() < chunk.bytes.length + HELD_OVERHEAD) return this.#drop();
    const added = this.#received.add(chunk.tsn);
    if (added === "duplicate") return this.#duplicate(chunk.tsn);
    if (added === "too-far") return this.#drop();
    if (chunk.immediate || this.#received.hasGaps) this.#urgent = true;
    return this.#take(chunk);
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
    this.#duplicates = [];
    this.#unacknowledged = 0;
    this.#urgent = false;
    return encodeSack(this.#received.cumulative, this.#window(), this.#received.gaps(), duplicates);
  }

  #window(): number {
    return Math.max(0, RECEIVE_WINDOW - this.#heldBytes - (this.#partial?.size ?? 0));
  }

  #drop(): DataOutcome {
    this.#urgent = true;
    return { type: "dropped" };
  }

  #duplicate(tsn: number): DataOutcome {
    if (this.#duplicates.length < DUPLICATES_REPORTED) this.#duplicates.push(tsn);
    return this.#drop();
  }

  #take(chunk: DataChunk): DataOutcome {
    const messages: Message[] = [];
    const exists = chunk.stream < this.#streams;
    if (exists && this.#deliverable(chunk)) messages.push(this.#deliver(chunk));
    else if (exists) this.#hold(chunk);
    const violation = this.#assemble(messages);
    if (violation !== undefined) return { type: "violation", detail: violation };
    return { type: "taken", messages, exists };
  }

  #deliverable(chunk: DataChunk): boolean {
    return chunk.begins && chunk.ends && (chunk.unordered || chunk.ssn === this.#expectedSsn(chunk.stream));
  }

  #expectedSsn(stream: number): number {
    return this.#expected[stream] ?? 0;
  }

  #deliver(chunk: DataChunk): Message {
    if (!chunk.unordered) this.#expected[chunk.stream] = nextSsn(chunk.ssn);
    return { stream: chunk.stream, ppid: chunk.ppid, bytes: chunk.bytes.slice() };
  }

  #hold(chunk: DataChunk): void {
    this.#held ??= new Map();
    this.#held.set(chunk.tsn, { ...chunk, bytes: chunk.bytes.slice() });
    this.#heldBytes += chunk.bytes.length + HELD_OVERHEAD;
  }

  /** Feeds what is held up to the cumulative TSN, in order. Returns what the peer did wrong, if anything. */
  #assemble(messages: Message[]): string | undefined {
    const held = this.#held;
    while (held !== undefined && held.size > 0 && this.#fed !== this.#received.cumulative) {
      this.#fed = tsnPlus(this.#fed, 1);
      const chunk = held.get(this.#fed);
      // Absent: delivered early, or for a stream that does not exist.
      if (chunk === undefined) continue;
      held.delete(this.#fed);
      this.#heldBytes -= chunk.bytes.length + HELD_OVERHEAD;
      const violation = this.#feed(chunk, messages);
      if (violation !== undefined) return violation;
    }
    if (held?.size === 0) this.#held = undefined;
    if (this.#held === undefined) this.#fed = this.#received.cumulative;
    return undefined;
  }

  #feed(chunk: DataChunk, messages: Message[]): string | undefined {
    if (chunk.begins) {
      if (this.#partial !== undefined) return "a message begins inside another";
      if (!chunk.unordered && chunk.ssn !== this.#expectedSsn(chunk.stream)) return "stream sequence broken";
      if (chunk.ends) {
        messages.push(this.#deliver(chunk));
        return undefined;
      }
      const { stream, ssn, ppid, unordered } = chunk;
      this.#partial = { stream, ssn, ppid, unordered, parts: [], size: 0 };
    }
    const partial = this.#partial;
    if (partial === undefined) return "a fragment without a beginning";
    if (!belongs(partial, chunk)) return "fragments of different messages mixed";
    partial.parts.push(chunk.bytes);
    partial.size += chunk.bytes.length;
    if (partial.size > this.#maxMessage) return TOO_LONG;
    if (!chunk.ends) return undefined;
    this.#partial = undefined;
    if (!partial.unordered) this.#expected[partial.stream] = nextSsn(partial.ssn);
    messages.push({ stream: partial.stream, ppid: partial.ppid, bytes: join(partial) });
    return undefined;
  }
}

const TOO_LONG = "message longer than allowed";

/** §6.9: the fragments of a message carry its stream, SSN and U bit, and only the first has the B bit. */
function belongs(partial: Partial, chunk: DataChunk): boolean {
  return (
    partial.stream === chunk.stream && partial.ssn === chunk.ssn && partial.unordered === chunk.unordered
  );
}

function join(partial: Partial): Uint8Array {
  const bytes = new Uint8Array(partial.size);
  let offset = 0;
  for (const part of partial.parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

interface Partial {
  readonly stream: number;
  readonly ssn: number;
  readonly ppid: number;
  readonly unordered: boolean;
  readonly parts: Uint8Array[];
  size: number;
}
