/**
 * What the registry tells over the control socket: the shapes of `multiprotoctl … --json` (docs/control.md) and their
 * parsers. Fields are only ever added; a field whose meaning changes raises {@link SCHEMA}.
 */
import type { LogLevel } from "../base/log.ts";
import { parseFingerprintText } from "./admin-reports.ts";
import {
  boolean,
  field,
  integer,
  list,
  nullable,
  number,
  numberTable,
  oneOf,
  optional,
  type Parse,
  parseObject,
  shape,
  text,
} from "./parse.ts";

/** The version of every shape in this file. */
export const SCHEMA = 1;

export interface StatusReport {
  readonly schema: typeof SCHEMA;
  /** "starting" until every port is bound, "stopping" from the first step of the way down. */
  readonly state: "starting" | "ready" | "stopping";
  readonly pid: number;
  readonly version: string;
  /** Who starts the process again after it ended: systemd, or nobody (a foreground registry). */
  readonly supervisor: "systemd" | "none";
  readonly uptimeMillis: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly ports: PortsReport;
  /** Names of the interfaces that are served. */
  readonly interfaces: readonly string[];
  /** Whether clients of mp1, which have no keys, are let in. */
  readonly legacy: boolean;
  /** The registry's name for humans. Null, as the next four: not known yet. */
  readonly realm: string | null;
  /** Of its key: 64 lower-case hexadecimal digits. */
  readonly fingerprint: string | null;
  /** The lineage of the roster's numbers, and the last of them. */
  readonly epoch: string | null;
  readonly seq: number | null;
  readonly store: StoreReport | null;
  readonly online: number;
  readonly offline: number;
  /** Who was here before the restart and is not back yet. */
  readonly returning: number;
  /** Clients that were heard of but have not given a nickname yet. */
  readonly pendingRegistrations: number;
  /** Other registries whose beacons are heard: people at one do not see those at the other. */
  readonly otherRegistries: readonly OtherRegistryReport[];
  readonly lastError: { readonly at: string; readonly text: string } | null;
  /** Input dropped since the start, by reason; and other running totals. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Nothing of it is proved but that whoever spoke has that key. */
export interface OtherRegistryReport {
  readonly address: string;
  readonly realm: string;
  /** Of its key: 64 lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** It is this registry's own: a copy of its state is in use. */
  readonly sameKey: boolean;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** What the registry must not forget. */
export interface StoreReport {
  /** "failing": what is known counts, new nicknames and bans are refused. */
  readonly state: "ok" | "failing";
  /** Why it is failing. */
  readonly trouble: string | null;
  /** Nicknames that are bound to keys. */
  readonly bindings: number;
  readonly bans: number;
}

/** Null: not bound. */
export interface PortsReport {
  readonly udp: number | null;
  readonly tcp: number | null;
  /** SCTP encapsulated in UDP (RFC 6951). */
  readonly sctpUdp: number | null;
  /** SCTP right on IP, protocol 132. */
  readonly sctpRaw: boolean;
}

export interface ClientReport {
  readonly nickname: string;
  readonly address: string;
  /** Where it takes messages (TCP). */
  readonly port: number;
  readonly protocol: "mp1" | "mp2";
  /** Whether a key proves the nickname; mp1 has no keys. */
  readonly verified: boolean;
  /** Of that key: 64 lower-case hexadecimal digits. */
  readonly fingerprint: string | null;
  readonly away: boolean;
  /** What its user says of itself. */
  readonly status: string | null;
  /** How its SCTP association runs: in UDP, on IP, or there is none. */
  readonly path: "udp" | "raw" | null;
  /** "returning": it was here before the registry's restart and is not back yet. */
  readonly state: "joining" | "online" | "suspect" | "returning" | "offline";
  /** Why it is offline. */
  readonly reason: string | null;
  /** When it entered `state`; ISO 8601, UTC. */
  readonly since: string;
  readonly rttMillis: number | null;
  /** Of its SCTP association since it is there; null without one. */
  readonly tally: TallyReport | null;
}

/** Bytes of SCTP packets each way, as the registry counts them; heartbeats that it sent, and answers to them. */
export interface TallyReport {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly heartbeats: number;
  readonly answers: number;
}

/** How an attempt to start ended. */
export type StartReport =
  | { readonly outcome: "ready"; readonly pid: number; readonly version: string }
  | { readonly outcome: "failed"; readonly pid: number; readonly reason: string };

/** Names of the configuration keys that changed. A configuration that is refused is an error instead. */
export interface ReloadReport {
  readonly applied: readonly string[];
  readonly needsRestart: readonly string[];
}

export interface LogLevelReport {
  readonly level: LogLevel;
  readonly previous: LogLevel;
  /** When it falls back to `previous`; ISO 8601, UTC. Null: it stays. */
  readonly until: string | null;
}

export interface VersionReport {
  readonly version: string;
  /** "node 26.10.0". */
  readonly runtime: string;
  readonly pid: number;
}

const LEVELS = ["debug", "info", "warn", "error"] as const satisfies readonly LogLevel[];
/** An ISO 8601 time; only ever shown, so any short text will do. */
const time = text(64);
const name = text(256);
const sentence = text(4096);
const count = integer(0, Number.MAX_SAFE_INTEGER);
const pid = integer(1, 2 ** 31 - 1);
const port = integer(0, 65_535);
const millis = number(0, Number.MAX_VALUE);

/** A field that an older registry does not tell of: during an upgrade this program is the newer one. */
function orNull<Value>(parse: Parse<Value>): Parse<Value | null> {
  return (value, where) => optional(nullable(parse))(value, where) ?? null;
}

const parseStore: Parse<StoreReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    state: field(object, "state", oneOf(["ok", "failing"]), where),
    trouble: field(object, "trouble", nullable(sentence), where),
    bindings: field(object, "bindings", count, where),
    bans: field(object, "bans", count, where),
  };
};

