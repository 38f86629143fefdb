import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { UnixMillis } from "../base/clock.ts";
import type { LogEntry } from "../base/log.ts";
import type { Change, Seq } from "../roster/listed.ts";
import type { KeptRoster, RosterStore } from "../roster/roster-store.ts";
import { StoreError } from "../roster/store.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";
import { MAX_ROSTER_PAGES, RosterSession } from "./sqlite-roster-session.ts";

/** In the state directory; beside it `roster.sqlite-wal` while a registry runs. */
export const ROSTER_NAME = "roster.sqlite";
/** The file, its WAL, and the index of the WAL if other programs have looked into it. */
const SUFFIXES = ["", "-wal", "-shm"];

export interface SqliteRosterOptions {
  readonly stateDirectory: string;
  /** Names the run of the kernel; undefined where the kernel does not say. */
  readonly bootId: string | undefined;
  /** Of 4,096 bytes; fewer in tests. */
  readonly maxPages?: number;
  /** What the admin has to know: that a roster is not believed, and why. */
  readonly log: (entry: LogEntry) => void;
}

/**
 * The roster in a database of its own, in which nothing waits for the disk: what is written is in the kernel's hands and
 * outlives the process. So what another run of the kernel has left counts for nothing, nor does a file that is damaged,
 * of another version, or cannot be written: it is deleted, since nothing in it is of any use then.
 */
export class SqliteRosterStore implements RosterStore {
  readonly #options: SqliteRosterOptions;
  readonly #path: string;
  #session: RosterSession | undefined;

  constructor(options: SqliteRosterOptions) {
    this.#options = options;
    this.#path = join(options.stateDirectory, ROSTER_NAME);
  }

  load(): KeptRoster | undefined {
    if (!existsSync(this.#path)) return undefined;
    try {
      const session = this.#open();
      this.#session = session;
      const { bootId, ...roster } = session.load();
      if (bootId === this.#options.bootId) return roster;
      this.#disbelieve("info", "the machine has been started anew since it was written");
    } catch (error) {
      const fault = asStoreError("read", this.#path, error);
      const isDamaged = fault instanceof StoreError && ["corrupt", "newer-schema"].includes(fault.fault);
      const why = isDamaged ? "it is damaged, or of another version" : "it cannot be written";
      this.#disbelieve("warn", why, { cause: fault.message });
    }
    return undefined;
  }

  begin(roster: Pick<KeptRoster, "epoch" | "seq" | "entries">): void {
    const { bootId, stateDirectory } = this.#options;
    if (bootId === undefined) {
      const why =
        "which run of the kernel this is cannot be seen, and a roster of another one must not be believed";
      const fix = "in a sandbox without /proc/sys, the unit needs Environment=MULTIPROTO_BOOT_ID=%b";
      throw new StoreError(`Cannot write ${this.#path}: ${why} (${fix})`, "io");
    }
    try {
      mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
      this.#session ??= this.#open();
    } catch (error) {
      throw asStoreError("open", this.#path, error);
    }
    this.#session.begin(bootId, roster);
  }

  publish(seq: Seq, changes: readonly Change[]): void {
    if (this.#session === undefined) throw storeError("write", this.#path, "io", "it is not open");
    this.#session.publish(seq, changes);
  }

  end(at: UnixMillis): void {
    try {
      this.#session?.end(at);
    } catch {
      // It counts as one that was killed.
    }
  }

  drop(): boolean {
    try {
      this.close();
      for (const suffix of SUFFIXES) rmSync(this.#path + suffix, { force: true });
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.close();
  }

  #open(): RosterSession {
    return RosterSession.open(this.#path, this.#options.maxPages ?? MAX_ROSTER_PAGES);
  }

  #disbelieve(level: "info" | "warn", why: string, fields: LogEntry["fields"] = {}): void {
    const text = `The roster of the last run does not count: ${why}; clients register anew`;
    this.#options.log({ level, text, fields });
    this.drop();
  }
}
