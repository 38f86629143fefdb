import type { Millis } from "../base/clock.ts";
import { type Fingerprint, fingerprintText } from "../base/fingerprint.ts";
import { durationText, escapeText } from "../base/text.ts";
import type { BlockedReason } from "../wire/mp2-discovery.ts";
import type { AssociationEnd } from "./events.ts";
import type {
  ChatNotice,
  ChatSnapshot,
  EndReason,
  Peer,
  ReceivedMessage,
  Refusal,
  RefusalNext,
  RegistryStanding,
  Trust,
  UndeliveredMessage,
} from "./notices.ts";

/** What people read, for every face. All of it is safe for a terminal: what came from elsewhere is escaped here. */

/** How a line should look: its words never depend on it. */
export type Tone = "chat" | "sent" | "quiet" | "good" | "bad" | "plain";

export interface Line {
  readonly tone: Tone;
  readonly text: string;
}

/** Where we search, for the texts about it. */
export interface SearchContext {
  /** "by multicast on eth0" or "at registry.example". */
  readonly place: string;
}

export const MARKS_HELP: readonly string[] = [
  "NAME       the key is the one that NAME has had since you first met, or that you accepted",
  "NAME+      has a key, and you have not been in contact yet",
  "NAME*      not verified: has no key, anybody on the network may use a name",
  "NAME(?)    suspicious: not from where NAME is listed, or without the key that NAME has",
  "NAME(!)    another key than before: nothing is sent there or taken from there",
];

/** How a name is marked, as {@link MARKS_HELP} explains. */
const MARKS: Readonly<Record<Trust | "mismatch", string>> = {
  verified: "",
  pinned: "",
  new: "+",
  unverified: "*",
  mismatch: "(?)",
  changed: "(!)",
};

/** The lines for a notice; none for what a face shows in its own way ("delivered", "received", "ended"). */
export function noticeLines(notice: ChatNotice, context: SearchContext): readonly Line[] {
  switch (notice.type) {
    case "searching":
      return [quiet(`looking for a registry ${context.place} …`)];
    case "search-failing":
      return [bad(escapeText(notice.text))];
    case "search-hint":
      return hintLines(notice.waitedMillis, notice.unverified, context);
    case "online":
      return [good(onlineText(notice.nickname, notice.standing, notice.again))];
    case "refused":
      return refusedLines(notice.nickname, notice.refusal, notice.next);
    case "registry-lost":
      return [bad(lostText(notice.registry, notice.how))];
    case "registry-away":
      return [quiet(awayText(notice.registry, notice.reason, notice.backInMillis))];
    case "registry-new":
      return [plain(registryNewText(notice.subject, notice.address)), digits(notice.fingerprint)];
    case "registry-changed":
    case "peer-changed":
      return changedLines(notice);
    case "blocked":
      return blockedLines(notice.registry, notice.port, notice.reason);
    case "renamed":
      return [
        good(`you are ${escapeText(notice.nickname, 64)} now (before: ${escapeText(notice.before, 64)})`),
      ];
    case "typing":
      return notice.active ? [quiet(`${escapeText(notice.from, 64)} is writing …`)] : [];
    case "ended":
      return endedLines(notice.reason, notice.text);
    case "presence-failed":
      return [bad(presenceFailedText(notice.registry))];
    case "presence":
      return [quiet(presenceText(notice.online, notice.offline))];
    case "undelivered":
      return [bad(undeliveredText(notice.message))];
    default:
      return [];
  }
}

/** "ola", "ola*" or "ola(?) at 10.0.0.7", as /help explains. */
export function senderText(message: ReceivedMessage): string {
  const { from, address, standing } = message;
  const name = `${escapeText(from, 64)}${MARKS[standing]}`;
  return standing === "mismatch" ? `${name} at ${escapeText(address, 64)}` : name;
}

/** A message's text on one line: line breaks and tabs become spaces, the rest of what acts is written out. */
export function messageText(text: string): string {
  return escapeText(text.replace(/[\r\n\t]+/g, " "), 1_048_576);
}

