import type { Chain, Condition, Firewall, Hook, Operand, Packet, Rule, Verdict } from "./firewall.ts";

/** What iptables-save(8) or ip6tables-save prints, as a {@link Firewall}. */

const MAX_LINES = 20_000;
const MAX_WORDS = 512;

/** Where each of iptables' own chains is called, and in which order of tables. */
const CALLED: Readonly<Record<string, { readonly hook: Hook; readonly priority: number }>> = {
  "raw PREROUTING": { hook: "prerouting", priority: -300 },
  "mangle PREROUTING": { hook: "prerouting", priority: -150 },
  "mangle INPUT": { hook: "input", priority: -150 },
  "filter INPUT": { hook: "input", priority: 0 },
  "security INPUT": { hook: "input", priority: 50 },
};

export function parseIptables(text: string, family: Packet["family"]): Firewall {
  const chains = new Map<string, Chain & { rules: Rule[] }>();
  const program = family === "ip" ? "iptables" : "ip6tables";
  let table = "";
  for (const line of text.split("\n", MAX_LINES)) {
    if (line.startsWith("*")) table = line.slice(1, 65);
    const [, name, policy] = /^:(\S{1,64}) (\S{1,16}) /.exec(line) ?? [];
    if (name !== undefined) {
      const full = `${program} ${table} ${name}`;
      const called = CALLED[`${table} ${name}`];
      const base = { ...called, policy: policy === "DROP" ? "drop" : "accept", families: [family] } as const;
      chains.set(full, {
        name: full,
        rules: [],
        ...(called !== undefined && { base: { ...base, ...called } }),
      });
    } else if (line.startsWith("-A ")) addRule(chains, `${program} ${table}`, line);
  }
  return chains;
}

function addRule(chains: ReadonlyMap<string, Chain & { rules: Rule[] }>, table: string, line: string): void {
  const words = wordsOf(line);
  const [, name = ""] = words;
  const into = chains.get(`${table} ${name}`);
  if (into === undefined || words.length > MAX_WORDS) return;
  const conditions: Condition[] = [];
  let verdict: Verdict = { type: "continue" };
  let not = false;
  for (let at = 2; at < words.length; ) {
    const option = words[at] ?? "";
    const next = words[at + 1] ?? "";
    if (option === "!") {
      not = true;
      at += 1;
      continue;
    }
    if (option === "-j" || option === "-g") {
      verdict = verdictOf(next, option, table, chains);
      // What follows are options of the target.
      break;
    }
    const condition = conditionOf(option, next, not);
    if (condition !== undefined) conditions.push(condition);
    not = false;
    at += 1;
    while (at < words.length && !/^(-{1,2}[a-zA-Z]|!$)/.test(words[at] ?? "")) at += 1;
  }
  into.rules.push({ conditions, verdict, text: `${table}: ${line.slice(0, 400)}` });
}

/** Undefined: says nothing about the packet. */
function conditionOf(option: string, value: string, not: boolean): Condition | undefined {
  switch (option) {
    case "-m":
    case "--comment":
      return undefined;
    case "-p":
      return { key: "protocol", not, any: [/^\d+$/.test(value) ? Number(value) : value] };
    case "-i":
      return { key: "device", not, any: [value] };
    case "-s":
      return { key: "source", not, any: [value] };
    case "-d":
      return { key: "destination", not, any: [value] };
    case "--dport":
    case "--dports": {
      const any = value.split(",").map(portOperand);
      return any.includes(undefined)
        ? { key: "unclear" }
        : { key: "port", not, any: any.filter((each) => each !== undefined) };
    }
    case "--dst-type":
      return { key: "kind", not, any: value.toLowerCase().split(",") };
    case "--ctstate":
    case "--state":
      return { key: "state", not, any: value.toLowerCase().split(",") };
    default:
      return { key: "unclear" };
  }
}

function portOperand(text: string): Operand | undefined {
  const [, from, to] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (from === undefined) return undefined;
  return to === undefined ? Number(from) : [Number(from), Number(to)];
}

function verdictOf(
  target: string,
  option: "-j" | "-g",
  table: string,
  chains: ReadonlyMap<string, unknown>,
): Verdict {
  const verdicts: Readonly<Record<string, Verdict>> = {
    ACCEPT: { type: "accept" },
    DROP: { type: "drop" },
    REJECT: { type: "drop" },
    RETURN: { type: "return" },
  };
  const chain = `${table} ${target}`;
  if (chains.has(chain)) return { type: option === "-g" ? "goto" : "jump", chain };
  return Object.hasOwn(verdicts, target) ? (verdicts[target] ?? { type: "continue" }) : { type: "continue" };
}

/** Words of a line; in double quotes a blank is part of a word, and a backslash takes the next character as it is. */
function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  for (const [, quoted, bare] of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    words.push(quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "");
    if (words.length > MAX_WORDS) break;
  }
  return words;
}
