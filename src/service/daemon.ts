import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Millis, Random } from "../base/clock.ts";
import { errorText, SystemError } from "../base/errors.ts";
import { durationText } from "../base/text.ts";
import type { ChangesReport, ChangesRequest } from "../control/changes.ts";
import type { ConfigurationReport } from "../control/configuration-report.ts";
import { ControlError } from "../control/errors.ts";
import type { LogLevelRequest, RegistryControl, StopRequest } from "../control/methods.ts";
import { READ_SOCKET, removePidFile, writePidFile } from "../control/pidfile.ts";
import {
  type ClientReport,
  type LogLevelReport,
  type ReloadReport,
  SCHEMA,
  type StartReport,
  type StatusReport,
  type VersionReport,
} from "../control/reports.ts";
import { type ControlServer, createControlServer } from "../control/server.ts";
import type { Farewell, Strain } from "../registry/settings.ts";
import { Administration } from "./administration.ts";
import { Backup } from "./backup.ts";
import { type Configuration, changedKeys, readConfiguration } from "./configuration.ts";
import { settingReports } from "./configuration-report.ts";
import type { Places } from "./environment.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { ServiceLog } from "./log.ts";
import { LogLevelSwitch } from "./log-level.ts";
import { Metrics } from "./metrics.ts";
import type { ServiceManager } from "./notify.ts";
import { Reach } from "./reach.ts";
import { ReadAccess } from "./read-access.ts";
import { clientReports, readyFields, registryReport, statusText } from "./reports.ts";
import { isRestartJob, ownUnit } from "./restart-job.ts";
import { RunHistory } from "./run-history.ts";
import { letGo, mustServe, openServing, reconfigure, type Serving } from "./serving.ts";
import { isRestartKey } from "./settings.ts";
import { StateFault } from "./state.ts";
import { Supervision } from "./supervision.ts";
import { ConfigurationError } from "./toml.ts";
import { Vitals } from "./vitals.ts";
import { Watchers } from "./watchers.ts";

export interface DaemonOptions {
  readonly places: Places;
  /** As the unit tells it. */
  readonly bootId: string | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ServiceLog;
  readonly manager: ServiceManager;
  /** The control socket that systemd passed, if it did. */
  readonly inheritedSocket: number | undefined;
  /** How often the watchdog wants to be fed. */
  readonly watchdogMillis: Millis | undefined;
  /** Told the configured format of log lines. */
  readonly onFormat: (format: Configuration["log"]["format"]) => void;
}

/** The request that started the unit is on its way when a start fails at once; it shall have its answer. */
const LAST_ANSWER_MILLIS = 250;
/** The whole way down may take this long; then the process ends regardless. */
const STOP_MILLIS = 1_900;
/** What clients are told to expect of a restart: a way down of a second, and a start of less than one. */
const RESTART_MILLIS = 2_000;

/** Where the daemon is in its life. Transitions: `run`, `#start`, `#restart`, `#finish`. */
type Phase =
  | { readonly state: "starting" }
  | { readonly state: "ready"; readonly serving: Serving }
  | { readonly state: "stopping" };

/**
 * The daemon's life: control plane, configuration, sockets, READY; then until it is told to stop. It is what the
 * control plane's methods act on.
 */
