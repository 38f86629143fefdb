import { isIP } from "node:net";
import { hostname } from "node:os";
import { errorText } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import type { MetricsPlace } from "../control/metrics-server.ts";
import type { RegistryNetwork } from "../io/registry-sockets.ts";
import { DEFAULT_ENCAPSULATION_PORT, DEFAULT_PORT } from "../wire/mp1-discovery.ts";
import { MAX_REALM_CHARACTERS, parseRealm, type Realm } from "../wire/mp2-values.ts";
import {
  ConfigurationError,
  duration,
  interfaceNames,
  type Mistake,
  mistake,
  oneOf,
  type ParseValue,
  port,
  readToml,
  suggestion,
  tomlTable,
  trueOrFalse,
} from "./toml.ts";

/** The registry's configuration: /etc/multiproto/multiproto.toml, parsed once into this. */
export interface Configuration {
  readonly network: RegistryNetwork & { readonly realm: Realm };
  readonly log: { readonly level: LogLevel; readonly format: "text" | "json" };
  /** Whether there is a read-only socket for everybody on this machine. */
  readonly control: { readonly anyoneMayRead: boolean };
  /** Where metrics are offered; undefined: by the control socket alone. */
  readonly metrics: { readonly listen: MetricsPlace | undefined };
  readonly presence: { readonly heartbeatMillis: number; readonly lostAfterMillis: number };
  /** What the file says; all else is as it is by default. */
  readonly fromFile: ReadonlySet<ConfigurationKey>;
}

/** Every key there is, with its default. */
const KEYS = {
  "control.anyone-may-read": { parse: trueOrFalse, default: false },
  "network.interfaces": { parse: interfaceNames, default: [] as readonly string[] },
  "network.port": { parse: port, default: DEFAULT_PORT },
  "network.encapsulation-port": { parse: port, default: DEFAULT_ENCAPSULATION_PORT },
  "network.legacy": { parse: trueOrFalse, default: true },
  "network.realm": { parse: realm, default: undefined as Realm | undefined },
  "log.level": { parse: oneOf<LogLevel>("debug", "info", "warn", "error"), default: "info" as LogLevel },
  "log.format": { parse: oneOf<"text" | "json">("text", "json"), default: "text" as "text" | "json" },
  "metrics.listen": { parse: metricsPlace, default: undefined as MetricsPlace | undefined },
  "presence.heartbeat": { parse: duration(200, 60_000), default: 1_000 },
  "presence.lost-after": { parse: duration(1_000, 600_000), default: 2_800 },
} as const satisfies Readonly<Record<string, { readonly parse: ParseValue; readonly default: unknown }>>;

export type ConfigurationKey = keyof typeof KEYS;
export const CONFIGURATION_KEYS = Object.keys(KEYS) as readonly ConfigurationKey[];
type Values = {
  [K in ConfigurationKey]: ReturnType<(typeof KEYS)[K]["parse"]> | (typeof KEYS)[K]["default"];
};

/** Who has more to put right than this looks again afterwards: to find a mistake's line the file is read once more. */
const MAX_MISTAKES = 100;

/** Parses the text of a file. Errors: {@link ConfigurationError}, with all mistakes up to {@link MAX_MISTAKES}. */
export function parseConfiguration(text: string, file: string): Configuration {
  const values = Object.fromEntries(
    Object.entries(KEYS).map(([key, { default: value }]) => [key, value]),
  ) as Values;
  const fromFile = new Set<ConfigurationKey>();
  const mistakes: Mistake[] = [];
  for (const { section, name, value } of settingsOf(tomlTable(text, file))) {
    if (mistakes.length >= MAX_MISTAKES) break;
    const outcome = takeSetting(values, section, name, value);
    if (outcome.ok) fromFile.add(outcome.key);
    else mistakes.push(mistake(text, section, name, outcome.why));
  }
  if (mistakes.length === 0 && values["presence.lost-after"] < 2 * values["presence.heartbeat"]) {
    const why =
      "lost-after must be at least twice heartbeat: after a missed heartbeat there must be time to ask again";
    mistakes.push(mistake(text, "presence", "lost-after", why));
  }
  const [first, ...others] = mistakes;
  if (first !== undefined) throw new ConfigurationError(file, [first, ...others]);
  return configuration(values, fromFile);
}

interface Setting {
  readonly section: string;
  /** Undefined: the section itself, or a key outside of any. */
  readonly name: string | undefined;
  readonly value: unknown;
}

