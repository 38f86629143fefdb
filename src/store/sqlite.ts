import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { LogEntry } from "../base/log.ts";
import {
  MAX_CHANGES_PER_COMMIT,
  type RegistryStore,
  type StoreChange,
  type StoredState,
  StoreError,
} from "../roster/store.ts";
import { checkChanges } from "../roster/store-check.ts";
import { NOTHING_STORED, salvage, stateOfCopy } from "./sqlite-copy.ts";
import { asStoreError } from "./sqlite-faults.ts";
import { checkAccess } from "./sqlite-file.ts";
import { replaceDamaged, resumeReplacement } from "./sqlite-replace.ts";
import { MIGRATIONS } from "./sqlite-schema.ts";
import { MAX_FILE_PAGES, type SessionOptions, SqliteSession } from "./sqlite-session.ts";

/** In the state directory; beside it `registry.sqlite-wal` while a registry runs. */
export const DATABASE_NAME = "registry.sqlite";

export interface SqliteStoreOptions {
  readonly stateDirectory: string;
  /** Dates the names of damaged files. */
  readonly clock: Pick<Clock, "wall">;
  /** Other than the real ones in tests. */
  readonly migrations?: readonly string[];
  /** Of 4,096 bytes; fewer in tests. */
  readonly maxPages?: number;
}

export interface OpenedStore {
  readonly store: RegistryStore;
  /** What the admin has to know: a damaged file and where it is now, a disk that cannot be written. */
  readonly log: readonly LogEntry[];
}

/**
 * Opens the registry's database, or makes it. A damaged one is set aside and what is sound in it is carried over; from
 * one that cannot be written it is read, and commits say why they fail until they do not. Throws a StoreError where a
 * registry should not start at all: "locked", "newer-schema", "no-access", or what cannot even be read.
 */
export function openSqliteStore(options: SqliteStoreOptions): OpenedStore {
  const path = join(options.stateDirectory, DATABASE_NAME);
  const session = {
    migrations: options.migrations ?? MIGRATIONS,
    maxPages: options.maxPages ?? MAX_FILE_PAGES,
  };
  const log: LogEntry[] = [];
  const open = (): SqliteSession => openWritable(path, session, options, log);
  try {
    return { store: new SqliteStore(open, open()), log };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.fault === "corrupt") return startAnew(path, session, error, options);
    if (!["full", "read-only", "io"].includes(error.fault)) throw error;
    const state = stateOfCopy(path, session);
    log.push({ level: "error", text: `${error.message}; until then no new nicknames` });
    return { store: new SqliteStore(open, state), log };
  }
}

function openWritable(
  path: string,
  session: SessionOptions,
  options: SqliteStoreOptions,
  log: LogEntry[],
): SqliteSession {
  try {
    mkdirSync(options.stateDirectory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw asStoreError("make", options.stateDirectory, error);
  }
  checkAccess(path, options.stateDirectory);
  const aside = resumeReplacement(path, options.clock.wall());
  if (aside !== undefined) {
    const text = `An earlier start found the registry's database damaged and was cut short; it is now ${aside}`;
    log.push({ level: "error", text });
  }
  return SqliteSession.open(path, session);
}

function startAnew(
  path: string,
  session: SessionOptions,
  damage: StoreError,
  options: SqliteStoreOptions,
): OpenedStore {
  const log: LogEntry[] = [];
  const open = (): SqliteSession => openWritable(path, session, options, log);
  let state = NOTHING_STORED;
  let saved = "nothing in it could be read";
  try {
    // Where it cannot even be copied it stays, since an empty one in its place would give all names away.
    state = salvage(path);
    saved = `${state.bindings.length} nicknames and ${state.bans.length} bans in it were sound`;
    const sound = state;
    const aside = replaceDamaged(path, options.clock.wall(), (draft) => fill(draft, sound, session));
    const text = `The registry's database was damaged and is now ${aside}; ${saved} and are kept`;
    log.push({ level: "error", text, fields: { cause: damage.message } });
    return { store: new SqliteStore(open, open()), log };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const text = `${damage.message}, but this failed: ${error.message}; ${saved}; until then no new nicknames`;
    log.push({ level: "error", text });
    return { store: new SqliteStore(open, state), log };
  }
}

/** Makes a new database with `state`. */
function fill(path: string, { bindings, bans }: StoredState, options: SessionOptions): void {
  const changes: StoreChange[] = [
    ...bindings.map((binding) => ({ type: "bind", binding }) as const),
    ...bans.map((ban) => ({ type: "ban", ban }) as const),
  ];
  const session = SqliteSession.open(path, options);
  try {
    for (let from = 0; from < changes.length; from += MAX_CHANGES_PER_COMMIT) {
      session.commit(changes.slice(from, from + MAX_CHANGES_PER_COMMIT));
    }
  } finally {
    session.close();
  }
}

/** Over node:sqlite: an open database, or what was read from one that cannot be opened for writing yet. */
class SqliteStore implements RegistryStore {
  readonly #open: () => SqliteSession;
  #source: SqliteSession | StoredState;

  constructor(open: () => SqliteSession, source: SqliteSession | StoredState) {
    this.#open = open;
    this.#source = source;
  }

  load(): StoredState {
    return this.#source instanceof SqliteSession ? this.#source.load() : this.#source;
  }

  commit(changes: readonly StoreChange[]): void {
    checkChanges(changes);
    if (!(this.#source instanceof SqliteSession)) this.#source = this.#open();
    this.#source.commit(changes);
  }

  close(): void {
    if (this.#source instanceof SqliteSession) this.#source.close();
  }
}