export class Daemon implements RegistryControl {
  readonly #options: DaemonOptions;
  readonly #startedAt: Millis;
  readonly #history: RunHistory;
  readonly #supervision: Supervision;
  readonly #vitals: Vitals;
  readonly #started = Promise.withResolvers<StartReport>();
  readonly #stopped = Promise.withResolvers<Farewell>();
  readonly administration: Administration;
  readonly backup: Backup;
  readonly #metrics: Metrics;
  readonly #level: LogLevelSwitch;
  readonly #readAccess: ReadAccess;
  readonly #watchers = new Watchers({ registry: () => this.#serving?.shell.registry });
  #phase: Phase = { state: "starting" };
  /** Of the configuration file, when it was read last and not refused. */
  #read: Pick<ConfigurationReport, "exists" | "readAt"> = { exists: false, readAt: "" };
  #reach: Reach | undefined;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    const { places, clock, log, manager, watchdogMillis } = options;
    this.#history = new RunHistory({ directory: places.stateDirectory, clock, log });
    const serving = (): Serving | undefined => this.#serving;
    this.administration = new Administration({ serving, log });
    this.backup = new Backup({ serving, log });
    this.#metrics = new Metrics({ serving, version: options.version });
    this.#readAccess = new ReadAccess({
      path: join(places.runtimeDirectory, READ_SOCKET),
      ...{ control: this, log, clock },
    });
    this.#level = new LogLevelSwitch({
      log,
      clock,
      configured: () => this.#serving?.configuration.log.level,
    });
    this.#vitals = new Vitals({
      ...{ log, clock, unit: manager.isActive ? ownUnit() : undefined },
      limit: (strain) => this.#limit(strain),
    });
    this.#supervision = new Supervision({
      manager,
      log,
      watchdogMillis,
      statusText: () => this.#statusText(),
      answers: async () => (await this.#serving?.shell.answers()) === true,
      look: () => this.#look(),
    });
  }

  /** Runs until stopped. Resolves with the process's exit code; never rejects for a cause outside the program. */
  async run(): Promise<ExitCode> {
    const { log } = this.#options;
    let control: ControlServer;
    try {
      control = await this.#openControl();
    } catch (error) {
      log.write({ level: "error", text: `Not started: ${errorText(error)}` });
      return EXIT.failure;
    }
    const code = await this.#serve(control);
    log.flushCounts();
    return code;
  }

  /** A failure that belongs into `multiprotoctl status`, and into the record of this run. */
  noteError(text: string): void {
    this.#history.noteError(text);
  }

  // What the control plane asks

  status(): StatusReport {
    const { clock, version, manager } = this.#options;
    return {
      schema: SCHEMA,
      state: this.#phase.state,
      pid: process.pid,
      version,
      supervisor: manager.isActive ? "systemd" : "none",
      uptimeMillis: Math.round(clock.now() - this.#startedAt),
      startedAt: this.#history.startedAt,
      ...registryReport(this.#serving),
      lastError: this.#history.lastError,
    };
  }

  clients(): readonly ClientReport[] {
    return this.#serving === undefined ? [] : clientReports(this.#serving.shell, this.#options.clock);
  }

  changes(request: ChangesRequest): Promise<ChangesReport> {
    return this.#watchers.changes(request);
  }

  configuration(): ConfigurationReport {
    const { configuration } = mustServe(this.#serving);
    const settings = settingReports(configuration, this.#options.log.level);
    return { file: this.#options.places.configurationFile, ...this.#read, settings };
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  ready(): Promise<StartReport> {
    return this.#started.promise;
  }

  version(): VersionReport {
    return { version: this.#options.version, runtime: `node ${process.versions.node}`, pid: process.pid };
  }

  /** By SIGTERM and SIGINT, which do not say what for; systemd's queue of jobs does. */
  async terminate(): Promise<void> {
    const restarting = this.#options.manager.isActive && (await isRestartJob());
    await this.stop({ restarting });
  }

  stop({ restarting }: StopRequest): Promise<void> {
    removePidFile(this.#options.places.runtimeDirectory);
    this.#stopped.resolve(restarting ? { reason: "restart", backIn: RESTART_MILLIS } : { reason: "stop" });
    return Promise.resolve();
  }

  async restart(): Promise<"exiting" | "restarted"> {
    if (this.#options.manager.isActive) {
      await this.stop({ restarting: true });
      return "exiting";
    }
    const serving = this.#serving;
    if (serving === undefined) throw new ControlError("failed", `Cannot restart while ${this.#phase.state}`);
    this.#phase = { state: "starting" };
    this.#watchers.changed();
    await letGo(serving, { reason: "restart", backIn: RESTART_MILLIS });
    try {
      await this.#start();
    } catch (error) {
      this.#options.log.write({ level: "error", text: `Not restarted: ${errorText(error)}` });
      await this.stop({ restarting: false });
      throw new ControlError("failed", `${errorText(error)}; the registry has ended`);
    }
    return "restarted";
  }

  /** By the control plane and SIGHUP alike. A configuration that is refused changes nothing. */
  async reload(): Promise<ReloadReport> {
    const { log, manager } = this.#options;
    const serving = this.#serving;
    if (serving === undefined) throw new ControlError("failed", `Cannot reload while ${this.#phase.state}`);
    let configuration: Configuration;
    try {
      configuration = this.#readConfiguration();
    } catch (error) {
      const text = `Configuration refused, the running one stays: ${errorText(error)}`;
      log.write({ level: "error", text });
      throw new ControlError("configuration-refused", errorText(error));
    }
    await manager.reloading();
    const changed = changedKeys(serving.configuration, configuration);
    const { servesRawIp } = serving.shell;
    const needsRestart = changed.filter((key) => isRestartKey(key, configuration, servesRawIp));
    const applied = changed.filter((key) => !needsRestart.includes(key));
    this.#level.reset(configuration.log.level);
    this.#phase = { state: "ready", serving: reconfigure(serving, configuration) };
    await this.#readAccess.want(configuration.control.anyoneMayRead);
    const list = (keys: readonly string[]): string => (keys.length === 0 ? "nothing" : keys.join(", "));
    const later = needsRestart.length === 0 ? "" : `; needs a restart: ${list(needsRestart)}`;
    log.write({ level: "info", text: `Configuration reloaded: ${list(applied)} changed${later}` });
    await manager.ready(this.#statusText());
    return { applied, needsRestart };
  }

  logLevel(request: LogLevelRequest): LogLevelReport {
    return this.#level.set(request);
  }

  // The way up

  async #openControl(): Promise<ControlServer> {
    const { places, inheritedSocket, clock, log } = this.#options;
    const { runtimeDirectory } = places;
    makeDirectory(runtimeDirectory, 0o755, "--runtime-dir");
    const path = join(runtimeDirectory, "control.sock");
    const listen = inheritedSocket === undefined ? { path } : { fd: inheritedSocket };
    const control = await createControlServer({ listen, control: this, log, clock });
    writePidFile(runtimeDirectory);
    this.#history.begin();
    return control;
  }

  async #serve(control: ControlServer): Promise<ExitCode> {
    const { log, manager, version } = this.#options;
    let code: ExitCode = EXIT.ok;
    let farewell: Farewell = { reason: "stop" };
    try {
      await this.#start();
      log.write({
        level: "info",
        text: `multiproto ${version} ready`,
        fields: readyFields(registryReport(this.#serving)),
      });
      await manager.ready(this.#statusText());
      this.#started.resolve({ outcome: "ready", pid: process.pid, version });
      this.#supervision.begin();
      this.#vitals.begin();
      farewell = await this.#stopped.promise;
    } catch (error) {
      code = exitCode(error);
      const reason = errorText(error);
      log.write({ level: "error", text: `Not started: ${reason}` });
      this.#started.resolve({ outcome: "failed", pid: process.pid, reason });
      removePidFile(this.#options.places.runtimeDirectory);
      await new Promise((resolve) => setTimeout(resolve, LAST_ANSWER_MILLIS));
    }
    await this.#finish(control, farewell);
    return code;
  }

  async #start(): Promise<void> {
    const { clock, random, log, version, places, bootId } = this.#options;
    const configuration = this.#readConfiguration();
    this.#level.reset(configuration.log.level);
    this.#options.onFormat(configuration.log.format);
    const serving = await openServing({
      ...{ configuration, stateDirectory: places.stateDirectory, bootId, clock, random, log, version },
      onCounts: () => this.#supervision.statusSoon(),
      onPublished: () => this.#watchers.changed(),
      metricsText: () => this.#metrics.text(),
    });
    this.#phase = { state: "ready", serving };
    await this.#readAccess.want(configuration.control.anyoneMayRead);
  }

  #readConfiguration(): Configuration {
    const { places, clock } = this.#options;
    const { configurationFile, configurationRequired } = places;
    const configuration = readConfiguration(configurationFile, configurationRequired);
    this.#read = { exists: existsSync(configurationFile), readAt: new Date(clock.wall()).toISOString() };
    return configuration;
  }

  // While it runs

  get #serving(): Serving | undefined {
    return this.#phase.state === "ready" ? this.#phase.serving : undefined;
  }

  /** Whether all whom it serves get through to it: only under systemd, and only there is somebody who could be in the way. */
  #look(): void {
    const { manager, log } = this.#options;
    const unit = manager.isActive ? ownUnit() : undefined;
    if (unit !== undefined) this.#reach ??= new Reach({ unit, log });
    void this.#reach?.look(this.#serving?.shell.links ?? []);
  }

  #limit(strain: Strain | undefined): void {
    const shell = this.#serving?.shell;
    if (shell === undefined || shell.registry.strain?.text === strain?.text) return;
    shell.limit(strain);
    this.#supervision.statusSoon();
  }

  #statusText(): string {
    const upMillis = this.#options.clock.now() - this.#startedAt;
    return statusText(registryReport(this.#serving), upMillis, this.#serving?.shell.registry.strain);
  }

  // The way down

  async #finish(control: ControlServer, farewell: Farewell): Promise<void> {
    const { log, manager, clock } = this.#options;
    const serving = this.#serving;
    this.#phase = { state: "stopping" };
    this.#watchers.changed();
    this.#supervision.end();
    this.#vitals.end();
    this.#level.end();
    removePidFile(this.#options.places.runtimeDirectory);
    const limit = setTimeout(() => process.exit(EXIT.ok), STOP_MILLIS);
    const told = manager.stopping();
    if (serving !== undefined) {
      const what = farewell.reason === "restart" ? "Stopping to start again" : "Stopping";
      log.write({ level: "info", text: `${what} after ${durationText(clock.now() - this.#startedAt)}` });
      await letGo(serving, farewell);
    }
    await Promise.all([control.close(), this.#readAccess.want(false)]);
    await told;
    this.#history.end();
    clearTimeout(limit);
  }
}

function exitCode(error: unknown): ExitCode {
  if (error instanceof ConfigurationError) return EXIT.configuration;
  return error instanceof StateFault ? EXIT.state : EXIT.failure;
}

function makeDirectory(path: string, mode: number, option: string): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    throw new SystemError(`Cannot make ${path}: ${errorText(error)} (choose another by ${option})`, "EMKDIR");
  }
}
