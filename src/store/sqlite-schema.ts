import type { DatabaseSync } from "node:sqlite";
import { storeError } from "./sqlite-faults.ts";

/** "mp2r": tells our files from those of other programs (file(1) shows it, too). */
const REGISTRY_ID = 0x6d703272;

/** What a file of ours is: whose, and how its tables came to be. */
export interface Schema {
  readonly applicationId: number;
  readonly migrations: readonly string[];
}

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

/** The registry's, in a version. */
export function registrySchema(migrations: readonly string[]): Schema {
  return { applicationId: REGISTRY_ID, migrations };
}

/** Brings a database to the last version, in one transaction. Throws a StoreError "newer-schema" or "corrupt". */
export function migrate(database: DatabaseSync, path: string, schema: Schema): void {
  const { migrations, applicationId } = schema;
  const version = versionOf(database, path, schema);
  if (version === migrations.length) return;
  database.exec("BEGIN IMMEDIATE");
  for (const migration of migrations.slice(version)) database.exec(migration);
  database.exec(
    `PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}; COMMIT`,
  );
}

/** Of a new one 0. Throws a StoreError "newer-schema" or "corrupt". */
export function versionOf(database: DatabaseSync, path: string, schema: Schema): number {
  const { migrations, applicationId } = schema;
  const version = pragma(database, "user_version");
  const isOurs = pragma(database, "application_id") === applicationId;
  if (version > migrations.length && version <= MAX_PLAUSIBLE_VERSION && isOurs) {
    const why = `its schema has version ${version}, this program knows ${migrations.length}`;
    throw storeError("use", path, "newer-schema", why);
  }
  const isNew = version === 0 && isEmpty(database);
  if (!isNew && !(version >= 1 && version <= migrations.length && isOurs)) {
    throw storeError("use", path, "corrupt", "it is damaged, or none of ours");
  }
  return version;
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
