import type { Writable } from "node:stream";
import { type Fingerprint, fingerprintText } from "../base/fingerprint.ts";
import type { Unread } from "../chat/archive.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { HolderReport } from "../chat/session.ts";
import { jsonLine } from "./json.ts";
import { messageText } from "./lines.ts";

/** Conversations that are named on the line for people. */
const NAMED = 10;
/** In JSON; the total counts all. */
const LISTED = 100;

export interface Standing {
  /** Undefined: nobody holds the presence. */
  readonly holder: HolderReport | undefined;
  /** Undefined: nothing was ever said, or it cannot be read. */
  readonly unread: Unread | undefined;
}

/** Prints it. Exit code 0 when somebody holds the presence. */
export function printStatus(
  { holder, unread }: Standing,
  { json, output }: { readonly json: boolean; readonly output: Writable },
): number {
  const counted = unread ?? { total: 0, conversations: [] };
  if (json) {
    const report = { ...holderReport(holder), unread: unreadReport(counted) };
    output.write(`${jsonLine({ type: "status", ...report })}\n`);
  } else {
    const lines = holder === undefined ? [NOT_RUNNING] : holderLines(holder);
    output.write(`${[...lines, unreadLine(counted)].join("\n")}\n`);
  }
  return holder === undefined ? EXIT.notRunning : EXIT.ok;
}

const NOT_RUNNING = "not running: no program holds your presence";

function holderReport(holder: HolderReport | undefined): object {
  if (holder === undefined) return { running: false };
  const { registry, realm, ...rest } = holder;
  return {
    running: true,
    online: registry !== undefined,
    registry: registry ?? null,
    realm: realm ?? null,
    ...rest,
  };
}

function unreadReport({ total, conversations }: Unread): object {
  const listed = conversations.slice(0, LISTED).map(({ key: conversation, title, unread: count }) => ({
    ...{ conversation, title, count },
  }));
  return { total, conversations: listed };
}

/** "ola: online at registry office at 10.0.0.1, away". */
export function standingText({
  nickname,
  away,
  registry,
  realm,
}: Pick<HolderReport, "nickname" | "away" | "registry" | "realm">): string {
  const where = realm === undefined ? registry : `${messageText(realm)} at ${registry}`;
  const standing = registry === undefined ? "no registry at the moment" : `online at registry ${where}`;
  return `${messageText(nickname)}: ${standing}${away ? ", away" : ""}`;
}

function holderLines(holder: HolderReport): readonly string[] {
  const { pid, version, attached, pending, fingerprint } = holder;
  return [
    standingText(holder),
    `held by process ${pid} (version ${version}); programs attached: ${attached}`,
    `messages on their way: ${pending}`,
    `key: ${fingerprintText(fingerprint as Fingerprint)}`,
  ];
}

function unreadLine({ total, conversations }: Unread): string {
  const named = conversations.slice(0, NAMED).map(({ title, unread }) => `${messageText(title)} ${unread}`);
  const more = conversations.length > NAMED ? ` and ${conversations.length - NAMED} others` : "";
  return `unread: ${total}${total === 0 ? "" : ` (${named.join(", ")}${more})`}`;
}
