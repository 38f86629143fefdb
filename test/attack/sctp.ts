import { seal } from "../sctp/wire.ts";
import { type Packet, UDP } from "./wire.ts";

/** SCTP in captured UDP packets (RFC 6951), as far as an eavesdropper needs it. */

export interface SctpData {
  readonly stream: number;
  readonly ppid: number;
  /** Hex. */
  readonly data: string;
}

const HEADER_BYTES = 12;
/** RFC 9260 §3.3.1 and RFC 8260 §2.1: type, and bytes before the user's data. */
const DATA = { type: 0, head: 16, ppidAt: 12 };
const I_DATA = { type: 64, head: 20, ppidAt: 16 };

export function isSctp({ protocol, ports }: Packet, encapsulationPort: number): boolean {
  return protocol === UDP && ports !== null && ports.includes(encapsulationPort);
}

interface Chunk {
  readonly at: number;
  readonly length: number;
  readonly kind: typeof DATA;
}

/** The messages in one packet; every one of these tests is of one piece. */
function chunksOf(packet: Buffer): readonly Chunk[] {
  const found: Chunk[] = [];
  for (let at = HEADER_BYTES; at + 4 <= packet.length; ) {
    const length = packet.readUInt16BE(at + 2);
    if (length < 4) break;
    const kind = [DATA, I_DATA].find(({ type }) => type === packet[at]);
    if (kind !== undefined) found.push({ at, length, kind });
    // RFC 9260 §3.2: chunks are padded to four bytes.
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}

export function sctpData({ data }: Packet): readonly SctpData[] {
  const packet = Buffer.from(data, "hex");
  return chunksOf(packet).map(({ at, length, kind }) => ({
    stream: packet.readUInt16BE(at + 8),
    ppid: packet.readUInt32BE(at + kind.ppidAt),
    data: packet.toString("hex", at + kind.head, at + length),
  }));
}

/**
 * The packet that would follow `packet`, with one message of `bytes` in it on the same stream: same ports and tag, the
 * next TSN and the next number in its stream, the right checksum.
 */
export function forgedAfter(packet: Buffer, bytes: Uint8Array, ppid: number): Buffer {
  const found = chunksOf(packet).at(-1);
  if (found === undefined) throw new Error("no message in that packet");
  const { at, kind } = found;
  const length = kind.head + bytes.length;
  const forged = Buffer.alloc(HEADER_BYTES + Math.ceil(length / 4) * 4);
  packet.copy(forged, 0, 0, HEADER_BYTES);
  packet.copy(forged, HEADER_BYTES, at, at + kind.head);
  forged.set(bytes, HEADER_BYTES + kind.head);
  forged.writeUInt16BE(length, HEADER_BYTES + 2);
  forged.writeUInt32BE((packet.readUInt32BE(at + 4) + 1) >>> 0, HEADER_BYTES + 4);
  if (kind === DATA) forged.writeUInt16BE((packet.readUInt16BE(at + 10) + 1) & 0xffff, HEADER_BYTES + 10);
  else forged.writeUInt32BE((packet.readUInt32BE(at + 12) + 1) >>> 0, HEADER_BYTES + 12);
  forged.writeUInt32BE(ppid, HEADER_BYTES + kind.ppidAt);
  seal(forged);
  return forged;
}

/** RFC 9260 §3.3.4 and §3.3.7. */
const SACK = 3;
const ABORT = 6;

/** Whether whoever sent `packet` has thereby taken the message with that TSN, or broken its association off. */
export function answersTo(packet: Packet, tsn: number): "taken" | "aborted" | undefined {
  const bytes = Buffer.from(packet.data, "hex");
  const type = bytes[HEADER_BYTES];
  if (type === ABORT) return "aborted";
  return type === SACK && bytes.readUInt32BE(HEADER_BYTES + 4) === tsn ? "taken" : undefined;
}

export function tsnOf(packet: Buffer): number {
  return packet.readUInt32BE(HEADER_BYTES + 4);
}
