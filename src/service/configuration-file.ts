import { existsSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import type { LogLevel } from "../base/log.ts";
import type { ConfigurationReport } from "../control/configuration-report.ts";
import { type Configuration, readConfiguration } from "./configuration.ts";
import { settingReports } from "./configuration-report.ts";
import type { Places } from "./environment.ts";

/** The file that the configuration comes from. It may have changed since: so it knows when it was read. */
export class ConfigurationFile {
  readonly #places: Places;
  readonly #clock: Clock;
  /** The last time that it was not refused. */
  #read: Pick<ConfigurationReport, "exists" | "readAt"> = { exists: false, readAt: "" };

  constructor({ places, clock }: { readonly places: Places; readonly clock: Clock }) {
    this.#places = places;
    this.#clock = clock;
  }

  /** Errors: as {@link readConfiguration}. */
  read(): Configuration {
    const { configurationFile, configurationRequired } = this.#places;
    const configuration = readConfiguration(configurationFile, configurationRequired);
    this.#read = {
      exists: existsSync(configurationFile),
      readAt: new Date(this.#clock.wall()).toISOString(),
    };
    return configuration;
  }

  /** What is in force, and where it came from. `level`: how much is logged now. */
  report(inForce: Configuration, level: LogLevel): ConfigurationReport {
    const settings = settingReports(inForce, level);
    return { file: this.#places.configurationFile, ...this.#read, settings };
  }
}
