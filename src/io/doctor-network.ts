import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { Millis, Random } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { BridgeEvidence, InterfaceEvidence } from "../doctor/check-network.ts";
import { type Evidence, known, notKnown } from "../doctor/finding.ts";
import {
  type IgmpDevice,
  parseIgmp,
  parseInterfaceFlags,
  parseMldCounters,
  parseRoutes,
  type Route,
} from "../doctor/proc-network.ts";
import { MP2_GROUP_IPV4 } from "../wire/mp2-values.ts";
import { parsed, readText } from "./doctor-files.ts";
import type { Link } from "./interfaces.ts";
import { closeUdp } from "./udp.ts";

/** What never leaves the machine is back within a millisecond. */
const ROUND_TRIP_MILLIS: Millis = 1_000;
const TOKEN_BYTES = 16;

/** What is to be seen of each of these interfaces. */
export async function examineLinks(
  links: readonly Link[],
  random: Random,
): Promise<readonly InterfaceEvidence[]> {
  return Promise.all(
    links.map(async ({ name, ipv4, ipv6 }) => {
      const [local] = ipv4;
      const trip = local === undefined ? undefined : await roundTrip(name, local.address, random);
      const flags = readText(`/sys/class/net/${name}/flags`);
      const bits = flags.known ? parseInterfaceFlags(flags.value) : undefined;
      return {
        name,
        flags:
          bits === undefined ? notKnown(flags.known ? "its flags make no sense" : flags.why) : known(bits),
        state: textOr(`/sys/class/net/${name}/operstate`, "").trim().slice(0, 32),
        addresses: [...ipv4, ...ipv6].map(({ address }) => address),
        igmpVersion: trip?.device?.version,
        mld: mldOf(name),
        bridge: bridgeOf(name),
        roundTrip: trip?.back,
        joins: trip?.device?.groups.includes(MP2_GROUP_IPV4) ?? (trip === undefined ? undefined : false),
      };
    }),
  );
}

export function readRoutes(): Evidence<readonly Route[]> {
  return parsed(readText("/proc/net/route"), parseRoutes);
}

function mldOf(name: string): InterfaceEvidence["mld"] {
  const text = readText(`/proc/net/dev_snmp6/${name}`);
  return text.known ? parseMldCounters(text.value) : undefined;
}

function bridgeOf(name: string): BridgeEvidence | undefined {
  const bridge = [name, masterOf(name)].find((candidate) => {
    return candidate !== undefined && readText(`/sys/class/net/${candidate}/bridge/multicast_snooping`).known;
  });
  if (bridge === undefined) return undefined;
  const isOn = (what: string): boolean =>
    textOr(`/sys/class/net/${bridge}/bridge/${what}`, "").trim() === "1";
  return { name: bridge, snooping: isOn("multicast_snooping"), querier: isOn("multicast_querier") };
}

function masterOf(name: string): string | undefined {
  try {
    return basename(readlinkSync(`/sys/class/net/${name}/master`));
  } catch {
    return undefined;
  }
}

interface Trip {
  readonly back: Evidence<number>;
  /** The interface's line in /proc/net/igmp while the socket was in the group. */
  readonly device: IgmpDevice | undefined;
}

/** Joins the group and sends it a datagram that does not leave this machine (a TTL of 0), at a port that is ours alone. */
async function roundTrip(name: string, address: string, random: Random): Promise<Trip> {
  const socket = createSocket({ type: "udp4" });
  const token = random.bytes(TOKEN_BYTES);
  try {
    socket.bind({ port: 0, address: "0.0.0.0", exclusive: true });
    await once(socket, "listening");
    socket.addMembership(MP2_GROUP_IPV4, address);
    socket.setMulticastInterface(address);
    socket.setMulticastLoopback(true);
    socket.setMulticastTTL(0);
    const igmp = parsed(readText("/proc/net/igmp"), parseIgmp);
    const device = igmp.known ? igmp.value.find((each) => each.device === name) : undefined;
    return { back: await comesBack(socket, token), device };
  } catch (error) {
    return { back: notKnown(errorText(error)), device: undefined };
  } finally {
    await closeUdp(socket);
  }
}

function comesBack(socket: Socket, token: Uint8Array): Promise<Evidence<number>> {
  return new Promise((resolve) => {
    const sentAt = performance.now();
    const timer = setTimeout(
      () => resolve(notKnown(`nothing came for ${ROUND_TRIP_MILLIS / 1_000} s`)),
      ROUND_TRIP_MILLIS,
    );
    const settle = (result: Evidence<number>): void => {
      clearTimeout(timer);
      resolve(result);
    };
    socket.on("error", (error) => settle(notKnown(errorText(error))));
    socket.on("message", (bytes) => {
      if (bytes.equals(token)) settle(known(performance.now() - sentAt));
    });
    socket.send(token, socket.address().port, MP2_GROUP_IPV4, (error) => {
      if (error !== null) settle(notKnown(`it could not be sent: ${errorText(error)}`));
    });
  });
}

function textOr(path: string, otherwise: string): string {
  const text = readText(path);
  return text.known ? text.value : otherwise;
}
