import { isIPv6 } from "node:net";
import { errorText } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { AlertChoice } from "../chat/alerts.ts";
import type { AcceptFiles } from "../chat/files/transfer.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import {
  interfaceNames,
  type ParseValue,
  port,
  readToml,
  refusal,
  suggestion,
  tomlTable,
  trueOrFalse,
} from "./toml.ts";

/**
 * The user's settings: $XDG_CONFIG_HOME/multiproto/chat.toml, parsed once into this. What stands above the first table is
 * for all profiles, what stands in `[profile.NAME]` for that one.
 */

/** What the file says; undefined: nothing. */
export interface ChatConfiguration {
  readonly nickname: Nickname | undefined;
  readonly registry: readonly NamedHost[] | undefined;
  readonly interface: string | undefined;
  readonly port: number | undefined;
  readonly encapsulationPort: number | undefined;
  readonly legacy: boolean | undefined;
  /** Program and arguments, run for each message that comes. */
  readonly onMessage: readonly string[] | undefined;
  /** "90d": what was said is kept so long. */
  readonly retention: string | undefined;
  /** Where files go that come, as written. */
  readonly downloads: string | undefined;
  /** Whose files are taken without a question. */
  readonly acceptFiles: AcceptFiles | undefined;
  /** "500M": larger ones are asked about all the same. */
  readonly acceptFilesUpTo: string | undefined;
  /** "10G": of one peer's, in a day; beyond it is asked. */
  readonly acceptFilesPerDay: string | undefined;
  /** "64M": so much of one peer's messages is stored in a day. */
  readonly messagesPerDay: string | undefined;
  /** "10m": away after so long without a key; "never". */
  readonly autoAway: string | undefined;
  readonly bell: boolean | undefined;
  readonly notify: AlertChoice | undefined;
}

