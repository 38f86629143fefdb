import { networkInterfaces } from "node:os";
import { errorText, SystemError } from "../base/errors.ts";

/** An IPv4 address of an interface that a LAN may be on. */
export interface UsableInterface {
  readonly name: string;
  readonly address: string;
  readonly netmask: string;
  readonly loopback: boolean;
}

/** Bridges of containers and virtual machines, tunnels: real LANs are not behind them unless the user says so. */
const VIRTUAL = /^(docker|br-|veth|virbr|vnet|vmnet|lxc|lxd|cni|flannel|cali|tun|tap|wg|tailscale|zt|ppp)/;

/**
 * The interfaces to use: all that are up and look like a LAN; the loopback only if there is nothing else; with `only`
 * exactly those, whatever they are. Errors: {@link SystemError} "ENODEV" when a named interface has no IPv4 address.
 */
export function usableInterfaces(only: readonly string[] = []): readonly UsableInterface[] {
  const all = allInterfaces();
  if (only.length > 0) return only.flatMap((name) => named(all, name));
  const real = all.filter((candidate) => !candidate.loopback && !VIRTUAL.test(candidate.name));
  return real.length > 0 ? real : all.filter((candidate) => candidate.loopback);
}

function named(all: readonly UsableInterface[], name: string): readonly UsableInterface[] {
  const found = all.filter((candidate) => candidate.name === name);
  if (found.length > 0) return found;
  const names = [...new Set(all.map((candidate) => candidate.name))].join(", ");
  throw new SystemError(
    `No interface ${name} with an IPv4 address (there are: ${names}); see: ip -4 address`,
    "ENODEV",
  );
}

function allInterfaces(): readonly UsableInterface[] {
  let table: ReturnType<typeof networkInterfaces>;
  try {
    table = networkInterfaces();
  } catch (error) {
    const why = `Cannot list network interfaces: ${errorText(error)} (a sandbox without AF_NETLINK?)`;
    throw new SystemError(why, "ENETDOWN", { cause: error });
  }
  const found: UsableInterface[] = [];
  for (const [name, addresses] of Object.entries(table)) {
    for (const { family, address, netmask, internal } of addresses ?? []) {
      if (family === "IPv4") found.push({ name, address, netmask, loopback: internal });
    }
  }
  return found;
}

/** Whether `address` is on the link of `local` (both dotted IPv4). */
export function isOnLink(address: string, local: UsableInterface): boolean {
  const mask = ipv4Number(local.netmask);
  return ((ipv4Number(address) ^ ipv4Number(local.address)) & mask) === 0;
}

function ipv4Number(address: string): number {
  return address.split(".").reduce((number, octet) => (number << 8) | Number(octet), 0);
}
