/** What the cores and shells may say; `src/service/log.ts` writes it to the journal through pino. */

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Detail that follows the readable line as key=value. Values from the network are escaped by the writer. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** One event worth a line. */
export interface LogEntry {
  readonly level: LogLevel;
  /** A whole readable sentence without its detail: "ola online from 10.0.0.5:51234 (mp1, 12 ms)". */
  readonly text: string;
  readonly fields?: LogFields;
  /**
   * Set on lines that the network can cause at will: lines with the same key beyond a small burst are counted
   * instead of written, and the count is written with the next one.
   */
  readonly limit?: string;
}

export interface Log {
  write(entry: LogEntry): void;
}
