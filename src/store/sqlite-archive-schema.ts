import type { DatabaseSync } from "node:sqlite";
import { configureDatabase, PAGE_BYTES } from "./sqlite-file.ts";
import type { Schema } from "./sqlite-schema.ts";

/** A page of a face must not wait longer than this for another program's commit. */
export const BUSY_MILLIS = 2_000;
/** Of 4,096 bytes: 4 GiB, some ten million messages. */
export const MAX_ARCHIVE_PAGES = (4 * 1_024 * 1_024 * 1_024) / PAGE_BYTES;

/** How texts become words; what is not in the index yet is looked for by the same. */
export const TOKENIZER = "tokenize = 'unicode61 remove_diacritics 2'";

/**
 * `direction` 0: to us, `state` unread or read, and once read, `told` whether the sender knows. 1: ours, `state` waiting,
 * trying (mp1: it may have arrived), delivered, read, failed.
 *
 * `known` has the ids of what came, by the sender's key, and of what we sent, under none; it outlives the texts. `words`
 * is the full-text index of `message`, which holds no text itself (since version 4 not at once, see below).
 */
const VERSION_1 = `
  CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL
  ) STRICT;
  CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    direction INTEGER NOT NULL,
    message_id BLOB,
    peer TEXT NOT NULL,
    fingerprint BLOB,
    address TEXT,
    time INTEGER NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    reply BLOB,
    standing TEXT,
    state TEXT NOT NULL,
    why TEXT,
    until INTEGER,
    told INTEGER
  ) STRICT;
  CREATE INDEX message_of ON message (conversation, seq);
  CREATE INDEX message_by_id ON message (message_id) WHERE message_id IS NOT NULL;
  CREATE INDEX message_waiting ON message (conversation) WHERE direction = 1 AND state IN ('waiting', 'trying');
  CREATE INDEX message_delivered ON message (seq) WHERE direction = 1 AND state = 'delivered';
  CREATE INDEX message_unread ON message (conversation) WHERE direction = 0 AND state = 'unread';
  CREATE INDEX message_untold ON message (seq) WHERE direction = 0 AND told = 0;
  CREATE TABLE known (
    sender BLOB NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (sender, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX known_at ON known (at);
  CREATE VIRTUAL TABLE words USING fts5 (
    text, content = 'message', content_rowid = 'seq', columnsize = 0,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
  );
  INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
  CREATE TRIGGER message_inserted AFTER INSERT ON message BEGIN
    INSERT INTO words (rowid, text) VALUES (new.seq, new.text);
  END;
  CREATE TRIGGER message_deleted AFTER DELETE ON message BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.seq, old.text);
  END;`;

/**
 * `room` has the rooms that we are in. `part` has the members of each message in a room that has not reached all of them,
 * and whether it reached that one.
 */
const VERSION_2 = `
  CREATE TABLE room (name TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE part (
    message_id BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    nickname TEXT NOT NULL,
    reached INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (message_id, fingerprint)
  ) STRICT, WITHOUT ROWID;`;

/**
 * Files, `direction` as above. What is over stays, so that what comes again is known. `path`, `stamp`: see
 * `TransferRecord`.
 */
const VERSION_3 = `
  CREATE TABLE transfer (
    id BLOB PRIMARY KEY,
    direction INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    peer TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    time INTEGER NOT NULL,
    path TEXT NOT NULL,
    stamp TEXT NOT NULL,
    state TEXT NOT NULL,
    why TEXT
  ) STRICT, WITHOUT ROWID;`;

/**
 * `indexed`: `words` has the messages up to `through`; the rest is looked for as it is until it is there, too. Indexing
 * each when it is stored made a commit a third longer, while a person waited for it (docs/decisions/0016).
 */
const VERSION_4 = `
  CREATE TABLE indexed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    through INTEGER NOT NULL
  ) STRICT;
  INSERT INTO indexed (one, through) SELECT 1, coalesce(max(seq), 0) FROM message;
  DROP TRIGGER message_inserted;
  DROP TRIGGER message_deleted;
  CREATE TRIGGER message_deleted AFTER DELETE ON message WHEN old.seq <= (SELECT through FROM indexed) BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.seq, old.text);
  END;`;

/** Puts into the index what is not in it yet. In one transaction: a word twice in the index cannot be removed again. */
export const INDEX = `
  INSERT INTO words (rowid, text)
    SELECT seq, text FROM message WHERE seq > (SELECT through FROM indexed) ORDER BY seq;
  UPDATE indexed SET through = max(through, (SELECT coalesce(max(seq), 0) FROM message));`;

/** "mp2c". What was released is never edited: append. */
export const ARCHIVE_SCHEMA: Schema = {
  applicationId: 0x6d703263,
  migrations: [VERSION_1, VERSION_2, VERSION_3, VERSION_4],
};

/**
 * Locking as it comes: other programs of the user read, and `history forget` writes, while the holder of the presence is
 * there. secure_delete: what is forgotten is gone from the file. Commits are synchronous=FULL or NORMAL, by what is in
 * them: see {@link ArchiveStore.commit}.
 */
export function configureArchive(database: DatabaseSync, maxPages: number): void {
  configureDatabase(database, { maxPages });
  database.exec("PRAGMA secure_delete = ON");
}
