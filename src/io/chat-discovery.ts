import type { Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import type { AskedHost } from "../chat/events.ts";
import { MP1_GROUP } from "../wire/mp1-discovery.ts";
import { isIpv4 } from "../wire/mp1-roster.ts";
import type { UsableInterface } from "./interfaces.ts";

/** Where to ask for the registry: the group on every usable interface, or one host. */
export type RegistryPlace =
  | {
      readonly type: "multicast";
      readonly port: number;
      readonly interfaces: () => readonly UsableInterface[];
    }
  | { readonly type: "host"; readonly port: number; readonly host: string };

/**
 * Sends one hello from the discovery socket. `asked` hears whom, just before it goes out.
 * Errors: {@link SystemError} when it could be sent nowhere.
 */
export async function sendHello(
  socket: Socket,
  place: RegistryPlace,
  bytes: Uint8Array,
  asked: (to: readonly AskedHost[] | "any") => void,
): Promise<void> {
  if (place.type === "multicast") {
    asked("any");
    await sendToGroup(socket, place.interfaces(), place.port, bytes);
    return;
  }
  const addresses = await resolve(place.host);
  asked(addresses.map((address) => ({ host: place.host, address })));
  for (const address of addresses) {
    await send(socket, bytes, place.port, address).catch((error: unknown) => {
      throw sendError(`${place.host} (${address})`, error);
    });
  }
}

async function sendToGroup(
  socket: Socket,
  interfaces: readonly UsableInterface[],
  port: number,
  bytes: Uint8Array,
): Promise<void> {
  const failures: SystemError[] = [];
  // The interface is a setting of the socket: one after the other.
  for (const { name, address } of interfaces) {
    try {
      socket.setMulticastTTL(1);
      socket.setMulticastInterface(address);
      await send(socket, bytes, port, MP1_GROUP);
    } catch (error) {
      failures.push(sendError(`${MP1_GROUP} on ${name}`, error));
    }
  }
  if (interfaces.length === 0) {
    throw new SystemError("Cannot search: no network interface is up (see: ip -4 address)", "ENETDOWN");
  }
  if (failures.length === interfaces.length && failures[0] !== undefined) throw failures[0];
}

async function resolve(host: string): Promise<readonly string[]> {
  if (isIpv4(host)) return [host];
  // RFC 6761 §6.3: always the loopback, also where no hosts file says so.
  if (/^(.+\.)?localhost\.?$/i.test(host)) return ["127.0.0.1"];
  try {
    const found = await lookup(host, { family: 4, all: true });
    return found.slice(0, 8).map(({ address }) => address);
  } catch (error) {
    const code = errorCode(error);
    const why = code === "ENOTFOUND" ? "no such name with an IPv4 address" : errorText(error);
    throw new SystemError(`Cannot resolve ${host}: ${why} (check --registry)`, code, { cause: error });
  }
}

function send(socket: Socket, bytes: Uint8Array, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(bytes, port, address, (error) => (error === null ? resolve() : reject(error)));
  });
}

function sendError(where: string, error: unknown): SystemError {
  const reasons: Readonly<Record<string, string>> = {
    ENETUNREACH: "network unreachable (is the interface up? see: ip -4 route)",
    EHOSTUNREACH: "host unreachable",
    EPERM: "refused by this machine's own firewall (allow outgoing UDP)",
    EACCES: "refused by this machine's own firewall (allow outgoing UDP)",
  };
  const code = errorCode(error);
  return new SystemError(`Cannot ask ${where}: ${reasons[code] ?? errorText(error)}`, code, { cause: error });
}
