import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type Firewall, fateOf, type Packet } from "../../src/doctor/firewall.ts";
import { parseIptables } from "../../src/doctor/firewall-iptables.ts";
import { parseNftRuleset } from "../../src/doctor/firewall-nft.ts";

/** Rules as nft 1.0.6 and iptables 1.8.9 print them, and what they would do with packets of ours. */

const FIXTURES = join(import.meta.dirname, "../fixtures/doctor");
const recorded = (name: string): string => readFileSync(join(FIXTURES, name), "utf8");

function nft(text: string): Firewall {
  const ruleset = parseNftRuleset(text);
  if (ruleset === undefined) return assert.fail("not understood");
  return ruleset.firewall;
}

const udp = (port: number, more: Partial<Packet> = {}): Packet => {
  return { family: "ip", protocol: "udp", port, device: "eth0", ...more };
};
const tcp = (port: number, more: Partial<Packet> = {}): Packet => ({ ...udp(port, more), protocol: "tcp" });

/** "accepted", or how it is dropped and the last words of the rule. */
function fate(firewall: Firewall, packet: Packet): string {
  const found = fateOf(firewall, packet);
  return found.type === "accepted"
    ? found.type
    : `${found.type}: ${found.by.split(/, handle \d+: |: -A /).at(-1)}`;
}

test("nftables: a policy of drop, sets, jumps, maps, ranges", () => {
  const firewall = nft(recorded("nft-ruleset.json"));
  assert.equal(fate(firewall, udp(10_001)), "accepted", "by the chain services");
  assert.equal(fate(firewall, udp(9_899, { family: "ip6" })), "accepted");
  assert.equal(fate(firewall, tcp(50_001)), "accepted", "by a range, as something new");
  assert.equal(fate(firewall, udp(7)), "dropped: udp dport != 53 reject");
  assert.equal(fate(firewall, udp(7, { device: "lo" })), "accepted");
  assert.equal(fate(firewall, udp(5_000)), "dropped: nfproto ipv4 udp dport 5000 drop");
  assert.equal(fate(firewall, udp(5_000, { family: "ip6" })), "dropped: udp dport != 53 reject");
  assert.equal(fate(firewall, udp(4)), "dropped: udp dport 4 drop", "before the others, by prerouting");
  assert.equal(fate(firewall, udp(53, { family: "ip6" })), "accepted", "by the map");
  assert.equal(fate(firewall, { ...udp(0), port: undefined as never, protocol: "igmp" }), "accepted");
  assert.equal(
    fate(firewall, tcp(80)),
    "perhaps-dropped: policy drop of chain inet filter input",
    "by a named set",
  );
  assert.equal(
    fate(firewall, tcp(22)),
    "perhaps-dropped: policy drop of chain inet filter input",
    "by a limit",
  );
  const group = udp(5_353, { destination: "224.0.0.251" });
  assert.equal(fate(firewall, group), "accepted");
  assert.equal(fate(firewall, { ...group, destination: "10.0.0.1" }), "dropped: udp dport != 53 reject");
});

test("iptables: chains, several ports, negation, quotes, targets that go on", () => {
  const firewall = parseIptables(recorded("iptables-save.txt"), "ip");
  assert.equal(fate(firewall, udp(10_001, { source: "10.1.2.3" })), "accepted");
  assert.equal(
    fate(firewall, udp(10_001, { source: "192.168.1.1" })),
    "dropped: policy drop of chain iptables filter INPUT",
  );
  assert.equal(
    fate(firewall, udp(10_001)),
    "perhaps-dropped: policy drop of chain iptables filter INPUT",
    "it depends on the sender",
  );
  assert.equal(fate(firewall, tcp(22)), "accepted");
  assert.equal(
    fate(firewall, tcp(50_001)),
    "perhaps-dropped: INPUT -p tcp -j REJECT --reject-with tcp-reset",
  );
  assert.equal(
    fate(firewall, tcp(50_001, { device: "eth1" })),
    "dropped: INPUT -p tcp -j REJECT --reject-with tcp-reset",
  );
  assert.equal(fate(firewall, udp(10_001, { family: "ip6" })), "accepted", "these are rules of IPv4");
});

test("ufw with what it brings: what was allowed comes in, to the host and to its group", () => {
  const firewall = parseIptables(recorded("iptables-save-ufw.txt"), "ip");
  const group = { destination: "239.255.77.80", isMulticast: true };
  assert.equal(fate(firewall, udp(10_001)), "accepted");
  assert.equal(fate(firewall, udp(10_001, group)), "accepted");
  assert.equal(fate(firewall, tcp(50_001)), "dropped: policy drop of chain iptables filter INPUT");
  assert.equal(fate(firewall, udp(9_899)), "dropped: policy drop of chain iptables filter INPUT");
  assert.match(fate(firewall, udp(137)), /^dropped: ufw-skip-to-policy-input -j DROP$/);
  const igmp = { family: "ip", protocol: "igmp", device: "eth0", ...group } as const;
  assert.equal(fate(firewall, igmp), "dropped: policy drop of chain iptables filter INPUT");
});

