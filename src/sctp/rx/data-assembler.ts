import type { DataChunk } from "../decode/chunks.ts";
import { nextSsn, tsnPlus } from "../serial.ts";
import { type Assembler, heldCost, join, type Message, TOO_LONG } from "./assembler.ts";

/**
 * Messages from DATA (RFC 9260 §6.5, §6.6, §6.9).
 *
 * Whole messages that are next in their stream are delivered at once, even behind a lost packet of another stream;
 * everything else waits in `#held` until all TSNs before it have arrived, and is then fed in TSN order. Fragments of a
 * message have consecutive TSNs, so at most one message is incomplete, and whatever then does not fit is a
 * peer's violation: nothing can be held for ever.
 */
export class DataAssembler implements Assembler<DataChunk> {
  heldBytes = 0;
  readonly #maxMessage: number;
  /** The SSN expected next, by stream; absent means 0. Most peers use stream 0 only: the array starts as small. */
  #expected: number[] | undefined;
  #held: Map<number, DataChunk> | undefined;
  /** All TSNs up to here have been fed, or did not need to be. */
  #fed: number;
  #partial: Partial | undefined;

  constructor(cumulativeTsn: number, maxMessage: number) {
    this.#fed = cumulativeTsn;
    this.#maxMessage = maxMessage;
  }

  delivers(chunk: DataChunk): boolean {
    return chunk.begins && chunk.ends && (chunk.unordered || chunk.ssn === this.#expectedSsn(chunk.stream));
  }

  take(chunk: DataChunk | undefined, cumulativeTsn: number, messages: Message[]): string | undefined {
    if (chunk !== undefined && this.delivers(chunk)) messages.push(this.#deliver(chunk));
    else if (chunk !== undefined) this.#hold(chunk);
    return this.#feedUpTo(cumulativeTsn, messages);
  }

  #expectedSsn(stream: number): number {
    return this.#expected?.[stream] ?? 0;
  }

  #advance(stream: number, ssn: number): void {
    this.#expected ??= [0];
    this.#expected[stream] = nextSsn(ssn);
  }

  #deliver(chunk: DataChunk): Message {
    if (!chunk.unordered) this.#advance(chunk.stream, chunk.ssn);
    return { stream: chunk.stream, ppid: chunk.ppid, bytes: chunk.bytes.slice() };
  }

  #hold(chunk: DataChunk): void {
    this.#held ??= new Map();
    this.#held.set(chunk.tsn, { ...chunk, bytes: chunk.bytes.slice() });
    this.heldBytes += heldCost(chunk.bytes);
  }

  #feedUpTo(cumulativeTsn: number, messages: Message[]): string | undefined {
    const held = this.#held;
    while (held !== undefined && held.size > 0 && this.#fed !== cumulativeTsn) {
      this.#fed = tsnPlus(this.#fed, 1);
      const chunk = held.get(this.#fed);
      // Absent: delivered early, or for a stream that does not exist.
      if (chunk === undefined) continue;
      held.delete(this.#fed);
      this.heldBytes -= heldCost(chunk.bytes);
      const violation = this.#feed(chunk, messages);
      if (violation !== undefined) return violation;
    }
    if (held?.size === 0) this.#held = undefined;
    if (this.#held === undefined) this.#fed = cumulativeTsn;
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
    return this.#append(partial, chunk, messages);
  }

  #append(partial: Partial, chunk: DataChunk, messages: Message[]): string | undefined {
    partial.parts.push(chunk.bytes);
    partial.size += chunk.bytes.length;
    this.heldBytes += heldCost(chunk.bytes);
    if (partial.size > this.#maxMessage) return TOO_LONG;
    if (!chunk.ends) return undefined;
    this.#partial = undefined;
    for (const part of partial.parts) this.heldBytes -= heldCost(part);
    if (!partial.unordered) this.#advance(partial.stream, partial.ssn);
    const { stream, ppid, parts, size } = partial;
    messages.push({ stream, ppid, bytes: join(parts, size) });
    return undefined;
  }
}

/** §6.9: the fragments of a message carry its stream, SSN and U bit, and only the first has the B bit. */
function belongs(partial: Partial, chunk: DataChunk): boolean {
  return (
    partial.stream === chunk.stream && partial.ssn === chunk.ssn && partial.unordered === chunk.unordered
  );
}

interface Partial {
  readonly stream: number;
  readonly ssn: number;
  readonly ppid: number;
  readonly unordered: boolean;
  readonly parts: Uint8Array[];
  size: number;
}
