import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { parse as parseToml, TomlError } from "smol-toml";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import { escapeText } from "../base/text.ts";
import type { RegistryNetwork } from "../io/registry-sockets.ts";
import { DEFAULT_ENCAPSULATION_PORT, DEFAULT_PORT } from "../wire/mp1-discovery.ts";
import { MAX_REALM_CHARACTERS, parseRealm, type Realm } from "../wire/mp2-values.ts";

/** The registry's configuration: /etc/multiproto/multiproto.toml, parsed once into this. */
export interface Configuration {
  readonly network: RegistryNetwork & { readonly realm: Realm };
  readonly log: { readonly level: LogLevel; readonly format: "text" | "json" };
  readonly presence: { readonly heartbeatMillis: number; readonly lostAfterMillis: number };
}

/** A refused configuration; its text names file, line, key and what would do. Exit code 78 (EX_CONFIG). */
export class ConfigurationError extends SystemError {
  constructor(message: string) {
    super(message, "ECONFIG");
  }
}

/** A file larger than this is not a configuration. */
const MAX_FILE_BYTES = 65_536;

/** Parses one value; throws an Error that says what is wanted. */
type ParseValue = (value: unknown) => unknown;

/** Every key there is, with its default. */
const KEYS = {
  "network.interfaces": { parse: interfaceNames, default: [] as readonly string[] },
  "network.port": { parse: port, default: DEFAULT_PORT },
  "network.encapsulation-port": { parse: port, default: DEFAULT_ENCAPSULATION_PORT },
  "network.legacy": { parse: trueOrFalse, default: true },
  "network.realm": { parse: realm, default: undefined as Realm | undefined },
  "log.level": { parse: oneOf<LogLevel>("debug", "info", "warn", "error"), default: "info" as LogLevel },
  "log.format": { parse: oneOf<"text" | "json">("text", "json"), default: "text" as "text" | "json" },
  "presence.heartbeat": { parse: duration(200, 60_000), default: 1_000 },
  "presence.lost-after": { parse: duration(1_000, 600_000), default: 2_800 },
} as const satisfies Readonly<Record<string, { readonly parse: ParseValue; readonly default: unknown }>>;

type Key = keyof typeof KEYS;
type Values = { [K in Key]: ReturnType<(typeof KEYS)[K]["parse"]> | (typeof KEYS)[K]["default"] };

/** Parses the text of a file. Errors: {@link ConfigurationError}. */
export function parseConfiguration(text: string, file: string): Configuration {
  const values = Object.fromEntries(
    Object.entries(KEYS).map(([key, { default: value }]) => [key, value]),
  ) as Values;
  for (const [section, table] of Object.entries(tomlTable(text, file))) {
    const known = Object.keys(KEYS).some((key) => key.startsWith(`${section}.`));
    if (!known || typeof table !== "object" || table === null || Array.isArray(table)) {
      const sections = [...new Set(Object.keys(KEYS).map((key) => `[${key.split(".")[0]}]`))];
      throw refusal(
        text,
        file,
        section,
        undefined,
        `unknown section or key${suggestion(`[${section}]`, sections)}`,
      );
    }
    for (const [name, value] of Object.entries(table)) setValue(values, { text, file, section, name }, value);
  }
  if (values["presence.lost-after"] < 2 * values["presence.heartbeat"]) {
    const why =
      "lost-after must be at least twice heartbeat: after a missed heartbeat there must be time to ask again";
    throw refusal(text, file, "presence", "lost-after", why);
  }
  return configuration(values);
}

/**
 * Reads the configuration. A missing file at the default place means the defaults; one that was asked for must exist.
 * Errors: {@link ConfigurationError}.
 */
export function readConfiguration(file: string, required: boolean): Configuration {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT" && !required) return parseConfiguration("", file);
    throw new ConfigurationError(`Cannot read ${file}: ${errorText(error)}`);
  }
  if (text.length > MAX_FILE_BYTES)
    throw new ConfigurationError(`${file} is longer than ${MAX_FILE_BYTES} bytes`);
  return parseConfiguration(text, file);
}

/** Names of the keys in which two configurations differ. */
export function changedKeys(one: Configuration, other: Configuration): readonly string[] {
  const [first, second] = [flat(one), flat(other)];
  return Object.keys(first).filter((key) => JSON.stringify(first[key]) !== JSON.stringify(second[key]));
}

function flat({ network, log, presence }: Configuration): Readonly<Record<string, unknown>> {
  return {
    "network.interfaces": network.interfaces,
    "network.port": network.port,
    "network.encapsulation-port": network.encapsulationPort,
    "network.legacy": network.legacy,
    "network.realm": network.realm,
    "log.level": log.level,
    "log.format": log.format,
    "presence.heartbeat": presence.heartbeatMillis,
    "presence.lost-after": presence.lostAfterMillis,
  };
}

function configuration(values: Values): Configuration {
  return {
    network: {
      interfaces: values["network.interfaces"],
      port: values["network.port"],
      encapsulationPort: values["network.encapsulation-port"],
      legacy: values["network.legacy"],
      realm: values["network.realm"] ?? realmOfHost(hostname()),
    },
    log: { level: values["log.level"], format: values["log.format"] },
    presence: {
      heartbeatMillis: values["presence.heartbeat"],
      lostAfterMillis: values["presence.lost-after"],
    },
  };
}

