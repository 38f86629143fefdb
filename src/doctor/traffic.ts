import { MP1_GROUP } from "../wire/mp1-discovery.ts";
import { MP2_GROUP_IPV4, MP2_GROUP_IPV6 } from "../wire/mp2-values.ts";
import type { Traffic } from "./check-firewall.ts";
import type { Packet } from "./firewall.ts";

/** What must come in at a registry and at a client, as packets to ask a firewall about. */

/** An interface, with which families of addresses. */
interface Where {
  readonly name: string;
  readonly ipv4: readonly unknown[];
  readonly ipv6: readonly unknown[];
}

function packets(
  links: readonly Where[],
  what: Pick<Packet, "protocol" | "port"> & { readonly source?: string },
): readonly Packet[] {
  return links.flatMap(({ name, ipv4, ipv6 }) => {
    const families: Packet["family"][] = [];
    if (ipv4.length > 0 && what.source?.includes(":") !== true) families.push("ip");
    if (ipv6.length > 0 && what.source?.includes(":") !== false) families.push("ip6");
    return families.map((family) => ({ ...what, family, device: name }));
  });
}

/** What is sent to the group is neither to this host's address nor from a connection. */
function hellos(links: readonly Where[], port: number): readonly Packet[] {
  return packets(links, { protocol: "udp", port }).map((packet) => ({
    ...packet,
    destination: packet.family === "ip" ? MP2_GROUP_IPV4 : MP2_GROUP_IPV6,
    isMulticast: true,
  }));
}

export function registryTraffic(
  { port, encapsulationPort, legacy }: { port: number; encapsulationPort: number; legacy: boolean },
  links: readonly Where[],
): readonly Traffic[] {
  const always: readonly Traffic[] = [
    {
      name: `UDP ${port} (discovery)`,
      without: "nobody finds the registry",
      packets: [...packets(links, { protocol: "udp", port }), ...hellos(links, port)],
      allow: `udp dport ${port} accept`,
    },
    {
      name: `UDP ${encapsulationPort} (SCTP)`,
      without: "nobody can stay online",
      packets: packets(links, { protocol: "udp", port: encapsulationPort }),
      allow: `udp dport ${encapsulationPort} accept`,
    },
    {
      name: "IGMP (group queries)",
      without: "switches that ask forget this host, and multicast stops after minutes",
      packets: packets(links, { protocol: "igmp" })
        .filter(({ family }) => family === "ip")
        // RFC 3376 §4.1.12: general queries go to all systems.
        .map((packet) => ({ ...packet, destination: MP1_GROUP, isMulticast: true })),
      allow: "ip protocol igmp accept",
    },
  ];
  if (!legacy) return always;
  const old: readonly Traffic[] = [
    {
      name: `TCP ${port} (original clients)`,
      without: "original clients cannot register",
      packets: packets(links, { protocol: "tcp", port }).filter(({ family }) => family === "ip"),
      allow: `tcp dport ${port} accept`,
    },
    {
      name: "SCTP on IP (original clients)",
      without: "original clients cannot stay online",
      packets: packets(links, { protocol: "sctp" }).filter(({ family }) => family === "ip"),
      allow: "ip protocol sctp accept",
    },
  ];
  return [...always, ...old];
}

/** The range that P is drawn from, and mp1's P + 1. */
const PORTS = [50_000, 57_500, 65_001];

/** `port`: P; `sources`: addresses of registries that are known. */
export function clientTraffic(
  port: number,
  links: readonly Where[],
  sources: readonly string[],
): { readonly tcp: Traffic; readonly udp: Traffic } {
  const from = sources.length === 0 ? [undefined] : sources;
  const each = (protocol: "tcp" | "udp", ports: readonly number[]): readonly Packet[] =>
    from.flatMap((source) =>
      ports.flatMap((number) =>
        packets(links, {
          protocol,
          port: number,
          ...(source !== undefined && { source: source.replace(/%.*$/s, "") }),
        }),
      ),
    );
  return {
    tcp: {
      name: "TCP 50000-65001 (registry and people)",
      without: "the registry cannot call back, and people cannot connect",
      packets: each("tcp", [port, ...PORTS]),
      allow: "tcp dport 50000-65001 accept",
    },
    udp: {
      name: `answers to UDP ${port} (discovery)`,
      without: "answers to what was asked by multicast are not taken for answers",
      packets: each("udp", [port]),
      allow: "udp sport 10001 udp dport 50000-65000 accept",
    },
  };
}
