import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import {
  type ArchiveChange,
  type ConversationKey,
  conversationTitle,
  type IncomingRecord,
  type KeptState,
  type OutgoingRecord,
} from "../chat/archive.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { SqliteArchiveReader } from "./sqlite-archive-reader.ts";
import { hexBytes, incomingRow, OURSELVES, outgoingRow, parseHex, parseKept } from "./sqlite-archive-rows.ts";
import { ARCHIVE_SCHEMA, BUSY_MILLIS, configureArchive } from "./sqlite-archive-schema.ts";
import { loadTransfers, prepareTransfers, transferRow } from "./sqlite-archive-transfers.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";
import { checkWritable, createEmpty } from "./sqlite-file.ts";
import { migrate } from "./sqlite-schema.ts";

/** A file of this size is checked in a fraction of a second; a larger one once damage has shown. */
const CHECKED_BYTES = 16 * 1_024 * 1_024;
/** Delivered messages of which it can still be told that they were read. */
const MAX_UNREAD = 1_024;
/** Read messages whose senders do not know it; of more the oldest are never told. */
const MAX_UNTOLD = 10_000;
const MAX_NAMES = 50_000;
/** Bounds what one change can make the core wait. */
const PRUNED_AT_ONCE = 2_000;
/** Whatever the wall clock says, so many ids stay: a clock that jumps makes nothing new that was known. */
const KEPT_IDS = 100_000;

const DURABLE: ReadonlySet<ArchiveChange["type"]> = new Set(["sent", "received", "trying", "transfer"]);

export interface ArchiveOptions {
  readonly maxPages: number;
  /** Of any size. */
  readonly isThorough: boolean;
  readonly wall: () => UnixMillis;
}

/** One open archive, checked and of the last version. Throws StoreErrors. */
export class SqliteArchiveSession {
  readonly reader: SqliteArchiveReader;
  readonly #path: string;
  readonly #wall: () => UnixMillis;
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareAll>;

  /** Opens the file, mode 0600 if it makes it; if it throws, it holds nothing. */
  static open(path: string, options: ArchiveOptions): SqliteArchiveSession {
    let database: DatabaseSync | undefined;
    try {
      createEmpty(path);
      database = new DatabaseSync(path, { timeout: BUSY_MILLIS });
      configureArchive(database, options.maxPages);
      if (options.isThorough || statSync(path).size <= CHECKED_BYTES) {
        const check = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
        if (check !== "ok") throw storeError("open", path, "corrupt", `it is damaged: ${String(check)}`);
      }
      migrate(database, path, ARCHIVE_SCHEMA);
      checkWritable(database, path, ARCHIVE_SCHEMA.migrations.length);
      return new SqliteArchiveSession(path, database, options.wall);
    } catch (error) {
      if (database?.isOpen) database.close();
      throw asStoreError("open", path, error);
    }
  }

  private constructor(path: string, database: DatabaseSync, wall: () => UnixMillis) {
    this.#path = path;
    this.#database = database;
    this.#wall = wall;
    this.#statements = prepareAll(database);
    this.reader = new SqliteArchiveReader(path, database);
  }

