/**
 * SCTP packets as bytes, right and wrong ones, made without any code of `src`: what src encodes and checks is
 * measured against this.
 */

export const PORT = 10_001;

const HEADER = 12;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC32c (RFC 9260 Appendix A) of a packet whose checksum field counts as zero. */
export function crc32c(packet: Uint8Array): number {
  let crc = -1;
  for (let index = 0; index < 8; index += 1) crc = step(crc, packet[index] ?? 0);
  for (let index = 8; index < HEADER; index += 1) crc = step(crc, 0);
  for (let index = HEADER; index < packet.length; index += 1) crc = step(crc, packet[index] ?? 0);
  return ~crc >>> 0;
}

function step(crc: number, byte: number): number {
  return (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
}

/** Writes the checksum that the rest of the packet calls for. */
export function seal(packet: Uint8Array): Uint8Array {
  if (packet.length >= HEADER) setChecksum(packet, crc32c(packet));
  return packet;
}

/** The checksum field is little-endian (RFC 9260 Appendix A). */
export function setChecksum(packet: Uint8Array, checksum: number): void {
  for (let index = 0; index < 4; index += 1) packet[8 + index] = checksum >>> (8 * index);
}

/** A packet with a right checksum around chunks that may be anything. */
export function packet(
  tag: number,
  chunks: Uint8Array,
  sourcePort = PORT,
  destinationPort = PORT,
): Uint8Array {
  const bytes = Buffer.alloc(HEADER + chunks.length);
  bytes.writeUInt16BE(sourcePort, 0);
  bytes.writeUInt16BE(destinationPort, 2);
  bytes.writeUInt32BE(tag >>> 0, 4);
  bytes.set(chunks, HEADER);
  return seal(bytes);
}

export function fromHex(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(/\s/g, ""), "hex");
}

/** Type-length-value with a 16-bit type: a parameter or an error cause; `length` may lie. */
export function tlv(type: number, value: Uint8Array, length = 4 + value.length): Uint8Array {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(length, 2);
  bytes.set(value, 4);
  return bytes;
}

/** A chunk; `length` may lie. The padding is there unless the body is given with what follows. */
export function chunk(type: number, flags: number, body: Uint8Array, length = 4 + body.length): Uint8Array {
  const bytes = Buffer.alloc((4 + body.length + 3) & ~3);
  bytes[0] = type;
  bytes[1] = flags;
  bytes.writeUInt16BE(length, 2);
  bytes.set(body, 4);
  return bytes;
}
