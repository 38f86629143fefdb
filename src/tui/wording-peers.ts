import { type Fingerprint, fingerprintText } from "../base/fingerprint.ts";
import { escapeText } from "../base/text.ts";
import type { ChatNotice, ChatSnapshot, Peer, ReceivedMessage, Trust } from "../chat/notices.ts";
import type { Pin } from "../chat/pins.ts";
import { alarm, bad, type Line, nameText, pad, plain, quiet } from "./lines.ts";
import { timeOfDay } from "./time.ts";

/** What people read about each other: who is there, whose message it is, how far a key may be believed. */

export const MARKS_HELP: readonly string[] = [
  "NAME*      not verified: NAME's client has no key (mp1), anybody on the network may use that name",
  "NAME(?)    suspicious: it has no key, and it is not where the registry lists NAME, or NAME has one",
  "NAME(!)    another key than the one that you know NAME by: nothing is sent there, nothing is taken",
];

/** How far a key may be believed, in words. */
export const TRUST_TEXT: Readonly<Record<Trust, string>> = {
  verified: "verified",
  pinned: "known key",
  new: "new key",
  changed: "OTHER KEY",
  unverified: "unverified",
};

const MARK: Readonly<Record<Trust, string>> = {
  verified: "",
  pinned: "",
  new: "",
  changed: "(!)",
  unverified: "*",
};

/** "ola", "ola*" or "ola(?) at 10.0.0.7", as /help explains. */
export function senderText(message: ReceivedMessage): string {
  const name = nameText(message.from);
  if (message.standing === "mismatch") return `${name}(?) at ${nameText(message.address)}`;
  return message.standing === "unverified" ? `${name}*` : name;
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

function peerLine(peer: Peer): Line {
  const name = pad(`${nameText(peer.nickname)}${MARK[peer.trust]}`, 20);
  const host = peer.address.includes(":") ? `[${peer.address}]` : peer.address;
  const place = pad(`${host}:${peer.port}`, 21);
  const text = `${name} ${place} ${pad(peer.state, 8)} ${pad(TRUST_TEXT[peer.trust], 10)} ${restrictionText(peer)}${detail(peer)}`;
  if (peer.trust === "changed") return { tone: "alarm", text: text.trimEnd() };
  return peer.online ? plain(text.trimEnd()) : quiet(text.trimEnd());
}

/** Before what it says of itself. */
export function restrictionText({ restriction }: Peer): string {
  return restriction === undefined ? "" : `${restriction} `;
}

/** What somebody says of themselves, or why and when they went. */
function detail({ state, status, reason, lastSeen }: Peer): string {
  if (state !== "offline") return status === undefined ? "" : escapeText(status, 256);
  const when = lastSeen === undefined ? "" : timeOfDay(lastSeen);
  return [reason === undefined ? "" : OFFLINE_TEXT[reason], when].filter(Boolean).join(" ");
}

export const OFFLINE_TEXT: Readonly<Record<Exclude<Peer["reason"], undefined>, string>> = {
  left: "left",
  lost: "lost",
  superseded: "elsewhere",
  kicked: "removed",
  "registry-restart-expired": "not back",
};

/** Of a first message: whose key it is from now on. `others`: names under which the same key is known. */
export function firstContactLines(message: ReceivedMessage, others: readonly Pin[]): readonly Line[] {
  if (message.standing !== "new" || message.fingerprint === undefined) return [];
  const name = nameText(message.from);
  const [other] = others;
  if (other !== undefined) return [quiet(`${name} has the key that you know as ${nameText(other.name)}`)];
  const digits = fingerprintText(message.fingerprint);
  return [quiet(`you are in touch with ${name} for the first time; remembered: ${name}'s key ${digits}`)];
}

/** Somebody under a known name with another key, or without one: an attack, or a reinstallation. */
export function peerChangedLines(notice: Extract<ChatNotice, { type: "peer-changed" }>): readonly Line[] {
  const name = nameText(notice.nickname);
  const { offered } = notice;
  const what =
    offered === undefined ? "WITHOUT THE KEY that you know" : "with ANOTHER KEY than the one you know";
  const who = notice.proved
    ? `whoever is at ${nameText(notice.address)} came as ${name} ${what}.`
    : `the registry lists ${name} ${what}.`;
  const advice =
    offered === undefined
      ? `an older client: ask ${name}, not by this chat. If so: /trust forget ${name}`
      : `a new machine: ask ${name}, not by this chat, for its /fingerprint. If it is "now": /trust accept ${name} DIGITS`;
  return alarm(
    `WARNING: ${who}`,
    "Nothing is sent there and nothing is taken from there.",
    `  known:  ${fingerprintText(notice.pinned)}`,
    `  now:    ${offered === undefined ? "none (mp1)" : fingerprintText(offered)}`,
    `Somebody may be pretending to be ${name}. Or ${name} has ${advice}`,
  );
}

/** /fingerprint NAME: what to compare, and how far it is believed. */
export function peerKeyLines(peer: Peer): readonly Line[] {
  const name = nameText(peer.nickname);
  if (peer.fingerprint === undefined)
    return [bad(`${name}'s client has no key (mp1): nobody can tell whether it is ${name}`)];
  const digits = plain(`${name}: ${fingerprintText(peer.fingerprint)}`);
  const meaning: Readonly<Record<Trust, string>> = {
    verified: "verified: you accepted this key",
    pinned: `known since the first contact, not compared; if the digits agree: /trust accept ${name}`,
    new: "never used yet: it is remembered at the first message",
    changed: "ANOTHER KEY than the one that you know: nothing is sent there (see: /trust)",
    unverified: "no key",
  };
  return [digits, peer.trust === "changed" ? bad(meaning.changed) : quiet(meaning[peer.trust])];
}

/** /verify NAME: both keys, to be read aloud. */
export function verifyLines(peer: Peer, own: Fingerprint): readonly Line[] {
  const name = nameText(peer.nickname);
  if (peer.fingerprint === undefined) return peerKeyLines(peer);
  return [
    quiet(`Read these digits to ${name}, by telephone or face to face, not by this chat:`),
    plain(`  you:  ${fingerprintText(own)}`),
    quiet(`and let ${name} read you these (there: /verify and your name):`),
    plain(`  ${name}:  ${fingerprintText(peer.fingerprint)}`),
    quiet(`If both agree: /trust accept ${name}. If not: somebody is in between; write nothing secret.`),
    ...peerKeyLines(peer).slice(1),
  ];
}