/** The list of who is there. `lostSince`: the time of day at which the registry was lost, if it is. */
export function rosterLines(snapshot: ChatSnapshot, lostSince: string | undefined): readonly Line[] {
  const lines: Line[] = [];
  if (lostSince !== undefined) lines.push(bad(`registry unreachable since ${lostSince}; last seen:`));
  else if (snapshot.registry === undefined) lines.push(bad("no registry found yet"));
  lines.push(...snapshot.roster.map(peerLine));
  if (snapshot.roster.length === 0 && snapshot.registry !== undefined)
    lines.push(quiet("nobody else is there"));
  return lines;
}

function peerLine({ nickname, address, port, state, online, reason, status, trust }: Peer): Line {
  const name = `${escapeText(nickname, 64)}${MARKS[trust]}`;
  const place = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const why = reason === undefined || reason === "left" ? "" : ` (${ABSENCE[reason]})`;
  const said = status === undefined ? "" : `  ${escapeText(status, 128)}`;
  const shown = state === "suspect" ? "online (not answering)" : state;
  return {
    tone: trust === "changed" ? "bad" : online ? "plain" : "quiet",
    text: `${pad(name, 20)} ${pad(place, 21)} ${shown}${why}${said}`,
  };
}

const ABSENCE: Readonly<Record<Exclude<NonNullable<Peer["reason"]>, "left">, string>> = {
  lost: "connection lost",
  superseded: "connected anew elsewhere",
  kicked: "removed by the admin",
  "registry-restart-expired": "not seen since the registry restarted",
};

/** Why it failed and what to do. */
export function undeliveredText(message: UndeliveredMessage): string {
  const parts =
    message.partsDelivered > 0
      ? ` (the first ${message.partsDelivered} of ${message.parts} parts arrived)`
      : "";
  const head = message.uncertain ? "not confirmed" : "not delivered";
  return `${head}${parts}: ${undeliveredReason(message)}`;
}

function undeliveredReason({ to, why, destination, uncertain }: UndeliveredMessage): string {
  const name = escapeText(to, 64);
  const place = destination === undefined ? "" : `${destination.address}:${destination.port}`;
  switch (why) {
    case "unknown-name":
      return `nobody here is called ${name} (see who is there: list)`;
    case "never-online":
      return `${name} did not come online`;
    case "offline":
      return `${name} went offline`;
    case "refused":
      return `${name}'s machine refused the connection to TCP ${place} (is the client still running there?)`;
    case "unreachable":
      return `no way to ${name}'s machine at ${place} (is it on, and on this network?)`;
    case "timeout":
      return uncertain
        ? `${name}'s client took the message and did not answer; it may have been shown all the same`
        : `${name}'s machine did not answer on TCP ${place} (is it on? does its firewall allow that port?)`;
    case "not-confirmed":
      return `${name}'s client closed the connection without confirming; it may have been shown all the same`;
    case "system":
      return `this system could not connect to ${place}`;
    case "queue-full":
      return `too many messages to ${name} are waiting already (try again when they are through)`;
    case "empty":
      return "there is no text to send";
    case "too-long":
      return "the text is too long (16,384 bytes at most; send it in parts)";
    case "legacy-off":
      return `${name} has no key, and messages without one are switched off here (--no-legacy)`;
    case "key-changed":
      return `${name} shows another key than the one you know; see the warning, and if it is right: multiproto-chat trust accept ${name}`;
    case "wrong-key":
      return `whoever answers at ${place} is not ${name}: they could not prove the key that the registry lists`;
    case "not-trusted-there":
      return `${name}'s client refuses your key: it knows another one under your name (they can: multiproto-chat trust accept YOUR-NAME)`;
    case "not-known-there":
      return `${name}'s client does not see you in its list yet (try again in a moment)`;
    case "busy-there":
      return `${name}'s client has too many connections (try again later)`;
    case "left":
      return "you left before it was confirmed";
  }
}

