import { isIP } from "node:net";
import { hostname } from "node:os";
import { errorText } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import type { MetricsPlace } from "../control/metrics-server.ts";
import type { RegistryNetwork } from "../io/registry-sockets.ts";
import { DEFAULT_ENCAPSULATION_PORT, DEFAULT_PORT } from "../wire/mp1-discovery.ts";
import { MAX_REALM_CHARACTERS, parseRealm, type Realm } from "../wire/mp2-values.ts";
import {
  duration,
  interfaceNames,
  oneOf,
  type ParseValue,
  port,
  readToml,
  refusal,
  suggestion,
  tomlTable,
  trueOrFalse,
} from "./toml.ts";

/** The registry's configuration: /etc/multiproto/multiproto.toml, parsed once into this. */
export interface Configuration {
  readonly network: RegistryNetwork & { readonly realm: Realm };
  readonly log: { readonly level: LogLevel; readonly format: "text" | "json" };
  /** Where metrics are offered; undefined: by the control socket alone. */
  readonly metrics: { readonly listen: MetricsPlace | undefined };
  readonly presence: { readonly heartbeatMillis: number; readonly lostAfterMillis: number };
}

/** Every key there is, with its default. */
const KEYS = {
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
  return parseConfiguration(readToml(file, required), file);
}

/** Names of the keys in which two configurations differ. */
export function changedKeys(one: Configuration, other: Configuration): readonly string[] {
  const [first, second] = [flat(one), flat(other)];
  return Object.keys(first).filter((key) => JSON.stringify(first[key]) !== JSON.stringify(second[key]));
}

function flat({ network, log, metrics, presence }: Configuration): Readonly<Record<string, unknown>> {
  return {
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
    metrics: { listen: values["metrics.listen"] },
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
