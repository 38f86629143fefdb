import type { DatabaseSync } from "node:sqlite";
import type { ConversationKey } from "../chat/archive.ts";
import { parseWords } from "./archive-words.ts";
import { MESSAGE_ROWS, type Row } from "./sqlite-archive-rows.ts";
import { TOKENIZER } from "./sqlite-archive-schema.ts";

/** A search that the index cannot answer looks at the newest so many messages, and no further. */
const MAX_SCANNED = 50_000;

export interface SearchRange {
  readonly key: ConversationKey | null;
  readonly before: number;
  readonly limit: number;
}

/** Full-text search in an open archive: rows of `message`, newest first. What SQLite throws it throws. */
export class ArchiveSearch {
  readonly #database: DatabaseSync;
  #statements: ReturnType<typeof prepareAll> | undefined;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  find(text: string, range: SearchRange): readonly Row[] {
    const words = parseWords(text);
    if (words.type === "nothing") return [];
    this.#statements ??= prepareAll(this.#database);
    if (words.type === "anywhere") return this.#scan(this.#statements, words.words, range);
    const match = words.words.map((word) => `"${word.replaceAll('"', '""')}" *`).join(" ");
    const { gather, found, clear } = this.#statements;
    gather.run();
    try {
      return found.all({ match, ...range });
    } finally {
      clear.run();
    }
  }

  #scan(
    { newest }: ReturnType<typeof prepareAll>,
    words: readonly string[],
    { key, before, limit }: SearchRange,
  ): readonly Row[] {
    const folded = words.map((word) => word.toLowerCase());
    const found: Row[] = [];
    for (const row of newest.iterate({ key, before })) {
      if (found.length >= limit) break;
      const text = String(row.text).toLowerCase();
      if (folded.every((word) => text.includes(word))) found.push(row);
    }
    return found;
  }
}

/**
 * What is not in the index yet gets one in memory, by the same rules, for one search. A message that the holder indexes
 * between the two statements is in both, and found once. Gathered in order: FTS5 begins a segment at each row that goes back.
 */
function prepareAll(database: DatabaseSync) {
  database.exec(`
    PRAGMA temp_store = MEMORY;
    CREATE VIRTUAL TABLE temp.fresh USING fts5 (text, content = '', columnsize = 0, ${TOKENIZER})`);
  const wanted =
    "m.state <> 'ignored' AND (:key IS NULL OR m.conversation = (SELECT id FROM conversation WHERE key = :key))";
  return {
    gather: database.prepare(`
      INSERT INTO temp.fresh (rowid, text)
        SELECT seq, text FROM (
          SELECT seq, text FROM message WHERE seq > (SELECT through FROM indexed)
          ORDER BY seq DESC LIMIT ${MAX_SCANNED})
        ORDER BY seq`),
    found: database.prepare(`
      SELECT ${MESSAGE_ROWS} WHERE m.seq IN (
        SELECT rowid FROM (
          SELECT rowid FROM words WHERE words MATCH :match AND rowid < :before ORDER BY rowid DESC
          LIMIT ${MAX_SCANNED})
        UNION ALL SELECT rowid FROM temp.fresh WHERE fresh MATCH :match AND rowid < :before
      ) AND ${wanted} ORDER BY m.seq DESC LIMIT :limit`),
    clear: database.prepare("INSERT INTO temp.fresh (fresh) VALUES ('delete-all')"),
    newest: database.prepare(
      `SELECT ${MESSAGE_ROWS} WHERE m.seq < :before AND ${wanted} ORDER BY m.seq DESC LIMIT ${MAX_SCANNED}`,
    ),
  };
}
