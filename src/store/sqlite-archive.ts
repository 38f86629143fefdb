import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Clock, UnixMillis } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import {
  type ArchiveChange,
  type ArchiveReader,
  type ArchiveStore,
  type CommitResult,
  type ConversationKey,
  type KeptState,
  NOTHING_KEPT,
} from "../chat/archive.ts";
import { StoreError } from "../roster/store.ts";
import { loadKept } from "./sqlite-archive-kept.ts";
import { SqliteArchiveReader } from "./sqlite-archive-reader.ts";
import { salvageArchive } from "./sqlite-archive-salvage.ts";
import { MAX_ARCHIVE_PAGES } from "./sqlite-archive-schema.ts";
import { SqliteArchiveSession } from "./sqlite-archive-session.ts";
import { withCopy } from "./sqlite-copy.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";
import { checkAccess } from "./sqlite-file.ts";
import { replaceDamaged, resumeReplacement } from "./sqlite-replace.ts";

export interface ArchiveFile {
  /** In a directory that is there, the user's alone. */
  readonly path: string;
  readonly clock: Pick<Clock, "wall">;
  /** Of 4,096 bytes; fewer in tests. */
  readonly maxPages?: number;
}

export interface OpenedArchive {
  readonly archive: ArchiveStore;
  /** What the user has to know: a damaged file and where it is now, a disk that cannot be written. */
  readonly troubles: readonly string[];
}

/**
 * Opens the user's archive, or makes it. A damaged one is set aside and what is sound in it is carried over; one that
 * cannot be written is read, and commits say why they fail until they do not. Throws a StoreError where it belongs to
 * somebody else or to a newer version.
 */
export function openArchive(file: ArchiveFile): OpenedArchive {
  const archive = new SqliteArchive(file);
  return { archive, troubles: archive.open() };
}

/** Of the archive that another program may hold. Throws a StoreError. */
export function openArchiveReader(path: string): ArchiveReader {
  return SqliteArchiveReader.open(path);
}

/** Removes what was said in a conversation, up to a time; what waits stays. Throws a StoreError. */
export function forgetConversation(
  file: ArchiveFile,
  key: ConversationKey,
  before: UnixMillis | undefined,
): number {
  checkAccess(file.path, dirname(file.path));
  const session = SqliteArchiveSession.open(file.path, {
    maxPages: MAX_ARCHIVE_PAGES,
    isThorough: false,
    wall: file.clock.wall,
  });
  try {
    return session.forget(key, before);
  } finally {
    session.close();
  }
}

/** Open, or to be opened by the next commit. */
class SqliteArchive implements ArchiveStore {
  readonly isLasting = true;
  readonly #file: ArchiveFile;
  #session: SqliteArchiveSession | undefined;
  /** Read when it could not be opened for writing. */
  #found: KeptState = NOTHING_KEPT;
  #isDamaged = false;

  constructor(file: ArchiveFile) {
    this.#file = file;
  }

  /** What the user has to know. */
  open(): readonly string[] {
    const troubles: string[] = [];
    try {
      this.#openWritable(troubles);
    } catch (error) {
      if (!(error instanceof StoreError) || ["no-access", "newer-schema"].includes(error.fault)) throw error;
      this.#found = this.#readOnly();
      troubles.push(`${error.message}; until then what is said is not kept`);
    }
    return troubles;
  }

  load(): KeptState {
    return this.#session?.load() ?? this.#found;
  }

  commit(changes: readonly ArchiveChange[]): CommitResult {
    try {
      const session = this.#session ?? this.#openWritable([]);
      return { type: "stored", ...session.commit(changes) };
    } catch (error) {
      if (error instanceof StoreError && error.fault === "corrupt") this.#damaged();
      return { type: "failed", text: errorText(error) };
    }
  }

  conversations: ArchiveReader["conversations"] = () => this.#reader.conversations();
  page: ArchiveReader["page"] = (key, range) => this.#reader.page(key, range);
  message: ArchiveReader["message"] = (id) => this.#reader.message(id);
  search: ArchiveReader["search"] = (words, range) => this.#reader.search(words, range);

  close(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  get #reader(): SqliteArchiveReader {
    if (this.#session !== undefined) return this.#session.reader;
    throw storeError("read", this.#file.path, "io", "it could not be opened");
  }

  /** The next commit sets it aside. */
  #damaged(): void {
    this.#isDamaged = true;
    try {
      this.close();
    } catch {
      this.#session = undefined;
    }
  }

  #openWritable(troubles: string[]): SqliteArchiveSession {
    const { path, clock } = this.#file;
    const maxPages = this.#file.maxPages ?? MAX_ARCHIVE_PAGES;
    checkAccess(path, dirname(path));
    resumeReplacement(path, clock.wall());
    const open = (): SqliteArchiveSession =>
      SqliteArchiveSession.open(path, { maxPages, isThorough: this.#isDamaged, wall: clock.wall });
    try {
      this.#session = open();
    } catch (error) {
      if (!(error instanceof StoreError) || error.fault !== "corrupt") throw error;
      troubles.push(this.#setAside(error));
      this.#session = open();
    }
    this.#isDamaged = false;
    return this.#session;
  }

  #setAside(damage: StoreError): string {
    const { path, clock } = this.#file;
    let saved = 0;
    const aside = replaceDamaged(path, clock.wall(), (draft) => {
      const options = { maxPages: MAX_ARCHIVE_PAGES, isThorough: false, wall: clock.wall };
      SqliteArchiveSession.open(draft, options).close();
      saved = salvageArchive(path, draft);
    });
    const cause = damage.message.replace(/ \([^()]*\)$/, "");
    return `What was said was damaged and is now ${aside}; ${saved} messages in it were sound and are kept (${cause})`;
  }

  /** What can be read of one that cannot be written: SQLite needs to write beside it, so a copy is read. */
  #readOnly(): KeptState {
    const { path } = this.#file;
    if (!existsSync(path)) return NOTHING_KEPT;
    try {
      return withCopy(path, (copy) => {
        const database = new DatabaseSync(copy);
        try {
          return loadKept(database, copy);
        } finally {
          database.close();
        }
      });
    } catch (error) {
      throw asStoreError("read", path, error);
    }
  }
}
