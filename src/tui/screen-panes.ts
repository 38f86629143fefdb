import type { UnixMillis } from "../base/clock.ts";
import { parseRoom } from "../chat/commands.ts";
import type { ChatSnapshot, Peer, Trust } from "../chat/notices.ts";
import { foldNickname } from "../wire/nickname.ts";
import { messageText, nameText } from "./lines.ts";
import type { ConversationEntry } from "./screen-conversations.ts";
import { fitRow, type Row, rowWidth, type Span, type Style, span, spreadRow } from "./screen-style.ts";
import { displayLine, type EmojiSupport } from "./screen-text.ts";
import { cutToWidth, padToWidth } from "./screen-wrap.ts";
import { dayOf, timeOfDay } from "./time.ts";
import { OFFLINE_TEXT, restrictionText, TRUST_TEXT } from "./wording-peers.ts";

/** The parts around the transcript: who is there, which conversations, where we are. */

/** What the words depend on. */
export interface Look {
  readonly emoji: EmojiSupport;
  /** Today, as `dayOf` says it. */
  readonly today: string;
}

const STATE_SIGN: Readonly<Record<Peer["state"], string>> = {
  online: "●",
  away: "◐",
  suspect: "◌",
  offline: "○",
};

const STATE_TEXT: Readonly<Record<Peer["state"], string>> = {
  online: "online",
  away: "away",
  suspect: "not answering",
  offline: "offline",
};

const TRUST_MARK: Readonly<Record<Trust, string>> = {
  verified: "",
  pinned: "",
  new: "",
  changed: "(!)",
  unverified: "*",
};

/** The conversations on one row, the one on the screen in view. */
export function conversationBar(
  conversations: readonly ConversationEntry[],
  current: ConversationEntry | undefined,
  { columns, right }: { columns: number; right: Row },
): Row {
  const tabs = [homeTab(current === undefined)];
  conversations.forEach((entry, index) => {
    tabs.push(tab(entry, { place: index + 1, isCurrent: entry.key === current?.key }));
  });
  const at = current === undefined ? 0 : conversations.findIndex(({ key }) => key === current.key) + 1;
  const room = columns - rowWidth(right) - 1;
  // Those before the current one give way first.
  let first = 0;
  const widthOf = (from: number): number =>
    tabs.slice(from, at + 1).reduce((width, row) => width + rowWidth(row), 0);
  while (first < at && widthOf(first) + (first > 0 ? 2 : 0) > room) first += 1;
  const shown = tabs.slice(first).flat();
  const left: Row = first > 0 ? [span("‹ ", "quiet"), ...shown] : shown;
  return spreadRow(left, right, columns);
}

function homeTab(isCurrent: boolean): Row {
  return isCurrent ? [span("[0 people]", "here"), span(" ")] : [span(" 0 people ", "quiet"), span(" ")];
}

function tab(entry: ConversationEntry, { place, isCurrent }: { place: number; isCurrent: boolean }): Row {
  const words = tabWords(entry, place);
  if (isCurrent) return [span(`[${words}]`, "here"), span(" ")];
  return [span(` ${words} `, entry.unread > 0 ? "strong" : "quiet"), span(" ")];
}

/** "2 ola (3 new)". */
function tabWords({ title, unread }: ConversationEntry, place: number): string {
  const number = place < 10 ? `${place} ` : "";
  return `${number}${cutToWidth(messageText(title), 20)}${unread > 0 ? ` (${unread} new)` : ""}`;
}

/** The conversations one below the other, the one on the screen in view. */
export function conversationList(
  conversations: readonly ConversationEntry[],
  current: ConversationEntry | undefined,
  { columns, height, sign }: { columns: number; height: number; sign: (title: string) => string },
): readonly Row[] {
  const rows: Row[] = [
    fitRow(
      current === undefined ? [span("▸ 0 people", "here")] : [span("  0 people", "quiet")],
      columns,
      current === undefined ? "here" : "plain",
    ),
  ];
  conversations.forEach((entry, index) => {
    const isCurrent = entry.key === current?.key;
    const style: Style = isCurrent ? "here" : entry.unread > 0 ? "strong" : "plain";
    const place = index + 1 < 10 ? `${index + 1}` : " ";
    const left = [
      span(`${isCurrent ? "▸" : " "} ${place} ${sign(entry.title)} ${messageText(entry.title)}`, style),
    ];
    const right = entry.unread > 0 ? [span(` ${entry.unread} new `, style)] : [];
    rows.push(spreadRow(left, right, columns, style));
  });
  const at = current === undefined ? 0 : conversations.findIndex(({ key }) => key === current.key) + 1;
  const first = Math.max(0, Math.min(at - Math.floor(height / 2), rows.length - height));
  return rows.slice(first, first + height);
}

/** Everybody, one a row: sign, name, and in words how they are. */
export function peopleList(
  roster: readonly Peer[],
  { columns, height, look }: { columns: number; height: number; look: Look },
): readonly Row[] {
  const online = roster.filter((peer) => peer.online).length;
  const rows: Row[] = [[span(`${online} online, ${roster.length - online} offline`, "quiet")], []];
  const room = height - rows.length;
  const shown = roster.length > room ? roster.slice(0, room - 1) : roster;
  const nameColumns = Math.min(16, Math.floor(columns / 2));
  for (const peer of shown) {
    const name = padToWidth(cutToWidth(peerName(peer), nameColumns), nameColumns);
    const style: Style = peer.trust === "changed" ? "bad" : peer.online ? "plain" : "quiet";
    const detail =
      peer.trust === "changed" ? "OTHER KEY" : `${restrictionText(peer)}${shortState(peer, look)}`;
    rows.push([span(`${STATE_SIGN[peer.state]} ${name} `, style), span(detail, "quiet")]);
  }
  if (shown.length < roster.length) rows.push([span(`… ${roster.length - shown.length} more`, "quiet")]);
  return rows.map((row) => fitRow(row, columns));
}

