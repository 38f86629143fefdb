/** Serial number arithmetic for TSNs (RFC 9260 §1.6): 32 bits that wrap, compared by their signed distance. */

/** How far `to` is ahead of `from`; negative when behind. In [-2^31, 2^31). */
export function tsnDistance(from: number, to: number): number {
  return (to - from) | 0;
}

export function tsnPlus(tsn: number, count: number): number {
  return (tsn + count) >>> 0;
}

/** The stream sequence number after `ssn`: 16 bits that wrap (RFC 9260 §6.5). */
export function nextSsn(ssn: number): number {
  return (ssn + 1) & 0xffff;
}

/** The message identifier after `mid`: 32 bits that wrap (RFC 8260 §2.1). */
export function nextMid(mid: number): number {
  return (mid + 1) >>> 0;
}