function hintLines(
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

function onlineText(
  nickname: string,
  { protocol, realm, address }: RegistryStanding,
  again: boolean,
): string {
  const name = escapeText(nickname, 64);
  const where = realm === undefined ? address : `${escapeText(realm, 64)} at ${address}`;
  const how = protocol === "mp2" ? "" : ", without a key: nothing here is verified or encrypted";
  return `${again ? "back online" : "online"} as ${name} (registry ${where}${how})`;
}

function refusedLines(nickname: string, refusal: Refusal, next: RefusalNext): readonly Line[] {
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

function lostText(registry: string, how: AssociationEnd): string {
  const what: Readonly<Record<AssociationEnd, string>> = {
    closed: "went away",
    aborted: "dropped us",
    lost: "does not answer any more",
    unreachable: "cannot be reached",
  };
  return `the registry ${registry} ${what[how]}; looking for it again, chat with those listed goes on`;
}

function awayText(
  registry: string,
  reason: "restart" | "stop" | "other",
  backIn: Millis | undefined,
): string {
  const soon = backIn === undefined ? "" : `, back in about ${durationText(backIn)}`;
  if (reason === "restart") return `the registry ${registry} restarts${soon}; chat goes on`;
  return `the registry ${registry} was stopped${soon}; looking for it again, chat with those listed goes on`;
}

function registryNewText(subject: string, address: string): string {
  return `first time at the registry ${escapeText(subject, 255)} (${address}); its key is remembered. To be sure, compare it with the admin's (multiprotoctl fingerprint):`;
}

/** What another key means, and what to do, in the same words for registries and people. */
function changedLines(
  notice: Extract<ChatNotice, { type: "registry-changed" | "peer-changed" }>,
): readonly Line[] {
  const isPeer = notice.type === "peer-changed";
  const name = escapeText(isPeer ? notice.nickname : notice.subject, 255);
  const who = isPeer ? name : `the registry ${name}`;
  const said = isPeer && !notice.proved ? "is listed with" : "shows";
  const offered = notice.offered === undefined ? "no key at all" : "another key";
  return [
    bad(
      `WARNING: ${who} (${notice.address}) ${said} ${offered} than before. Somebody may be pretending to be ${who}.`,
    ),
    quiet(`  known:   ${fingerprintText(notice.pinned)}`),
    ...(notice.offered === undefined ? [] : [quiet(`  offered: ${fingerprintText(notice.offered)}`)]),
    bad(
      `  ${isPeer ? "Nothing is sent there or taken from there" : "It is not used"}. If the new key is right (ask on another way, say for a new machine):`,
    ),
    quiet(`  multiproto-chat trust ${notice.offered === undefined ? "forget" : "accept"} ${name}`),
  ];
}

function blockedLines(registry: string, port: number, reason: BlockedReason): readonly Line[] {
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

function endedLines(reason: EndReason, text: string | undefined): readonly Line[] {
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

function presenceFailedText(registry: string): string {
  return `registered at ${registry}, but its SCTP does not answer (does a firewall allow UDP 9899 there?); trying again`;
}

function presenceText(online: readonly string[], offline: readonly string[]): string {
  const parts: string[] = [];
  if (online.length > 0) parts.push(`${namesText(online)} online`);
  if (offline.length > 0) parts.push(`${namesText(offline)} offline`);
  return parts.join(", ");
}

/** "ola is", "ola and adam are", "ola, adam and 12 others are". */
function namesText(names: readonly string[]): string {
  const shown = names.slice(0, names.length > 4 ? 3 : 4).map((name) => escapeText(name, 64));
  const others = names.length - shown.length;
  if (others > 0) return `${shown.join(", ")} and ${others} others are`;
  const last = shown.pop();
  return shown.length === 0 ? `${last} is` : `${shown.join(", ")} and ${last} are`;
}

function pad(text: string, width: number): string {
  return text.length >= width ? text : text + " ".repeat(width - text.length);
}

function quiet(text: string): Line {
  return { tone: "quiet", text };
}

function plain(text: string): Line {
  return { tone: "plain", text };
}

/** What two people read to each other. */
function digits(fingerprint: Fingerprint): Line {
  return plain(`  ${fingerprintText(fingerprint)}`);
}

function good(text: string): Line {
  return { tone: "good", text };
}

function bad(text: string): Line {
  return { tone: "bad", text };
}
