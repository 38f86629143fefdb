import { join } from "node:path";
import { errorText, SystemError } from "../base/errors.ts";
import type { NamedRegistry } from "../chat/settings.ts";
import { judgeClock } from "../doctor/check-clock.ts";
import {
  type Asked,
  type DialBack,
  judgeAsked,
  judgeDialBack,
  judgePeers,
  judgeSctpAnswer,
  type SctpAnswer,
} from "../doctor/check-discovery.ts";
import { droppedBy, judgeFirewall } from "../doctor/check-firewall.ts";
import { judgeDisk, judgeFile } from "../doctor/check-host.ts";
import { judgeInterfaces } from "../doctor/check-network.ts";
import { conclude } from "../doctor/conclusions.ts";
import type { Finding } from "../doctor/finding.ts";
import { clientTraffic } from "../doctor/traffic.ts";
import { addressesOf } from "../io/chat-hello.ts";
import { systemClock } from "../io/clock.ts";
import { DoctorClient, multicastWays, type Way } from "../io/doctor-discovery.ts";
import { diskFacts, fileFacts } from "../io/doctor-files.ts";
import { readFirewall } from "../io/doctor-firewall.ts";
import { examineLinks, readRoutes } from "../io/doctor-network.ts";
import { reachPeers, sctpAnswers } from "../io/doctor-reach.ts";
import { type Link, usableLinks } from "../io/interfaces.ts";
import { systemRandom } from "../io/random.ts";
import { inZone, zoneOf } from "../io/zones.ts";
import { ownerOf, presenceOf } from "./chat-doctor-presence.ts";

/** The client's half of a doctor: asks registries as a client would, without registering, and has it judged. */

