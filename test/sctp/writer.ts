import type { SeededRandom } from "./random.ts";
import { seal } from "./wire.ts";

const CAPACITY = 65_536;
const HEADER = 12;

/** Fields of DATA (RFC 9260 §3.3.1). */
export interface WrittenData {
  readonly tsn: number;
  readonly stream: number;
  readonly ssn: number;
  readonly begins: boolean;
  readonly ends: boolean;
  readonly size: number;
}

/**
 * Writes packets, chunk by chunk, into one buffer that is used again for each: fast, and whoever keeps a view into a
 * packet that it was given will find it changed.
 */
export class PacketWriter {
  readonly #buffer = Buffer.alloc(CAPACITY);
  #end = HEADER;
  #chunkAt = HEADER;

  begin(sourcePort: number, destinationPort: number, tag: number): this {
    this.#buffer.writeUInt16BE(sourcePort, 0);
    this.#buffer.writeUInt16BE(destinationPort, 2);
    this.#buffer.writeUInt32BE(tag >>> 0, 4);
    this.#end = HEADER;
    this.#chunkAt = HEADER;
    return this;
  }

  /** The packet as it stands, with its checksum; a view that the next `begin` overwrites. */
  finish(): Uint8Array {
    return seal(this.#buffer.subarray(0, this.#end));
  }

  get isFull(): boolean {
    return this.#end > CAPACITY - 8_192;
  }

  /** The chunk written last, to be spoiled. */
  last(): Buffer {
    return this.#buffer.subarray(this.#chunkAt, this.#end);
  }

  #open(type: number, flags: number, length: number): number {
    this.#chunkAt = this.#end;
    const at = this.#end;
    this.#end += (length + 3) & ~3;
    this.#buffer.fill(0, this.#end - 4, this.#end);
    this.#buffer[at] = type;
    this.#buffer[at + 1] = flags;
    this.#buffer.writeUInt16BE(length, at + 2);
    return at + 4;
  }

  bare(type: number, flags = 0): void {
    this.#open(type, flags, 4);
  }

  /** Chunk types whose body is bytes: COOKIE ECHO, unknown ones, whole copies. */
  body(type: number, flags: number, bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#open(type, flags, 4 + bytes.length));
  }

  /** A chunk as it was recorded, with its header. */
  whole(bytes: Uint8Array): void {
    this.#chunkAt = this.#end;
    this.#buffer.set(bytes, this.#end);
    this.#end += (bytes.length + 3) & ~3;
  }

  data({ tsn, stream, ssn, begins, ends, size }: WrittenData, flags = 0): void {
    const at = this.#open(0, flags | (begins ? 2 : 0) | (ends ? 1 : 0), 16 + size);
    const buffer = this.#buffer;
    buffer.writeUInt32BE(tsn >>> 0, at);
    buffer.writeUInt16BE(stream & 0xffff, at + 4);
    buffer.writeUInt16BE(ssn & 0xffff, at + 6);
    buffer.writeUInt32BE(0, at + 8);
  }

  /** I-DATA (RFC 8260 §2.1): `tsn(32) stream(16) reserved(16) mid(32) ppid or fsn(32) bytes`. */
  iData(fields: WrittenData & { readonly fsn: number }, flags = 0): void {
    const bits = flags | (fields.begins ? 2 : 0) | (fields.ends ? 1 : 0);
    const at = this.#open(64, bits, 20 + fields.size);
    const buffer = this.#buffer;
    buffer.writeUInt32BE(fields.tsn >>> 0, at);
    buffer.writeUInt16BE(fields.stream & 0xffff, at + 4);
    buffer.writeUInt16BE(0, at + 6);
    buffer.writeUInt32BE(fields.ssn >>> 0, at + 8);
    buffer.writeUInt32BE(fields.begins ? 0 : fields.fsn >>> 0, at + 12);
  }

  init(type: 1 | 2, tag: number, window: number, streams: number, tsn: number, parameters: Uint8Array): void {
    const at = this.#open(type, 0, 20 + parameters.length);
    const buffer = this.#buffer;
    buffer.writeUInt32BE(tag >>> 0, at);
    buffer.writeUInt32BE(window, at + 4);
    buffer.writeUInt16BE(streams, at + 8);
    buffer.writeUInt16BE(streams, at + 10);
    buffer.writeUInt32BE(tsn >>> 0, at + 12);
    buffer.set(parameters, at + 16);
  }

  /** `gaps` holds the starts and ends of blocks in turn. */
  sack(cumulative: number, window: number, gaps: readonly number[], duplicates = 0): void {
    const blocks = gaps.length >> 1;
    const at = this.#open(3, 0, 16 + 4 * (blocks + duplicates));
    const buffer = this.#buffer;
    buffer.writeUInt32BE(cumulative >>> 0, at);
    buffer.writeUInt32BE(window, at + 4);
    buffer.writeUInt16BE(blocks, at + 8);
    buffer.writeUInt16BE(duplicates, at + 10);
    for (let index = 0; index < 2 * blocks; index += 1) {
      buffer.writeUInt16BE((gaps[index] ?? 0) & 0xffff, at + 12 + 2 * index);
    }
  }

  /** HEARTBEAT (4) or HEARTBEAT ACK (5) with its one parameter. */
  heartbeat(type: 4 | 5, info: Uint8Array): void {
    const at = this.#open(type, 0, 8 + info.length);
    this.#buffer.writeUInt16BE(1, at);
    this.#buffer.writeUInt16BE(4 + info.length, at + 2);
    this.#buffer.set(info, at + 4);
  }

  shutdown(cumulative: number): void {
    this.#buffer.writeUInt32BE(cumulative >>> 0, this.#open(7, 0, 8));
  }

  /** ABORT (6) or ERROR (9) with one cause. */
  cause(type: 6 | 9, flags: number, code: number, bytes: Uint8Array): void {
    const at = this.#open(type, flags, 8 + bytes.length);
    this.#buffer.writeUInt16BE(code, at);
    this.#buffer.writeUInt16BE(4 + bytes.length, at + 2);
    this.#buffer.set(bytes, at + 4);
  }
}

/** Changes a chunk in place: a byte, its length, the length of something inside it. */
export function spoil(chunk: Buffer, random: SeededRandom): void {
  const kind = random.below(4);
  if (chunk.length < 4) return;
  if (kind === 0) chunk[random.below(chunk.length)] = random.below(256);
  else if (kind === 1) chunk.writeUInt16BE(random.below(chunk.length + 8), 2);
  else if (kind === 2) chunk.writeUInt16BE(random.below(12), 2 + 4 * random.below(chunk.length >> 2));
  else chunk.writeUInt16BE(random.pick([0, 1, 3, 4, 0x7fff, 0xffff]), 2 * random.below(chunk.length >> 1));
}
