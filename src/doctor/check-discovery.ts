import { type Fingerprint, fingerprintText } from "../base/fingerprint.ts";
import type { Finding, Level } from "./finding.ts";

/** A way in which a hello went out, and which registries answered it. */
export interface Asked {
  /** "eth0 by multicast (IPv4)", "registry.example (10.0.0.1)". */
  readonly way: string;
  readonly by: "multicast" | "unicast";
  /** Of multicast: the interface. */
  readonly device: string | undefined;
  readonly family: "ip" | "ip6";
  /** Why it could not be sent at all. */
  readonly failure: string | undefined;
  readonly answers: readonly Answer[];
}

export interface Answer {
  readonly address: string;
  /** Of the registry's key: a promise that nothing has proved yet. */
  readonly fingerprint: Fingerprint;
  /** From the hello to its cookie. */
  readonly millis: number;
}

/** What became of a join: whether the registry could connect to TCP P here. */
export interface DialBack {
  readonly address: string;
  readonly fingerprint: Fingerprint;
  /** TCP P. */
  readonly port: number;
  readonly outcome:
    | { readonly type: "came"; readonly millis: number }
    /** The registry's own words. */
    | { readonly type: "blocked"; readonly reason: "refused" | "timeout" | "unreachable" | "tls" | "other" }
    | { readonly type: "silence"; readonly waitedMillis: number };
}

/** Whether SCTP over UDP of a registry answers: an INIT, which leaves nothing behind there (RFC 9260 §5.1). */
export interface SctpAnswer {
  readonly address: string;
  readonly port: number;
  readonly outcome: "answers" | "refused" | "silence";
  readonly millis: number;
}

/** Whether somebody takes connections. */
export interface PeerReach {
  readonly nickname: string;
  readonly address: string;
  readonly port: number;
  readonly outcome: "reached" | "refused" | "silence" | "unreachable";
}

/** Another registry that ours has heard by its beacons. */
export interface HeardRegistry {
  readonly address: string;
  readonly fingerprint: string;
  /** Its key is our registry's. */
  readonly sameKey: boolean;
}

/** What a client sees. */
export function judgeAsked(asked: readonly Asked[]): readonly Finding[] {
  const anybody = asked.some(({ answers }) => answers.length > 0);
  // IPv4 is asked first, and is enough; where both are silent, one problem is not two.
  const hasIpv4 = asked.some(({ family }) => family === "ip");
  const level = ({ by, family }: Asked): Level => {
    if (family === "ip6" && (anybody || hasIpv4)) return "note";
    return by === "multicast" && anybody ? "warning" : "problem";
  };
  return [...asked.map((each) => judgeWay(each, level(each))), ...judgeSeveral(asked)];
}

/** What the registry's own machine sees: whether `own` hears what is sent to its groups. */
export function judgeHearing(
  asked: readonly Asked[],
  own: Fingerprint,
  others: readonly HeardRegistry[],
): readonly Finding[] {
  const check = "discovery";
  const each = asked.map(({ way, answers, failure }): Finding => {
    const answer = answers.find(({ fingerprint }) => fingerprint === own);
    if (answer !== undefined)
      return {
        check,
        level: "ok",
        finding: `${way}: the registry answers`,
        evidence: `a cookie after ${answer.millis.toFixed(1)} ms, asked from this machine`,
        fix: null,
      };
    return {
      check,
      level: "problem",
      finding: `${way}: the registry does not hear what is sent to its group`,
      evidence: failure ?? "no cookie came for three hellos from this machine",
      fix: "see interfaces and firewall; if these are right: multiprotoctl restart, journalctl -u multiproto",
    };
  });
  return [...each, ...judgeOthers(asked, own, others)];
}

/** `level`: of one without an answer. */
function judgeWay({ way, by, failure, answers }: Asked, level: Level): Finding {
  const check = "discovery";
  if (failure !== undefined)
    return {
      check,
      level: level === "warning" ? "problem" : level,
      finding: `${way}: the hello could not be sent`,
      evidence: failure,
      fix: "see: ip route; is outgoing UDP let out (nft list ruleset)?",
    };
  if (answers.length === 0)
    return {
      check,
      level,
      finding: `${way}: no registry answered`,
      evidence: "no cookie came for three hellos",
      fix:
        by === "multicast"
          ? "on the registry's machine: multiprotoctl doctor; from here: --registry HOST"
          : "is it the right host, and does a registry run there: multiprotoctl status; UDP 10001 must be let in",
    };
  const seen = answers.map(({ address, millis, fingerprint }) => {
    return `${address} after ${millis.toFixed(1)} ms (key ${begins(fingerprint)})`;
  });
  return { check, level: "ok", finding: `${way}: a registry answered`, evidence: seen.join(", "), fix: null };
}

/** The first two groups of digits: they tell keys apart and prove nothing. */
function begins(fingerprint: Fingerprint): string {
  return `${fingerprintText(fingerprint).slice(0, 11)} …`;
}

