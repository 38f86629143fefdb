import { DatabaseSync, type StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { UnixMillis } from "../base/clock.ts";
import type { Change, Listed, Seq } from "../roster/listed.ts";
import { KEPT_CHANGES, type KeptRoster, MAX_KEPT_ENTRIES } from "../roster/roster-store.ts";
import { decodeChange, encodeChange } from "../wire/mp2-roster.ts";
import { parseEpoch } from "../wire/mp2-values.ts";
import { foldNickname } from "../wire/nickname.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";
import { checkWritable, configureDatabase, createEmpty, PAGE_BYTES } from "./sqlite-file.ts";
import { migrate, type Schema } from "./sqlite-schema.ts";

/** "mp2l", of the list. Another version than this one is not carried over. */
const SCHEMA: Schema = {
  applicationId: 0x6d70326c,
  migrations: [
    `CREATE TABLE head (
       one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
       boot TEXT NOT NULL,
       epoch TEXT NOT NULL,
       seq INTEGER NOT NULL,
       ended_at INTEGER
     ) STRICT;
     CREATE TABLE entry (
       folded TEXT NOT NULL PRIMARY KEY,
       put BLOB NOT NULL,
       crc INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE change (
       seq INTEGER NOT NULL PRIMARY KEY,
       change BLOB NOT NULL,
       crc INTEGER NOT NULL
     ) STRICT;`,
  ],
};
/** All entries and changes with the longest texts take some 45 MiB. */
export const MAX_ROSTER_PAGES = (64 * 1_024 * 1_024) / PAGE_BYTES;

/** One open database of a roster. An entry is kept as the change that puts it, in the bytes of mp2. */
export class RosterSession {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareAll>;

  /** Opens the file, mode 0600 if it makes it. Throws a StoreError, and then holds nothing. */
  static open(path: string, maxPages: number): RosterSession {
    let database: DatabaseSync | undefined;
    try {
      createEmpty(path);
      database = new DatabaseSync(path);
      // Nothing waits for the disk.
      configureDatabase(database, { maxPages, isExclusive: true, synchronous: "OFF" });
      const check = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
      if (check !== "ok") throw damaged(path, String(check));
      migrate(database, path, SCHEMA);
      checkWritable(database, path, SCHEMA.migrations.length);
      return new RosterSession(path, database);
    } catch (error) {
      if (database?.isOpen) database.close();
      throw asStoreError("open", path, error);
    }
  }

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    this.#statements = prepareAll(database);
  }

  /** All that it holds, each value parsed. From now on it counts as one that was not ended in good order. */
  load(): KeptRoster & { readonly bootId: string } {
    const head = this.#statements.head.get();
    if (head === undefined) throw damaged(this.#path, "it was never filled");
    const { boot, epoch: text, seq, ended_at: endedAt } = head;
    const epoch = typeof text === "string" ? parseEpoch(text) : undefined;
    if (typeof boot !== "string" || epoch === undefined || !isCount(seq))
      throw damaged(this.#path, "its head");
    const entries = this.#parse(this.#statements.entries, MAX_KEPT_ENTRIES).map(({ change }) => {
      if (change.type !== "put") throw damaged(this.#path, "an entry is none");
      return change.entry;
    });
    const changes = this.#parse(this.#statements.changes, KEPT_CHANGES);
    const first = seq - changes.length + 1;
    if (first < 0 || changes.some(({ seq: at }, index) => at !== first + index))
      throw damaged(this.#path, "changes are lacking");
    this.#statements.setEnded.run(null);
    const recent = changes.map(({ change }) => change);
    const ended = isCount(endedAt) ? { endedAt } : {};
    return { bootId: boot, epoch, seq, entries, recent, ...ended };
  }

  begin(boot: string, { epoch, seq, entries }: Pick<KeptRoster, "epoch" | "seq" | "entries">): void {
    this.#transact(() => {
      for (const clear of this.#statements.clear) clear.run();
      this.#statements.setHead.run(boot, epoch, seq);
      for (const entry of entries) this.#put(entry);
    });
  }

  publish(seq: Seq, changes: readonly Change[]): void {
    const { remove, addChange, setSeq, forget } = this.#statements;
    this.#transact(() => {
      const first = seq - changes.length + 1;
      for (const [index, change] of changes.entries()) {
        const bytes = encodeChange(change);
        if (change.type === "put") this.#put(change.entry, bytes);
        else remove.run(foldNickname(change.nick));
        if (index >= changes.length - KEPT_CHANGES) addChange.run(first + index, bytes, crc32(bytes));
      }
      forget.run(seq - KEPT_CHANGES);
      setSeq.run(seq);
    });
  }

  end(at: UnixMillis): void {
    this.#statements.setEnded.run(at);
  }

  close(): void {
    this.#database.close();
  }

  #put(entry: Listed, bytes = encodeChange({ type: "put", entry })): void {
    this.#statements.put.run(foldNickname(entry.nick), bytes, crc32(bytes));
  }

  #parse(statement: StatementSync, limit: number): { readonly seq: number; readonly change: Change }[] {
    const parsed: { readonly seq: number; readonly change: Change }[] = [];
    for (const { seq, bytes, crc } of statement.iterate()) {
      const isSound = bytes instanceof Uint8Array && crc === crc32(bytes) && parsed.length < limit;
      const decoded = isSound ? decodeChange(bytes) : undefined;
      if (decoded?.ok !== true) throw damaged(this.#path, "a row fails its check sum");
      parsed.push({ seq: Number(seq), change: decoded.value });
    }
    return parsed;
  }

  #transact(write: () => void): void {
    const { begin, commit, rollBack } = this.#statements;
    try {
      begin.run();
      write();
      commit.run();
    } catch (error) {
      try {
        // After some errors SQLite has done it already.
        if (this.#database.isTransaction) rollBack.run();
      } catch {
        // The error that led here is the one to tell; whoever gets it drops the file.
      }
      throw asStoreError("write", this.#path, error);
    }
  }
}

function damaged(path: string, why: string): Error {
  return storeError("read", path, "corrupt", `it is damaged: ${why}`);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function prepareAll(database: DatabaseSync) {
  return {
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    rollBack: database.prepare("ROLLBACK"),
    head: database.prepare("SELECT boot, epoch, seq, ended_at FROM head"),
    entries: database.prepare("SELECT 0 AS seq, put AS bytes, crc FROM entry"),
    changes: database.prepare("SELECT seq, change AS bytes, crc FROM change ORDER BY seq"),
    clear: ["head", "entry", "change"].map((table) => database.prepare(`DELETE FROM ${table}`)),
    setHead: database.prepare("INSERT INTO head (one, boot, epoch, seq) VALUES (1, ?, ?, ?)"),
    setSeq: database.prepare("UPDATE head SET seq = ?"),
    setEnded: database.prepare("UPDATE head SET ended_at = ?"),
    put: database.prepare("INSERT OR REPLACE INTO entry (folded, put, crc) VALUES (?, ?, ?)"),
    remove: database.prepare("DELETE FROM entry WHERE folded = ?"),
    addChange: database.prepare("INSERT OR REPLACE INTO change (seq, change, crc) VALUES (?, ?, ?)"),
    forget: database.prepare("DELETE FROM change WHERE seq <= ?"),
  };
}
