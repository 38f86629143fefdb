import type { DatabaseSync } from "node:sqlite";
import { storeError } from "./sqlite-faults.ts";

/** "mp2r": tells our files from those of other programs (file(1) shows it, too). */
const APPLICATION_ID = 0x6d703272;

/** Beyond it a version number is damage, not the future. */
const MAX_PLAUSIBLE_VERSION = 1_000;

/**
 * MIGRATIONS[n] makes version n + 1 from version n. What was released is never edited: append.
 *
 * `crc` is the row's own CRC-32 over what must not change unnoticed (sqlite-rows.ts): SQLite finds damage to its
 * structure, not to the bytes of a value, and a fingerprint with another bit would give a name to nobody or to anybody.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE binding (
     folded TEXT NOT NULL PRIMARY KEY,
     nickname TEXT NOT NULL,
     fingerprint BLOB NOT NULL,
     bound_at INTEGER NOT NULL,
     last_seen INTEGER NOT NULL,
     crc INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE ban (
     fingerprint BLOB NOT NULL PRIMARY KEY,
     banned_at INTEGER NOT NULL,
     reason TEXT NOT NULL,
     crc INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE lineage (
     one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
     epoch TEXT NOT NULL,
     seq_limit INTEGER NOT NULL,
     crc INTEGER NOT NULL
   ) STRICT;`,
];

/** Brings a database to the last version, in one transaction. Throws a StoreError "newer-schema" or "corrupt". */
export function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): void {
  const version = pragma(database, "user_version");
  if (version > migrations.length && version <= MAX_PLAUSIBLE_VERSION && isOurs(database)) {
    const why = `its schema has version ${version}, this program knows ${migrations.length}`;
    throw storeError("use", path, "newer-schema", why);
  }
  const isNew = version === 0 && isEmpty(database);
  if (!isNew && !(version >= 1 && version <= migrations.length && isOurs(database))) {
    throw storeError("use", path, "corrupt", "it is damaged, or none of ours");
  }
  if (version === migrations.length) return;
  database.exec("BEGIN IMMEDIATE");
  for (const migration of migrations.slice(version)) database.exec(migration);
  database.exec(
    `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}; COMMIT`,
  );
}

function isOurs(database: DatabaseSync): boolean {
  return pragma(database, "application_id") === APPLICATION_ID;
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
