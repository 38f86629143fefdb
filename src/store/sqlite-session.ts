import { DatabaseSync, type StatementSync } from "node:sqlite";
import { MisuseError } from "../base/errors.ts";
import {
  type Ban,
  type Binding,
  type Lineage,
  MAX_BANS,
  MAX_BINDINGS,
  type StoreChange,
  type StoredState,
} from "../roster/store.ts";
import { foldNickname } from "../wire/nickname.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";
import { checkWritable, configureDatabase, createEmpty, PAGE_BYTES } from "./sqlite-file.ts";
import {
  banRow,
  bindingRow,
  fingerprintBytes,
  lineageRow,
  parseBan,
  parseBinding,
  parseLineage,
} from "./sqlite-rows.ts";
import { migrate, registrySchema } from "./sqlite-schema.ts";

/** A registry that is being restarted may hold the file so long; the start waits for it, at the very first call only. */
const LOCK_WAIT_MILLIS = 1_000;
/** All bindings and bans with the longest texts take some 25 MiB. */
export const MAX_FILE_PAGES = (64 * 1_024 * 1_024) / PAGE_BYTES;

export interface SessionOptions {
  readonly migrations: readonly string[];
  readonly maxPages: number;
}

/** One open database, checked and of the last version. */
export class SqliteSession {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareAll>;
  #bindings: number;
  #bans: number;
  /** What was read while opening, for whoever loads first; gone with the first change. */
  #found: StoredState | undefined;

