import type { Clock } from "../base/clock.ts";
import type { LogLevel } from "../base/log.ts";
import type { LogLevelRequest } from "../control/methods.ts";
import type { LogLevelReport } from "../control/reports.ts";
import type { ServiceLog } from "./log.ts";

/** How much is logged: as configured, or as an admin wants it for a while. */
export class LogLevelSwitch {
  readonly #log: ServiceLog;
  readonly #clock: Clock;
  readonly #configured: () => LogLevel | undefined;
  /** "fall back": an admin's level has been in force long enough. */
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { log: ServiceLog; clock: Clock; configured: () => LogLevel | undefined }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#configured = options.configured;
  }

  /** As configured, from now on. */
  reset(level: LogLevel): void {
    this.end();
    this.#log.level = level;
  }

  set({ level, forMillis }: LogLevelRequest): LogLevelReport {
    const previous = this.#log.level;
    this.reset(level);
    if (forMillis === undefined) return { level, previous, until: null };
    this.#timer = setTimeout(() => {
      this.#log.level = this.#configured() ?? previous;
    }, forMillis).unref();
    return { level, previous, until: new Date(this.#clock.wall() + forMillis).toISOString() };
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