/** Each registry with all addresses that it spoke from: "10.0.0.7, fe80::7%eth0 (key 04521 61200 …)". */
function placesOf(seen: readonly { readonly fingerprint: string; readonly address: string }[]): string[] {
  const places = Map.groupBy(seen, ({ fingerprint }) => fingerprint);
  return [...places].map(([key, at]) => {
    const addresses = new Set(at.map(({ address }) => address));
    return `${[...addresses].join(", ")} (key ${begins(key as Fingerprint)})`;
  });
}

/** Two registries on one network each have half of the people. */
function judgeSeveral(asked: readonly Asked[]): readonly Finding[] {
  const places = placesOf(asked.flatMap(({ answers }) => answers));
  if (places.length < 2) return [];
  return [
    {
      check: "discovery",
      level: "warning",
      finding: `${places.length} registries answered: people at one do not see those at the other`,
      evidence: places.join("; "),
      fix: "let one of them run; or choose: multiproto-chat --registry HOST",
    },
  ];
}

/** The others beside `own`: by their answers here, and by their beacons, which come where an answer may not. */
function judgeOthers(
  asked: readonly Asked[],
  own: Fingerprint,
  heard: readonly HeardRegistry[],
): readonly Finding[] {
  const check = "discovery";
  const answered = asked.flatMap(({ answers }) => answers).filter(({ fingerprint }) => fingerprint !== own);
  const others = [...answered, ...heard.filter(({ sameKey }) => !sameKey)];
  const twins = heard.filter(({ sameKey }) => sameKey);
  const findings: Finding[] = twins.map(({ address }) => ({
    check,
    level: "problem",
    finding: `another registry runs with this one's key, at ${address}: clients are torn to and fro`,
    evidence: "its beacons, signed by that key, come from there",
    fix: "stop one of them; if both shall run, remove identity.pem from the state directory of the copy",
  }));
  if (others.length === 0) return findings;
  const places = placesOf(others);
  const count = places.length === 1 ? "another registry is" : `${places.length} other registries are`;
  findings.push({
    check,
    level: "warning",
    finding: `${count} on this network: people at one do not see those at the other`,
    evidence: places.join("; "),
    fix: "let one of them run (there: multiprotoctl stop); or have people choose: multiproto-chat --registry HOST",
  });
  return findings;
}

export function judgeDialBack({ address, port, outcome }: DialBack): Finding {
  const check = "dial-back";
  const place = `TCP ${port} here`;
  if (outcome.type === "came")
    return {
      check,
      level: "ok",
      finding: `the registry at ${address} can connect to ${place}`,
      evidence: `its TLS came in after ${outcome.millis.toFixed(1)} ms`,
      fix: null,
    };
  if (outcome.type === "silence")
    return {
      check,
      level: "problem",
      finding: `the registry at ${address} gave a cookie, and then neither connected nor said why not`,
      evidence: `nothing came for ${(outcome.waitedMillis / 1_000).toFixed(0)} s after the join`,
      fix: "on its machine: multiprotoctl doctor, multiprotoctl status (is it overloaded?), journalctl -u multiproto",
    };
  const { reason } = outcome;
  const words = {
    refused: "was refused",
    timeout: "got no answer",
    unreachable: "found no way",
    tls: "was connected, and then TLS failed",
    other: "failed",
  }[reason];
  return {
    check,
    level: "problem",
    finding: `the registry at ${address} could not connect to ${place}: it ${words}`,
    evidence: `it says so: blocked, ${reason}`,
    fix: "let in TCP 50000-65001 at this machine: nft add rule inet filter input tcp dport 50000-65001 accept",
  };
}

export function judgeSctpAnswer({ address, port, outcome, millis }: SctpAnswer): Finding {
  const check = "sctp";
  if (outcome === "answers")
    return {
      check,
      level: "ok",
      finding: `SCTP over UDP ${port} of the registry at ${address} answers`,
      evidence: `an INIT ACK after ${millis.toFixed(1)} ms`,
      fix: null,
    };
  return {
    check,
    level: "problem",
    finding: `SCTP over UDP ${port} of the registry at ${address} does not answer: nobody can stay online`,
    evidence: outcome === "refused" ? "its machine says that nobody is there" : "no INIT ACK for three INITs",
    fix: `at the registry let in UDP ${port}; if it uses another port: --encapsulation-port N`,
  };
}

export function judgePeers(peers: readonly PeerReach[]): readonly Finding[] {
  const check = "peers";
  const reached = peers.filter(({ outcome }) => outcome === "reached").length;
  const findings = peers
    .filter(({ outcome }) => outcome !== "reached")
    .map(({ nickname, address, port, outcome }): Finding => {
      const words = {
        refused: "says that nobody listens there",
        silence: "does not answer",
        unreachable: "cannot be reached from here",
        reached: "",
      }[outcome];
      return {
        check,
        level: "warning",
        finding: `${nickname} is online, and cannot be connected to`,
        evidence: `${address} TCP ${port} ${words}`,
        fix:
          outcome === "silence"
            ? `at ${nickname}'s machine let in TCP 50000-65001; or the network separates clients`
            : `ask ${nickname} to run multiproto-chat doctor`,
      };
    });
  if (reached === 0) return findings;
  const all = findings.length === 0 ? "all " : "";
  const finding = `${all}${reached} of those online can be connected to`;
  return [...findings, { check, level: "ok", finding, evidence: "TCP to their port P", fix: null }];
}
