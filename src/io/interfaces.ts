import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { errorText, SystemError } from "../base/errors.ts";

/** The code of an error that says nothing about which interfaces there are. */
export const CANNOT_LIST = "ENETDOWN";

/** An interface that a LAN may be on, with what it is called there; at least one address. */
export interface Link {
  /** As the kernel calls it, which is also the zone of its link-local addresses. */
  readonly name: string;
  readonly loopback: boolean;
  readonly ipv4: readonly LinkAddress[];
  /** Link-local ones with their zone ("fe80::1%eth0"), without which nothing can be sent from or to them. */
  readonly ipv6: readonly LinkAddress[];
}

export interface LinkAddress {
  readonly address: string;
  /** As an address, "255.255.255.0" or "ffff:ffff:ffff:ffff::". */
  readonly netmask: string;
}

/** An IPv4 address of an interface that a LAN may be on. */
export interface UsableInterface extends LinkAddress {
  readonly name: string;
  readonly loopback: boolean;
}

/** Bridges of containers and virtual machines, tunnels: real LANs are not behind them unless the user says so. */
const VIRTUAL = /^(docker|br-|veth|virbr|vnet|vmnet|lxc|lxd|cni|flannel|cali|tun|tap|wg|tailscale|zt|ppp)/;

/**
 * The interfaces to use: all that are up and look like a LAN; the loopback only if there is nothing else; with `only`
 * exactly those, whatever they are. Errors: {@link SystemError} "ENODEV" when a named interface has no address.
 */
export function usableLinks(only: readonly string[] = []): readonly Link[] {
  const all = allLinks();
  if (only.length > 0) return [...new Set(only)].map((name) => named(all, name));
  const real = all.filter(({ name, loopback }) => !loopback && !VIRTUAL.test(name));
  return real.length > 0 ? real : all.filter(({ loopback }) => loopback);
}

/** The IPv4 addresses of {@link usableLinks}, for what knows IPv4 only. */
export function usableInterfaces(only: readonly string[] = []): readonly UsableInterface[] {
  return usableLinks(only).flatMap(({ name, loopback, ipv4 }) =>
    ipv4.map((address) => ({ name, loopback, ...address })),
  );
}

/** Whether `address` is on the link that `local` is an address of; of one family, or it is not. */
export function isOnLink(address: string, local: LinkAddress): boolean {
  const [theirs4, ours4] = [ipv4Number(address), ipv4Number(local.address)];
  if (theirs4 !== undefined && ours4 !== undefined)
    return ((ours4 ^ theirs4) & (ipv4Number(local.netmask) ?? -1)) === 0;
  if (theirs4 !== undefined || ours4 !== undefined) return false;
  const [mask, ours, theirs] = [local.netmask, local.address, address].map(ipv6Number);
  if (mask === undefined || ours === undefined || theirs === undefined) return false;
  if (zoneOf(address) !== zoneOf(local.address)) return false;
  return ((ours ^ theirs) & mask) === 0n;
}

function named(all: readonly Link[], name: string): Link {
  const found = all.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  const names = all.map((candidate) => candidate.name).join(", ");
  throw new SystemError(
    `No interface ${name} with an address (there are: ${names}); see: ip address`,
    "ENODEV",
  );
}

function allLinks(): readonly Link[] {
  let table: ReturnType<typeof networkInterfaces>;
  try {
    table = networkInterfaces();
  } catch (error) {
    const help = "too many open files, or a sandbox without AF_NETLINK?";
    const why = `Cannot list network interfaces: ${errorText(error)} (${help})`;
    throw new SystemError(why, CANNOT_LIST, { cause: error });
  }
  return Object.entries(table).flatMap(([name, addresses = []]) => {
    const [first] = addresses;
    if (first === undefined) return [];
    const of = (family: "IPv4" | "IPv6"): LinkAddress[] =>
      addresses
        .filter((candidate) => candidate.family === family)
        .map(({ address, netmask }) => ({ address: withZone(address, name), netmask }));
    return [{ name, loopback: first.internal, ipv4: of("IPv4"), ipv6: of("IPv6") }];
  });
}

/** RFC 4007 §11; fe80::/10 is link-local (RFC 4291 §2.4). */
function withZone(address: string, name: string): string {
  return /^fe[89ab]/i.test(address) ? `${address}%${name}` : address;
}

function zoneOf(address: string): string {
  return address.split("%")[1] ?? "";
}

/**
 * The bits of a dotted IPv4 address, undefined when it is none. Without regular expressions and parts: it is asked for
 * each datagram of discovery and each of our addresses.
 */
function ipv4Number(text: string): number | undefined {
  let [number, octet, digits, octets] = [0, 0, 0, 1];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= DIGIT_0 && unit < DIGIT_0 + 10) {
      octet = octet * 10 + unit - DIGIT_0;
      digits += 1;
    } else if (unit === DOT && digits > 0) {
      number = (number << 8) | octet;
      [octet, digits] = [0, 0];
      octets += 1;
    } else return undefined;
    if (octet > 255) return undefined;
  }
  return octets === 4 && digits > 0 ? (number << 8) | octet : undefined;
}

const DOT = 0x2e;
const DIGIT_0 = 0x30;

/** The bits of an IPv6 address, with or without zone, as a number; undefined when it is none. */
function ipv6Number(text: string): bigint | undefined {
  const [bare = ""] = text.split("%");
  if (!isIPv6(bare) || bare.includes(".")) return undefined;
  const [head = "", tail] = bare.split("::");
  const [left, right] = [head, tail ?? ""].map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = Array(8 - (left?.length ?? 0) - (right?.length ?? 0)).fill("0");
  return [...(left ?? []), ...zeros, ...(right ?? [])].reduce(
    (number, group) => (number << 16n) | BigInt(`0x${group}`),
    0n,
  );
}