/** Who the conversation is with, in full; of a room, who is in it. */
export function conversationHeader(title: string, snapshot: ChatSnapshot, look: Look): Row {
  return title.startsWith("#")
    ? roomHeader(title, snapshot)
    : peerHeader(title, findPeer(snapshot.roster, title), look);
}

function roomHeader(title: string, { roster, rooms }: ChatSnapshot): Row {
  const room = parseRoom(title);
  const isOurs = room !== undefined && rooms.includes(room);
  const others = roster.filter((peer) => peer.online && room !== undefined && peer.rooms.includes(room));
  const names = others.map(peerName).join(", ");
  const who = isOurs
    ? `you${names === "" ? ", nobody else yet" : `, ${names}`}`
    : "you are not in it (/join)";
  return [
    span(messageText(title), "strong"),
    span(` · ${isOurs ? others.length + 1 : others.length} here: ${who}`, "quiet"),
  ];
}

function peerHeader(title: string, peer: Peer | undefined, look: Look): Row {
  if (peer === undefined) return [span(messageText(title), "strong"), span(" · not here", "quiet")];
  const parts = [
    longState(peer, look),
    TRUST_TEXT[peer.trust],
    restrictionText(peer).trimEnd(),
    peer.state === "offline" ? "" : statusText(peer, look),
  ];
  const trust: Style = peer.trust === "changed" ? "alarm" : "quiet";
  return [
    span(`${STATE_SIGN[peer.state]} `),
    span(peerName(peer), "strong"),
    ...parts
      .filter(Boolean)
      .map((part): Span => span(` · ${part}`, part === TRUST_TEXT.changed ? trust : "quiet")),
  ];
}

/** A row of home's table. */
export function homeRow(peer: Peer, { isChosen, look }: { isChosen: boolean; look: Look }): Row {
  const style: Style = peer.trust === "changed" ? "bad" : peer.online ? "plain" : "quiet";
  const said = peer.state === "offline" ? "" : statusText(peer, look);
  const status = `${restrictionText(peer)}${said}`;
  const name = padToWidth(cutToWidth(peerName(peer), 20), 20);
  return [
    span(isChosen ? "  ▸ " : "    ", "strong"),
    span(`${STATE_SIGN[peer.state]} `, style),
    span(name, isChosen ? "here" : peer.online ? "strong" : style),
    span(` ${padToWidth(longState(peer, look), 26)} ${TRUST_TEXT[peer.trust].padEnd(10)} `, style),
    span(status, "quiet"),
  ];
}

export function stateSign(roster: readonly Peer[], title: string): string {
  const peer = findPeer(roster, title);
  return peer === undefined ? " " : STATE_SIGN[peer.state];
}

export function findPeer(roster: readonly Peer[], name: string): Peer | undefined {
  const key = foldNickname(name);
  return roster.find((peer) => foldNickname(peer.nickname) === key);
}

/** "adam at office", or why there is no registry. */
export function standingRow(snapshot: ChatSnapshot, lostSince: string | undefined): Row {
  const name = nameText(snapshot.nickname);
  const words = [
    ...(snapshot.away ? ["away"] : []),
    ...(snapshot.quietUntil === undefined ? [] : ["do not disturb"]),
  ];
  const away = words.length === 0 ? "" : ` (${words.join(", ")})`;
  if (snapshot.registry !== undefined) {
    const { realm, address } = snapshot.registry;
    return [span(`${name}${away}`, "strong"), span(` at ${nameText(realm ?? address)}`, "quiet")];
  }
  if (lostSince === undefined) return [span(`${name}, looking for a registry …`, "quiet")];
  return [span(`${name}${away}`, "strong"), span(`, no registry since ${lostSince}`, "bad")];
}

export function peerName(peer: Peer): string {
  return `${nameText(peer.nickname)}${TRUST_MARK[peer.trust]}`;
}

function statusText({ status }: Peer, look: Look): string {
  return status === undefined ? "" : `“${displayLine(status, look.emoji)}”`;
}

function shortState(peer: Peer, look: Look): string {
  if (peer.state !== "offline") return statusText(peer, look) || STATE_TEXT[peer.state];
  return peer.lastSeen === undefined ? "offline" : `seen ${seenText(peer.lastSeen, look.today)}`;
}

/** "offline since 12:03 (left)". */
function longState({ state, reason, lastSeen }: Peer, look: Look): string {
  if (state !== "offline") return STATE_TEXT[state];
  const since = lastSeen === undefined ? "" : ` since ${seenText(lastSeen, look.today)}`;
  return `offline${since}${reason === undefined ? "" : ` (${OFFLINE_TEXT[reason]})`}`;
}

function seenText(at: UnixMillis, today: string): string {
  return dayOf(at) === today ? timeOfDay(at) : dayOf(at).slice(4, -5);
}