test("firewalld: zones, and states of translation; kinds of addresses", () => {
  const firewall = nft(recorded("nft-ruleset-firewalld.json"));
  assert.equal(fate(firewall, udp(10_001)), "accepted");
  assert.equal(
    fate(firewall, udp(10_001, { destination: "239.255.77.80", isMulticast: true })),
    "dropped: udp dport 10001 drop",
    "not to this host alone",
  );
  assert.match(fate(firewall, tcp(50_001)), /^dropped: reject$/);
  assert.equal(fate(firewall, tcp(22)), "accepted");
  assert.equal(
    fate(firewall, udp(546, { family: "ip6" })).split(":")[0],
    "perhaps-dropped",
    "whoever it is to",
  );
});

function ruleset(...objects: readonly unknown[]): string {
  const table = { family: "inet", table: "t" };
  const base = { chain: { ...table, name: "in", type: "filter", hook: "input", prio: 0, policy: "accept" } };
  return JSON.stringify({ nftables: [base, ...objects] });
}

const rule = (...expr: readonly unknown[]) => {
  return { rule: { family: "inet", table: "t", chain: "in", handle: 1, expr } };
};
const dport = (right: unknown) => ({
  match: { op: "==", left: { payload: { protocol: "udp", field: "dport" } }, right },
});

test("what cannot be judged is a maybe, and never a drop", () => {
  const unclear = { match: { op: "==", left: { meta: { key: "mark" } }, right: 1 } };
  assert.match(fate(nft(ruleset(rule(unclear, { drop: null }))), udp(1)), /^perhaps-dropped/);
  assert.equal(
    fate(nft(ruleset(rule(unclear, dport(2), { drop: null }))), udp(1)),
    "accepted",
    "another port",
  );
  assert.equal(
    fate(nft(ruleset(rule(unclear, { accept: null }), rule({ drop: null }))), udp(1)).split(":")[0],
    "perhaps-dropped",
  );
  assert.equal(
    fate(nft(ruleset(rule(dport(1), { accept: null }), rule({ drop: null }))), udp(1)),
    "accepted",
  );
  const returns = nft(ruleset(rule(unclear, { return: null }), rule({ drop: null })));
  assert.match(fate(returns, udp(1)), /^perhaps-dropped/, "the chain may have ended before");
  const xt = rule({ xt: { type: "match", name: "conntrack" } }, { drop: null });
  const parsed = parseNftRuleset(ruleset(xt));
  assert.deepEqual([...(parsed?.partial ?? [])], ["inet t"]);
  assert.match(fate(parsed?.firewall ?? new Map(), udp(1)), /^perhaps-dropped/);
});

test("an ingress chain counts for its interfaces; for all of them, perhaps, where nft does not name them", () => {
  const chain = {
    family: "netdev",
    table: "n",
    name: "ig",
    type: "filter",
    hook: "ingress",
    prio: 0,
    policy: "accept",
  };
  const drop = {
    rule: { family: "netdev", table: "n", chain: "ig", handle: 2, expr: [dport(9), { drop: null }] },
  };
  const named = nft(JSON.stringify({ nftables: [{ chain: { ...chain, dev: "eth0" } }, drop] }));
  assert.match(fate(named, udp(9)), /^dropped/);
  assert.equal(fate(named, udp(9, { device: "eth1" })), "accepted");
  assert.match(fate(nft(JSON.stringify({ nftables: [{ chain }, drop] })), udp(9)), /^perhaps-dropped/);
});

test("chains that call each other, and too many rules, end in a maybe", () => {
  const chain = (name: string) => ({ chain: { family: "inet", table: "t", name } });
  const jump = (from: string, target: string) => ({
    rule: { family: "inet", table: "t", chain: from, handle: 1, expr: [{ jump: { target } }] },
  });
  const loop = nft(ruleset(chain("a"), chain("b"), jump("in", "a"), jump("a", "b"), jump("b", "a")));
  assert.equal(fateOf(loop, udp(1)).type, "perhaps-dropped");
  const many = Array.from({ length: 10 }, () => jump("a", "b"));
  const wide = nft(
    ruleset(
      chain("a"),
      chain("b"),
      jump("in", "a"),
      ...many,
      ...Array(9_000).fill(rule(dport(7), { drop: null })),
    ),
  );
  assert.equal(fateOf(wide, udp(1)).type, "accepted");
});

test("no text makes the parsers throw or hang", () => {
  for (const text of ["", "{}", "[]", "null", '{"nftables":{}}', "{".repeat(100_000)])
    assert.equal(parseNftRuleset(text), undefined);
  const keys = [
    "rule",
    "chain",
    "expr",
    "match",
    "left",
    "right",
    "set",
    "vmap",
    "payload",
    "family",
    "hook",
    "op",
  ];
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom("inet", "t", "in", "input", "==", "udp", "dport", "drop", 1, null, true),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom(...keys), tie("any"), { maxKeys: 6 }),
    ),
  })).any;
  fc.assert(
    fc.property(fc.array(value, { maxLength: 10 }), (nftables) => {
      const parsed = parseNftRuleset(JSON.stringify({ nftables }));
      assert.ok(parsed !== undefined);
      fateOf(parsed.firewall, udp(1));
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(
      fc.string(),
      fc.array(fc.constantFrom("-A", "INPUT", "-j", "!", "-p", "--dport", "1:x", '"', "\\")),
      (line, words) => {
        const text = `*filter\n:INPUT DROP [0:0]\n-A INPUT ${words.join(" ")} ${line}\n`;
        const packet = fateOf(parseIptables(text, "ip"), udp(1));
        assert.ok(["accepted", "dropped", "perhaps-dropped"].includes(packet.type));
      },
    ),
    { numRuns: 500 },
  );
});
