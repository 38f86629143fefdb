import { HELD_OVERHEAD } from "../constants.ts";
import type { DataChunk, InterleavedDataChunk } from "../decode/chunks.ts";

/** A whole message; `bytes` are its own. */
export interface Message {
  readonly stream: number;
  readonly ppid: number;
  readonly bytes: Uint8Array;
}

/** Puts the messages of an association together from chunks whose TSNs are new, of streams that exist. */
export interface Assembler<Chunk extends DataChunk | InterleavedDataChunk> {
  /** What is kept of messages that cannot be delivered yet, with what keeping it costs. */
  readonly heldBytes: number;
  /** Whether `chunk` can be delivered without being kept. */
  delivers(chunk: Chunk): boolean;
  /**
   * Takes `chunk` (undefined: one of a stream that does not exist, whose TSN counts all the same), adds what has become
   * deliverable to `messages`; says what the peer did wrong, if anything.
   */
  take(chunk: Chunk | undefined, cumulativeTsn: number, messages: Message[]): string | undefined;
}

export const TOO_LONG = "message longer than allowed";

/** What keeping `bytes` costs. */
export function heldCost(bytes: Uint8Array): number {
  return bytes.length + HELD_OVERHEAD;
}

export function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
