import { type Evidence, known, notKnown } from "../doctor/finding.ts";
import type { Firewall } from "../doctor/firewall.ts";
import { parseIptables } from "../doctor/firewall-iptables.ts";
import { parseNftRuleset } from "../doctor/firewall-nft.ts";
import { outputOf, readText } from "./doctor-files.ts";

/**
 * The rules of this machine's firewall: those of nftables, and those of iptables where nft cannot show them whole or
 * they are not nft's (iptables-legacy). Only root may read them.
 */
export async function readFirewall(): Promise<Evidence<Firewall>> {
  if (process.geteuid?.() !== 0) return notKnown("only root may read the rules of the firewall");
  const nft = await outputOf("nft", ["-j", "list", "ruleset"]);
  const rules = nft.known ? parseNftRuleset(nft.value) : undefined;
  const legacy = ["ip_tables_names", "ip6_tables_names"].some((name) => {
    const text = readText(`/proc/net/${name}`);
    return text.known && text.value.trim() !== "";
  });
  if (rules !== undefined && rules.partial.size === 0 && !legacy) return known(rules.firewall);
  const saved = await Promise.all([savedRules("ip"), savedRules("ip6")]);
  if (rules === undefined && saved.every((each) => each === undefined)) {
    const why = nft.known ? "nft printed something else than rules" : nft.why;
    return isWithoutFirewall() ? known(new Map()) : notKnown(`${why}; iptables-save gave nothing either`);
  }
  const fromNft = [...(rules?.firewall ?? [])].filter(([name]) => {
    const [family, table] = name.split(" ");
    const isReadElsewhere = family === "ip" ? saved[0] !== undefined : saved[1] !== undefined;
    return !(isReadElsewhere && rules?.partial.has(`${family} ${table}`));
  });
  return known(new Map([...fromNft, ...(saved[0] ?? []), ...(saved[1] ?? [])]));
}

async function savedRules(family: "ip" | "ip6"): Promise<Firewall | undefined> {
  const text = await outputOf(family === "ip" ? "iptables-save" : "ip6tables-save", []);
  return text.known ? parseIptables(text.value, family) : undefined;
}

/** Neither of the kernel's parts that hold rules is loaded. */
function isWithoutFirewall(): boolean {
  const modules = readText("/proc/modules");
  return modules.known && modules.value !== "" && !/^(nf_tables|ip_tables|ip6_tables) /m.test(modules.value);
}
