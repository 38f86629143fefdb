const DOT = 0x2e;
const ZERO = 0x30;

/** The 32 bits of a dotted address of four decimal numbers; undefined when it is none. */
export function ipv4Bits(address: string): number | undefined {
  let [bits, octet, digits, octets] = [0, 0, 0, 0];
  // By hand, since it is done for each datagram of a batch.
  for (let index = 0; index <= address.length; index += 1) {
    const code = index === address.length ? DOT : address.charCodeAt(index);
    if (code === DOT) {
      if (digits === 0 || octet > 255) return undefined;
      bits = (bits << 8) | octet;
      octets += 1;
      [octet, digits] = [0, 0];
    } else {
      const digit = code - ZERO;
      digits += 1;
      if (digit < 0 || digit > 9 || digits > 3) return undefined;
      octet = octet * 10 + digit;
    }
  }
  return octets === 4 ? bits : undefined;
}

/** The inverse of {@link ipv4Bits}. */
export function ipv4Text(bits: number): string {
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}
