import { DatabaseSync } from "node:sqlite";
import {
  ARCHIVE_LIMITS,
  type ArchivedMessage,
  type ArchiveReader,
  type ConversationKey,
  type ConversationSummary,
  type PageRange,
} from "../chat/archive.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { hexBytes, MESSAGE_ROWS, parseMessage } from "./sqlite-archive-rows.ts";
import { ARCHIVE_SCHEMA, BUSY_MILLIS } from "./sqlite-archive-schema.ts";
import { ArchiveSearch } from "./sqlite-archive-search.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";
import { versionOf } from "./sqlite-schema.ts";

/** Beyond so many unread messages nobody counts. */
const MAX_COUNTED = 10_000;

/** Reads an open database. Throws StoreErrors. */
export class SqliteArchiveReader implements ArchiveReader {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareAll>;
  readonly #search: ArchiveSearch;

  /**
   * For a program that does not hold the presence: reads beside whoever does. Throws a StoreError where there is no
   * archive, or one of another version.
   */
  static open(path: string): SqliteArchiveReader {
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MILLIS });
      database.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
      const version = versionOf(database, path, ARCHIVE_SCHEMA);
      if (version !== ARCHIVE_SCHEMA.migrations.length)
        throw storeError("read", path, "io", `its schema has version ${version}; run multiproto-chat once`);
      return new SqliteArchiveReader(path, database);
    } catch (error) {
      if (database?.isOpen) database.close();
      throw asStoreError("read", path, error);
    }
  }

  constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    this.#statements = prepareAll(database);
    this.#search = new ArchiveSearch(database);
  }

  conversations(): readonly ConversationSummary[] {
    return this.#read(() => {
      const summaries: ConversationSummary[] = [];
      for (const row of this.#statements.conversations.iterate()) {
        const last = parseMessage(row);
        if (last === undefined) continue;
        const { title, unread, waiting } = row;
        const counts = { unread: Number(unread), waiting: Number(waiting) };
        summaries.push({ key: last.conversation, title: String(title), ...counts, last });
      }
      return summaries;
    });
  }

  page(key: ConversationKey | undefined, range: PageRange): readonly ArchivedMessage[] {
    const limit = bounded(range.limit, ARCHIVE_LIMITS.page);
    const { after, before = Number.MAX_SAFE_INTEGER } = range;
    const ignored = range.withIgnored === true ? 1 : 0;
    const { forward, forwardOf, backward, backwardOf } = this.#statements;
    if (after !== undefined) {
      const of = { after, before, limit, ignored };
      return this.#messages(() =>
        key === undefined ? forward.iterate(of) : forwardOf.iterate({ key, ...of }),
      );
    }
    const of = { before, limit, ignored };
    return this.#messages(() =>
      key === undefined ? backward.iterate(of) : backwardOf.iterate({ key, ...of }),
    ).toReversed();
  }

  message(id: MessageId): ArchivedMessage | undefined {
    return this.#messages(() => this.#statements.message.iterate(hexBytes(id)))[0];
  }

  search(
    words: string,
    range: { readonly key?: ConversationKey; readonly before?: number; readonly limit: number },
  ): readonly ArchivedMessage[] {
    const { key = null, before = Number.MAX_SAFE_INTEGER } = range;
    const limit = bounded(range.limit, ARCHIVE_LIMITS.found);
    return this.#messages(() => this.#search.find(words, { key, before, limit }));
  }

  close(): void {
    this.#database.close();
  }

  #messages(rows: () => Iterable<Parameters<typeof parseMessage>[0]>): readonly ArchivedMessage[] {
    return this.#read(() => [...rows()].flatMap((row) => parseMessage(row) ?? []));
  }

  #read<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (error) {
      throw asStoreError("read", this.#path, error);
    }
  }
}

function bounded(limit: number, most: number): number {
  return Math.max(0, Math.min(limit, most));
}

function prepareAll(database: DatabaseSync) {
  const of = "m.conversation = (SELECT id FROM conversation WHERE key = :key)";
  const wanted = "(:ignored OR m.state <> 'ignored')";
  return {
    conversations: database.prepare(`
      WITH newest AS (
        SELECT id, title, (SELECT seq FROM message s WHERE s.conversation = conversation.id
          AND s.state <> 'ignored' ORDER BY s.seq DESC LIMIT 1) AS seq
        FROM conversation
      )
      SELECT m.*, c.key AS key, n.title AS title,
        (SELECT count(*) FROM (SELECT 1 FROM message u WHERE u.conversation = n.id AND u.direction = 0
          AND u.state = 'unread' LIMIT ${MAX_COUNTED})) AS unread,
        (SELECT count(*) FROM (SELECT 1 FROM message w WHERE w.conversation = n.id AND w.direction = 1
          AND w.state IN ('waiting', 'trying') LIMIT ${MAX_COUNTED})) AS waiting
      FROM newest n JOIN message m ON m.seq = n.seq JOIN conversation c ON c.id = n.id
      ORDER BY n.seq DESC LIMIT ${ARCHIVE_LIMITS.conversations}`),
    forward: database.prepare(
      `SELECT ${MESSAGE_ROWS} WHERE m.seq > :after AND m.seq < :before AND ${wanted} ORDER BY m.seq LIMIT :limit`,
    ),
    forwardOf: database.prepare(
      `SELECT ${MESSAGE_ROWS} WHERE ${of} AND m.seq > :after AND m.seq < :before AND ${wanted} ORDER BY m.seq LIMIT :limit`,
    ),
    backward: database.prepare(
      `SELECT ${MESSAGE_ROWS} WHERE m.seq < :before AND ${wanted} ORDER BY m.seq DESC LIMIT :limit`,
    ),
    backwardOf: database.prepare(
      `SELECT ${MESSAGE_ROWS} WHERE ${of} AND m.seq < :before AND ${wanted} ORDER BY m.seq DESC LIMIT :limit`,
    ),
    message: database.prepare(
      `SELECT ${MESSAGE_ROWS} WHERE m.message_id = ? ORDER BY m.direction DESC LIMIT 1`,
    ),
  };
}
