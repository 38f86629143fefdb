import { MisuseError } from "../base/errors.ts";

/** Frames on a TLS stream: four bytes of length, big-endian, then so many bytes of one message. */

const HEADER_BYTES = 4;
const FIRST_CAPACITY = 1_024;

/** `message` behind its length. The family that encoded it has bounded it. */
export function encodeFrame(message: Uint8Array): Uint8Array {
  if (message.length === 0) throw new MisuseError("an empty frame");
  const frame = new Uint8Array(HEADER_BYTES + message.length);
  new DataView(frame.buffer).setUint32(0, message.length);
  frame.set(message, HEADER_BYTES);
  return frame;
}

export type FrameFault =
  /** The length exceeds what the reader takes. */
  | "frame-too-long"
  /** The length is 0: no message is that short. */
  | "frame-empty";

export interface FrameRead {
  /** Complete frames without their length, in order. Views that may share memory with what was pushed: decode at once. */
  readonly frames: readonly Uint8Array[];
  /** The stream is broken here; what came before is in `frames`, nothing will come after. */
  readonly fault?: FrameFault;
}

/**
 * Cuts a stream into frames, whatever pieces it arrives in. Keeps at most one incomplete frame, in a buffer that grows
 * with what has really arrived and never by what a length promises: a thousand connections that announce 64 KiB and
 * send a byte cost a thousand small buffers. Give up on a peer whose frame stays {@link pending} too long by a deadline.
 */
export class FrameReader {
  readonly #limit: number;
  #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  /** Length of the frame under way, once its header is complete. */
  #length = 0;
  #body = new Uint8Array();
  #bodyBytes = 0;
  #fault: FrameFault | undefined;

  /** `limit`: the most bytes of one message. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of an incomplete frame that wait for the rest; 0 between frames. */
  get pending(): number {
    return this.#headerBytes + this.#bodyBytes;
  }

  /** Takes what has arrived. After a fault it only repeats that. */
  push(chunk: Uint8Array): FrameRead {
    const frames: Uint8Array[] = [];
    let rest = chunk;
    while (rest.length > 0 && this.#fault === undefined) {
      rest = this.#headerBytes < HEADER_BYTES ? this.#takeHeader(rest) : this.#takeBody(rest, frames);
    }
    return this.#fault === undefined ? { frames } : { frames, fault: this.#fault };
  }

  #takeHeader(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, HEADER_BYTES - this.#headerBytes);
    this.#header.set(part, this.#headerBytes);
    this.#headerBytes += part.length;
    if (this.#headerBytes === HEADER_BYTES) {
      this.#length = new DataView(this.#header.buffer).getUint32(0);
      if (this.#length === 0) this.#break("frame-empty");
      else if (this.#length > this.#limit) this.#break("frame-too-long");
    }
    return chunk.subarray(part.length);
  }

  #takeBody(chunk: Uint8Array, frames: Uint8Array[]): Uint8Array {
    const part = chunk.subarray(0, this.#length - this.#bodyBytes);
    if (part.length === this.#length) {
      frames.push(part);
      this.#reset();
    } else {
      this.#keep(part);
      if (this.#bodyBytes === this.#length) {
        frames.push(this.#body.subarray(0, this.#length));
        this.#reset();
      }
    }
    return chunk.subarray(part.length);
  }

  #keep(part: Uint8Array): void {
    const needed = this.#bodyBytes + part.length;
    if (needed > this.#body.length) {
      // Doubled, so that a frame that comes byte by byte is not copied once a byte.
      const capacity = Math.min(this.#length, Math.max(needed, 2 * this.#body.length, FIRST_CAPACITY));
      const grown = new Uint8Array(capacity);
      grown.set(this.#body.subarray(0, this.#bodyBytes));
      this.#body = grown;
    }
    this.#body.set(part, this.#bodyBytes);
    this.#bodyBytes = needed;
  }

  #reset(): void {
    this.#headerBytes = 0;
    this.#length = 0;
    this.#body = new Uint8Array();
    this.#bodyBytes = 0;
  }

  #break(fault: FrameFault): void {
    this.#reset();
    this.#fault = fault;
  }
}
