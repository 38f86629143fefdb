import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Millis, Random } from "../base/clock.ts";
import { errorText, SystemError } from "../base/errors.ts";
import { durationText } from "../base/text.ts";
import { ControlError } from "../control/errors.ts";
import type { StopRequest } from "../control/methods.ts";
import { READ_SOCKET, removePidFile, writePidFile } from "../control/pidfile.ts";
import type { ReloadReport, StartReport } from "../control/reports.ts";
import { type ControlServer, createControlServer } from "../control/server.ts";
import type { Farewell } from "../registry/settings.ts";
import type { Configuration } from "./configuration.ts";
import { ConfigurationFile } from "./configuration-file.ts";
import { ControlPlane } from "./control-plane.ts";
import type { Places } from "./environment.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { Health } from "./health.ts";
import type { ServiceLog } from "./log.ts";
import { LogLevelSwitch } from "./log-level.ts";
import type { ServiceManager } from "./notify.ts";
import { ReadAccess } from "./read-access.ts";
import { readyFields, registryReport } from "./reports.ts";
import { isRestartJob } from "./restart-job.ts";
import { RunHistory } from "./run-history.ts";
import { letGo, openServing, reconfigure, reloadReport, type Serving } from "./serving.ts";
import { StateFault } from "./state.ts";
import { ConfigurationError } from "./toml.ts";

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

/** Where the daemon is in its life. Transitions: `restart`, `reload`, `#start`, `#finish`. */
type Phase =
  | { readonly state: "starting" }
  | { readonly state: "ready"; readonly serving: Serving }
  | { readonly state: "stopping" };

/** The daemon's life: control plane, configuration, sockets, READY; then until it is told to stop. */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #startedAt: Millis;
  readonly #history: RunHistory;
  readonly #file: ConfigurationFile;
  readonly #level: LogLevelSwitch;
  readonly #health: Health;
  readonly #controlPlane: ControlPlane;
  readonly #readAccess: ReadAccess;
  readonly #started = Promise.withResolvers<StartReport>();
  readonly #stopped = Promise.withResolvers<Farewell>();
  #phase: Phase = { state: "starting" };

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    const { places, clock, log, manager, version, watchdogMillis } = options;
    const serving = (): Serving | undefined => this.#serving;
    const upMillis = (): Millis => this.#upMillis;
    this.#history = new RunHistory({ directory: places.stateDirectory, clock, log });
    this.#file = new ConfigurationFile({ places, clock });
    this.#level = new LogLevelSwitch({ log, clock, configured: () => serving()?.configuration.log.level });
    this.#health = new Health({ manager, log, clock, watchdogMillis, serving, upMillis });
    this.#controlPlane = new ControlPlane({
      ...{ life: this, serving, upMillis, version, clock, log },
      ...{ history: this.#history, file: this.#file, level: this.#level },
      state: () => this.#phase.state,
      supervisor: manager.isActive ? "systemd" : "none",
    });
    this.#readAccess = new ReadAccess({
      path: join(places.runtimeDirectory, READ_SOCKET),
      ...{ control: this.#controlPlane, log, clock },
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

  // What it is told

  /** How the first start ends. */
  ready(): Promise<StartReport> {
    return this.#started.promise;
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
    this.#controlPlane.rosterChanged();
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
    this.#servingToReload();
    let configuration: Configuration;
    try {
      configuration = this.#file.read();
    } catch (error) {
      const text = `Configuration refused, the running one stays: ${errorText(error)}`;
      log.write({ level: "error", text });
      throw new ControlError("configuration-refused", errorText(error));
    }
    await manager.reloading();
    // A stop may have begun meanwhile.
    const serving = this.#servingToReload();
    const { applied, needsRestart } = reloadReport(serving, configuration);
    this.#level.reset(configuration.log.level);
    this.#phase = { state: "ready", serving: reconfigure(serving, configuration) };
    await this.#readAccess.want(configuration.control.anyoneMayRead);
    const list = (keys: readonly string[]): string => (keys.length === 0 ? "nothing" : keys.join(", "));
    const later = needsRestart.length === 0 ? "" : `; needs a restart: ${list(needsRestart)}`;
    log.write({ level: "info", text: `Configuration reloaded: ${list(applied)} changed${later}` });
    // Once more: what goes away is not ready again.
    if (this.#serving !== undefined) await manager.ready(this.#health.statusText());
    return { applied, needsRestart };
  }

  #servingToReload(): Serving {
    const serving = this.#serving;
    if (serving === undefined) throw new ControlError("failed", `Cannot reload while ${this.#phase.state}`);
    return serving;
  }

  // The way up

  async #openControl(): Promise<ControlServer> {
    const { places, inheritedSocket, clock, log } = this.#options;
    const { runtimeDirectory } = places;
    makeDirectory(runtimeDirectory, 0o755, "--runtime-dir");
    const path = join(runtimeDirectory, "control.sock");
    const listen = inheritedSocket === undefined ? { path } : { fd: inheritedSocket };
    const control = await createControlServer({ listen, control: this.#controlPlane, log, clock });
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
      await manager.ready(this.#health.statusText());
      this.#started.resolve({ outcome: "ready", pid: process.pid, version });
      this.#health.begin();
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
    const configuration = this.#file.read();
    this.#level.reset(configuration.log.level);
    this.#options.onFormat(configuration.log.format);
    const serving = await openServing({
      ...{ configuration, stateDirectory: places.stateDirectory, bootId, clock, random, log, version },
      onCounts: () => this.#health.statusSoon(),
      onPublished: () => this.#controlPlane.rosterChanged(),
      metricsText: () => this.#controlPlane.metrics(),
    });
    this.#phase = { state: "ready", serving };
    await this.#readAccess.want(configuration.control.anyoneMayRead);
  }

  // While it runs

  get #serving(): Serving | undefined {
    return this.#phase.state === "ready" ? this.#phase.serving : undefined;
  }

  get #upMillis(): Millis {
    return this.#options.clock.now() - this.#startedAt;
  }

  // The way down

  async #finish(control: ControlServer, farewell: Farewell): Promise<void> {
    const { log, manager } = this.#options;
    const serving = this.#serving;
    this.#phase = { state: "stopping" };
    this.#controlPlane.rosterChanged();
    this.#health.end();
    this.#level.end();
    removePidFile(this.#options.places.runtimeDirectory);
    const limit = setTimeout(() => process.exit(EXIT.ok), STOP_MILLIS);
    const told = manager.stopping();
    if (serving !== undefined) {
      const what = farewell.reason === "restart" ? "Stopping to start again" : "Stopping";
      log.write({ level: "info", text: `${what} after ${durationText(this.#upMillis)}` });
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