interface Place {
  readonly text: string;
  readonly file: string;
  readonly section: string;
  readonly name: string;
}

function setValue(values: Values, { text, file, section, name }: Place, value: unknown): void {
  const key = `${section}.${name}`;
  if (!isKey(key)) {
    const names = Object.keys(KEYS).flatMap((known) =>
      known.startsWith(`${section}.`) ? [known.slice(section.length + 1)] : [],
    );
    throw refusal(text, file, section, name, `unknown key${suggestion(name, names)}`);
  }
  try {
    Object.assign(values, { [key]: KEYS[key].parse(value) });
  } catch (error) {
    throw refusal(text, file, section, name, errorText(error));
  }
}

function isKey(key: string): key is Key {
  return Object.hasOwn(KEYS, key);
}

function tomlTable(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "not TOML";
    throw new ConfigurationError(`${file}, line ${error.line}: ${escapeText(why)}`);
  }
}

function refusal(
  text: string,
  file: string,
  section: string,
  name: string | undefined,
  why: string,
): ConfigurationError {
  const line = lineOf(text, section, name);
  const key = name === undefined ? section : `${section}.${name}`;
  return new ConfigurationError(
    `${file}${line === 0 ? "" : `, line ${line}`}: ${escapeText(key, 100)}: ${why}`,
  );
}

/** The line of a key, 1-based; 0 when it is not written in the plain way. The parser keeps no positions of values. */
function lineOf(text: string, section: string, name: string | undefined): number {
  let current = "";
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\s*"?([^\]"]+?)"?\s*\]/.exec(line)?.[1];
    if (header !== undefined) current = header;
    const key = /^\s*"?([\w-]+)"?\s*[=.]/.exec(line)?.[1];
    if (name === undefined ? header === section || key === section : current === section && key === name)
      return index + 1;
  }
  return 0;
}

/** " (did you mean X?)" for the nearest of `known`, or the list of all. */
function suggestion(wrong: string, known: readonly string[]): string {
  const nearest = known
    .map((name) => ({ name, distance: editDistance(wrong, name) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (nearest !== undefined && nearest.distance <= Math.max(2, nearest.name.length / 3)) {
    return ` (did you mean ${nearest.name}?)`;
  }
  return ` (there are: ${known.join(", ")})`;
}

/** Levenshtein distance; words longer than 64 are cut. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.slice(0, 64).length + 1 }, (_, index) => index);
  for (const [index, character] of [...one.slice(0, 64)].entries()) {
    const next = [index + 1];
    for (let column = 1; column < row.length; column += 1) {
      const change = (row[column - 1] ?? 0) + (character === other[column - 1] ? 0 : 1);
      next.push(Math.min(change, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function interfaceNames(value: unknown): readonly string[] {
  const wanted = 'a list of interface names, as in ["eth0"]';
  if (!Array.isArray(value) || value.length > 64) throw new Error(`wants ${wanted}`);
  for (const name of value) {
    if (typeof name !== "string" || !/^[\w.:@-]{1,32}$/.test(name)) throw new Error(`wants ${wanted}`);
  }
  return value as readonly string[];
}

function port(value: unknown): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new Error("wants a port number from 1 to 65535");
  }
  return number;
}

function realm(value: unknown): Realm {
  const parsed = typeof value === "string" ? parseRealm(value.trim().normalize("NFC")) : undefined;
  if (parsed !== undefined) return parsed;
  throw new Error(`wants a name of 1 to ${MAX_REALM_CHARACTERS} visible characters without blanks`);
}

/** The host's name without its domain, as far as it can be a realm. */
export function realmOfHost(host: string): Realm {
  const name = (host.split(".")[0] ?? "").replace(/[^\w-]/g, "").slice(0, MAX_REALM_CHARACTERS);
  return parseRealm(name) ?? ("multiproto" as Realm);
}

function trueOrFalse(value: unknown): boolean {
  if (typeof value !== "boolean") throw new Error("wants true or false");
  return value;
}

function oneOf<Choice extends string>(...choices: readonly Choice[]): (value: unknown) => Choice {
  return (value) => {
    const chosen = choices.find((choice) => choice === value);
    if (chosen === undefined) {
      const near =
        typeof value === "string" ? suggestion(value, choices) : ` (there are: ${choices.join(", ")})`;
      throw new Error(`wants one of a few words${near}`);
    }
    return chosen;
  };
}

/** "500ms", "4s", "2m" within [min, max] milliseconds. */
function duration(min: number, max: number): (value: unknown) => number {
  const wanted = `wants a duration from "${min}ms" to "${max / 1000}s", as in "4s" or "500ms"`;
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };
  return (value) => {
    const match = typeof value === "string" ? /^(\d{1,6}(?:\.\d{1,3})?)\s*(ms|s|m)$/.exec(value) : null;
    const millis =
      match === null ? Number.NaN : Math.round(Number(match[1]) * (units[match[2] ?? ""] ?? Number.NaN));
    if (!(millis >= min && millis <= max)) throw new Error(wanted);
    return millis;
  };
}
