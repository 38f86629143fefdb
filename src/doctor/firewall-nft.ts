import type {
  Chain,
  Condition,
  ConditionKey,
  Firewall,
  Hook,
  Operand,
  Packet,
  Rule,
  Verdict,
} from "./firewall.ts";
import { isObject, type JsonObject } from "./json.ts";

/**
 * `nft -j list ruleset` (libnftables-json(5)) as a {@link Firewall}. What a packet of ours cannot be judged by becomes
 * "unclear"; tables of other families (arp, bridge) are left out.
 */

/** Objects that are read: tables, chains, rules. */
const MAX_OBJECTS = 20_000;
const MAX_OPERANDS = 4_096;

export interface NftRuleset {
  readonly firewall: Firewall;
  /** Tables with rules of iptables that nft cannot show whole: "ip filter". */
  readonly partial: ReadonlySet<string>;
}

const FAMILIES: Readonly<Record<string, readonly Packet["family"][]>> = {
  ip: ["ip"],
  ip6: ["ip6"],
  inet: ["ip", "ip6"],
  netdev: ["ip", "ip6"],
};
const HOOKS: Readonly<Record<string, Hook>> = {
  ingress: "ingress",
  prerouting: "prerouting",
  input: "input",
};

/** Undefined when the text is not what nft prints. */
export function parseNftRuleset(text: string): NftRuleset | undefined {
  const objects = objectsIn(text);
  if (objects === undefined) return undefined;
  const chains = new Map<string, Chain & { rules: Rule[] }>();
  const partial = new Set<string>();
  for (const { chain } of objects) if (isObject(chain)) addChain(chains, chain);
  for (const { rule } of objects) {
    if (!isObject(rule) || !Array.isArray(rule.expr)) continue;
    const table = `${word(rule.family)} ${word(rule.table)}`;
    const into = chains.get(`${table} ${word(rule.chain)}`);
    if (into === undefined) continue;
    if (rule.expr.some((each) => isObject(each) && "xt" in each)) partial.add(table);
    const where = `nft table ${table}, chain ${word(rule.chain)}, handle ${word(rule.handle)}`;
    into.rules.push(...rulesOf(rule.expr, table, where, into));
  }
  return { firewall: chains, partial };
}

function objectsIn(text: string): readonly JsonObject[] | undefined {
  try {
    const json: unknown = JSON.parse(text);
    if (!isObject(json) || !Array.isArray(json.nftables)) return undefined;
    return json.nftables.slice(0, MAX_OBJECTS).filter(isObject);
  } catch {
    return undefined;
  }
}

function addChain(chains: Map<string, Chain & { rules: Rule[] }>, chain: JsonObject): void {
  const { family, table, name, hook, prio, policy, type, dev } = chain;
  const families = FAMILIES[word(family)];
  if (families === undefined) return;
  const full = `${word(family)} ${word(table)} ${word(name)}`;
  const at = HOOKS[word(hook)];
  // A chain of type nat may send a packet elsewhere, and drops none by itself.
  if (at === undefined || type === "nat") chains.set(full, { name: full, rules: [] });
  else {
    const devices = [dev].flat().filter((each) => typeof each === "string");
    const base = {
      hook: at,
      priority: typeof prio === "number" ? prio : 0,
      policy: policy === "drop" ? "drop" : "accept",
      families,
      ...(devices.length > 0 && { devices }),
    } as const;
    chains.set(full, { name: full, base, rules: [] });
  }
}

/** A rule with a map of verdicts is one rule for each of them. */
function rulesOf(
  expressions: readonly unknown[],
  table: string,
  where: string,
  chain: Chain,
): readonly Rule[] {
  const conditions: Condition[] = [];
  const rules: Rule[] = [];
  const words: string[] = [];
  // Older versions of nft do not say which interface an ingress chain watches.
  if (chain.base?.hook === "ingress" && chain.base.devices === undefined) conditions.push({ key: "unclear" });
  for (const expression of expressions.filter(isObject)) {
    const { match, vmap } = expression;
    const verdict = verdictOf(expression, table);
    if (isObject(match)) {
      conditions.push(...conditionsOf(match));
      words.push(matchText(match));
    } else if (isObject(vmap)) {
      words.push("vmap");
      rules.push(...mapRules(vmap, conditions, table, `${where}: ${words.join(" ")}`));
    } else if (verdict !== undefined) {
      words.push(Object.keys(expression).join(" "));
      rules.push({ conditions, verdict, text: `${where}: ${words.join(" ")}`.slice(0, 400) });
    } else if (!("counter" in expression) && !("log" in expression)) conditions.push({ key: "unclear" });
  }
  return rules;
}

function verdictOf(expression: JsonObject, table: string): Verdict | undefined {
  const { jump, goto: go, xt } = expression;
  if (isObject(jump)) return { type: "jump", chain: `${table} ${word(jump.target)}` };
  if (isObject(go)) return { type: "goto", chain: `${table} ${word(go.target)}` };
  if ("accept" in expression) return { type: "accept" };
  if ("drop" in expression || "reject" in expression) return { type: "drop" };
  if ("return" in expression) return { type: "return" };
  if (isObject(xt) && xt.type === "target")
    return { type: xt.name === "REJECT" || xt.name === "DROP" ? "drop" : "continue" };
  return undefined;
}

