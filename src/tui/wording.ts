import type { UnixMillis } from "../base/clock.ts";
import { fingerprintText } from "../base/fingerprint.ts";
import { durationText, escapeText } from "../base/text.ts";
import type { AssociationEnd } from "../chat/events.ts";
import type { ChatNotice, Refusal, RefusalNext, RegistryStanding } from "../chat/notices.ts";
import type { SessionNotice } from "../chat/session.ts";
import { MAX_UNIX_MILLIS } from "../wire/mp2-values.ts";
import { alarm, bad, good, type Line, nameText, quiet } from "./lines.ts";
import { dayText, timeOfDay } from "./time.ts";
import { undeliveredText, waitingText } from "./wording-delivery.ts";
import { peerChangedLines } from "./wording-peers.ts";
import { postedLines, roomLines, unpostedLines } from "./wording-rooms.ts";
import { restrictedText, trustChangedText } from "./wording-trust.ts";

/** What people read, for every face. All of it is safe for a terminal: what came from elsewhere is escaped here. */

/** Where we search, for the texts about it. */
export interface SearchContext {
  /** "by multicast on eth0" or "at registry.example". */
  readonly place: string;
}

type Notice<Type extends ChatNotice["type"]> = Extract<ChatNotice, { type: Type }>;

/** The lines for a notice; none for what a face shows in its own way ("delivered", "received"). */
export function noticeLines(notice: SessionNotice, context: SearchContext): readonly Line[] {
  switch (notice.type) {
    case "searching":
    case "search-failing":
    case "trouble":
    case "search-hint":
    case "blocked":
      return searchLines(notice, context);
    case "online":
    case "renamed":
    case "refused":
      return standingLines(notice);
    case "registry-new":
    case "registry-changed":
    case "registry-away":
    case "other-registry":
    case "registry-lost":
    case "presence-failed":
      return registryLines(notice);
    case "presence":
      return [quiet(presenceText(notice.online, notice.offline))];
    case "room":
      return roomLines(notice.change);
    case "room-delivered":
      return postedLines(notice);
    case "room-undelivered":
      return unpostedLines(notice);
    case "peer-changed":
      return peerChangedLines(notice);
    case "idle":
      return [quiet(notice.isIdle ? "away: no key was pressed; the next one ends that" : "you are back")];
    case "quiet":
      return [quiet(quietText(notice.until))];
    case "restricted":
      return [quiet(restrictedText(notice, notice.level))];
    case "trust":
      return [quiet(trustChangedText(notice))];
    case "over-allowance":
      return [bad(overAllowanceText(notice))];
    case "waiting":
      return [quiet(waitingText(notice))];
    case "undelivered":
      return [bad(undeliveredText(notice.message))];
    case "presence-moved":
      return notice.here ? [quiet("the program that held your presence has ended; this one goes on")] : [];
    case "ended":
      return endedLines(notice);
    default:
      return [];
  }
}

function overAllowanceText({ from, of }: Notice<"over-allowance">): string {
  const name = nameText(from);
  if (of === "messages")
    return `${name} has sent more than you take of one person in a day: the rest waits there, and comes later (/block ${name} ends it; messages-per-day in chat.toml)`;
  return `${name} has sent more files than are taken without a question in a day: you are asked (accept-files-per-day in chat.toml)`;
}

function quietText(until: UnixMillis | undefined): string {
  if (until === undefined) return "bell and notifications are on";
  const time = until === MAX_UNIX_MILLIS ? "" : ` until ${dayText(until)} ${timeOfDay(until)}`;
  return `do not disturb${time}: no bell, no notification; /dnd off ends that`;
}

function searchLines(
  notice: Extract<
    SessionNotice,
    { type: "searching" | "search-failing" | "trouble" | "search-hint" | "blocked" }
  >,
  context: SearchContext,
): readonly Line[] {
  switch (notice.type) {
    case "searching":
      return [quiet(`looking for a registry ${context.place} …`)];
    case "search-failing":
    case "trouble":
      return [bad(escapeText(notice.text))];
    case "search-hint":
      return hintLines(notice, context);
    case "blocked":
      return blockedLines(notice);
  }
}

