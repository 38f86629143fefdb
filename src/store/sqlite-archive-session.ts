import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { UnixMillis } from "../base/clock.ts";
import {
  type ArchiveChange,
  type CommitResult,
  type ConversationKey,
  conversationTitle,
  type IncomingRecord,
  type KeptState,
  type OutgoingRecord,
} from "../chat/archive.ts";
import { loadKept } from "./sqlite-archive-kept.ts";
import { SqliteArchiveReader } from "./sqlite-archive-reader.ts";
import { hexBytes, incomingRow, OURSELVES, outgoingRow } from "./sqlite-archive-rows.ts";
import { ARCHIVE_SCHEMA, BUSY_MILLIS, configureArchive, INDEX } from "./sqlite-archive-schema.ts";
import { transferRow } from "./sqlite-archive-transfers.ts";
import { PRUNED_AT_ONCE, prepareWrites } from "./sqlite-archive-writes.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";
import { checkWritable, createEmpty } from "./sqlite-file.ts";
import { migrate } from "./sqlite-schema.ts";

/** A file of this size is checked in a fraction of a second; a larger one once damage has shown. */
const CHECKED_BYTES = 16 * 1_024 * 1_024;

/** What a power cut must not undo; the rest comes again by itself. */
const DURABLE: ReadonlySet<ArchiveChange["type"]> = new Set([
  "sent",
  "received",
  "trying",
  "joined",
  "parted",
  "transfer",
] as const);

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
  readonly #statements: ReturnType<typeof prepareWrites>;

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
    this.#statements = prepareWrites(database);
    this.reader = new SqliteArchiveReader(path, database);
  }

  load(): KeptState {
    return loadKept(this.#database, this.#path);
  }

  commit(changes: readonly ArchiveChange[]): Omit<Extract<CommitResult, { type: "stored" }>, "type"> {
    const { begin, full, normal, commit } = this.#statements;
    const isDurable = changes.some(({ type }) => DURABLE.has(type));
    try {
      (isDurable ? full : normal).run();
      begin.run();
      const at = this.#wall();
      const known: number[] = [];
      const seqs = new Map<number, number>();
      for (const [index, change] of changes.entries()) {
        const made = this.#make(change, at);
        if (made === false) known.push(index);
        else if (made !== true) seqs.set(index, made);
      }
      commit.run();
      return { known, seqs };
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

  /** False if the message is known; its place if it was not. */
  #make(change: ArchiveChange, at: UnixMillis): boolean | number {
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
        statements.dropParts.run(hexBytes(change.messageId));
        return true;
      }
      case "failed":
        statements.failed.run({ id: hexBytes(change.messageId), why: change.why });
        statements.dropParts.run(hexBytes(change.messageId));
        return true;
      case "reached":
        statements.reached.run({
          id: hexBytes(change.messageId),
          fingerprint: hexBytes(change.fingerprint),
        });
        return true;
      case "joined":
        statements.join.run(change.room);
        return true;
      case "parted":
        statements.part.run(change.room);
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
      case "index":
        this.#database.exec(INDEX);
        return true;
      case "prune":
        if (change.textsBefore !== undefined) statements.pruneTexts.run(change.textsBefore);
        statements.pruneIds.run(change.idsBefore);
        return true;
    }
  }

  #sent(record: OutgoingRecord, at: UnixMillis): false | number {
    const { messageId, conversation, to, members = [] } = record;
    const id = hexBytes(messageId);
    if (!this.#isNew(OURSELVES, id, at)) return false;
    for (const { fingerprint, nickname } of members)
      this.#statements.addPart.run({ id, fingerprint: hexBytes(fingerprint), nickname });
    // A name as typed does not replace the one as its owner writes it.
    this.#statements.addConversation.run(conversation, to);
    return Number(
      this.#statements.add.run({ key: conversation, ...outgoingRow(record, at) }).lastInsertRowid,
    );
  }

  #received(record: IncomingRecord): false | number {
    const { messageId, fingerprint, from } = record.message;
    if (messageId !== undefined && fingerprint !== undefined) {
      if (!this.#isNew(hexBytes(fingerprint), hexBytes(messageId), record.at)) return false;
    }
    this.#statements.nameConversation.run(record.conversation, conversationTitle(record.conversation, from));
    const row = { key: record.conversation, ...incomingRow(record) };
    return Number(this.#statements.add.run(row).lastInsertRowid);
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
