import { ipv4Bits } from "../base/ipv4.ts";

/**
 * What a firewall would do with a packet that nobody sends: rules of nftables or iptables, taken apart by their parsers,
 * are walked as the kernel walks them. Conditions that cannot be judged here (sets, marks, limits, addresses of senders
 * that are not known) make an answer a "maybe", never a guess.
 */

export type Hook = "ingress" | "prerouting" | "input";

/** A packet that begins something; what connection tracking would call NEW. */
export interface Packet {
  readonly family: "ip" | "ip6";
  readonly protocol: "udp" | "tcp" | "sctp" | "igmp";
  /** Of udp and tcp. */
  readonly port?: number;
  /** The interface that it comes in by. */
  readonly device: string;
  /** Whom it is from, where that is known. */
  readonly source?: string;
  /** A group's address, or that of this host, where it matters which. */
  readonly destination?: string;
  /** To a group, not to this host alone. */
  readonly isMulticast?: boolean;
}

export type ConditionKey =
  | "family"
  | "protocol"
  | "port"
  | "device"
  | "state"
  /** What the host's own translation of addresses has done: nothing. */
  | "translated"
  | "source"
  | "destination"
  /** "local", "multicast", "broadcast". */
  | "kind";

/** A word, a number, or the numbers from one to another. */
export type Operand = string | number | readonly [from: number, to: number];

export type Condition =
  | { readonly key: ConditionKey; readonly not: boolean; readonly any: readonly Operand[] }
  /** Nothing that can be judged of a packet like ours. */
  | { readonly key: "unclear" };

export type Verdict =
  | { readonly type: "accept" | "drop" | "return" | "continue" }
  | { readonly type: "jump" | "goto"; readonly chain: string };

export interface Rule {
  readonly conditions: readonly Condition[];
  readonly verdict: Verdict;
  /** As an admin finds it: "nft table inet filter, chain input, handle 5: udp dport 10001 drop". */
  readonly text: string;
}

export interface Chain {
  /** Unique within the {@link Firewall}; what jumps name. */
  readonly name: string;
  /** Of a chain that the kernel itself calls. */
  readonly base?: {
    readonly hook: Hook;
    readonly priority: number;
    readonly policy: "accept" | "drop";
    readonly families: readonly Packet["family"][];
    /** Of "ingress": the interfaces that it watches. */
    readonly devices?: readonly string[];
  };
  readonly rules: readonly Rule[];
}

export type Firewall = ReadonlyMap<string, Chain>;

/** `by`: the rule, or the policy, that decides. */
export type Fate =
  | { readonly type: "accepted" }
  | { readonly type: "dropped" | "perhaps-dropped"; readonly by: string };

/** nftables itself goes no deeper; iptables has no loops either. */
const MAX_DEPTH = 16;
/** Rules that are looked at for one packet. */
const MAX_STEPS = 50_000;

/** What becomes of `packet` on its way to a socket of this host. */
export function fateOf(firewall: Firewall, packet: Packet): Fate {
  const order: readonly Hook[] = ["ingress", "prerouting", "input"];
  const called = [...firewall.values()].flatMap((chain) =>
    chain.base !== undefined && concerns(chain.base, packet) ? [{ chain, base: chain.base }] : [],
  );
  const walk = new Walk(firewall, packet);
  let perhaps: Fate | undefined;
  for (const { chain, base } of called.toSorted(
    (one, other) =>
      order.indexOf(one.base.hook) - order.indexOf(other.base.hook) ||
      one.base.priority - other.base.priority,
  )) {
    const fate = fateIn(walk, chain, base.policy);
    if (fate.type === "dropped") return fate;
    if (fate.type === "perhaps-dropped") perhaps ??= fate;
  }
  return perhaps ?? { type: "accepted" };
}

function fateIn(walk: Walk, chain: Chain, policy: "accept" | "drop"): Fate {
  const end = walk.through(chain, 0);
  const drops = end.type === "drop" || (end.type === "through" && policy === "drop");
  const by = end.by ?? `policy drop of chain ${chain.name}`;
  if (drops) return { type: end.perhapsAccepted ? "perhaps-dropped" : "dropped", by };
  return end.perhapsDroppedBy === undefined
    ? { type: "accepted" }
    : { type: "perhaps-dropped", by: end.perhapsDroppedBy };
}

function concerns(base: NonNullable<Chain["base"]>, packet: Packet): boolean {
  return base.families.includes(packet.family) && (base.devices?.includes(packet.device) ?? true);
}

/** How a chain ended, and what might have come otherwise on the way. */
interface End {
  readonly type: "accept" | "drop" | "through";
  /** The rule that dropped. */
  readonly by?: string;
  readonly perhapsAccepted: boolean;
  readonly perhapsDroppedBy: string | undefined;
}

/** What has been met in a chain so far that may have decided already. */
interface Doubts {
  perhapsAccepted: boolean;
  perhapsDroppedBy: string | undefined;
  /** It may have returned to its caller: what follows in it is not sure. */
  perhapsReturned: boolean;
}

class Walk {
  readonly #firewall: Firewall;
  readonly #packet: Packet;
  #steps = 0;

  constructor(firewall: Firewall, packet: Packet) {
    this.#firewall = firewall;
    this.#packet = packet;
  }

