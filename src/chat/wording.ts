import { fingerprintText } from "../base/fingerprint.ts";
import { escapeText } from "../base/text.ts";
import { bad, digits, good, type Line, plain, quiet, type SearchContext, type Tone } from "./line.ts";
import type { ChatNotice, ChatSnapshot, Peer, ReceivedMessage, Trust } from "./notices.ts";
import { undeliveredText } from "./wording-delivery.ts";
import {
  awayText,
  blockedLines,
  endedLines,
  hintLines,
  lostText,
  onlineText,
  presenceFailedText,
  refusedLines,
  registryNewText,
} from "./wording-registry.ts";

export type { Line, SearchContext, Tone };

/** What people read, for every face. All of it is safe for a terminal: what came from elsewhere is escaped here. */

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

/** The lines for a notice; none for what a face shows in its own way ("delivered", "read", "received"). */
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