function* settingsOf(tables: Readonly<Record<string, unknown>>): Generator<Setting> {
  for (const [section, table] of Object.entries(tables)) {
    const known = Object.keys(KEYS).some((key) => key.startsWith(`${section}.`));
    if (!known || typeof table !== "object" || table === null || Array.isArray(table))
      yield { section, name: undefined, value: table };
    else for (const [name, value] of Object.entries(table)) yield { section, name, value };
  }
}

/**
 * Reads the configuration. A missing file at the default place means the defaults; one that was asked for must exist.
 * Errors: {@link ConfigurationError}.
 */
export function readConfiguration(file: string, required: boolean): Configuration {
  return parseConfiguration(readToml(file, required), file);
}

/** Names of the keys in which two configurations differ. */
export function changedKeys(one: Configuration, other: Configuration): readonly ConfigurationKey[] {
  const [first, second] = [settingsByKey(one), settingsByKey(other)];
  return CONFIGURATION_KEYS.filter((key) => JSON.stringify(first[key]) !== JSON.stringify(second[key]));
}

/** Each setting as {@link Configuration} has it: durations in milliseconds. */
export function settingsByKey({
  control,
  network,
  log,
  metrics,
  presence,
}: Configuration): Readonly<Record<ConfigurationKey, unknown>> {
  return {
    "control.anyone-may-read": control.anyoneMayRead,
    "network.interfaces": network.interfaces,
    "network.port": network.port,
    "network.encapsulation-port": network.encapsulationPort,
    "network.legacy": network.legacy,
    "network.realm": network.realm,
    "log.level": log.level,
    "log.format": log.format,
    "metrics.listen": metrics.listen,
    "presence.heartbeat": presence.heartbeatMillis,
    "presence.lost-after": presence.lostAfterMillis,
  };
}

function configuration(values: Values, fromFile: ReadonlySet<ConfigurationKey>): Configuration {
  return {
    control: { anyoneMayRead: values["control.anyone-may-read"] },
    network: {
      interfaces: values["network.interfaces"],
      port: values["network.port"],
      encapsulationPort: values["network.encapsulation-port"],
      legacy: values["network.legacy"],
      realm: values["network.realm"] ?? realmOfHost(hostname()),
    },
    log: { level: values["log.level"], format: values["log.format"] },
    metrics: { listen: values["metrics.listen"] },
    presence: {
      heartbeatMillis: values["presence.heartbeat"],
      lostAfterMillis: values["presence.lost-after"],
    },
    fromFile,
  };
}

type Taken =
  | { readonly ok: true; readonly key: ConfigurationKey }
  | { readonly ok: false; readonly why: string };

function takeSetting(values: Values, section: string, name: string | undefined, value: unknown): Taken {
  if (name === undefined) {
    const sections = [...new Set(CONFIGURATION_KEYS.map((key) => `[${key.split(".")[0]}]`))];
    return { ok: false, why: `unknown section or key${suggestion(`[${section}]`, sections)}` };
  }
  const key = `${section}.${name}`;
  if (!isKey(key)) {
    const names = CONFIGURATION_KEYS.flatMap((known) =>
      known.startsWith(`${section}.`) ? [known.slice(section.length + 1)] : [],
    );
    return { ok: false, why: `unknown key${suggestion(name, names)}` };
  }
  try {
    Object.assign(values, { [key]: KEYS[key].parse(value) });
    return { ok: true, key };
  } catch (error) {
    return { ok: false, why: errorText(error) };
  }
}

function isKey(key: string): key is ConfigurationKey {
  return Object.hasOwn(KEYS, key);
}

/** "127.0.0.1:9464", "[::1]:9464" or "/run/multiproto/metrics.sock": nobody but this machine shall have them. */
function metricsPlace(value: unknown): MetricsPlace | undefined {
  if (value === "") return undefined;
  const text = typeof value === "string" ? value : "-";
  if (/^\/[\w./-]{1,100}$/.test(text)) return { path: text };
  const [, four, six, digits] = /^(?:(127(?:\.\d{1,3}){3})|\[(::1)\]):(\d{1,5})$/.exec(text) ?? [];
  const host = four ?? six;
  const number = Number(digits);
  if (host !== undefined && isIP(host) !== 0 && number >= 1 && number <= 65_535)
    return { host, port: number };
  throw new Error(
    'wants an address of this machine and a port, as in "127.0.0.1:9464", or the path of a socket',
  );
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
