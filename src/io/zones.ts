/** Zones of link-local IPv6 addresses (RFC 4007 §11): "fe80::1%eth0" is on the link that this machine calls eth0. */

/** fe80::/10, RFC 4291 §2.4. */
const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

export function zoneOf(address: string): string | undefined {
  return /%(.+)$/s.exec(address)?.[1];
}

/** `address` with a zone, where it needs one and has none. */
export function inZone(address: string, zone: string | undefined): string {
  if (zone === undefined || !LINK_LOCAL.test(address) || zoneOf(address) !== undefined) return address;
  return `${address}%${zone}`;
}