  load(): KeptState {
    return loadKept(this.#database, this.#path);
  }

  /** The index of each change whose message was there already. */
  commit(changes: readonly ArchiveChange[]): readonly number[] {
    const { begin, full, normal, commit } = this.#statements;
    // What is not a message comes again by itself if a power cut undoes it.
    const isDurable = changes.some(({ type }) => DURABLE.has(type));
    try {
      (isDurable ? full : normal).run();
      begin.run();
      const at = this.#wall();
      const known: number[] = [];
      for (const [index, change] of changes.entries()) if (!this.#make(change, at)) known.push(index);
      commit.run();
      return known;
    } catch (error) {
      this.#rollBack();
      throw asStoreError("write", this.#path, error);
    }
  }

  /** Removes what was said in a conversation; what waits stays. Returns how many messages that were. */
  forget(key: ConversationKey, before: UnixMillis | undefined): number {
    try {
      let count = 0;
      for (let removed = PRUNED_AT_ONCE; removed >= PRUNED_AT_ONCE; count += removed) {
        const range = { key, before: before ?? Number.MAX_SAFE_INTEGER };
        removed = Number(this.#statements.forget.run(range).changes);
      }
      // Nor shall it be read in the WAL.
      this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      return count;
    } catch (error) {
      throw asStoreError("write", this.#path, error);
    }
  }

  /** Moves what is in the WAL into the file, if nobody else has it open. */
  close(): void {
    this.#database.close();
  }

  /** False if the message is known. */
  #make(change: ArchiveChange, at: UnixMillis): boolean {
    const statements = this.#statements;
    switch (change.type) {
      case "sent":
        return this.#sent(change.message, at);
      case "received":
        return this.#received(change.message);
      case "trying":
      case "waiting":
        statements.waits.run({ id: hexBytes(change.messageId), state: change.type });
        return true;
      case "delivered": {
        const fingerprint = change.fingerprint === undefined ? null : hexBytes(change.fingerprint);
        statements.delivered.run({ id: hexBytes(change.messageId), fingerprint });
        return true;
      }
      case "failed":
        statements.failed.run({ id: hexBytes(change.messageId), why: change.why });
        return true;
      case "read-there":
        for (const id of change.messageIds)
          statements.readThere.run({ id: hexBytes(id), fingerprint: hexBytes(change.fingerprint) });
        return true;
      case "read-here":
        for (const id of change.messageIds) statements.readHere.run(hexBytes(id));
        statements.readAnonymous.run(change.conversation);
        return true;
      case "read-told":
        for (const id of change.messageIds)
          statements.told.run({ id: hexBytes(id), fingerprint: hexBytes(change.fingerprint) });
        return true;
      case "transfer":
        statements.putTransfer.run(transferRow(change.record));
        return true;
      case "transfer-forgotten":
        statements.forgetTransfer.run(hexBytes(change.id));
        return true;
      case "prune":
        if (change.textsBefore !== undefined) statements.pruneTexts.run(change.textsBefore);
        statements.pruneIds.run(change.idsBefore);
        return true;
    }
  }

  #sent(record: OutgoingRecord, at: UnixMillis): boolean {
    const { messageId, conversation, to } = record;
    if (!this.#isNew(OURSELVES, hexBytes(messageId), at)) return false;
    // A name as typed does not replace the one as its owner writes it.
    this.#statements.addConversation.run(conversation, to);
    this.#statements.add.run({ key: conversation, ...outgoingRow(record, at) });
    return true;
  }

  #received(record: IncomingRecord): boolean {
    const { messageId, fingerprint, from } = record.message;
    if (messageId !== undefined && fingerprint !== undefined) {
      if (!this.#isNew(hexBytes(fingerprint), hexBytes(messageId), record.at)) return false;
    }
    this.#statements.nameConversation.run(record.conversation, conversationTitle(record.conversation, from));
    this.#statements.add.run({ key: record.conversation, ...incomingRow(record) });
    return true;
  }

  #isNew(sender: Uint8Array, id: Uint8Array, at: UnixMillis): boolean {
    return Number(this.#statements.know.run({ sender, id, at }).changes) === 1;
  }

  #rollBack(): void {
    try {
      // After some errors SQLite has done it already.
      if (this.#database.isTransaction) this.#statements.rollBack.run();
    } catch {
      // The error that led here is the one to tell; a transaction that stays open fails the next BEGIN.
    }
  }
}

/** What a core begins with, from a database that may be open for reading only. */
export function loadKept(database: DatabaseSync, path: string): KeptState {
  const select = "SELECT m.*, c.key AS key FROM message m JOIN conversation c ON c.id = m.conversation";
  const all = (statement: string) => database.prepare(statement).all();
  try {
    const waiting = all(
      `${select} WHERE m.direction = 1 AND m.state IN ('waiting', 'trying') ORDER BY m.seq`,
    ).flatMap((row) => parseKept(row) ?? []);
    const unread = all(
      `${select} WHERE m.direction = 1 AND m.state = 'delivered' ORDER BY m.seq DESC LIMIT ${MAX_UNREAD}`,
    ).flatMap((row) => {
      const fingerprint = parseHex<Fingerprint>(row.fingerprint, 32);
      const messageId = parseHex<MessageId>(row.message_id, 16);
      if (fingerprint === undefined || messageId === undefined) return [];
      return [{ messageId, fingerprint, to: String(row.peer), text: String(row.text) }];
    });
    const untold = all(
      `SELECT fingerprint, message_id FROM message WHERE direction = 0 AND told = 0
       ORDER BY seq DESC LIMIT ${MAX_UNTOLD}`,
    ).flatMap((row) => {
      const fingerprint = parseHex<Fingerprint>(row.fingerprint, 32);
      const messageId = parseHex<MessageId>(row.message_id, 16);
      return fingerprint === undefined || messageId === undefined ? [] : [{ fingerprint, messageId }];
    });
    const names = all(`SELECT key FROM conversation WHERE key GLOB '@*' LIMIT ${MAX_NAMES}`).map(({ key }) =>
      String(key).slice(1),
    );
    const transfers = loadTransfers(database);
    return {
      waiting,
      unread: unread.toReversed(),
      untold: untold.toReversed(),
      names: new Set(names),
      transfers,
    };
  } catch (error) {
    throw asStoreError("read", path, error);
  }
}

function prepareAll(database: DatabaseSync) {
  return {
    ...prepareTransfers(database),
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    rollBack: database.prepare("ROLLBACK"),
    full: database.prepare("PRAGMA synchronous = FULL"),
    normal: database.prepare("PRAGMA synchronous = NORMAL"),
    know: database.prepare(
      "INSERT INTO known (sender, id, at) VALUES (:sender, :id, :at) ON CONFLICT DO NOTHING",
    ),
    addConversation: database.prepare(
      "INSERT INTO conversation (key, title) VALUES (?, ?) ON CONFLICT DO NOTHING",
    ),
    nameConversation: database.prepare(
      `INSERT INTO conversation (key, title) VALUES (?, ?)
       ON CONFLICT (key) DO UPDATE SET title = excluded.title WHERE title <> excluded.title`,
    ),
    add: database.prepare(
      `INSERT INTO message (conversation, direction, message_id, peer, fingerprint, address, time, at, text, reply,
         standing, state, until)
       VALUES ((SELECT id FROM conversation WHERE key = :key), :direction, :message_id, :peer, :fingerprint, :address,
         :time, :at, :text, :reply, :standing, :state, :until)`,
    ),
    waits: database.prepare(
      `UPDATE message SET state = :state
       WHERE message_id = :id AND direction = 1 AND state IN ('waiting', 'trying')`,
    ),
    delivered: database.prepare(
      `UPDATE message SET state = 'delivered', fingerprint = :fingerprint
       WHERE message_id = :id AND direction = 1 AND state IN ('waiting', 'trying')`,
    ),
    failed: database.prepare(
      `UPDATE message SET state = 'failed', why = :why
       WHERE message_id = :id AND direction = 1 AND state IN ('waiting', 'trying')`,
    ),
    readThere: database.prepare(
      `UPDATE message SET state = 'read'
       WHERE message_id = :id AND direction = 1 AND state = 'delivered' AND fingerprint = :fingerprint`,
    ),
    readHere: database.prepare(
      "UPDATE message SET state = 'read', told = 0 WHERE message_id = ? AND direction = 0 AND state = 'unread'",
    ),
    readAnonymous: database.prepare(
      `UPDATE message SET state = 'read' WHERE direction = 0 AND state = 'unread' AND message_id IS NULL
         AND conversation = (SELECT id FROM conversation WHERE key = ?)`,
    ),
    told: database.prepare(
      `UPDATE message SET told = 1 WHERE message_id = :id AND direction = 0 AND told = 0
         AND fingerprint = :fingerprint`,
    ),
    pruneTexts: database.prepare(
      `DELETE FROM message WHERE seq IN (
         SELECT seq FROM (SELECT seq, at, state FROM message ORDER BY seq LIMIT ${PRUNED_AT_ONCE})
         WHERE at < ? AND state NOT IN ('waiting', 'trying'))`,
    ),
    pruneIds: database.prepare(
      `DELETE FROM known WHERE (sender, id) IN (
         SELECT sender, id FROM known
         WHERE at < ?1 AND at < (SELECT at FROM known ORDER BY at DESC LIMIT 1 OFFSET ${KEPT_IDS})
         ORDER BY at LIMIT ${PRUNED_AT_ONCE})`,
    ),
    forget: database.prepare(
      `DELETE FROM message WHERE seq IN (
         SELECT seq FROM message WHERE conversation = (SELECT id FROM conversation WHERE key = :key)
           AND at < :before AND state NOT IN ('waiting', 'trying') ORDER BY seq LIMIT ${PRUNED_AT_ONCE})`,
    ),
  };
}
