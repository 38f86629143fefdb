import { readFileSync } from "node:fs";
import type { Ear } from "./mp2-swarms.ts";

/** At how many of these a datagram waits to be read (`/proc/net/udp`, proc_net(5)). IPv4. */
export function countWithUnread(ears: readonly Ear[]): number {
  const wanted = new Set(ears.map(({ address, port }) => placeOf(address, port)));
  let count = 0;
  for (const line of readFileSync("/proc/net/udp", "latin1").split("\n").slice(1)) {
    const [, place = "", , , queues = ""] = line.trim().split(/\s+/);
    if (wanted.has(place) && !queues.endsWith(":00000000")) count += 1;
  }
  return count;
}

/** As the kernel writes it: the address as a number of this machine (little-endian), the port as it is said. */
function placeOf(address: string, port: number): string {
  const hex = (number: number, digits: number): string =>
    number.toString(16).toUpperCase().padStart(digits, "0");
  const octets = address.split(".").map(Number).reverse();
  return `${octets.map((octet) => hex(octet, 2)).join("")}:${hex(port, 4)}`;
}
