import { COMMON_HEADER, PACKET_LIMIT } from "../constants.ts";
import type { EncodedChunk } from "../encode.ts";

/** Bundles chunks into packets of at most {@link PACKET_LIMIT} bytes (RFC 9260 §6.10), in the order given. */
export class Outbox {
  readonly #transmit: (chunks: readonly EncodedChunk[]) => void;
  #chunks: EncodedChunk[] = [];
  #size = COMMON_HEADER;

  constructor(transmit: (chunks: readonly EncodedChunk[]) => void) {
    this.#transmit = transmit;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  get room(): number {
    return PACKET_LIMIT - this.#size;
  }

  add(chunk: EncodedChunk): void {
    if (chunk.length > this.room) this.flush();
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  flush(): void {
    if (this.isEmpty) return;
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#size = COMMON_HEADER;
    this.#transmit(chunks);
  }
}
