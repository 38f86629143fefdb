import type { Millis } from "../base/clock.ts";
import { durationText, escapeText } from "../base/text.ts";
import type { AssociationEnd } from "./events.ts";
import type {
  ChatNotice,
  ChatSnapshot,
  ReceivedMessage,
  RefusalNext,
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
  "NAME*      not verified: this protocol has no keys, anybody on the network may use a name",
  "NAME(?)    suspicious: the address is not the one that the registry lists for NAME",
];

/** The lines for a notice; none for what a face shows in its own way ("delivered", "received", "ended"). */
export function noticeLines(notice: ChatNotice, context: SearchContext): readonly Line[] {
  switch (notice.type) {
    case "searching":
      return [quiet(`looking for a registry ${context.place} …`)];
    case "search-failing":
      return [bad(escapeText(notice.text))];
    case "search-hint":
      return hintLines(notice.waitedMillis, context);
    case "online":
      return [good(onlineText(notice.nickname, notice.registry, notice.again))];
    case "refused":
      return refusedLines(notice.nickname, notice.refusal, notice.next);
    case "registry-lost":
      return [bad(lostText(notice.registry, notice.how))];
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

/** "ola*" or "ola(?) at 10.0.0.7", as /help explains. */
export function senderText(message: ReceivedMessage): string {
  const name = escapeText(message.from, 64);
  return message.standing === "unverified" ? `${name}*` : `${name}(?) at ${escapeText(message.address, 64)}`;
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
  for (const { nickname, address, port, online } of snapshot.roster) {
    const name = `${escapeText(nickname, 64)}*`;
    const place = `${address}:${port}`;
    lines.push({
      tone: online ? "plain" : "quiet",
      text: `${pad(name, 20)} ${pad(place, 21)} ${online ? "online" : "offline"}`,
    });
  }
  if (snapshot.roster.length === 0 && snapshot.registry !== undefined)
    lines.push(quiet("nobody else is there"));
  return lines;
}

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
    default:
      return why;
  }
}

function hintLines(waited: Millis, { place }: SearchContext): readonly Line[] {
  return [
    bad(`no registry has answered for ${durationText(waited)} (asked ${place}); still asking. Check that:`),
    quiet("  a registry runs on this network (on its machine: systemctl status multiproto)"),
    quiet("  no firewall is in the way: here, incoming TCP 50000-65001 and UDP; there, UDP 10001 and 9899"),
    quiet("  it is the right network (choose another one: --interface NAME)"),
    quiet("  multicast gets there; across subnets it does not (name the host: --registry HOST)"),
  ];
}

function onlineText(nickname: string, registry: string, again: boolean): string {
  const name = escapeText(nickname, 64);
  return again ? `back online as ${name} (registry ${registry})` : `online as ${name} (registry ${registry})`;
}

function refusedLines(
  nickname: string,
  refusal: { code: string; text: string; holder?: string; suggestion?: string },
  next: RefusalNext,
): readonly Line[] {
  const name = escapeText(nickname, 64);
  const holder = refusal.holder === undefined ? "" : `, held by ${escapeText(refusal.holder, 64)}`;
  const suggestion = escapeText(refusal.suggestion ?? "", 64);
  const what: Readonly<Record<string, string>> = {
    "nickname-taken": `the nickname ${name} is taken${holder}`,
    "nickname-invalid": `the registry does not accept the nickname ${name}: ${escapeText(refusal.text, 256)}`,
    "registry-full": `the registry is full: ${escapeText(refusal.text, 256)}`,
  };
  const then: Readonly<Record<RefusalNext, string>> = {
    ask: "",
    suggestion: `; using ${suggestion}`,
    retry: "; trying again later",
    keep: "; your name stays as it was",
    end: suggestion === "" ? " (choose another: --nick NAME)" : ` (free: --nick ${suggestion})`,
  };
  return [bad(`${what[refusal.code] ?? escapeText(refusal.text, 256)}${then[next]}`)];
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

function good(text: string): Line {
  return { tone: "good", text };
}

function bad(text: string): Line {
  return { tone: "bad", text };
}
