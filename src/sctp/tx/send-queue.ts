import {
  COMMON_HEADER,
  DATA_HEADER,
  HELD_OVERHEAD,
  I_DATA_HEADER,
  INTERLEAVED_MESSAGES,
  PACKET_LIMIT,
} from "../constants.ts";
import { nextMid, nextSsn } from "../serial.ts";

/** What a queued message costs: many tiny ones must not be free. */
export function queuedCost(bytes: Uint8Array): number {
  return bytes.length + HELD_OVERHEAD;
}

/** One chunk's share of a message, but for its TSN. */
export interface Fragment {
  readonly stream: number;
  readonly ppid: number;
  /** SSN, or MID where messages are interleaved. */
  readonly sequence: number;
  /** Number of the fragment within its message (FSN). */
  readonly index: number;
  readonly begins: boolean;
  readonly ends: boolean;
  readonly bytes: Uint8Array;
}

interface Message {
  readonly ppid: number;
  bytes: Uint8Array;
}

/** A stream that has something to say. */
interface Waiting {
  readonly stream: number;
  readonly messages: Message[];
  /** Bytes and fragments of the first message that have left. */
  sent: number;
  index: number;
}

/**
 * Messages not yet sent. The streams take turns (RFC 8260 §3.1 calls this round robin): fragment by fragment where the
 * peer takes interleaved messages, so that a long message holds nobody up; otherwise message by message, since then
 * the fragments of a message must stay together (RFC 9260 §6.9).
 */
export class SendQueue {
  /** In the order of their turns; undefined while all is sent, which is most of the time. */
  #waiting: Waiting[] | undefined;
  /** The sequence number to use next, by stream; absent means 0. */
  #sequence: number[] | undefined;
  /** The last one, whose bytes may be part of much larger memory. */
  #borrowed: Message | undefined;
  readonly #interleaves: boolean;

  constructor(interleaves: boolean) {
    this.#interleaves = interleaves;
  }

  get isEmpty(): boolean {
    return this.#waiting === undefined;
  }

  add(stream: number, ppid: number, bytes: Uint8Array): void {
    this.#waiting ??= [];
    const message = { ppid, bytes };
    this.#borrowed = message;
    const waiting = this.#waiting.find((other) => other.stream === stream);
    if (waiting === undefined) this.#waiting.push({ stream, messages: [message], sent: 0, index: 0 });
    else waiting.messages.push(message);
  }

  /** What was added last and waits is copied: it may do so for long. */
  keep(): void {
    const message = this.#borrowed;
    this.#borrowed = undefined;
    if (message !== undefined && this.#waiting !== undefined) message.bytes = new Uint8Array(message.bytes);
  }

  /** User data in a full chunk. */
  get #payload(): number {
    return PACKET_LIMIT - COMMON_HEADER - (this.#interleaves ? I_DATA_HEADER : DATA_HEADER);
  }

  /** Bytes of user data in the next fragment, 0 when there is none. */
  get nextSize(): number {
    const turn = this.#turn();
    return turn === undefined ? 0 : Math.min(this.#payload, left(turn));
  }

  next(): Fragment | undefined {
    const turn = this.#turn();
    const message = turn?.messages[0];
    if (turn === undefined || message === undefined) return undefined;
    const { stream, sent, index } = turn;
    const bytes = message.bytes.subarray(sent, sent + this.#payload);
    const ends = sent + bytes.length === message.bytes.length;
    const sequence = this.#sequence?.[stream] ?? 0;
    turn.sent += bytes.length;
    turn.index += 1;
    if (ends) this.#messageEnds(turn, sequence);
    if (ends || this.#interleaves) this.#toTheEnd(turn);
    return { stream, ppid: message.ppid, sequence, index, begins: sent === 0, ends, bytes };
  }

  #messageEnds(turn: Waiting, sequence: number): void {
    turn.messages.shift();
    turn.sent = 0;
    turn.index = 0;
    this.#sequence ??= [0];
    this.#sequence[turn.stream] = this.#interleaves ? nextMid(sequence) : nextSsn(sequence);
  }

  #toTheEnd(turn: Waiting): void {
    const others = this.#waiting?.filter((waiting) => waiting !== turn) ?? [];
    if (turn.messages.length > 0) others.push(turn);
    this.#waiting = others.length === 0 ? undefined : others;
  }

  /** Whose turn it is: the first, unless it would begin one long message too many. */
  #turn(): Waiting | undefined {
    if (this.#waiting === undefined || !this.#interleaves) return this.#waiting?.[0];
    const begun = this.#waiting.reduce((count, waiting) => count + (waiting.sent > 0 ? 1 : 0), 0);
    if (begun < INTERLEAVED_MESSAGES) return this.#waiting[0];
    return this.#waiting.find((waiting) => waiting.sent > 0 || left(waiting) <= this.#payload);
  }
}

/** Bytes of a stream's first message that have not left. */
function left(waiting: Waiting): number {
  return (waiting.messages[0]?.bytes.length ?? 0) - waiting.sent;
}
