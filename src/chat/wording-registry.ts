import type { Millis } from "../base/clock.ts";
import { fingerprintText } from "../base/fingerprint.ts";
import { durationText, escapeText } from "../base/text.ts";
import type { BlockedReason } from "../wire/mp2-discovery.ts";
import type { AssociationEnd } from "./events.ts";
import { bad, type Line, quiet, type SearchContext } from "./line.ts";
import type { EndReason, Refusal, RefusalNext, RegistryStanding } from "./notices.ts";

/** What people read of registries: what happened, why, and what to do. */

export function hintLines(
  waited: Millis,
  unverified: "asked" | "pinned" | "off",
  { place }: SearchContext,
): readonly Line[] {
  const keyless: Readonly<Record<typeof unverified, readonly Line[]>> = {
    asked: [],
    pinned: [
      quiet(
        "  it is not an older registry without a key: those are not asked, since you know one with a key here",
      ),
      quiet("  (to use one all the same, forget the other: multiproto-chat trust list, trust forget NAME)"),
    ],
    off: [quiet("  it is not an older registry without a key: those are switched off (--no-legacy)")],
  };
  return [
    bad(`no registry has answered for ${durationText(waited)} (asked ${place}); still asking. Check that:`),
    quiet("  a registry runs on this network (on its machine: systemctl status multiproto)"),
    quiet("  no firewall is in the way: here, incoming TCP 50000-65001 and UDP; there, UDP 10001 and 9899"),
    quiet("  it is the right network (choose another one: --interface NAME)"),
    quiet("  multicast gets there; across subnets it does not (name the host: --registry HOST)"),
    ...keyless[unverified],
  ];
}

export function onlineText(
  nickname: string,
  { protocol, realm, address }: RegistryStanding,
  again: boolean,
): string {
  const name = escapeText(nickname, 64);
  const where = realm === undefined ? address : `${escapeText(realm, 64)} at ${address}`;
  const how = protocol === "mp2" ? "" : ", without a key: nothing here is verified or encrypted";
  return `${again ? "back online" : "online"} as ${name} (registry ${where}${how})`;
}

export function refusedLines(nickname: string, refusal: Refusal, next: RefusalNext): readonly Line[] {
  const name = escapeText(nickname, 64);
  const holder = refusal.holder === undefined ? "" : `, held by ${escapeText(refusal.holder, 64)}`;
  const suggestion = escapeText(refusal.suggestion ?? "", 64);
  const what: Readonly<Record<string, string>> = {
    "nickname-taken": `the nickname ${name} is taken${holder}`,
    "nickname-invalid": `the registry does not accept the nickname ${name}: ${escapeText(refusal.text, 256)}`,
    "registry-full": `the registry is full: ${escapeText(refusal.text, 256)}`,
    banned: `you are banned from this registry: ${escapeText(refusal.text, 256)}`,
    "too-many": `too many clients of this machine or key: ${escapeText(refusal.text, 256)}`,
    storage: `the registry cannot store the nickname ${name} now: ${escapeText(refusal.text, 256)}`,
    stopping: `the registry is going away: ${escapeText(refusal.text, 256)}`,
  };
  const then: Readonly<Record<RefusalNext, string>> = {
    ask: "",
    suggestion: `; using ${suggestion}`,
    retry: "; trying again later",
    keep: "; your name stays as it was",
    end: suggestion === "" ? " (choose another: --nick NAME)" : ` (free: --nick ${suggestion})`,
  };
  const key = refusal.holderFingerprint;
  return [
    bad(`${what[refusal.code] ?? escapeText(refusal.text, 256)}${then[next]}`),
    ...(key === undefined ? [] : [quiet(`  key of who has it: ${fingerprintText(key)}`)]),
  ];
}

export function lostText(registry: string, how: AssociationEnd): string {
  const what: Readonly<Record<AssociationEnd, string>> = {
    closed: "went away",
    aborted: "dropped us",
    lost: "does not answer any more",
    unreachable: "cannot be reached",
  };
  return `the registry ${registry} ${what[how]}; looking for it again, chat with those listed goes on`;
}

export function awayText(
  registry: string,
  reason: "restart" | "stop" | "other",
  backIn: Millis | undefined,
): string {
  const soon = backIn === undefined ? "" : `, back in about ${durationText(backIn)}`;
  if (reason === "restart") return `the registry ${registry} restarts${soon}; chat goes on`;
  return `the registry ${registry} was stopped${soon}; looking for it again, chat with those listed goes on`;
}

export function presenceFailedText(registry: string): string {
  return `registered at ${registry}, but its SCTP does not answer (does a firewall allow UDP 9899 there?); trying again`;
}

export function registryNewText(subject: string, address: string): string {
  return `first time at the registry ${escapeText(subject, 255)} (${address}); its key is remembered. To be sure, compare it with the admin's (multiprotoctl fingerprint):`;
}

export function blockedLines(registry: string, port: number, reason: BlockedReason): readonly Line[] {
  const what: Readonly<Record<BlockedReason, string>> = {
    refused: "something rejects the connection",
    timeout: "no answer: something drops the packets",
    unreachable: "there is no way from there to here",
    tls: "a connection was made, and something broke it off",
    other: "it did not say why",
  };
  return [
    bad(
      `your firewall blocks TCP ${port}: the registry ${registry} answered, but could not connect back (${what[reason]})`,
    ),
    quiet("  allow incoming TCP 50000-65001 on this machine, or ask whoever runs the network; still trying"),
  ];
}

export function endedLines(reason: EndReason, text: string | undefined): readonly Line[] {
  const said = text === undefined ? "" : `: ${escapeText(text, 256)}`;
  switch (reason) {
    case "kicked":
      return [bad(`the admin has removed you from the registry${said}`)];
    case "banned":
      return [bad(`the admin has banned you from the registry${said}`)];
    case "superseded":
      return [bad("another program has gone online with your key; this one ends")];
    default:
      return [];
  }
}
