/**
 * A run of numbered messages of which each is known to the receiver beforehand, so that the programs themselves can
 * tell whether all came exactly once and in order. usrsctp-peer.c and kernel_peer.py make and check the same.
 */

export const BULK_STREAMS = 8;
const LENGTHS = [1, 17, 200, 1_000, 1_400, 3_000, 64, 5, 512, 333] as const;
/** Byte i of message n is (n + i) modulo this prime, which no length and no number of streams divides. */
const MODULUS = 251;
const PATTERN = Uint8Array.from({ length: 65_536 + MODULUS }, (_, index) => index % MODULUS);

/** Message `number` of a run whose every hundredth message has `largest` bytes and no other has more. */
export function bulkMessage(number: number, largest: number): { stream: number; bytes: Uint8Array } {
  const usual = LENGTHS[number % LENGTHS.length] ?? 1;
  const length = number % 100 === 99 ? largest : Math.min(usual, largest);
  const start = number % MODULUS;
  return { stream: number % BULK_STREAMS, bytes: PATTERN.subarray(start, start + length) };
}

/** Checks a run: on each stream exactly its messages, in order. */
export class BulkCheck {
  readonly #largest: number;
  #left: number;
  /** The number of the message that must come next, by stream. */
  readonly #next = Array.from({ length: BULK_STREAMS }, (_, stream) => stream);

  constructor(count: number, largest: number) {
    this.#left = count;
    this.#largest = largest;
  }

  get left(): number {
    return this.#left;
  }

  /** Takes a message; false when it is not the one that must come next on its stream. */
  take(stream: number, bytes: Uint8Array): boolean {
    const number = this.#next[stream];
    if (number === undefined) return false;
    this.#next[stream] = number + BULK_STREAMS;
    this.#left -= 1;
    return Buffer.compare(bytes, bulkMessage(number, this.#largest).bytes) === 0;
  }
}
