import { CHUNKS_PER_PACKET, COMMON_HEADER, RECEIVE_LIMIT } from "../constants.ts";
import type { CounterName } from "../counters.ts";
import { checksumIsRight } from "../crc32c.ts";
import { type Chunk, decodeChunk } from "./chunks.ts";

/** A packet taken apart (RFC 9260 §3): `source(16) destination(16) v-tag(32) crc32c(32) chunk…`. */
export interface Packet {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly verificationTag: number;
  /** At least one. */
  readonly chunks: readonly Chunk[];
}

/** Why a packet was dropped unread. */
export type PacketRefusal = Extract<CounterName, "wrong-size" | "other-port" | "bad-checksum" | "bad-chunk">;

const CHUNK_HEADER = 4;

/**
 * Takes a packet for `localPort` apart, or says why not. Strict: one bad chunk refuses the whole packet, so nothing
 * acts on half of it. The checksum is verified before anything else is looked at (§6.8).
 */
export function decodePacket(bytes: Uint8Array, localPort: number): Packet | PacketRefusal {
  if (bytes.length < COMMON_HEADER + CHUNK_HEADER || bytes.length > RECEIVE_LIMIT) return "wrong-size";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const destinationPort = view.getUint16(2);
  const sourcePort = view.getUint16(0);
  if (destinationPort !== localPort || sourcePort === 0) return "other-port";
  if (!checksumIsRight(bytes)) return "bad-checksum";
  const chunks = decodeChunks(bytes, view);
  if (chunks === undefined) return "bad-chunk";
  return { sourcePort, destinationPort, verificationTag: view.getUint32(4), chunks };
}

/** §3.2: each chunk's length counts its header and not its padding; the padding of the last may be missing. */
function decodeChunks(bytes: Uint8Array, view: DataView): readonly Chunk[] | undefined {
  const chunks: Chunk[] = [];
  let offset = COMMON_HEADER;
  while (offset < bytes.length) {
    if (bytes.length - offset < CHUNK_HEADER || chunks.length >= CHUNKS_PER_PACKET) return undefined;
    const length = view.getUint16(offset + 2);
    if (length < CHUNK_HEADER || length > bytes.length - offset) return undefined;
    const chunk = decodeChunk(bytes.subarray(offset, offset + length));
    if (chunk === undefined) return undefined;
    chunks.push(chunk);
    offset += (length + 3) & ~3;
  }
  return chunks;
}
