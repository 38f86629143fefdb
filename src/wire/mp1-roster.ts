import { decodeUtf8, encodeUtf8 } from "../base/text.ts";
import { type Nickname, parseNickname } from "./nickname.ts";

/**
 * mp1 rosters: `{"clients": [{"ip": "10.0.0.5", "port": 51234, "nickname": "ola", "online": true}, …]}`, once by TCP at
 * registration and then by SCTP on every change. Original clients read once and a fixed size, so a roster for them
 * fits it: online entries first, the rest left out. docs/protocol.md, "Registration" and "Roster pushes".
 */

/** An original client reads the roster of its registration once, at most so many bytes, and dies of more. */
export const ORIGINAL_FIRST_ROSTER_BYTES = 512;
/** … and at most so many bytes of each push. */
export const ORIGINAL_PUSH_BYTES = 2_048;
/** What our own client takes, first and later: some 200 entries. */
export const OWN_ROSTER_BYTES = 16_384;

export interface RosterItem {
  /** IPv4 address in dotted form. */
  readonly ip: string;
  /** P: the client's UDP, TCP and SCTP port; it chats on P + 1. */
  readonly port: number;
  readonly nickname: Nickname;
  readonly online: boolean;
}

export type RefusalCode = "nickname-taken" | "nickname-invalid" | "registry-full";

/** Only ever sent to our own client: why it was not registered. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly text: string;
  /** "ADDRESS:PORT" of who holds the name. */
  readonly holder?: string;
  /** A name that is free. */
  readonly suggestion?: string;
}

/** The JSON of one entry, to be joined by {@link joinRoster}. */
export function encodeRosterItem(item: RosterItem): string {
  return JSON.stringify({ ip: item.ip, port: item.port, nickname: item.nickname, online: item.online });
}

const FRAME_BYTES = '{"clients": []}'.length;

/**
 * As many of `items` (JSON of {@link encodeRosterItem}) as fit into `limit` bytes, in their order, as one roster.
 * `sizes[i]` is the length of `items[i]` in UTF-8 bytes.
 */
export function joinRoster(
  items: Iterable<{ readonly json: string; readonly bytes: number }>,
  limit: number,
): string {
  const taken: string[] = [];
  let size = FRAME_BYTES;
  for (const item of items) {
    const grown = size + item.bytes + (taken.length > 0 ? 2 : 0);
    if (grown > limit) break;
    size = grown;
    taken.push(item.json);
  }
  return `{"clients": [${taken.join(", ")}]}`;
}

export function encodeRefusal(refusal: Refusal): Uint8Array {
  return encodeUtf8(JSON.stringify({ clients: [], refused: refusal }));
}

export type RosterAnswer =
  | { readonly type: "roster"; readonly items: readonly RosterItem[] }
  | { readonly type: "refused"; readonly refusal: Refusal };

const MAX_ITEMS = 1_000;

/**
 * Parses a registry's answer or push, for our client. Undefined when it is not one; single entries that are not valid
 * are left out, so that one bad entry does not hide the others.
 */
export function parseRosterAnswer(bytes: Uint8Array): RosterAnswer | undefined {
  if (bytes.length > 65_536) return undefined;
  const value = parseJson(decodeUtf8(bytes));
  if (!isRecord(value)) return undefined;
  const refusal = parseRefusal(value.refused);
  if (refusal !== undefined) return { type: "refused", refusal };
  const clients = value.clients;
  if (!Array.isArray(clients)) return undefined;
  const items: RosterItem[] = [];
  for (const client of clients.slice(0, MAX_ITEMS)) {
    const item = parseItem(client);
    if (item !== undefined) items.push(item);
  }
  return { type: "roster", items };
}

function parseItem(value: unknown): RosterItem | undefined {
  if (!isRecord(value)) return undefined;
  const { ip, port, nickname, online } = value;
  if (typeof ip !== "string" || !isIpv4(ip)) return undefined;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_534) return undefined;
  if (typeof nickname !== "string" || typeof online !== "boolean") return undefined;
  const parsed = parseNickname(nickname);
  return parsed.ok ? { ip, port, nickname: parsed.nickname, online } : undefined;
}

function parseRefusal(value: unknown): Refusal | undefined {
  if (!isRecord(value)) return undefined;
  const { code, text, holder, suggestion } = value;
  if (code !== "nickname-taken" && code !== "nickname-invalid" && code !== "registry-full") return undefined;
  return {
    code,
    text: shortText(text) ?? "",
    ...optional("holder", shortText(holder)),
    ...optional("suggestion", shortText(suggestion)),
  };
}

function optional<Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]?: string });
}

function shortText(value: unknown): string | undefined {
  return typeof value === "string" ? value.slice(0, 256) : undefined;
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** Dotted decimal without leading zeros. */
export function isIpv4(text: string): boolean {
  return IPV4.test(text);
}
