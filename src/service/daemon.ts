import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Millis, Random } from "../base/clock.ts";
import { errorText, SystemError } from "../base/errors.ts";
import { durationText } from "../base/text.ts";
import { ControlError, type LogLevelRequest, type RegistryControl } from "../control/methods.ts";
import { removePidFile, writePidFile } from "../control/pidfile.ts";
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
import { RegistryShell } from "../io/registry-shell.ts";
import { DEFAULT_SCTP_SETTINGS, type SctpSettings } from "../sctp/api.ts";
import { type Configuration, ConfigurationError, changedKeys, readConfiguration } from "./configuration.ts";
import type { Places } from "./environment.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { ServiceLog } from "./log.ts";
import type { ServiceManager } from "./notify.ts";
import { clientReports, networkReport } from "./reports.ts";
import { RunHistory } from "./run-history.ts";
import { Supervision } from "./supervision.ts";

export interface DaemonOptions {
  readonly places: Places;
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

/** Where the daemon is in its life. Transitions: `run`, `#start`, `#restart`, `#finish`. */
type Phase =
  | { readonly state: "starting" }
  | { readonly state: "ready"; readonly shell: RegistryShell; readonly configuration: Configuration }
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
  readonly #started = Promise.withResolvers<StartReport>();
  readonly #stopped = Promise.withResolvers<void>();
  #phase: Phase = { state: "starting" };
  #levelTimer: NodeJS.Timeout | undefined;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    const { places, clock, log, manager, watchdogMillis } = options;
    this.#history = new RunHistory({ directory: places.stateDirectory, clock, log });
    this.#supervision = new Supervision({
      manager,
      log,
      watchdogMillis,
      statusText: () => this.#statusText(),
      answers: async () => this.#phase.state === "ready" && (await this.#phase.shell.answers()),
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
    const ready = this.#phase.state === "ready" ? this.#phase : undefined;
    return {
      schema: SCHEMA,
      state: this.#phase.state,
      pid: process.pid,
      version,
      supervisor: manager.isActive ? "systemd" : "none",
      uptimeMillis: Math.round(clock.now() - this.#startedAt),
      startedAt: this.#history.startedAt,
      ...networkReport(ready?.shell, ready?.configuration),
      lastError: this.#history.lastError,
    };
  }

  clients(): readonly ClientReport[] {
    return this.#phase.state === "ready" ? clientReports(this.#phase.shell, this.#options.clock) : [];
  }

  ready(): Promise<StartReport> {
    return this.#started.promise;
  }

