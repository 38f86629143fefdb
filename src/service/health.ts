import type { Clock, Millis } from "../base/clock.ts";
import type { Strain } from "../registry/settings.ts";
import type { ServiceLog } from "./log.ts";
import type { ServiceManager } from "./notify.ts";
import { Reach } from "./reach.ts";
import { registryReport, statusText } from "./reports.ts";
import { ownUnit } from "./restart-job.ts";
import type { Serving } from "./serving.ts";
import { Supervision } from "./supervision.ts";
import { Vitals } from "./vitals.ts";

export interface HealthOptions {
  readonly manager: ServiceManager;
  readonly log: ServiceLog;
  readonly clock: Clock;
  /** How often the watchdog wants to be fed; undefined without one. */
  readonly watchdogMillis: Millis | undefined;
  readonly serving: () => Serving | undefined;
  /** Since the process began. */
  readonly upMillis: () => Millis;
}

/**
 * Whether the registry can serve those whom it has, and lets them through, looked at as long as it runs; whoever manages
 * the service is told. Apart from the daemon's life: it begins and ends with it, and never decides about it.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #supervision: Supervision;
  readonly #vitals: Vitals;
  #reach: Reach | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
    const { manager, log, clock, watchdogMillis, serving } = options;
    this.#vitals = new Vitals({
      ...{ log, clock, unit: manager.isActive ? ownUnit() : undefined },
      turnover: () => serving()?.shell.registry.tallies.turnover ?? 0,
      limit: (strain) => this.#limit(strain),
    });
    this.#supervision = new Supervision({
      ...{ manager, log, watchdogMillis },
      statusText: () => this.statusText(),
      answers: async () => (await serving()?.shell.answers()) === true,
      look: () => this.#look(),
    });
  }

  begin(): void {
    this.#supervision.begin();
    this.#vitals.begin();
  }

  end(): void {
    this.#supervision.end();
    this.#vitals.end();
  }

  /** The line that `systemctl status` shows, as it is now. */
  statusText(): string {
    const serving = this.#options.serving();
    return statusText(registryReport(serving), this.#options.upMillis(), serving?.shell.registry);
  }

  /** Something in that line has changed. */
  statusSoon(): void {
    this.#supervision.statusSoon();
  }

  /** Whether all whom it serves get through to it: only under systemd, and only there is somebody who could be in the way. */
  #look(): void {
    const { manager, log, serving } = this.#options;
    const unit = manager.isActive ? ownUnit() : undefined;
    if (unit !== undefined) this.#reach ??= new Reach({ unit, log });
    void this.#reach?.look(serving()?.shell.links ?? []);
  }

  #limit(strain: Strain | undefined): void {
    const shell = this.#options.serving()?.shell;
    if (shell === undefined || shell.registry.strain?.text === strain?.text) return;
    shell.limit(strain);
    this.statusSoon();
  }
}
