/** Reading a database that cannot be opened where it is: it is damaged, or its disk cannot be written. */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import {
  type Ban,
  type Binding,
  MAX_BANS,
  MAX_BINDINGS,
  type StoredState,
  StoreError,
} from "../roster/store.ts";
import { foldNickname } from "../wire/nickname.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";
import { parseBan, parseBinding } from "./sqlite-rows.ts";
import { type SessionOptions, SqliteSession } from "./sqlite-session.ts";

export const NOTHING_STORED: StoredState = { bindings: [], bans: [], lineage: undefined };
/** No file of ours, nor its WAL, comes near it. */
const MAX_COPIED_BYTES = 256 * 1_024 * 1_024;

/**
 * What is in the database at `path`, without its disk being written; what is sound in it if it is damaged. Nothing if
 * there is none. Throws a StoreError if it cannot be copied.
 */
export function stateOfCopy(path: string, options: SessionOptions): StoredState {
  if (!existsSync(path) || statSync(path).size === 0) return NOTHING_STORED;
  return withCopy(path, (copy) => {
    let session: SqliteSession;
    try {
      session = SqliteSession.open(copy, options);
    } catch (error) {
      if (error instanceof StoreError && error.fault === "corrupt") return salvageFrom(path);
      throw error;
    }
    try {
      return session.load();
    } finally {
      session.close();
    }
  });
}

/**
 * The bindings and bans of a damaged database whose rows pass their check sums. Not its lineage: it may be an old one,
 * and seq would go back. Leaves the file and its WAL as they are. Throws a StoreError if it cannot be copied.
 */
export function salvage(path: string): StoredState {
  try {
    return salvageFrom(path);
  } catch (error) {
    if (error instanceof StoreError && error.fault === "corrupt") return NOTHING_STORED;
    throw error;
  }
}

function salvageFrom(path: string): StoredState {
  return withCopy(path, (copy) => {
    const database = new DatabaseSync(copy);
    try {
      const bindings = new Map<string, Binding>();
      const bans = new Map<string, Ban>();
      for (const row of soundRows(database, "binding", "folded", MAX_BINDINGS)) {
        const binding = parseBinding(row);
        if (binding !== undefined) bindings.set(foldNickname(binding.nickname), binding);
      }
      for (const row of soundRows(database, "ban", "fingerprint", MAX_BANS)) {
        const ban = parseBan(row);
        if (ban !== undefined) bans.set(ban.fingerprint, ban);
      }
      return { bindings: [...bindings.values()], bans: [...bans.values()], lineage: undefined };
    } finally {
      database.close();
    }
  });
}

/** From both ends up to the first page that cannot be read: rows in the middle may come twice. */
function* soundRows(
  database: DatabaseSync,
  table: string,
  key: string,
  limit: number,
): Generator<Record<string, SQLOutputValue>> {
  for (const order of ["ASC", "DESC"]) {
    try {
      const statement = database.prepare(`SELECT * FROM ${table} ORDER BY ${key} ${order} LIMIT ${limit}`);
      yield* statement.iterate();
      return;
    } catch {
      // What came before it has been passed on.
    }
  }
}

/** Calls `use` with the path of a copy in a private directory of the system's, and removes it. */
export function withCopy<Value>(path: string, use: (copy: string) => Value): Value {
  let directory: string | undefined;
  try {
    directory = mkdtempSync(join(tmpdir(), "multiproto-"));
    const copy = join(directory, "copy.sqlite");
    for (const suffix of ["", "-wal"]) {
      if (!existsSync(path + suffix)) continue;
      const { size } = statSync(path + suffix);
      if (size > MAX_COPIED_BYTES) throw storeError("copy", path + suffix, "corrupt", `it has ${size} bytes`);
      copyFileSync(path + suffix, copy + suffix);
    }
    return use(copy);
  } catch (error) {
    throw asStoreError("read", path, error);
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  }
}
