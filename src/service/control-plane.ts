import type { Clock, Millis } from "../base/clock.ts";
import type { ChangesReport, ChangesRequest } from "../control/changes.ts";
import type { ConfigurationReport } from "../control/configuration-report.ts";
import type { LogLevelRequest, RegistryControl, StopRequest } from "../control/methods.ts";
import {
  type ClientReport,
  type LogLevelReport,
  type ReloadReport,
  SCHEMA,
  type StartReport,
  type StatusReport,
  type VersionReport,
} from "../control/reports.ts";
import type { TopReport, TopRequest } from "../control/top.ts";
import { Administration } from "./administration.ts";
import { Backup } from "./backup.ts";
import type { ConfigurationFile } from "./configuration-file.ts";
import type { ServiceLog } from "./log.ts";
import type { LogLevelSwitch } from "./log-level.ts";
import { Metrics } from "./metrics.ts";
import { clientReports, otherRegistryReports, registryReport } from "./reports.ts";
import type { RunHistory } from "./run-history.ts";
import { mustServe, type Serving } from "./serving.ts";
import { topReport } from "./top.ts";
import { Watchers } from "./watchers.ts";

export interface ControlPlaneOptions {
  /** What begins and ends the registry. */
  readonly life: Pick<RegistryControl, "ready" | "reload" | "restart" | "stop">;
  readonly state: () => StatusReport["state"];
  readonly serving: () => Serving | undefined;
  readonly upMillis: () => Millis;
  readonly history: Pick<RunHistory, "startedAt" | "lastError">;
  readonly file: ConfigurationFile;
  readonly level: LogLevelSwitch;
  readonly supervisor: StatusReport["supervisor"];
  readonly version: string;
  readonly clock: Clock;
  readonly log: ServiceLog;
}

/**
 * What the control plane's methods act on: answers what is asked of the registry as it is at that moment, whether it serves
 * or not. Apart from the daemon's life, to which it leaves what would change that.
 */
export class ControlPlane implements RegistryControl {
  readonly #options: ControlPlaneOptions;
  readonly administration: Administration;
  readonly backup: Backup;
  readonly #metrics: Metrics;
  readonly #watchers: Watchers;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    const { serving, log, version } = options;
    this.administration = new Administration({ serving, log });
    this.backup = new Backup({ serving, log });
    this.#metrics = new Metrics({ serving, version });
    this.#watchers = new Watchers({ registry: () => serving()?.shell.registry });
  }

  /** The published roster has another number, or the registry serves no longer: those who wait for that go on. */
  rosterChanged(): void {
    this.#watchers.changed();
  }

  status(): StatusReport {
    const { state, upMillis, history, supervisor, version, clock } = this.#options;
    const serving = this.#options.serving();
    return {
      schema: SCHEMA,
      state: state(),
      pid: process.pid,
      version,
      supervisor,
      uptimeMillis: Math.round(upMillis()),
      startedAt: history.startedAt,
      ...registryReport(serving),
      otherRegistries: serving === undefined ? [] : otherRegistryReports(serving.shell, clock),
      lastError: history.lastError,
    };
  }

  clients(): readonly ClientReport[] {
    const serving = this.#options.serving();
    return serving === undefined ? [] : clientReports(serving.shell, this.#options.clock);
  }

  changes(request: ChangesRequest): Promise<ChangesReport> {
    return this.#watchers.changes(request);
  }

  configuration(): ConfigurationReport {
    const { serving, file, log } = this.#options;
    return file.report(mustServe(serving()).configuration, log.level);
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  top(request: TopRequest): TopReport {
    return topReport(mustServe(this.#options.serving()), request, this.#options.clock);
  }

  version(): VersionReport {
    return { version: this.#options.version, runtime: `node ${process.versions.node}`, pid: process.pid };
  }

  logLevel(request: LogLevelRequest): LogLevelReport {
    return this.#options.level.set(request);
  }

  ready(): Promise<StartReport> {
    return this.#options.life.ready();
  }

  reload(): Promise<ReloadReport> {
    return this.#options.life.reload();
  }

  restart(): Promise<"exiting" | "restarted"> {
    return this.#options.life.restart();
  }

  stop(request: StopRequest): Promise<void> {
    return this.#options.life.stop(request);
  }
}