  through(chain: Chain, depth: number): End {
    const doubts: Doubts = { perhapsAccepted: false, perhapsDroppedBy: undefined, perhapsReturned: false };
    for (const rule of chain.rules) {
      this.#steps += 1;
      if (this.#steps > MAX_STEPS || depth > MAX_DEPTH) {
        // Beyond what any real set of rules has: nothing is sure any more.
        doubts.perhapsDroppedBy ??= "more rules than are looked at";
        break;
      }
      const matches = matchAll(rule.conditions, this.#packet);
      if (matches === "no" || rule.verdict.type === "continue") continue;
      const end = this.#follow(rule, depth);
      doubts.perhapsAccepted ||= end.perhapsAccepted;
      doubts.perhapsDroppedBy ??= end.perhapsDroppedBy;
      const isLast = end.type !== "through" || rule.verdict.type === "return" || rule.verdict.type === "goto";
      if (!isLast) continue;
      if (matches === "yes" && !doubts.perhapsReturned) return ended(end, doubts);
      note(end, doubts);
      if (matches === "yes") break;
    }
    return ended({ type: "through" }, doubts);
  }

  /** What the rule's verdict comes to. */
  #follow({ verdict, text }: Rule, depth: number): End {
    const sure = { perhapsAccepted: false, perhapsDroppedBy: undefined };
    switch (verdict.type) {
      case "accept":
        return { type: "accept", ...sure };
      case "drop":
        return { type: "drop", by: text, ...sure };
      case "jump":
      case "goto": {
        const target = this.#firewall.get(verdict.chain);
        return target === undefined ? { type: "through", ...sure } : this.through(target, depth + 1);
      }
      default:
        return { type: "through", ...sure };
    }
  }
}

function ended({ type, by }: Pick<End, "type" | "by">, doubts: Doubts): End {
  const { perhapsAccepted, perhapsDroppedBy } = doubts;
  return { type, perhapsAccepted, perhapsDroppedBy, ...(by !== undefined && { by }) };
}

/** A verdict that is met perhaps. */
function note({ type, by }: End, doubts: Doubts): void {
  if (type === "accept") doubts.perhapsAccepted = true;
  else if (type === "drop") doubts.perhapsDroppedBy ??= by;
  else doubts.perhapsReturned = true;
}

type Match = "yes" | "no" | "maybe";

function matchAll(conditions: readonly Condition[], packet: Packet): Match {
  let all: Match = "yes";
  for (const condition of conditions) {
    const match = matchOne(condition, packet);
    if (match === "no") return "no";
    if (match === "maybe") all = "maybe";
  }
  return all;
}

function matchOne(condition: Condition, packet: Packet): Match {
  if (condition.key === "unclear") return "maybe";
  const value = partOf(condition.key, packet);
  if (value === undefined) return coversAll(condition) ? (condition.not ? "no" : "yes") : "maybe";
  // A rule on ports is about protocols that have them.
  if (value === "none") return "no";
  const each = condition.any.map((operand) => matchOperand(condition.key, operand, value));
  const any: Match = each.includes("yes") ? "yes" : each.includes("maybe") ? "maybe" : "no";
  if (any === "maybe" || !condition.not) return any;
  return any === "yes" ? "no" : "yes";
}

/** "none": the packet has no such thing; undefined: it has one, and which is not known. */
function partOf(key: ConditionKey, packet: Packet): string | number | undefined {
  const { family, protocol, port = "none", device, source, destination } = packet;
  const kind = packet.isMulticast === true ? "multicast" : "local";
  const translated = "not";
  return { family, protocol, port, device, state: "new", translated, source, destination, kind }[key];
}

function coversAll({ any }: { readonly any: readonly Operand[] }): boolean {
  return any.some((operand) => operand === "0.0.0.0/0" || operand === "::/0");
}

/** Protocols by number, too (IANA). */
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { igmp: 2, tcp: 6, udp: 17, sctp: 132 };

function matchOperand(key: ConditionKey, operand: Operand, value: string | number): Match {
  if (typeof operand === "object")
    return typeof value === "number" && value >= operand[0] && value <= operand[1] ? "yes" : "no";
  if (operand === value) return "yes";
  if (typeof operand === "number") return PROTOCOL_NUMBERS[value] === operand ? "yes" : "no";
  // A set or a map of the firewall's, whose members are not looked at.
  if (operand.startsWith("@")) return "maybe";
  if (key === "device")
    return /[*+]$/.test(operand) && String(value).startsWith(operand.slice(0, -1)) ? "yes" : "no";
  if (key === "source" || key === "destination") return matchAddress(operand, String(value));
  return "no";
}

function matchAddress(operand: string, address: string): Match {
  const [base = "", length = "32"] = operand.split("/");
  const [net, bits, prefix] = [ipv4Bits(base), ipv4Bits(address), Number(length)];
  if (net === undefined || bits === undefined)
    return base.includes(":") === address.includes(":") ? "maybe" : "no";
  if (!(prefix >= 0 && prefix <= 32)) return "maybe";
  const mask = prefix === 0 ? 0 : -1 << (32 - prefix);
  return ((net ^ bits) & mask) === 0 ? "yes" : "no";
}
