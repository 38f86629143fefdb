/**
 * CRC32c (RFC 9260 Appendix A, polynomial 0x1EDC6F41 reflected), for checking what arrives; what leaves is summed by
 * the package. The checksum field counts as zero, and the packet is not touched.
 */

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

const CHECKSUM_AT = 8;
const CHECKSUM_END = 12;

/** True when the packet's checksum field (little-endian on the wire) holds the CRC32c of the rest. */
export function checksumIsRight(packet: Uint8Array): boolean {
  let crc = -1;
  for (let index = 0; index < packet.length; index += 1) {
    const byte = index >= CHECKSUM_AT && index < CHECKSUM_END ? 0 : (packet[index] ?? 0);
    crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  }
  crc = ~crc;
  return (
    packet[8] === (crc & 0xff) &&
    packet[9] === ((crc >>> 8) & 0xff) &&
    packet[10] === ((crc >>> 16) & 0xff) &&
    packet[11] === ((crc >>> 24) & 0xff)
  );
}