function standingLines(notice: Notice<"online" | "renamed" | "refused">): readonly Line[] {
  switch (notice.type) {
    case "online":
      return [good(onlineText(notice))];
    case "renamed":
      return [good(`you are ${nameText(notice.nickname)} now (before: ${nameText(notice.before)})`)];
    case "refused":
      return refusedLines(notice.nickname, notice.refusal, notice.next);
  }
}

function registryLines(
  notice: Notice<
    | "registry-new"
    | "registry-changed"
    | "registry-away"
    | "other-registry"
    | "registry-lost"
    | "presence-failed"
  >,
): readonly Line[] {
  switch (notice.type) {
    case "registry-new":
      return [quiet(registryNewText(notice))];
    case "registry-changed":
      return registryChangedLines(notice);
    case "registry-away":
      return [quiet(awayText(notice))];
    case "other-registry":
      return otherRegistryLines(notice);
    case "registry-lost":
      return [bad(lostText(notice.registry, notice.how))];
    case "presence-failed":
      return [bad(presenceFailedText(notice.registry))];
  }
}

function hintLines(
  { waitedMillis, unverified }: Notice<"search-hint">,
  { place }: SearchContext,
): readonly Line[] {
  const waited = durationText(waitedMillis);
  return [
    bad(`no registry has answered for ${waited} (asked ${place}); still asking. Check that:`),
    quiet("  a registry runs on this network (its machine: systemctl status multiproto)"),
    quiet("  no firewall is between (here: TCP 50000-65001, UDP; there: UDP 10001, 9899)"),
    quiet("  it is the right network (choose another one: --interface NAME)"),
    quiet("  multicast gets there; not so across subnets (there: --registry HOST)"),
    ...KEYLESS_LINES[unverified].map(quiet),
    quiet("to find out which it is: multiproto-chat doctor"),
  ];
}

const KEYLESS_LINES: Readonly<Record<Notice<"search-hint">["unverified"], readonly string[]>> = {
  asked: [],
  pinned: [
    "  it is not an older one without a key (mp1): you know one with a key, and anybody can pretend to have none",
    "  (to use one all the same, forget the other: multiproto-chat trust list, trust forget NAME)",
  ],
  off: ["  it is not an older one without a key (mp1): such are switched off here (--no-legacy)"],
};

function blockedLines({ registry, port, reason }: Notice<"blocked">): readonly Line[] {
  const why: Readonly<Record<typeof reason, string>> = {
    refused: "the connection was refused",
    timeout: "nothing came back",
    unreachable: "there is no way back",
    tls: "TCP came up, but TLS did not",
    other: "it failed",
  };
  return [
    bad(`the registry ${nameText(registry)} cannot connect to TCP ${port} here: ${why[reason]}.`),
    quiet("  Your firewall blocks it: allow incoming TCP 50000-65001 from this network."),
  ];
}

function onlineText({ nickname, standing, again }: Notice<"online">): string {
  const name = nameText(nickname);
  return `${again ? "back online" : "online"} as ${name} (registry ${registryText(standing)})`;
}

/** "office at 10.0.0.1", and what is wrong with one that has no key. */
export function registryText({ protocol, address, realm }: RegistryStanding): string {
  if (protocol === "mp1") return `${nameText(address)}, unverified: mp1, without keys or encryption`;
  return realm === undefined ? nameText(address) : `${nameText(realm)} at ${nameText(address)}`;
}

function registryNewText({ subject, address, fingerprint }: Notice<"registry-new">): string {
  const where = `${nameText(subject)} at ${nameText(address)}`;
  return `first time at the registry ${where}; remembered: its key ${fingerprintText(fingerprint)}`;
}

function registryChangedLines(notice: Notice<"registry-changed">): readonly Line[] {
  const name = nameText(notice.subject);
  return alarm(
    `WARNING: the registry ${name} at ${nameText(notice.address)} shows ANOTHER KEY than the one that you know.`,
    "It is not used. Still asking for the one that you know.",
    `  known:  ${fingerprintText(notice.pinned)}`,
    `  now:    ${fingerprintText(notice.offered)}`,
    "Somebody may be pretending to be it. Or it was installed anew: ask its admin for the digits of",
    `multiprotoctl fingerprint. If they are those of "now": multiproto-chat trust accept ${name} DIGITS`,
  );
}