  version(): VersionReport {
    return { version: this.#options.version, runtime: `node ${process.versions.node}`, pid: process.pid };
  }

  /** By the control plane, SIGTERM and SIGINT alike. */
  stop(): Promise<void> {
    removePidFile(this.#options.places.runtimeDirectory);
    this.#stopped.resolve();
    return Promise.resolve();
  }

  async restart(): Promise<"exiting" | "restarted"> {
    if (this.#options.manager.isActive) {
      await this.stop();
      return "exiting";
    }
    if (this.#phase.state !== "ready")
      throw new ControlError("failed", `Cannot restart while ${this.#phase.state}`);
    const { shell } = this.#phase;
    this.#phase = { state: "starting" };
    await shell.close();
    try {
      await this.#start();
    } catch (error) {
      this.#options.log.write({ level: "error", text: `Not restarted: ${errorText(error)}` });
      await this.stop();
      throw new ControlError("failed", `${errorText(error)}; the registry has ended`);
    }
    return "restarted";
  }

  /** By the control plane and SIGHUP alike. A configuration that is refused changes nothing. */
  async reload(): Promise<ReloadReport> {
    const { log, manager } = this.#options;
    const phase = this.#phase;
    if (phase.state !== "ready") throw new ControlError("failed", `Cannot reload while ${phase.state}`);
    let configuration: Configuration;
    try {
      configuration = this.#readConfiguration();
    } catch (error) {
      const text = `Configuration refused, the running one stays: ${errorText(error)}`;
      log.write({ level: "error", text });
      throw new ControlError("configuration-refused", errorText(error));
    }
    await manager.reloading();
    const changed = changedKeys(phase.configuration, configuration);
    const needsRestart = changed.filter((key) => isRestartKey(key, configuration, phase.shell));
    const applied = changed.filter((key) => !needsRestart.includes(key));
    this.#apply(phase, configuration);
    const list = (keys: readonly string[]): string => (keys.length === 0 ? "nothing" : keys.join(", "));
    const later = needsRestart.length === 0 ? "" : `; needs a restart: ${list(needsRestart)}`;
    log.write({ level: "info", text: `Configuration reloaded: ${list(applied)} changed${later}` });
    await manager.ready(this.#statusText());
    return { applied, needsRestart };
  }

  logLevel({ level, forMillis }: LogLevelRequest): LogLevelReport {
    const { log, clock } = this.#options;
    const previous = log.level;
    clearTimeout(this.#levelTimer);
    log.level = level;
    if (forMillis === undefined) return { level, previous, until: null };
    this.#levelTimer = setTimeout(() => {
      log.level = this.#phase.state === "ready" ? this.#phase.configuration.log.level : previous;
    }, forMillis).unref();
    return { level, previous, until: new Date(clock.wall() + forMillis).toISOString() };
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
    try {
      await this.#start();
      log.write({ level: "info", text: `multiproto ${version} ready`, fields: this.#readyFields() });
      await manager.ready(this.#statusText());
      this.#started.resolve({ outcome: "ready", pid: process.pid, version });
      this.#supervision.begin();
      await this.#stopped.promise;
    } catch (error) {
      code = error instanceof ConfigurationError ? EXIT.configuration : EXIT.failure;
      const reason = errorText(error);
      log.write({ level: "error", text: `Not started: ${reason}` });
      this.#started.resolve({ outcome: "failed", pid: process.pid, reason });
      removePidFile(this.#options.places.runtimeDirectory);
      await new Promise((resolve) => setTimeout(resolve, LAST_ANSWER_MILLIS));
    }
    await this.#finish(control);
    return code;
  }

  async #start(): Promise<void> {
    const { clock, random, log, version } = this.#options;
    const configuration = this.#readConfiguration();
    log.level = configuration.log.level;
    this.#options.onFormat(configuration.log.format);
    const shell = await RegistryShell.open({
      network: configuration.network,
      sctp: sctpSettings(configuration),
      clock,
      random,
      log,
      version,
      onCounts: () => this.#supervision.statusSoon(),
    });
    this.#phase = { state: "ready", shell, configuration };
  }

  #readConfiguration(): Configuration {
    const { configurationFile, configurationRequired } = this.#options.places;
    return readConfiguration(configurationFile, configurationRequired);
  }

  #apply(phase: Extract<Phase, { state: "ready" }>, configuration: Configuration): void {
    clearTimeout(this.#levelTimer);
    this.#options.log.level = configuration.log.level;
    phase.shell.configure(configuration.network.legacy, sctpSettings(configuration));
    // What needs a restart stays as it is, so that it shows as changed again at the next reload.
    const { interfaces, port, encapsulationPort } = phase.configuration.network;
    const network = { ...configuration.network, interfaces, port, encapsulationPort };
    const format = phase.configuration.log.format;
    this.#phase = {
      ...phase,
      configuration: { ...configuration, network, log: { ...configuration.log, format } },
    };
  }

  // While it runs

  #statusText(): string {
    const { online, offline } = networkReport(...this.#network());
    return `${online} online, ${offline} offline, up ${durationText(this.#options.clock.now() - this.#startedAt)}`;
  }

  #network(): [RegistryShell | undefined, Configuration | undefined] {
    return this.#phase.state === "ready"
      ? [this.#phase.shell, this.#phase.configuration]
      : [undefined, undefined];
  }

  #readyFields(): Record<string, string | number | boolean> {
    const { ports, interfaces } = networkReport(...this.#network());
    return {
      udp: ports.udp ?? 0,
      tcp: ports.tcp ?? 0,
      "sctp-udp": ports.sctpUdp ?? 0,
      "sctp-raw": ports.sctpRaw,
      interfaces: interfaces.join(","),
    };
  }

  // The way down

  async #finish(control: ControlServer): Promise<void> {
    const { log, manager, clock } = this.#options;
    const phase = this.#phase;
    this.#phase = { state: "stopping" };
    this.#supervision.end();
    clearTimeout(this.#levelTimer);
    removePidFile(this.#options.places.runtimeDirectory);
    const limit = setTimeout(() => process.exit(EXIT.ok), STOP_MILLIS);
    const told = manager.stopping();
    if (phase.state === "ready") {
      log.write({ level: "info", text: `Stopping after ${durationText(clock.now() - this.#startedAt)}` });
      await phase.shell.close();
    }
    await control.close();
    await told;
    this.#history.end();
    clearTimeout(limit);
  }
}

function sctpSettings({ presence, network }: Configuration): SctpSettings {
  const { heartbeatMillis, lostAfterMillis } = presence;
  return {
    ...DEFAULT_SCTP_SETTINGS,
    heartbeatMillis,
    lostAfterMillis,
    maxAssociations: network.legacy ? 20_000 : 12_000,
  };
}

/** Whether a changed key takes effect only when the sockets are opened anew. */
function isRestartKey(key: string, configuration: Configuration, shell: RegistryShell): boolean {
  if (key === "network.legacy") return configuration.network.legacy && !shell.servesRawIp;
  return ["network.interfaces", "network.port", "network.encapsulation-port", "log.format"].includes(key);
}

function makeDirectory(path: string, mode: number, option: string): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    throw new SystemError(`Cannot make ${path}: ${errorText(error)} (choose another by ${option})`, "EMKDIR");
  }
}