export interface ClientToExamine {
  /** Of this program. */
  readonly version: string;
  /** Named by the user or in chat.toml. */
  readonly registries: readonly NamedRegistry[];
  /** Empty: all that look like a LAN. */
  readonly interfaces: readonly string[];
  /** The registry's. */
  readonly port: number;
  readonly encapsulationPort: number;
  readonly dataDirectory: string;
  readonly archivePath: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Diagnosis {
  readonly findings: readonly Finding[];
  readonly conclusions: readonly string[];
}

/** Registries whose SCTP is asked. */
const MAX_REGISTRIES = 4;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

export async function examineClient(given: ClientToExamine): Promise<Diagnosis> {
  const links = linksOf(given.interfaces);
  const presence = await presenceOf(given);
  const here = [...links.chosen, ...links.others];
  const [network, firewall] = await Promise.all([examineLinks(links.chosen, systemRandom), readFirewall()]);
  const tried = await tryNetwork(given, here, presence.registry);
  const sources = tried.asked.flatMap(({ answers }) => answers.map(({ address }) => address));
  const traffic = clientTraffic(tried.port, here, [...new Set(sources)]);
  const zone = sources.map(zoneOf).find((each) => each !== undefined) ?? here[0]?.name;
  const peers = await reachPeers(
    presence.peers.map((peer) => ({ ...peer, address: inZone(peer.address, zone) })),
  );
  const findings: readonly Finding[] = [
    ...(links.missing === undefined ? judgeInterfaces(network, readRoutes()) : [links.missing]),
    ...tried.findings,
    ...judgeFirewall(firewall, [traffic.tcp, traffic.udp]),
    ...presence.findings,
    ...judgePeers(peers),
    judgeClock(systemClock.wall(), undefined),
    judgeDisk(diskFacts(given.archivePath)),
    ...filesOf(given),
  ];
  const [dropsTcp, dropsUdp] = [droppedBy(firewall, traffic.tcp), droppedBy(firewall, traffic.udp)];
  const facts = { ...tried, peers, dropsTcp, dropsUdp, readsFirewall: firewall.known, findings };
  return { findings, conclusions: conclude(facts) };
}

/** The interfaces that a chat would use, and the others, since a registry on those is worth knowing of. */
function linksOf(only: readonly string[]): {
  readonly chosen: readonly Link[];
  readonly others: readonly Link[];
  readonly missing?: Finding;
} {
  try {
    const chosen = usableLinks(only);
    const others = only.length === 0 ? [] : usableLinks().filter(({ name }) => !only.includes(name));
    return { chosen, others };
  } catch (error) {
    const finding = "the interface is not there, or has no address";
    const fix = "correct --interface (or interface in chat.toml), or bring it up: ip link set NAME up";
    const missing = {
      check: "interfaces",
      level: "problem",
      finding,
      evidence: errorText(error),
      fix,
    } as const;
    return { chosen: [], others: only.length === 0 ? [] : usableLinks(), missing };
  }
}

interface Tried {
  readonly port: number;
  readonly asked: readonly Asked[];
  readonly dialBacks: readonly DialBack[];
  readonly sctp: readonly SctpAnswer[];
  readonly findings: readonly Finding[];
}

async function tryNetwork(
  given: ClientToExamine,
  links: readonly Link[],
  presentAt: string | undefined,
): Promise<Tried> {
  let client: DoctorClient;
  try {
    client = await DoctorClient.open(systemRandom);
  } catch (error) {
    const finding = "no port of 50000-65000 could be bound, so no registry can be asked";
    const why = { evidence: errorText(error), fix: "see who has them: ss -ltnu" };
    const findings = [{ check: "ports", level: "problem", finding, ...why } as const];
    return { port: 50_000, asked: [], dialBacks: [], sctp: [], findings };
  }
  try {
    const named = await unicastWays(given, presentAt);
    const asked = await client.ask([...multicastWays(links, given.port), ...named.ways]);
    const dialBacks = await client.dialBacks();
    const addresses = [...new Set(asked.flatMap(({ answers }) => answers.map(({ address }) => address)))];
    const { port: sctpPort, encapsulationPort: port } = given;
    const sctp = await Promise.all(
      addresses
        .slice(0, MAX_REGISTRIES)
        .map((address) => sctpAnswers({ address, port, sctpPort }, systemRandom)),
    );
    const judged = [...judgeAsked(asked), ...dialBacks.map(judgeDialBack), ...sctp.map(judgeSctpAnswer)];
    return { port: client.port, asked, dialBacks, sctp, findings: [...named.findings, ...judged] };
  } finally {
    await client.close();
  }
}

/** The hosts that were named, and where the presence is. */
async function unicastWays(
  { registries, port }: ClientToExamine,
  presentAt: string | undefined,
): Promise<{ readonly ways: readonly Way[]; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const ways: Way[] = [];
  const add = (shown: string, address: string, at: number): void => {
    if (ways.some(({ to }) => to.address === address && to.port === at)) return;
    const family = address.includes(":") ? "ip6" : "ip";
    ways.push({
      way: shown,
      by: "unicast",
      device: undefined,
      family,
      from: undefined,
      to: { address, port: at },
    });
  };
  for (const { host, port: at } of registries) {
    const addresses = await addressesOf(host, true);
    if (addresses instanceof SystemError) {
      const evidence = addresses.message;
      const finding = `the registry's name ${host} could not be resolved`;
      findings.push({
        check: "discovery",
        level: "problem",
        finding,
        evidence,
        fix: "check --registry, and DNS",
      });
    } else for (const address of addresses) add(`${host} (${address}) by unicast`, address, at);
  }
  if (presentAt !== undefined) add(`${presentAt}, where you are present, by unicast`, presentAt, port);
  return { ways, findings };
}

function filesOf({ dataDirectory, archivePath }: ClientToExamine): readonly Finding[] {
  // Root looks at the files of whoever they are.
  const user = process.geteuid?.();
  const owner = user === 0 ? ownerOf(dataDirectory) : user;
  const file = (path: string, what: string, forbidden: number, because: string) =>
    judgeFile({ path, what, facts: fileFacts(path), owner, forbidden, because });
  const key = "whoever reads it can pretend to be you";
  return [
    ...file(dataDirectory, "the data directory", OTHERS_WRITE, "others could put a key of theirs there"),
    ...file(join(dataDirectory, "identity.pem"), "your key", OTHERS, key),
    ...file(archivePath, "what was said", OTHERS, "others can read it"),
  ];
}