function otherRegistryLines({ registry, address, realm }: Notice<"other-registry">): readonly Line[] {
  const other = `${nameText(realm)} at ${nameText(address)}`;
  return [
    bad(
      `another registry is on this network: ${other}. Who is there is not seen here, at ${nameText(registry)}.`,
    ),
    quiet("  Tell whoever runs them: one is enough. To choose between them: --registry HOST"),
  ];
}

function refusedLines(nickname: string, refusal: Refusal, next: RefusalNext): readonly Line[] {
  const suggestion = nameText(refusal.suggestion ?? "");
  const then: Readonly<Record<RefusalNext, string>> = {
    ask: "",
    suggestion: `; using ${suggestion}`,
    retry: "; trying again later",
    keep: "; your name stays as it was",
    end: suggestion === "" ? " (choose another: --nick NAME)" : ` (free: --nick ${suggestion})`,
  };
  const isOfName = refusal.code === "nickname-taken" || refusal.code === "nickname-invalid";
  return [bad(`${refusalText(nickname, refusal)}${next === "end" && !isOfName ? "" : then[next]}`)];
}

function refusalText(nickname: string, refusal: Refusal): string {
  const name = nameText(nickname);
  const said = escapeText(refusal.text, 256);
  switch (refusal.code) {
    case "nickname-taken":
      return `the nickname ${name} is taken${holderText(refusal)}`;
    case "nickname-invalid":
      return `the registry does not accept the nickname ${name}: ${said}`;
    case "registry-full":
      return `the registry is full: ${said}`;
    case "banned":
      return `the registry's admin has banned you: ${said}`;
    case "too-many":
      return `the registry has too many sessions of this machine or key: ${said}`;
    case "stopping":
      return `the registry is stopping: ${said}`;
    case "storage":
      return `the registry cannot store your name (its admin sees why): ${said}`;
    case "unsupported":
      return `the registry wants a newer client: ${said}`;
    default:
      return said;
  }
}

function holderText({ holder, holderFingerprint }: Refusal): string {
  const key = holderFingerprint === undefined ? "" : `the key ${fingerprintText(holderFingerprint)}`;
  const at = holder === undefined ? "" : nameText(holder);
  if (key === "" && at === "") return "";
  return `, held by ${[key, at].filter(Boolean).join(" at ")}`;
}

function awayText({ registry, reason, backInMillis }: Notice<"registry-away">): string {
  const name = nameText(registry);
  if (reason !== "restart")
    return `the registry ${name} was stopped; looking for it again, chat with those listed goes on`;
  const back = backInMillis === undefined ? "" : `, back in ${durationText(backInMillis)}`;
  return `the registry ${name} restarts${back}; chat goes on`;
}

function lostText(registry: string, how: AssociationEnd): string {
  const what: Readonly<Record<AssociationEnd, string>> = {
    closed: "went away",
    aborted: "dropped us",
    lost: "does not answer any more",
    unreachable: "cannot be reached",
  };
  return `the registry ${nameText(registry)} ${what[how]}; looking for it again, chat with those listed goes on`;
}

function presenceFailedText(registry: string): string {
  return `registered at ${nameText(registry)}, but its SCTP does not answer (does a firewall allow UDP 9899 there?); trying again`;
}

function endedLines({ reason, text }: Notice<"ended">): readonly Line[] {
  const said = text === undefined ? "" : `: ${escapeText(text, 256)}`;
  if (reason === "kicked") return [bad(`the registry's admin has removed you${said}`)];
  if (reason === "banned") return [bad(`the registry's admin has banned you${said}`)];
  if (reason === "superseded") return [bad("another program registered with your key; this one has ended")];
  return [];
}

function presenceText(online: readonly string[], offline: readonly string[]): string {
  const parts: string[] = [];
  if (online.length > 0) parts.push(`${namesText(online)} online`);
  if (offline.length > 0) parts.push(`${namesText(offline)} offline`);
  return parts.join(", ");
}

/** "ola is", "ola and adam are", "ola, adam and 12 others are". */
function namesText(names: readonly string[]): string {
  const shown = names.slice(0, names.length > 4 ? 3 : 4).map(nameText);
  const others = names.length - shown.length;
  if (others > 0) return `${shown.join(", ")} and ${others} others are`;
  const last = shown.pop();
  return shown.length === 0 ? `${last} is` : `${shown.join(", ")} and ${last} are`;
}
