import type { Packet } from "./wire.ts";
import { UDP } from "./wire.ts";

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

/** The pieces of messages in one packet; every message of these tests is one piece. */
export function sctpData({ data }: Packet): readonly SctpData[] {
  const bytes = Buffer.from(data, "hex");
  const found: SctpData[] = [];
  for (let at = HEADER_BYTES; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 2);
    if (length < 4) break;
    const kind = [DATA, I_DATA].find(({ type }) => type === bytes[at]);
    if (kind !== undefined) {
      const stream = bytes.readUInt16BE(at + 8);
      const ppid = bytes.readUInt32BE(at + kind.ppidAt);
      found.push({ stream, ppid, data: bytes.toString("hex", at + kind.head, at + length) });
    }
    // RFC 9260 §3.2: chunks are padded to four bytes.
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}
