import type { Millis } from "../base/clock.ts";
import type { ServiceLog } from "./log.ts";
import type { ServiceManager } from "./notify.ts";

/** At most one status line a second goes to the service manager. */
const STATUS_MILLIS = 1_000;
/** The uptime in the status line is this current, and the counts of left-out log lines this late. */
const REFRESH_MILLIS = 10_000;

export interface SupervisionOptions {
  readonly manager: ServiceManager;
  readonly log: ServiceLog;
  /** How often the watchdog wants to be fed; undefined without one. */
  readonly watchdogMillis: Millis | undefined;
  /** The line that `systemctl status` shows. */
  readonly statusText: () => string;
  /** Whether a datagram goes through each socket, the event loop and its handler. */
  readonly answers: () => Promise<boolean>;
  /** What else is looked at now and then; at the beginning as well. */
  readonly look: () => void;
}

/**
 * Keeps the service manager up to date while the registry serves: status line and watchdog. The watchdog is fed only
 * when the sockets really answer.
 */
export class Supervision {
  readonly #options: SupervisionOptions;
  readonly #intervals: NodeJS.Timeout[] = [];
  #statusTimer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(options: SupervisionOptions) {
    this.#options = options;
  }

  begin(): void {
    const { log, watchdogMillis, look } = this.#options;
    this.#running = true;
    look();
    const refresh = setInterval(() => {
      log.flushCounts();
      look();
      this.statusSoon();
    }, REFRESH_MILLIS);
    this.#intervals.push(refresh);
    if (watchdogMillis !== undefined) {
      this.#intervals.push(setInterval(() => void this.#feedWatchdog(), watchdogMillis));
    }
  }

  end(): void {
    this.#running = false;
    for (const interval of this.#intervals.splice(0)) clearInterval(interval);
    clearTimeout(this.#statusTimer);
    this.#statusTimer = undefined;
  }

  /** Something in the status line has changed. */
  statusSoon(): void {
    if (!this.#running) return;
    this.#statusTimer ??= setTimeout(() => {
      this.#statusTimer = undefined;
      this.#options.manager.status(this.#options.statusText());
    }, STATUS_MILLIS);
  }

  async #feedWatchdog(): Promise<void> {
    const { answers, manager, log } = this.#options;
    if (await answers()) await manager.watchdog();
    else log.write({ level: "error", text: "The sockets do not answer", limit: "self-check" });
  }
}
