import { MP2_GROUP_IPV4 } from "../wire/mp2-values.ts";
import { type Evidence, type Finding, unknownFinding } from "./finding.ts";
import { type InterfaceFlags, type MldCounters, type Route, routeTo } from "./proc-network.ts";

/** What was seen of one interface that a registry or a client uses. */
export interface InterfaceEvidence {
  readonly name: string;
  readonly flags: Evidence<InterfaceFlags>;
  /** /sys/class/net/NAME/operstate: "up", "down", "unknown" where the driver does not tell. */
  readonly state: string;
  /** Those of IPv4 first. */
  readonly addresses: readonly string[];
  /** The version of IGMP in force: "V3", or that of an older querier. */
  readonly igmpVersion: string | undefined;
  readonly mld: MldCounters | undefined;
  /** Of the bridge that the interface is, or is a port of. */
  readonly bridge: BridgeEvidence | undefined;
  /** A datagram to the group that stayed on this machine: milliseconds until it was back. */
  readonly roundTrip: Evidence<number> | undefined;
  /** While a socket of the doctor's was in the group: whether the kernel lists it. */
  readonly joins: boolean | undefined;
}

export interface BridgeEvidence {
  readonly name: string;
  readonly snooping: boolean;
  readonly querier: boolean;
}

export function judgeInterfaces(
  interfaces: readonly InterfaceEvidence[],
  routes: Evidence<readonly Route[]>,
): readonly Finding[] {
  if (interfaces.length === 0)
    return [
      {
        check: "interfaces",
        level: "problem",
        finding: "no network interface is up",
        evidence: "none has an address",
        fix: "bring one up: ip link set NAME up (see: ip address)",
      },
    ];
  const each = interfaces.flatMap((one) => [
    judgeInterface(one),
    ...judgeRoundTrip(one),
    ...judgeMembership(one),
  ]);
  return [...each, judgeRoute(routes)];
}

function judgeInterface({ name, flags, state, addresses }: InterfaceEvidence): Finding {
  const check = "interfaces";
  const where = addresses.join(", ") || "no address";
  if (!flags.known)
    return {
      check,
      level: "unknown",
      finding: `${name} could not be looked at`,
      evidence: flags.why,
      fix: null,
    };
  const { isUp, hasMulticast, isLoopback } = flags.value;
  const evidence = `${where}; state ${state || "not told"}; multicast ${hasMulticast ? "on" : "off"}`;
  if (!isUp || state === "down")
    return {
      check,
      level: "problem",
      finding: isUp ? `${name} has no carrier (cable, Wi-Fi)` : `${name} is down`,
      evidence,
      fix: isUp ? "plug it in, or connect to the Wi-Fi" : `ip link set ${name} up`,
    };
  if (addresses.length === 0)
    return {
      check,
      level: "problem",
      finding: `${name} has no address`,
      evidence,
      fix: "start DHCP, or set one: ip address add …",
    };
  if (isLoopback)
    return {
      check,
      level: "warning",
      finding: `only ${name} is up: nobody is seen but programs on this machine`,
      evidence,
      fix: "bring a network up: ip link set NAME up (see: ip address)",
    };
  if (!hasMulticast)
    return {
      check,
      level: "problem",
      finding: `multicast is switched off on ${name}, so nobody is found by it`,
      evidence,
      fix: `ip link set ${name} multicast on`,
    };
  return { check, level: "ok", finding: `${name} is up and has multicast`, evidence, fix: null };
}

/** Our programs name the interface with each datagram, and then the kernel sends even where its routes forbid it. */
function judgeRoute(routes: Evidence<readonly Route[]>): Finding {
  const check = "route";
  if (!routes.known) return unknownFinding(check, "the routes", routes.why);
  const route = routeTo(routes.value, MP2_GROUP_IPV4);
  if (route?.rejects === true)
    return {
      check,
      level: "note",
      finding: `a route forbids what goes to ${MP2_GROUP_IPV4}; these programs name the interface and are not concerned, others are`,
      evidence: "an unreachable, blackhole or prohibit route covers it (/proc/net/route)",
      fix: "see: ip route show 224.0.0.0/4",
    };
  return {
    check,
    level: "ok",
    finding: "no route is in the way of multicast",
    evidence: `${route === undefined ? "no route" : `a route by ${route.device}`} to ${MP2_GROUP_IPV4} (/proc/net/route); the interface is named with each datagram`,
    fix: null,
  };
}

function judgeRoundTrip({ name, roundTrip }: InterfaceEvidence): readonly Finding[] {
  if (roundTrip === undefined) return [];
  const check = "multicast";
  if (roundTrip.known)
    return [
      {
        check,
        level: "ok",
        finding: `${name}: a datagram to ${MP2_GROUP_IPV4} comes back on this machine`,
        evidence: `after ${roundTrip.value.toFixed(1)} ms`,
        fix: null,
      },
    ];
  return [
    {
      check,
      level: "problem",
      finding: `${name}: a datagram to ${MP2_GROUP_IPV4} does not even come back on this machine`,
      evidence: roundTrip.why,
      fix: "see what drops it: nft list ruleset (or iptables-save); is multicast on: ip link show",
    },
  ];
}

/** IGMP and MLD: what the switches of the network must be told for multicast to arrive. */
function judgeMembership(evidence: InterfaceEvidence): readonly Finding[] {
  const { name, flags, joins, igmpVersion, mld, bridge } = evidence;
  if (!flags.known || flags.value.isLoopback || joins === undefined) return [];
  const check = "igmp";
  const heard =
    mld === undefined ? "" : `; MLD: ${mld.queries} queries and ${mld.reports} reports heard since boot`;
  const version = igmpVersion === undefined ? "" : ` in version ${igmpVersion.slice(1)}`;
  if (!joins)
    return [
      {
        check,
        level: "problem",
        finding: `${name}: the kernel did not join ${MP2_GROUP_IPV4}, so switches do not send it here`,
        evidence: `it is not in /proc/net/igmp${heard}`,
        fix: `is multicast on (ip link show ${name}), and net.ipv4.igmp_max_memberships above 1?`,
      },
    ];
  const joined = `the group is joined${version}${heard}`;
  if (bridge?.snooping === true && !bridge.querier && (mld?.queries ?? 0) === 0)
    return [
      {
        check,
        level: "warning",
        finding: `${name}: the bridge ${bridge.name} watches group reports, and nobody asks for them: it may forget this host`,
        evidence: `${joined}; ${bridge.name}: multicast_snooping 1, multicast_querier 0`,
        fix: `ip link set ${bridge.name} type bridge mcast_querier 1 (or mcast_snooping 0)`,
      },
    ];
  return [querierFinding(name, joined, evidence)];
}

/** IGMP leaves no count of queries; an older version in force, or those of MLD, show that somebody asks. */
function querierFinding(name: string, joined: string, { igmpVersion, mld }: InterfaceEvidence): Finding {
  const check = "igmp";
  if ((mld?.queries ?? 0) > 0 || (igmpVersion !== undefined && igmpVersion !== "V3"))
    return {
      check,
      level: "ok",
      finding: `${name}: the group is reported, and a querier asks for reports`,
      evidence: joined,
      fix: null,
    };
  return {
    check,
    level: "note",
    finding: `${name}: the group is reported; no querier was heard, which switches with IGMP snooping need`,
    evidence: joined,
    fix: "only if multicast stops minutes after it worked: switch on an IGMP querier at the switch or router",
  };
}
