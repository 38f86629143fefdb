import { type Evidence, type Finding, unknownFinding } from "./finding.ts";
import { type Fate, type Firewall, fateOf, type Packet } from "./firewall.ts";

/** Something that must come in, as packets that begin it. */
export interface Traffic {
  /** "UDP 10001 (discovery)". */
  readonly name: string;
  /** Who misses what when it does not. */
  readonly without: string;
  readonly packets: readonly Packet[];
  /** What nft takes to let it in: "udp dport 10001 accept". */
  readonly allow: string;
}

/** What this machine's own firewall does with each kind of traffic. */
export function judgeFirewall(firewall: Evidence<Firewall>, traffic: readonly Traffic[]): readonly Finding[] {
  if (!firewall.known)
    return [
      unknownFinding("firewall", "the firewall of this machine", firewall.why, "run this as root (sudo)"),
    ];
  return traffic.map((each) => judgeTraffic(firewall.value, each));
}

function judgeTraffic(firewall: Firewall, { name, without, packets, allow }: Traffic): Finding {
  const fates = packets.map((packet) => ({ packet, fate: fateOf(firewall, packet) }));
  const bad =
    fates.find(({ fate }) => fate.type === "dropped") ?? fates.find(({ fate }) => fate.type !== "accepted");
  const check = "firewall";
  if (bad === undefined || bad.fate.type === "accepted") {
    const rules = [...firewall.values()].reduce((sum, chain) => sum + chain.rules.length, 0);
    const evidence = rules === 0 ? "it has no rules" : `its ${rules} rules were walked with such packets`;
    return { check, level: "ok", finding: `the firewall lets in ${name}`, evidence, fix: null };
  }
  const { packet, fate } = bad;
  const group = packet.isMulticast === true ? ", to the group" : "";
  const where = `${packet.family === "ip" ? "IPv4" : "IPv6"} on ${packet.device}${group}`;
  const isSure = fate.type === "dropped";
  return {
    check,
    level: isSure ? "problem" : "note",
    finding: isSure
      ? `the firewall of this machine drops ${name}: ${without}`
      : `the firewall of this machine may drop ${name}, which depends on what could not be judged`,
    evidence: `${where}: ${fate.by}`,
    fix: `let it in before that rule, with nft: ${allow}`,
  };
}

/** The rule that drops it, for conclusions; undefined when it is let in, or that is not known. */
export function droppedBy(firewall: Evidence<Firewall>, { packets }: Traffic): string | undefined {
  if (!firewall.known) return undefined;
  const fates: readonly Fate[] = packets.map((packet) => fateOf(firewall.value, packet));
  const found = fates.find(({ type }) => type === "dropped");
  return found === undefined || found.type === "accepted" ? undefined : found.by;
}