/** A registry that the user named. */
export interface NamedHost {
  readonly typed: string;
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

/** More registries are not asked: each hello goes to all of them. */
export const MAX_HOSTS = 8;
/** Words of a command, and characters of each. */
const MAX_WORDS = 64;
const MAX_WORD_LENGTH = 4_096;

/** Every key there is. */
const KEYS = {
  nickname: { parse: nickname, field: "nickname" },
  registry: { parse: hosts, field: "registry" },
  interface: { parse: oneInterface, field: "interface" },
  port: { parse: port, field: "port" },
  "encapsulation-port": { parse: port, field: "encapsulationPort" },
  legacy: { parse: trueOrFalse, field: "legacy" },
  "on-message": { parse: command, field: "onMessage" },
  retention: { parse: days, field: "retention" },
  downloads: { parse: folder, field: "downloads" },
  "accept-files": { parse: acceptFiles, field: "acceptFiles" },
  "accept-files-up-to": { parse: sizeText, field: "acceptFilesUpTo" },
  "accept-files-per-day": { parse: sizeText, field: "acceptFilesPerDay" },
  "messages-per-day": { parse: dailySize, field: "messagesPerDay" },
  "auto-away": { parse: idleTime, field: "autoAway" },
  bell: { parse: trueOrFalse, field: "bell" },
  notify: { parse: alertChoice, field: "notify" },
} as const satisfies Readonly<Record<string, { parse: ParseValue; field: keyof ChatConfiguration }>>;

type Key = keyof typeof KEYS;

/** The names of the settings, as the file has them, with the field that each becomes. */
export const CHAT_KEYS: readonly (readonly [name: Key, field: keyof ChatConfiguration])[] = (
  Object.keys(KEYS) as Key[]
).map((name) => [name, KEYS[name].field]);

const PROFILE_NAME = /^[A-Za-z0-9][\w-]{0,31}$/;

/** Parses the text of a file. Errors: ConfigurationError. */
export function parseChatConfiguration(
  text: string,
  file: string,
  profile: string | undefined,
): ChatConfiguration {
  const values: Partial<Record<keyof ChatConfiguration, unknown>> = {};
  const { profile: profiles = {}, ...common } = tomlTable(text, file);
  takeTable(values, { text, file, section: "" }, common);
  const tables = tableOf(profiles);
  if (tables === undefined)
    throw refusal(text, file, "", "profile", "wants tables, each written as [profile.NAME]");
  // All of them, so that a mistake is found before its profile is needed.
  for (const [name, table] of Object.entries(tables)) {
    const section = `profile.${name}`;
    if (!PROFILE_NAME.test(name))
      throw refusal(text, file, section, undefined, "a profile's name has up to 32 letters, digits, - and _");
    const settings = tableOf(table);
    if (settings === undefined) throw refusal(text, file, section, undefined, "wants a table of settings");
    takeTable(name === profile ? values : {}, { text, file, section }, settings);
  }
  if (profile !== undefined && !Object.hasOwn(tables, profile)) {
    const known = Object.keys(tables);
    const there = known.length === 0 ? " (it has no profiles)" : suggestion(profile, known);
    const why = `no profile of that name${there}; a profile is made by writing its table`;
    throw refusal(text, file, `profile.${profile}`, undefined, why);
  }
  const fields = CHAT_KEYS.map(([, field]) => [field, values[field]] as const);
  return Object.fromEntries(fields) as unknown as ChatConfiguration;
}

/** A missing file says nothing. Errors: ConfigurationError. */
export function readChatConfiguration(file: string, profile: string | undefined): ChatConfiguration {
  return parseChatConfiguration(readToml(file, false), file, profile);
}

/** `HOST`, `HOST:PORT`, an IPv6 address as it is, or with a port as `[ADDRESS]:PORT`; undefined for anything else. */
export function parseHost(text: string): NamedHost | undefined {
  const bare = text.replace(/%[\w.-]+$/, "");
  if (isIPv6(bare)) return { typed: text, host: text, port: undefined };
  const [, inBrackets, plain, digits] = /^(?:\[([^\]]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = inBrackets ?? plain;
  if (host === undefined) return undefined;
  if (inBrackets !== undefined && !isIPv6(inBrackets.replace(/%[\w.-]+$/, ""))) return undefined;
  const number = digits === undefined ? undefined : Number(digits);
  if (number !== undefined && (number < 1 || number > 65_535)) return undefined;
  return { typed: text, host, port: number };
}

function takeTable(
  values: Partial<Record<keyof ChatConfiguration, unknown>>,
  { text, file, section }: { readonly text: string; readonly file: string; readonly section: string },
  table: Readonly<Record<string, unknown>>,
): void {
  for (const [name, value] of Object.entries(table)) {
    if (!isKey(name))
      throw refusal(text, file, section, name, `unknown setting${suggestion(name, Object.keys(KEYS))}`);
    try {
      values[KEYS[name].field] = KEYS[name].parse(value);
    } catch (error) {
      throw refusal(text, file, section, name, errorText(error));
    }
  }
}

function isKey(name: string): name is Key {
  return Object.hasOwn(KEYS, name);
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isTable = typeof value === "object" && value !== null && !Array.isArray(value);
  return isTable ? (value as Readonly<Record<string, unknown>>) : undefined;
}

function nickname(value: unknown): Nickname {
  const parsed = parseNickname(typeof value === "string" ? value : "");
  if (!parsed.ok) throw new Error(`wants a nickname: ${parsed.text}`);
  return parsed.nickname;
}

function hosts(value: unknown): readonly NamedHost[] {
  const wanted = `wants a list of at most ${MAX_HOSTS} hosts, each HOST, HOST:PORT or [IPV6]:PORT`;
  if (!Array.isArray(value) || value.length > MAX_HOSTS) throw new Error(wanted);
  return value.map((item) => {
    const host = typeof item === "string" ? parseHost(item) : undefined;
    if (host === undefined) throw new Error(`${wanted}, not ${escapeText(String(item), 60)}`);
    return host;
  });
}

function oneInterface(value: unknown): string {
  if (typeof value !== "string") throw new Error('wants the name of an interface, as in "eth0"');
  const [name = value] = interfaceNames([value]);
  return name;
}

function days(value: unknown): string {
  if (typeof value !== "string" || retentionMillis(value) === undefined)
    throw new Error('wants a number of days, as in "90d"; without it what was said is kept for ever');
  return value;
}

function idleTime(value: unknown): string {
  if (typeof value !== "string" || (value !== "never" && autoAwayMillis(value) === undefined))
    throw new Error('wants a time from "1m" to "24h", or "never"');
  return value;
}

/** Milliseconds of "10m", "2h"; undefined for "never" and anything else. */
export function autoAwayMillis(text: string): number | undefined {
  const [, digits = "", unit = ""] = /^([1-9]\d{0,3})([mh])$/.exec(text) ?? [];
  const millis = Number(digits) * (unit === "h" ? 3_600_000 : 60_000);
  return millis > 0 && millis <= 86_400_000 ? millis : undefined;
}

function alertChoice(value: unknown): AlertChoice {
  const choices: readonly unknown[] = ["private-and-mentions", "all", "none"] satisfies AlertChoice[];
  if (!choices.includes(value)) throw new Error('wants "private-and-mentions", "all" or "none"');
  return value as AlertChoice;
}

/** Milliseconds of "90d"; undefined for anything else. */
export function retentionMillis(text: string): number | undefined {
  const digits = /^([1-9]\d{0,4})d$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits) * 86_400_000;
}

function folder(value: unknown): string {
  const isFolder = typeof value === "string" && /^[~/]/.test(value) && value.length <= MAX_WORD_LENGTH;
  if (!isFolder || value.includes("\0"))
    throw new Error('wants a folder, as in "~/Downloads" or "/srv/incoming"');
  return value;
}

function acceptFiles(value: unknown): AcceptFiles {
  const found = (["ask", "verified", "known"] as const).find((choice) => choice === value);
  if (found === undefined) throw new Error('wants "ask", "verified" or "known"');
  return found;
}

function sizeText(value: unknown): string {
  if (typeof value !== "string" || sizeBytes(value) === undefined)
    throw new Error('wants a size, as in "500M" or "2G"');
  return value;
}

/** The largest message is far below it: with less none would ever come. */
const LEAST_PER_DAY = 1_024 ** 2;

function dailySize(value: unknown): string {
  if (typeof value !== "string" || (sizeBytes(value) ?? 0) < LEAST_PER_DAY)
    throw new Error('wants a size of "1M" or more, as in "64M"');
  return value;
}

/** Bytes of "500M", in powers of 1,024; undefined for anything else. */
export function sizeBytes(text: string): number | undefined {
  const [, digits, unit] = /^([1-9]\d{0,5})([KMGT])$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * 1_024 ** ("KMGT".indexOf(unit ?? "") + 1);
}

function command(value: unknown): readonly string[] {
  const isCommand =
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= MAX_WORDS &&
    value.every(
      (word) => typeof word === "string" && word.length <= MAX_WORD_LENGTH && !word.includes("\0"),
    ) &&
    value[0] !== "";
  if (!isCommand)
    throw new Error('wants a program and its arguments, as in ["notify-me", "--quiet"]; no shell is run');
  return value as readonly string[];
}
