import { HELD_OVERHEAD, PAYLOAD_LIMIT } from "../constants.ts";
import type { DataFields } from "../encode.ts";
import { nextSsn } from "../serial.ts";

/** What a queued message costs: many tiny ones must not be free. */
export function queuedCost(bytes: Uint8Array): number {
  return bytes.length + HELD_OVERHEAD;
}

/**
 * Messages not yet sent. The streams take turns, message by message, so a stream with much to say delays the
 * others by one message at most (RFC 8260 §3.1 calls this round robin; fragments of a message stay together,
 * RFC 9260 §6.9).
 */
export class SendQueue {
  /** Waiting messages by stream; the map's order is the turn. */
  readonly #streams = new Map<number, Message[]>();
  readonly #ssn: number[] = [];
  #current: Message | undefined;
  #sent = 0;

  get isEmpty(): boolean {
    return this.#current === undefined && this.#streams.size === 0;
  }

  add(stream: number, ppid: number, bytes: Uint8Array): void {
    const message = { stream, ppid, bytes };
    const waiting = this.#streams.get(stream);
    if (waiting === undefined) this.#streams.set(stream, [message]);
    else waiting.push(message);
  }

  /** Forgets messages for streams the peer does not have; returns the cost given back. */
  dropStreamsFrom(limit: number): number {
    let cost = 0;
    for (const [stream, waiting] of this.#streams) {
      if (stream < limit) continue;
      for (const message of waiting) cost += queuedCost(message.bytes);
      this.#streams.delete(stream);
    }
    return cost;
  }

  /** Size of the next fragment, 0 when there is none. */
  get nextSize(): number {
    const message = this.#turn();
    return message === undefined ? 0 : Math.min(PAYLOAD_LIMIT, message.bytes.length - this.#sent);
  }

  next(): Omit<DataFields, "tsn"> | undefined {
    const message = this.#turn();
    if (message === undefined) return undefined;
    const { stream, ppid } = message;
    const ssn = this.#ssn[stream] ?? 0;
    const end = Math.min(this.#sent + PAYLOAD_LIMIT, message.bytes.length);
    const begins = this.#sent === 0;
    const ends = end === message.bytes.length;
    const bytes = message.bytes.subarray(this.#sent, end);
    this.#sent = end;
    if (ends) {
      this.#current = undefined;
      this.#sent = 0;
      this.#ssn[stream] = nextSsn(ssn);
    }
    return { stream, ppid, ssn, begins, ends, bytes };
  }

  #turn(): Message | undefined {
    if (this.#current !== undefined) return this.#current;
    for (const [stream, waiting] of this.#streams) {
      this.#current = waiting.shift();
      // To the end of the line.
      this.#streams.delete(stream);
      if (waiting.length > 0) this.#streams.set(stream, waiting);
      break;
    }
    return this.#current;
  }
}

interface Message {
  readonly stream: number;
  readonly ppid: number;
  readonly bytes: Uint8Array;
}
