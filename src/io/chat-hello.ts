import type { Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import type { AskedHost, Protocol } from "../chat/events.ts";
import type { NamedRegistry } from "../chat/settings.ts";
import { MP1_GROUP } from "../wire/mp1-discovery.ts";
import { isIpv4 } from "../wire/mp1-roster.ts";
import { MP2_GROUP_IPV4, MP2_GROUP_IPV6 } from "../wire/mp2-values.ts";
import type { Link } from "./interfaces.ts";

/** Where to ask for the registry: the groups on every usable interface, or some hosts. */
export type RegistryPlace =
  | { readonly type: "multicast"; readonly port: number; readonly links: () => readonly Link[] }
  | { readonly type: "hosts"; readonly registries: readonly NamedRegistry[] };

/** The sockets of UDP P; no `ipv6` on a host without it. */
export interface DiscoverySockets {
  readonly ipv4: Socket;
  readonly ipv6: Socket | undefined;
}

export interface Hello {
  readonly protocol: Protocol;
  readonly bytes: Uint8Array;
  /**
   * Sent before, and not answered. Only then is IPv6 asked where there is IPv4 as well: whoever registers by IPv4 can be
   * reached from all links and by original clients, and RFC 8305 has the one that is preferred begin earlier, too.
   */
  readonly isRepeated: boolean;
}

/** Addresses of one name that are asked. */
const MAX_ADDRESSES = 8;

/**
 * Sends one hello from P. `asked` hears whom, just before it goes out. Returns what did not work: of the groups only if
 * nothing did, since one of many interfaces may well have no route; of named hosts each that cannot be asked.
 */
export function sendHello(
  sockets: DiscoverySockets,
  place: RegistryPlace,
  hello: Hello,
  asked: (to: readonly AskedHost[] | "any") => void,
): Promise<readonly SystemError[]> {
  if (place.type === "hosts") return sendToHosts(sockets, place.registries, hello, asked);
  asked("any");
  return sendToGroups(sockets, place, hello);
}

/** RFC 4862 §5.4: an IPv6 address is not used before nobody else is found to have it, for a second or two. */
const NOT_USABLE_YET = "EADDRNOTAVAIL";

/** By unicast. Errors: {@link SystemError}. */
export async function sendDatagram(
  sockets: DiscoverySockets,
  to: { readonly address: string; readonly port: number },
  bytes: Uint8Array,
): Promise<void> {
  const socket = isIPv6(to.address) ? sockets.ipv6 : sockets.ipv4;
  if (socket === undefined) throw new SystemError("this host has no IPv6", "EAFNOSUPPORT");
  await send(socket, bytes, to.port, to.address);
}

async function sendToGroups(
  sockets: DiscoverySockets,
  place: Extract<RegistryPlace, { type: "multicast" }>,
  { protocol, bytes, isRepeated }: Hello,
): Promise<readonly SystemError[]> {
  const links = readLinks(place);
  if (links instanceof SystemError) return [links];
  const group = protocol === "mp1" ? MP1_GROUP : MP2_GROUP_IPV4;
  const failures: SystemError[] = [];
  let tries = 0;
  const attempt = async (where: string, action: () => Promise<void>, isNoNews = ""): Promise<void> => {
    tries += 1;
    const failure = await failureOf(where, action);
    if (failure !== undefined && failure.code !== isNoNews) failures.push(failure);
  };
  // The interface is a setting of the socket: one after the other.
  for (const { name, ipv4, ipv6 } of links) {
    for (const { address } of ipv4)
      await attempt(`${group} on ${name}`, () => sendOn(sockets.ipv4, address, group, place.port, bytes));
    const asksIpv6 = protocol === "mp2" && (isRepeated || ipv4.length === 0);
    if (!asksIpv6 || ipv6.length === 0 || sockets.ipv6 === undefined) continue;
    const to = { address: `${MP2_GROUP_IPV6}%${name}`, port: place.port };
    await attempt(`${MP2_GROUP_IPV6} on ${name}`, () => sendDatagram(sockets, to, bytes), NOT_USABLE_YET);
  }
  const isNowhere = links.every(({ ipv4, ipv6 }) => ipv4.length + ipv6.length === 0);
  if (isNowhere)
    return [new SystemError("Cannot search: no network interface is up (see: ip address)", "ENETDOWN")];
  // None at all: mp1 on interfaces that have IPv6 alone.
  return failures.length < tries ? [] : failures.slice(0, 1);
}

/** Interfaces that were chosen by name may be gone at the moment. */
function readLinks(place: Extract<RegistryPlace, { type: "multicast" }>): readonly Link[] | SystemError {
  try {
    return place.links();
  } catch (error) {
    if (error instanceof SystemError) return error;
    throw error;
  }
}

function sendOn(socket: Socket, from: string, group: string, port: number, bytes: Uint8Array): Promise<void> {
  socket.setMulticastTTL(1);
  socket.setMulticastInterface(from);
  return send(socket, bytes, port, group);
}

async function sendToHosts(
  sockets: DiscoverySockets,
  registries: readonly NamedRegistry[],
  { protocol, bytes, isRepeated }: Hello,
  asked: (to: readonly AskedHost[]) => void,
): Promise<readonly SystemError[]> {
  const takesIpv6 = protocol === "mp2" && sockets.ipv6 !== undefined;
  const found = await Promise.all(
    registries.map(async ({ host }) => preferred(await addressesOf(host, takesIpv6), isRepeated)),
  );
  const addresses = (index: number): readonly string[] => {
    const of = found[index];
    return of === undefined || of instanceof SystemError ? [] : of;
  };
  asked(
    registries.flatMap(({ typed }, index) => addresses(index).map((address) => ({ host: typed, address }))),
  );
  const failures = await Promise.all(
    registries.map(async ({ host, port }, index): Promise<SystemError | undefined> => {
      const at = found[index];
      if (at instanceof SystemError) return at;
      const each = await Promise.all(
        addresses(index).map((address) =>
          failureOf(`${host} (${address})`, () => sendDatagram(sockets, { address, port }, bytes)),
        ),
      );
      return each.every((failure) => failure !== undefined) ? each[0] : undefined;
    }),
  );
  return failures.filter((failure) => failure !== undefined);
}

/** Of a host's name, or the address that it is; none for an IPv6 address where only IPv4 is of use. */
export async function addressesOf(
  host: string,
  takesIpv6: boolean,
): Promise<readonly string[] | SystemError> {
  if (isIpv4(host)) return [host];
  if (isIPv6(host.replace(/%.*$/, ""))) return takesIpv6 ? [host] : [];
  // RFC 6761 §6.3: always the loopback, also where no hosts file says so.
  if (/^(.+\.)?localhost\.?$/i.test(host)) return ["127.0.0.1"];
  try {
    const found = await lookup(host, { family: takesIpv6 ? 0 : 4, all: true });
    return found.slice(0, MAX_ADDRESSES).map(({ address }) => address);
  } catch (error) {
    const code = errorCode(error);
    const why = code === "ENOTFOUND" ? "no such name with an address" : errorText(error);
    return new SystemError(`Cannot resolve ${host}: ${why} (check --registry)`, code, { cause: error });
  }
}

function preferred(
  addresses: readonly string[] | SystemError,
  isRepeated: boolean,
): readonly string[] | SystemError {
  if (addresses instanceof SystemError || isRepeated) return addresses;
  const ipv4 = addresses.filter(isIpv4);
  return ipv4.length > 0 ? ipv4 : addresses;
}

function send(socket: Socket, bytes: Uint8Array, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(bytes, port, address, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function failureOf(where: string, action: () => Promise<void>): Promise<SystemError | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return sendError(where, error);
  }
}

function sendError(where: string, error: unknown): SystemError {
  const reasons: Readonly<Record<string, string>> = {
    ENETUNREACH: "network unreachable (is the interface up? see: ip route)",
    EHOSTUNREACH: "host unreachable",
    EPERM: "refused by this machine's own firewall (allow outgoing UDP)",
    EACCES: "refused by this machine's own firewall (allow outgoing UDP)",
  };
  const code = errorCode(error);
  return new SystemError(`Cannot ask ${where}: ${reasons[code] ?? errorText(error)}`, code, { cause: error });
}
