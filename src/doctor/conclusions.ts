import type { Asked, DialBack, PeerReach, SctpAnswer } from "./check-discovery.ts";
import type { Finding } from "./finding.ts";

/** What a client's findings come to when they are read together: which of the two ends it is. */
export interface ClientFacts {
  readonly asked: readonly Asked[];
  readonly dialBacks: readonly DialBack[];
  readonly sctp: readonly SctpAnswer[];
  readonly peers: readonly PeerReach[];
  /** The rule of this machine's firewall that drops connections to P, and that drops what answers to UDP P. */
  readonly dropsTcp: string | undefined;
  readonly dropsUdp: string | undefined;
  /** Whether the firewall could be read at all. */
  readonly readsFirewall: boolean;
  readonly findings: readonly Finding[];
}

/** In the order in which things happen; one sentence each. */
export function conclude(facts: ClientFacts): readonly string[] {
  const { asked, findings } = facts;
  const isLocal = findings.some(({ check, level }) => check === "interfaces" && level === "problem");
  const anybody = asked.some(({ answers }) => answers.length > 0);
  const search = anybody ? concludeFound(asked) : [concludeNothing(facts, isLocal)];
  const later = [
    ...facts.dialBacks.flatMap((each) => concludeDialBack(each, facts)),
    ...concludeSctp(facts),
    ...concludePeers(facts),
  ];
  const all = [...search, ...later];
  return all.length > 0 ? all : ["nothing is wrong between here and the registry"];
}

/** Somebody answered; told is what did not. */
function concludeFound(asked: readonly Asked[]): readonly string[] {
  const groups = asked.filter(
    ({ by, family, failure }) => by === "multicast" && family === "ip" && failure === undefined,
  );
  const heard = groups.filter(({ answers }) => answers.length > 0);
  const deaf = groups.filter(({ answers }) => answers.length === 0);
  const byUnicast = asked.filter(({ by, answers }) => by === "unicast" && answers.length > 0);
  const devices = (ways: readonly Asked[]): string =>
    [...new Set(ways.map(({ device }) => device))].join(", ");
  if (deaf.length > 0 && heard.length === 0 && byUnicast.length > 0) {
    const addresses = [...new Set(byUnicast.flatMap(({ answers }) => answers.map(({ address }) => address)))];
    return [
      `multicast does not come through on ${devices(deaf)}, although the hello by unicast was answered: the access point or switch isolates clients or filters multicast, or the registry is on another subnet; use --registry ${addresses[0]}`,
    ];
  }
  if (deaf.length > 0 && heard.length > 0)
    return [
      `answered on ${devices(heard)} only; if that is not the network you mean, choose with --interface`,
    ];
  return [];
}

function concludeNothing({ asked, dropsUdp, findings }: ClientFacts, isLocal: boolean): string {
  if (isLocal)
    return "no registry can be found before this machine's own interfaces are right (see interfaces)";
  if (dropsUdp !== undefined)
    return `no registry answered, and this machine's firewall drops what they would answer: ${dropsUdp}`;
  const isBroken = findings.some(({ check, level }) => check === "multicast" && level === "problem");
  if (isBroken)
    return "no registry answered, and multicast does not even work on this machine itself (see multicast)";
  const hosts = asked.filter(({ by }) => by === "unicast");
  if (hosts.length > 0)
    return "no registry answered, by multicast or by name: none runs there, its machine's firewall drops UDP 10001, or this is another network (on its machine: multiprotoctl doctor)";
  return "no registry answered by multicast: none runs on this network, or multicast does not get there; if you know its host, run this again with --registry HOST, which tells the two apart";
}

function concludeDialBack({ address, port, outcome }: DialBack, facts: ClientFacts): readonly string[] {
  if (outcome.type !== "blocked") return [];
  const what = `the registry at ${address} could not connect to TCP ${port} here`;
  if (facts.dropsTcp !== undefined) return [`${what}: this machine's firewall (${facts.dropsTcp})`];
  if (outcome.reason === "tls")
    return [`${what}: something between the two breaks TLS, a proxy or another program`];
  if (facts.readsFirewall)
    return [`${what}, and this machine's own firewall is not it: a firewall or a router between the two is`];
  return [
    `${what}: most likely this machine's firewall, which only root can read (sudo multiproto-chat doctor), or one between the two`,
  ];
}

function concludeSctp({ sctp, dialBacks }: ClientFacts): readonly string[] {
  return sctp
    .filter(({ outcome }) => outcome !== "answers")
    .map(({ address, port }) => {
      const other = dialBacks.some((each) => each.address === address && each.outcome.type === "came");
      const end = other
        ? "; all else works, so it is the registry's end (its firewall) or a filter between"
        : "";
      return `UDP ${port} of the registry at ${address} does not answer${end}`;
    });
}

function concludePeers({ peers, asked }: ClientFacts): readonly string[] {
  const silent = peers.filter(({ outcome }) => outcome === "silence" || outcome === "unreachable");
  if (silent.length === 0) return [];
  const anybody = asked.some(({ answers }) => answers.length > 0);
  if (anybody && silent.length === peers.length && peers.length > 1)
    return [
      "the registry can be reached, and none of the people online can: the access point isolates clients from each other, or this machine's outgoing TCP is filtered",
    ];
  const names = silent.slice(0, 8).map(({ nickname }) => nickname);
  return [`${names.join(", ")} cannot be reached: a firewall at their end (others can be)`];
}