export const parseLevel: Parse<LogLevel> = oneOf(LEVELS);

const parsePorts: Parse<PortsReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    udp: field(object, "udp", nullable(port), where),
    tcp: field(object, "tcp", nullable(port), where),
    sctpUdp: field(object, "sctpUdp", nullable(port), where),
    sctpRaw: field(object, "sctpRaw", boolean, where),
  };
};

const parseLastError: Parse<{ readonly at: string; readonly text: string }> = (value, where) => {
  const object = parseObject(value, where);
  return { at: field(object, "at", time, where), text: field(object, "text", sentence, where) };
};

const parseOtherRegistry: Parse<OtherRegistryReport> = shape<OtherRegistryReport>({
  address: name,
  realm: name,
  fingerprint: parseFingerprintText,
  sameKey: boolean,
  since: time,
});

export const parseStatus: Parse<StatusReport> = (value, where) => {
  const object = parseObject(value, where);
  integer(SCHEMA, SCHEMA)(object.schema, `${where}.schema`);
  return {
    schema: SCHEMA,
    state: field(object, "state", oneOf(["starting", "ready", "stopping"]), where),
    pid: field(object, "pid", pid, where),
    version: field(object, "version", name, where),
    supervisor: field(object, "supervisor", oneOf(["systemd", "none"]), where),
    uptimeMillis: field(object, "uptimeMillis", millis, where),
    startedAt: field(object, "startedAt", time, where),
    ports: field(object, "ports", parsePorts, where),
    interfaces: field(object, "interfaces", list(1000, name), where),
    legacy: field(object, "legacy", boolean, where),
    realm: field(object, "realm", orNull(name), where),
    fingerprint: field(object, "fingerprint", orNull(parseFingerprintText), where),
    epoch: field(object, "epoch", orNull(name), where),
    seq: field(object, "seq", orNull(count), where),
    store: field(object, "store", orNull(parseStore), where),
    online: field(object, "online", count, where),
    offline: field(object, "offline", count, where),
    returning: field(object, "returning", count, where),
    pendingRegistrations: field(object, "pendingRegistrations", count, where),
    otherRegistries: field(object, "otherRegistries", optional(list(100, parseOtherRegistry)), where) ?? [],
    lastError: field(object, "lastError", nullable(parseLastError), where),
    counters: field(object, "counters", numberTable, where),
  };
};

const parseTally: Parse<TallyReport> = shape<TallyReport>({
  sentBytes: count,
  receivedBytes: count,
  heartbeats: count,
  answers: count,
});

export const parseClient: Parse<ClientReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    nickname: field(object, "nickname", name, where),
    address: field(object, "address", name, where),
    port: field(object, "port", port, where),
    protocol: field(object, "protocol", oneOf(["mp1", "mp2"]), where),
    verified: field(object, "verified", boolean, where),
    fingerprint: field(object, "fingerprint", orNull(parseFingerprintText), where),
    away: field(object, "away", optional(boolean), where) ?? false,
    status: field(object, "status", orNull(name), where),
    path: field(object, "path", nullable(oneOf(["udp", "raw"])), where),
    state: field(object, "state", oneOf(["joining", "online", "suspect", "returning", "offline"]), where),
    reason: field(object, "reason", nullable(sentence), where),
    since: field(object, "since", time, where),
    rttMillis: field(object, "rttMillis", nullable(millis), where),
    tally: field(object, "tally", orNull(parseTally), where),
  };
};

export const parseClients: Parse<readonly ClientReport[]> = list(100_000, parseClient);

export const parseStart: Parse<StartReport> = (value, where) => {
  const object = parseObject(value, where);
  const outcome = field(object, "outcome", oneOf(["ready", "failed"]), where);
  const processId = field(object, "pid", pid, where);
  return outcome === "ready"
    ? { outcome, pid: processId, version: field(object, "version", name, where) }
    : { outcome, pid: processId, reason: field(object, "reason", sentence, where) };
};

export const parseReload: Parse<ReloadReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    applied: field(object, "applied", list(1000, name), where),
    needsRestart: field(object, "needsRestart", list(1000, name), where),
  };
};

export const parseLogLevel: Parse<LogLevelReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    level: field(object, "level", parseLevel, where),
    previous: field(object, "previous", parseLevel, where),
    until: field(object, "until", nullable(time), where),
  };
};

export const parseVersion: Parse<VersionReport> = (value, where) => {
  const object = parseObject(value, where);
  return {
    version: field(object, "version", name, where),
    runtime: field(object, "runtime", name, where),
    pid: field(object, "pid", pid, where),
  };
};
