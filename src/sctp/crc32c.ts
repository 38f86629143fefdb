/** CRC32c of packets (RFC 9260 Appendix A, polynomial 0x1EDC6F41 reflected); little-endian on the wire. */

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

const CHECKSUM_AT = 8;
const CHECKSUM_END = 12;

/** True when the packet's checksum field holds the CRC32c of the rest. The packet is not touched. */
export function checksumIsRight(packet: Uint8Array): boolean {
  const crc = checksumOf(packet);
  return (
    packet[CHECKSUM_AT] === (crc & 0xff) &&
    packet[CHECKSUM_AT + 1] === ((crc >>> 8) & 0xff) &&
    packet[CHECKSUM_AT + 2] === ((crc >>> 16) & 0xff) &&
    packet[CHECKSUM_AT + 3] === crc >>> 24
  );
}

export function writeChecksum(packet: Uint8Array): void {
  const crc = checksumOf(packet);
  for (let index = 0; index < CHECKSUM_END - CHECKSUM_AT; index += 1)
    packet[CHECKSUM_AT + index] = crc >>> (8 * index);
}

/** Its field counts as zero. */
function checksumOf(packet: Uint8Array): number {
  let crc = -1;
  for (let index = 0; index < packet.length; index += 1) {
    const byte = index >= CHECKSUM_AT && index < CHECKSUM_END ? 0 : (packet[index] ?? 0);
    crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  }
  return ~crc;
}
