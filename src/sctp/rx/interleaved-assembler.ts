import { COLLECTED_OVERHEAD } from "../constants.ts";
import type { InterleavedDataChunk } from "../decode/chunks.ts";
import { nextMid, tsnDistance } from "../serial.ts";
import { type Assembler, heldCost, join, type Message, TOO_LONG } from "./assembler.ts";

/**
 * Messages from I-DATA (RFC 8260 §2.2.3), which are numbered by message (MID) and fragment (FSN) within their stream: a
 * message is delivered when it is whole and the next of its stream, whatever is missing elsewhere.
 */
export class InterleavedAssembler implements Assembler<InterleavedDataChunk> {
  heldBytes = 0;
  readonly #maxMessage: number;
  /** The MID expected next, by stream; absent means 0. Most peers use stream 0 only: the array starts as small. */
  #expected: number[] | undefined;
  /** Messages that are not delivered yet, by stream, order and MID; undefined while there are none. */
  #kept: Map<string, Pieces> | undefined;

  constructor(maxMessage: number) {
    this.#maxMessage = maxMessage;
  }

  delivers(chunk: InterleavedDataChunk): boolean {
    return chunk.begins && chunk.ends && (chunk.unordered || chunk.mid === this.#expectedMid(chunk.stream));
  }

  take(
    chunk: InterleavedDataChunk | undefined,
    _cumulativeTsn: number,
    messages: Message[],
  ): string | undefined {
    if (chunk === undefined) return undefined;
    const { stream, mid, unordered } = chunk;
    if (!unordered && tsnDistance(this.#expectedMid(stream), mid) < 0) return "message sent once more";
    if (this.delivers(chunk)) {
      messages.push({ stream, ppid: chunk.ppid, bytes: chunk.bytes.slice() });
      if (!unordered) this.#advance(stream, messages);
      return undefined;
    }
    const key = keyOf(stream, mid, unordered);
    this.#kept ??= new Map();
    let pieces = this.#kept.get(key);
    if (pieces === undefined) {
      pieces = new Pieces();
      this.heldBytes += pieces.cost;
      this.#kept.set(key, pieces);
    }
    const former = pieces.cost;
    const violation = pieces.add(chunk, this.#maxMessage);
    this.heldBytes += pieces.cost - former;
    if (violation !== undefined) return violation;
    if (unordered) this.#deliverIfWhole(key, stream, messages);
    else this.#deliverInOrder(stream, messages);
    return undefined;
  }

  #expectedMid(stream: number): number {
    return this.#expected?.[stream] ?? 0;
  }

  #deliverInOrder(stream: number, messages: Message[]): void {
    const key = keyOf(stream, this.#expectedMid(stream), false);
    if (this.#deliverIfWhole(key, stream, messages)) this.#advance(stream, messages);
  }

  /** A message of the stream was delivered: the next ones may be waiting. */
  #advance(stream: number, messages: Message[]): void {
    this.#expected ??= [0];
    do this.#expected[stream] = nextMid(this.#expectedMid(stream));
    while (this.#deliverIfWhole(keyOf(stream, this.#expectedMid(stream), false), stream, messages));
  }

  #deliverIfWhole(key: string, stream: number, messages: Message[]): boolean {
    const pieces = this.#kept?.get(key);
    if (this.#kept === undefined || pieces === undefined || !pieces.isWhole) return false;
    this.#kept.delete(key);
    if (this.#kept.size === 0) this.#kept = undefined;
    this.heldBytes -= pieces.cost;
    messages.push({ stream, ppid: pieces.ppid, bytes: pieces.joined() });
    return true;
  }
}

function keyOf(stream: number, mid: number, unordered: boolean): string {
  return `${stream} ${mid}${unordered ? " u" : ""}`;
}

/** The fragments of one message. */
class Pieces {
  ppid = 0;
  /** What it costs to keep it. */
  cost = COLLECTED_OVERHEAD;
  readonly #parts = new Map<number, Uint8Array>();
  #size = 0;
  #last: number | undefined;
  #highest = 0;

  /** Says what is wrong with `chunk`, if anything. */
  add(chunk: InterleavedDataChunk, maxMessage: number): string | undefined {
    const { fsn, begins, ends, bytes } = chunk;
    if (!begins && fsn === 0) return "two beginnings of a message";
    if (this.#parts.has(fsn)) return "a fragment sent as another chunk";
    if (ends && (this.#last !== undefined || fsn < this.#highest)) return "two ends of a message";
    if (this.#last !== undefined && fsn > this.#last) return "a fragment behind the end of its message";
    if (begins) this.ppid = chunk.ppid;
    if (ends) this.#last = fsn;
    this.#highest = Math.max(this.#highest, fsn);
    this.#parts.set(fsn, bytes.slice());
    this.#size += bytes.length;
    this.cost += heldCost(bytes);
    return this.#size > maxMessage ? TOO_LONG : undefined;
  }

  get isWhole(): boolean {
    return this.#last !== undefined && this.#parts.size === this.#last + 1;
  }

  joined(): Uint8Array {
    const inOrder = [...this.#parts].sort(([left], [right]) => left - right).map(([, bytes]) => bytes);
    return join(inOrder, this.#size);
  }
}
