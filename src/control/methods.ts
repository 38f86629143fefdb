/**
 * Everything that can be asked of the registry over the control socket: one entry a method, sorted by name (a test
 * keeps it so). Server and client both read this table; neither knows a method by itself.
 */
import type { LogLevel } from "../base/log.ts";
import {
  type BanReport,
  type BanRequest,
  type ConcernedReport,
  type FingerprintReport,
  type ForgetRequest,
  parseBanRequest,
  parseBans,
  parseConcerned,
  parseFingerprintReport,
  parseForgetRequest,
  parseTargetRequest,
  type TargetRequest,
} from "./admin-reports.ts";
import {
  type BindingsReport,
  type BindingsRequest,
  type ImportReport,
  type ImportRequest,
  parseBindings,
  parseBindingsRequest,
  parseImport,
  parseImportRequest,
} from "./backup.ts";
import { type ChangesReport, type ChangesRequest, parseChanges, parseChangesRequest } from "./changes.ts";
import { type ConfigurationReport, parseConfigurationReport } from "./configuration-report.ts";
import { type Method, methodsOf, nothing, nothingBack } from "./method.ts";
import { boolean, field, integer, oneOf, optional, type Parse, parseObject, text } from "./parse.ts";
import {
  type ClientReport,
  type LogLevelReport,
  parseClients,
  parseLevel,
  parseLogLevel,
  parseReload,
  parseStart,
  parseStatus,
  parseVersion,
  type ReloadReport,
  type StartReport,
  type StatusReport,
  type VersionReport,
} from "./reports.ts";

/** What the daemon does for the control plane. Throwing a ControlError chooses the reply's error code. */
export interface RegistryControl {
  readonly administration: AdministrationControl;
  readonly backup: BackupControl;
  changes(request: ChangesRequest): Promise<ChangesReport>;
  clients(): readonly ClientReport[];
  /** Throws ControlError "failed" while nothing is in force. */
  configuration(): ConfigurationReport;
  /** The registry in numbers, in Prometheus' text format. */
  metrics(): Promise<string>;
  /** Refuses a bad configuration by a ControlError "configuration-refused" whose text says line and key. */
  reload(): Promise<ReloadReport>;
  logLevel(request: LogLevelRequest): LogLevelReport;
  /** Resolves when the registry is ready, or its start has failed; at once when that is long past. */
  ready(): Promise<StartReport>;
  /** "restarted" in the same process, or "exiting": whoever supervises the process must start it again. */
  restart(): Promise<"exiting" | "restarted">;
  status(): StatusReport;
  /** Resolves as soon as the stop is certain to happen; the process ends afterwards, when the reply is out. */
  stop(request: StopRequest): Promise<void>;
  version(): VersionReport;
}

export interface LogLevelRequest {
  readonly level: LogLevel;
  /** After this time the level falls back; absent: it stays. */
  readonly forMillis?: number;
}

/** What concerns keys, and clients one by one. What changes who may be who is durable when it resolves. */
export interface AdministrationControl {
  /** Ends the key's session and refuses its next ones. */
  ban(request: BanRequest): Promise<ConcernedReport>;
  bans(): readonly BanReport[];
  fingerprint(): FingerprintReport;
  /** Frees a nickname for whoever comes next. */
  forget(request: ForgetRequest): Promise<ConcernedReport>;
  /** Ends a session; its client may come again. */
  kick(request: TargetRequest): Promise<ConcernedReport>;
  unban(request: TargetRequest): Promise<ConcernedReport>;
}

/** What leaves for another registry, or comes from one. */
export interface BackupControl {
  bindings(request: BindingsRequest): BindingsReport;
  /** Binds and bans what another registry had bound and banned, except what contradicts what is so here; durably. */
  import(request: ImportRequest): Promise<ImportReport>;
}

export interface StopRequest {
  /** It will be started again at once, so clients need not worry. */
  readonly restarting: boolean;
}

/** A hundred bytes a line, some hundred lines. */
const MAX_METRICS_LENGTH = 262_144;
/** The longest time that a log level may be set for. */
const MAX_LEVEL_MILLIS = 7 * 24 * 3_600_000;

const parseLogLevelRequest: Parse<LogLevelRequest> = (value, where) => {
  const object = parseObject(value, where);
  const level = field(object, "level", parseLevel, where);
  const forMillis = field(object, "forMillis", optional(integer(1_000, MAX_LEVEL_MILLIS)), where);
  return forMillis === undefined ? { level } : { level, forMillis };
};

const parseStopRequest: Parse<StopRequest> = (value, where) => {
  if (value === undefined) return { restarting: false };
  const object = parseObject(value, where);
  return { restarting: field(object, "restarting", optional(boolean), where) ?? false };
};

const method = methodsOf<RegistryControl>();

export const METHODS = {
  ban: method(parseBanRequest, parseConcerned, (control, request) => control.administration.ban(request)),
  bans: method(nothing, parseBans, (control) => control.administration.bans()),
  bindings: method(parseBindingsRequest, parseBindings, (control, request) =>
    control.backup.bindings(request),
  ),
  changes: method(parseChangesRequest, parseChanges, (control, request) => control.changes(request)),
  clients: method(nothing, parseClients, (control) => control.clients()),
  configuration: method(nothing, parseConfigurationReport, (control) => control.configuration()),
  fingerprint: method(nothing, parseFingerprintReport, (control) => control.administration.fingerprint()),
  forget: method(parseForgetRequest, parseConcerned, (control, request) =>
    control.administration.forget(request),
  ),
  import: method(parseImportRequest, parseImport, (control, request) => control.backup.import(request)),
  kick: method(parseTargetRequest, parseConcerned, (control, request) =>
    control.administration.kick(request),
  ),
  "log-level": method(parseLogLevelRequest, parseLogLevel, (control, request) => control.logLevel(request)),
  metrics: method(nothing, text(MAX_METRICS_LENGTH), (control) => control.metrics()),
  ready: method(nothing, parseStart, (control) => control.ready()),
  reload: method(nothing, parseReload, (control) => control.reload()),
  restart: method(nothing, oneOf(["exiting", "restarted"]), (control) => control.restart()),
  status: method(nothing, parseStatus, (control) => control.status()),
  stop: method(parseStopRequest, nothingBack, async (control, request) => {
    await control.stop(request);
    return null;
  }),
  unban: method(parseTargetRequest, parseConcerned, (control, request) =>
    control.administration.unban(request),
  ),
  version: method(nothing, parseVersion, (control) => control.version()),
} as const;

export type MethodName = keyof typeof METHODS;
type Table = typeof METHODS;

/** What the method `Name` takes. */
export type RequestOf<Name extends MethodName> =
  Table[Name] extends Method<RegistryControl, infer Request, infer _> ? Request : never;
/** What the method `Name` gives back. */
export type ResultOf<Name extends MethodName> =
  Table[Name] extends Method<RegistryControl, infer _, infer Result> ? Result : never;
