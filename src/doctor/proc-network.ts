import { ipv4Bits } from "../base/ipv4.ts";
import { kernelAddress, MAX_ROWS, rowsOf } from "./proc.ts";

/** The kernel's tables of interfaces, groups and routes, as text goes in and typed rows come out. */

/** A device in /proc/net/igmp, and the version of IGMP that it speaks: 3, or that of an older querier it has heard. */
export interface IgmpDevice {
  readonly device: string;
  readonly version: string;
  readonly groups: readonly string[];
}

/** /proc/net/igmp: a line for each device, and below it a line for each group, whose address is in hexadecimal. */
export function parseIgmp(text: string): readonly IgmpDevice[] {
  const devices: { device: string; version: string; groups: string[] }[] = [];
  for (const line of text.split("\n", MAX_ROWS)) {
    const [, device, version] = /^\d+\t(\S{1,15})\s*:\s*\d+\s+(V[123])$/.exec(line) ?? [];
    if (device !== undefined && version !== undefined) devices.push({ device, version, groups: [] });
    const [, group] = /^\t+([0-9A-F]{8})\s+\d+\s/.exec(line) ?? [];
    if (group !== undefined) devices.at(-1)?.groups.push(kernelAddress(group));
  }
  return devices;
}

export interface Route {
  readonly device: string;
  readonly destination: number;
  readonly mask: number;
  readonly metric: number;
  /** The kernel refuses to send there. */
  readonly rejects: boolean;
}

/** <linux/route.h>. */
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

/** /proc/net/route: "Iface Destination Gateway Flags RefCnt Use Metric Mask …", numbers in hexadecimal. */
export function parseRoutes(text: string): readonly Route[] {
  return rowsOf(text).flatMap(([device = "", destination = "", , flags = "", , , metric = "", mask = ""]) => {
    if (![destination, mask].every((hex) => /^[0-9A-F]{8}$/.test(hex))) return [];
    if (!/^[0-9A-F]{4}$/.test(flags) || !/^\d{1,10}$/.test(metric) || device.length > 15) return [];
    const bits = Number.parseInt(flags, 16);
    if ((bits & RTF_UP) === 0) return [];
    const [to, covers] = [ipv4Bits(kernelAddress(destination)), ipv4Bits(kernelAddress(mask))];
    if (to === undefined || covers === undefined) return [];
    // Of a blackhole only the missing interface tells.
    const rejects = (bits & RTF_REJECT) !== 0 || device === "*";
    return [{ device, destination: to, mask: covers, metric: Number(metric), rejects }];
  });
}

/** The route that what is sent to `address` takes, when no interface is named. */
export function routeTo(routes: readonly Route[], address: string): Route | undefined {
  const bits = ipv4Bits(address);
  if (bits === undefined) return undefined;
  return routes
    .filter(({ destination, mask }) => ((bits ^ destination) & mask) === 0)
    .toSorted((one, other) => (other.mask >>> 0) - (one.mask >>> 0) || one.metric - other.metric)[0];
}

export interface InterfaceFlags {
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  readonly hasMulticast: boolean;
}

/** /sys/class/net/NAME/flags, "0x1003" (<linux/if.h>). */
export function parseInterfaceFlags(text: string): InterfaceFlags | undefined {
  const hex = /^0x([0-9a-f]{1,8})\s*$/.exec(text)?.[1];
  if (hex === undefined) return undefined;
  const bits = Number.parseInt(hex, 16);
  const has = (bit: number): boolean => (bits & bit) !== 0;
  return { isUp: has(0x1), isLoopback: has(0x8), hasMulticast: has(0x1000) };
}

/** What an interface has heard of MLD, IGMP's sibling for IPv6: /proc/net/dev_snmp6/NAME. */
export interface MldCounters {
  /** A querier asked who is in which group. */
  readonly queries: number;
  /** Other hosts said in which groups they are. */
  readonly reports: number;
}

export function parseMldCounters(text: string): MldCounters {
  const counter = (name: string): number =>
    Number(new RegExp(`^${name}\\s+(\\d{1,15})$`, "m").exec(text)?.[1] ?? 0);
  return {
    queries: counter("Icmp6InGroupMembQueries"),
    reports: counter("Icmp6InGroupMembResponses") + counter("Icmp6InMLDv2Reports"),
  };
}