function mapRules(
  { key, data }: JsonObject,
  conditions: readonly Condition[],
  table: string,
  text: string,
): readonly Rule[] {
  const elements = isObject(data) && Array.isArray(data.set) ? data.set.slice(0, MAX_OPERANDS) : [];
  return elements.flatMap((element): Rule[] => {
    if (!Array.isArray(element) || !isObject(element[1])) return [];
    const verdict = verdictOf(element[1], table);
    if (verdict === undefined) return [];
    const own = conditionsOf({ op: "==", left: key, right: element[0] });
    const shown = `${text} ${operandText(element[0])} : ${Object.keys(element[1]).join(" ")}`;
    return [{ conditions: [...conditions, ...own], verdict, text: shown.slice(0, 400) }];
  });
}

/** What of a packet an expression is about, and the protocol that it takes for granted. */
function subjectOf(left: unknown): { readonly key: ConditionKey; readonly protocol?: string } | undefined {
  if (!isObject(left)) return undefined;
  const { meta, ct, payload, fib } = left;
  if (isObject(fib)) {
    const isKind = fib.result === "type" && [fib.flags].flat().includes("daddr");
    return isKind ? { key: "kind" } : undefined;
  }
  if (isObject(meta)) {
    const keys: Readonly<Record<string, ConditionKey>> = {
      iifname: "device",
      iif: "device",
      l4proto: "protocol",
      nfproto: "family",
      protocol: "family",
    };
    const key = keys[word(meta.key)];
    return key === undefined ? undefined : { key };
  }
  if (isObject(ct)) return ctSubject(ct);
  if (!isObject(payload)) return undefined;
  const { protocol, field } = payload;
  if (field === "dport") return { key: "port", ...(protocol !== "th" && { protocol: word(protocol) }) };
  const keys: Readonly<Record<string, ConditionKey>> = {
    protocol: "protocol",
    nexthdr: "protocol",
    saddr: "source",
    daddr: "destination",
  };
  const key = keys[word(field)];
  return key === undefined ? undefined : { key, protocol: word(protocol) };
}

/** Of the states of a connection, what is said about addresses that this host has translated. */
function ctSubject({ key }: JsonObject): { readonly key: ConditionKey } | undefined {
  if (key === "state") return { key: "state" };
  return key === "status" ? { key: "translated" } : undefined;
}

function conditionsOf({ op, left, right }: JsonObject): readonly Condition[] {
  const subject = subjectOf(left);
  // Of another protocol than ours: known even where the rest is not.
  const payload = isObject(left) && isObject(left.payload) ? left.payload : undefined;
  const assumed = assumedBy(subject?.protocol ?? word(payload?.protocol));
  const any = operandsOf(right);
  if (subject === undefined || any === undefined || !["==", "!=", "in"].includes(word(op)))
    return [...assumed, { key: "unclear" }];
  // "ct status" has bits for other things than translation, which are not told apart here.
  const isOther = subject.key === "translated" && !any.every((each) => each === "dnat" || each === "snat");
  if (isOther) return [...assumed, { key: "unclear" }];
  return [...assumed, { key: subject.key, not: op === "!=", any: familyNames(subject.key, any) }];
}

/** "udp dport" is about UDP, "ip saddr" about IPv4. */
function assumedBy(protocol: string): readonly Condition[] {
  if (["udp", "tcp", "sctp", "icmp", "icmpv6", "igmp"].includes(protocol))
    return [{ key: "protocol", not: false, any: [protocol] }];
  return protocol === "ip" || protocol === "ip6" ? [{ key: "family", not: false, any: [protocol] }] : [];
}

function familyNames(key: ConditionKey, any: readonly Operand[]): readonly Operand[] {
  if (key !== "family") return any;
  const names: Readonly<Record<string, string>> = { ipv4: "ip", ipv6: "ip6" };
  return any.map((operand) => (typeof operand === "string" ? (names[operand] ?? operand) : operand));
}

/** Undefined where one cannot be read. */
function operandsOf(right: unknown): readonly Operand[] | undefined {
  if (typeof right === "string" || typeof right === "number") return [right];
  if (Array.isArray(right)) return allOf(right);
  if (!isObject(right)) return undefined;
  const { range, set, prefix } = right;
  if (Array.isArray(range)) {
    const [from, to] = range;
    return typeof from === "number" && typeof to === "number" ? [[from, to]] : undefined;
  }
  if (Array.isArray(set)) return allOf(set);
  return isObject(prefix) ? [`${word(prefix.addr)}/${word(prefix.len)}`] : undefined;
}

function allOf(list: readonly unknown[]): readonly Operand[] | undefined {
  const all = list.slice(0, MAX_OPERANDS).map((each) => (Array.isArray(each) ? undefined : operandsOf(each)));
  return all.includes(undefined) || list.length > MAX_OPERANDS
    ? undefined
    : all.flatMap((each) => each ?? []);
}

function matchText({ op, left, right }: JsonObject): string {
  const { payload, meta, ct } = isObject(left) ? left : {};
  const subject = isObject(payload)
    ? `${word(payload.protocol)} ${word(payload.field)}`
    : isObject(meta)
      ? word(meta.key)
      : isObject(ct)
        ? `ct ${word(ct.key)}`
        : "…";
  return `${subject}${op === "!=" ? " !=" : ""} ${operandText(right)}`;
}

function operandText(right: unknown): string {
  const operands = operandsOf(right) ?? ["…"];
  const texts = operands
    .slice(0, 16)
    .map((each) => (typeof each === "object" ? each.join("-") : String(each)));
  return texts.length === 1 ? String(texts[0]) : `{ ${texts.join(", ")} }`;
}

/** A name or number of the ruleset's. */
function word(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 256) : typeof value === "number" ? String(value) : "";
}
