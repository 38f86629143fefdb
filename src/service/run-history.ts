import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type RunRecord, readRunRecord, writeRunRecord } from "../store/run-record.ts";

/** The record of this run, kept on disk, and what it knows of the one before. */
export class RunHistory {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #record: RunRecord;

  constructor(options: { readonly directory: string; readonly clock: Clock; readonly log: Log }) {
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#record = { startedAt: this.#now(), endedAt: null, lastError: null };
  }

  get startedAt(): string {
    return this.#record.startedAt;
  }

  get lastError(): RunRecord["lastError"] {
    return this.#record.lastError;
  }

  /** Begins the record; says so when the run before was killed. */
  begin(): void {
    const before = readRunRecord(this.#directory);
    if (before?.endedAt === null) {
      const how = "was not stopped but ended by a kill, a crash or a power cut";
      this.#log.write({ level: "warn", text: `The last run, begun ${before.startedAt}, ${how}` });
    }
    this.#save({ lastError: before?.lastError ?? null });
  }

  noteError(text: string): void {
    this.#save({ lastError: { at: this.#now(), text } });
  }

  end(): void {
    this.#save({ endedAt: this.#now() });
  }

  #now(): string {
    return new Date(this.#clock.wall()).toISOString();
  }

  #save(change: Partial<RunRecord>): void {
    this.#record = { ...this.#record, ...change };
    try {
      writeRunRecord(this.#directory, this.#record);
    } catch (error) {
      const text = `Cannot write the run record: ${errorText(error)} (disk full or read-only? the registry goes on)`;
      this.#log.write({ level: "warn", text, limit: "run-record" });
    }
  }
}
