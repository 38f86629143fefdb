/** What is to be seen to before SQLite opens a file, and after. */
import { accessSync, chmodSync, closeSync, constants, existsSync, openSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { errorCode, errorText } from "../base/errors.ts";
import { StoreError } from "../roster/store.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";

export const PAGE_BYTES = 4_096;
/** Left of the WAL on disk after a checkpoint. */
const MAX_WAL_BYTES = 4 * 1_024 * 1_024;

/**
 * What all our databases have in common, before anything is read. `isExclusive`: locked until it is closed, so that a
 * second program is told, and the index of the WAL is in memory, so that there is no third file. cell_size_check: damage
 * is found when a page is read. `synchronous`: FULL ends each commit on an fsync, OFF leaves all to the kernel; without it
 * each commit says.
 */
export function configureDatabase(
  database: DatabaseSync,
  options: {
    readonly maxPages: number;
    readonly isExclusive?: boolean;
    readonly synchronous?: "FULL" | "OFF";
  },
): void {
  const { maxPages, isExclusive = false, synchronous } = options;
  database.exec(`
    ${isExclusive ? "PRAGMA locking_mode = EXCLUSIVE;" : ""}
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA journal_mode = WAL;
    ${synchronous === undefined ? "" : `PRAGMA synchronous = ${synchronous};`}
    PRAGMA journal_size_limit = ${MAX_WAL_BYTES};
    PRAGMA max_page_count = ${maxPages};
  `);
}

/** SQLite would open what cannot be written read-only without saying so, and read a WAL only where it can write. */
export function checkAccess(path: string, directory: string): void {
  const isThere = existsSync(path);
  for (const target of isThere ? [directory, path] : [directory]) {
    try {
      accessSync(target, constants.R_OK);
    } catch (error) {
      throw asStoreError("read", target, error);
    }
    try {
      accessSync(target, constants.W_OK);
    } catch (error) {
      const why = errorCode(error) === "EROFS" ? "the file system is read-only" : errorText(error);
      throw storeError("write", target, "read-only", why, error);
    }
  }
  if (isThere && (statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
}

/**
 * Makes the file so that nobody else can read it (SQLite gives its mode to the WAL). One that exists is not opened:
 * closing a second descriptor would drop this process's locks on it (fcntl(2)).
 */
export function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/** The opener has seen that the file can be written; if SQLite says no, then a damaged header forbids it. */
export function checkWritable(database: DatabaseSync, path: string, version: number): void {
  try {
    // Only a statement that writes is refused. What is rolled back never comes to the disk.
    database.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${version}; ROLLBACK`);
  } catch (error) {
    const refusal = asStoreError("open", path, error);
    if (!(refusal instanceof StoreError) || refusal.fault !== "read-only") throw refusal;
    throw storeError("open", path, "corrupt", "it is damaged: its header forbids writing", error);
  }
}