  /** Opens the file, mode 0600 if it makes it. Throws a StoreError, and then holds nothing. */
  static open(path: string, options: SessionOptions): SqliteSession {
    const what = "open";
    let database: DatabaseSync | undefined;
    try {
      createEmpty(path);
      database = new DatabaseSync(path, { timeout: LOCK_WAIT_MILLIS });
      configureDatabase(database, { maxPages: options.maxPages, isExclusive: true, synchronous: "FULL" });
      const check = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
      if (check !== "ok") throw storeError(what, path, "corrupt", `it is damaged: ${String(check)}`);
      migrate(database, path, registrySchema(options.migrations));
      checkWritable(database, path, options.migrations.length);
      return new SqliteSession(path, database);
    } catch (error) {
      if (database?.isOpen) database.close();
      throw asStoreError(what, path, error);
    }
  }

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    this.#statements = prepareAll(database);
    // Everything is read at the start, since a damaged row is to be found now and not when its owner comes.
    this.#found = this.#read();
    this.#bindings = this.#found.bindings.length;
    this.#bans = this.#found.bans.length;
  }

  load(): StoredState {
    const found = this.#found;
    this.#found = undefined;
    return found ?? this.#read();
  }

  #read(): StoredState {
    try {
      const { bindings, bans, lineage } = this.#statements;
      return {
        bindings: this.#parseAll<Binding>(bindings, MAX_BINDINGS, parseBinding),
        bans: this.#parseAll<Ban>(bans, MAX_BANS, parseBan),
        lineage: this.#parseAll<Lineage>(lineage, 1, parseLineage)[0],
      };
    } catch (error) {
      throw asStoreError("read", this.#path, error);
    }
  }

  #parseAll<Value>(
    statement: StatementSync,
    limit: number,
    parse: (
      row: ReturnType<StatementSync["iterate"]> extends Iterator<infer Row> ? Row : never,
    ) => Value | undefined,
  ): Value[] {
    const values: Value[] = [];
    for (const row of statement.iterate()) {
      const value = parse(row);
      if (value === undefined || values.length >= limit) {
        const why = value === undefined ? "a row fails its check sum" : `it holds more than ${limit} rows`;
        throw storeError("read", this.#path, "corrupt", `it is damaged: ${why}`);
      }
      values.push(value);
    }
    return values;
  }

  /** See RegistryStore.commit. */
  commit(changes: readonly StoreChange[]): void {
    const before = { bindings: this.#bindings, bans: this.#bans };
    this.#found = undefined;
    try {
      this.#statements.begin.run();
      for (const change of changes) this.#make(change);
      this.#statements.commit.run();
    } catch (error) {
      this.#rollBack();
      this.#bindings = before.bindings;
      this.#bans = before.bans;
      throw asStoreError("write", this.#path, error);
    }
  }

  /** Also moves what is in the WAL into the file, and removes the WAL. */
  close(): void {
    this.#database.close();
  }

  #make(change: StoreChange): void {
    const statements = this.#statements;
    switch (change.type) {
      case "bind":
        this.#bind(change.binding);
        return;
      case "unbind":
        this.#bindings -= count(statements.unbind.run(foldNickname(change.nickname)));
        return;
      case "seen":
        statements.seen.run({ folded: foldNickname(change.nickname), at: change.at });
        return;
      case "ban":
        this.#bans += count(statements.ban.run(banRow(change.ban)));
        if (this.#bans > MAX_BANS) throw storeError("write", this.#path, "full", `it holds ${MAX_BANS} bans`);
        return;
      case "unban":
        this.#bans -= count(statements.unban.run(fingerprintBytes(change.fingerprint)));
        return;
      case "lineage":
        if (count(statements.setLineage.run(lineageRow(change.lineage))) === 0) {
          throw new MisuseError(`seq would go back to ${change.lineage.seqLimit}`);
        }
    }
  }

  #bind(binding: Binding): void {
    const row = bindingRow(binding);
    if (count(this.#statements.bind.run(row)) === 1) {
      this.#bindings += 1;
      if (this.#bindings > MAX_BINDINGS) {
        throw storeError("write", this.#path, "full", `it holds ${MAX_BINDINGS} bindings`);
      }
      return;
    }
    const { folded, fingerprint, last_seen } = row;
    if (count(this.#statements.bindAgain.run({ folded, fingerprint, last_seen })) === 0) {
      throw new MisuseError(`${binding.nickname} is bound to another key`);
    }
  }

  #rollBack(): void {
    try {
      // After some errors SQLite has done it already.
      if (this.#database.isTransaction) this.#statements.rollBack.run();
    } catch {
      // The error that led here is the one to tell; a transaction that stays open fails the next BEGIN.
    }
  }
}

function count({ changes }: { readonly changes: number | bigint }): number {
  return Number(changes);
}

function prepareAll(database: DatabaseSync) {
  return {
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    rollBack: database.prepare("ROLLBACK"),
    bindings: database.prepare("SELECT * FROM binding"),
    bans: database.prepare("SELECT * FROM ban"),
    lineage: database.prepare("SELECT * FROM lineage"),
    bind: database.prepare(
      `INSERT INTO binding (folded, nickname, fingerprint, bound_at, last_seen, crc)
       VALUES (:folded, :nickname, :fingerprint, :bound_at, :last_seen, :crc) ON CONFLICT DO NOTHING`,
    ),
    bindAgain: database.prepare(
      `UPDATE binding SET last_seen = max(last_seen, :last_seen)
       WHERE folded = :folded AND fingerprint = :fingerprint`,
    ),
    unbind: database.prepare("DELETE FROM binding WHERE folded = ?"),
    seen: database.prepare("UPDATE binding SET last_seen = :at WHERE folded = :folded AND last_seen < :at"),
    ban: database.prepare(
      `INSERT INTO ban (fingerprint, banned_at, reason, crc)
       VALUES (:fingerprint, :banned_at, :reason, :crc) ON CONFLICT DO NOTHING`,
    ),
    unban: database.prepare("DELETE FROM ban WHERE fingerprint = ?"),
    setLineage: database.prepare(
      `INSERT INTO lineage (one, epoch, seq_limit, crc) VALUES (1, :epoch, :seq_limit, :crc)
       ON CONFLICT DO UPDATE SET epoch = excluded.epoch, seq_limit = excluded.seq_limit, crc = excluded.crc
       WHERE lineage.epoch <> excluded.epoch OR lineage.seq_limit <= excluded.seq_limit`,
    ),
  };
}
