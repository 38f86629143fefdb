import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { foldNickname } from "../wire/nickname.ts";
import { INDEX } from "./sqlite-archive-schema.ts";
import { TRANSFER_COLUMNS } from "./sqlite-archive-transfers.ts";

/** Columns of `message` but its conversation. */
const COLUMNS =
  "seq, direction, message_id, peer, fingerprint, address, time, at, text, reply, standing, state, why, until, told";
const NAMES = COLUMNS.split(", ");

type Row = Readonly<Record<string, SQLOutputValue>>;

/**
 * Carries over from a damaged archive what can be read of it: rows from both ends up to the first page that cannot. The
 * damaged file and its WAL stay as they are. Returns how many messages that were.
 */
export function salvageArchive(damaged: string, draft: string): number {
  const target = new DatabaseSync(draft);
  const source = open(damaged);
  if (source === undefined) {
    target.close();
    return 0;
  }
  try {
    target.exec("BEGIN IMMEDIATE");
    copyIds(source, target);
    copyRooms(source, target);
    copyTransfers(source, target);
    const count = copyMessages(source, target);
    target.exec(INDEX);
    target.exec("COMMIT");
    return count;
  } finally {
    source.close();
    target.close();
  }
}

/** Undefined if nothing of it can be read. */
function open(path: string): DatabaseSync | undefined {
  try {
    return new DatabaseSync(path, { readOnly: true });
  } catch {
    return undefined;
  }
}

function copyIds(source: DatabaseSync, target: DatabaseSync): void {
  const add = target.prepare("INSERT OR IGNORE INTO known (sender, id, at) VALUES (:sender, :id, :at)");
  for (const { sender = null, id = null, at = null } of rows(source, "sender, id, at", "known", "sender"))
    attempt(() => add.run({ sender, id, at }));
}

function copyRooms(source: DatabaseSync, target: DatabaseSync): void {
  const join = target.prepare("INSERT OR IGNORE INTO room (name) VALUES (:name)");
  for (const { name = null } of rows(source, "name", "room", "name")) attempt(() => join.run({ name }));
  const add = target.prepare(
    `INSERT OR IGNORE INTO part (message_id, fingerprint, nickname, reached)
     VALUES (:message_id, :fingerprint, :nickname, :reached)`,
  );
  for (const row of rows(source, "message_id, fingerprint, nickname, reached", "part", "message_id"))
    attempt(() => add.run({ ...row }));
}

/** None in an archive of the first version. */
function copyTransfers(source: DatabaseSync, target: DatabaseSync): void {
  const columns = TRANSFER_COLUMNS.join(", ");
  const values = TRANSFER_COLUMNS.map((column) => `:${column}`).join(", ");
  const add = target.prepare(`INSERT OR IGNORE INTO transfer (${columns}) VALUES (${values})`);
  for (const row of rows(source, columns, "transfer", "id")) attempt(() => add.run({ ...row }));
}

function copyMessages(source: DatabaseSync, target: DatabaseSync): number {
  const keys = new Map<SQLOutputValue | undefined, Row>();
  for (const row of rows(source, "id, key, title", "conversation", "id")) keys.set(row.id, row);
  const name = target.prepare("INSERT INTO conversation (key, title) VALUES (?, ?) ON CONFLICT DO NOTHING");
  const add = target.prepare(
    `INSERT OR IGNORE INTO message (conversation, ${COLUMNS})
     VALUES ((SELECT id FROM conversation WHERE key = :key), ${NAMES.map((column) => `:${column}`).join(", ")})`,
  );
  let count = 0;
  for (const { conversation, ...row } of rows(source, `conversation, ${COLUMNS}`, "message", "seq")) {
    const known = keys.get(conversation);
    const key = String(known?.key ?? `@${foldNickname(String(row.peer))}`);
    attempt(() => {
      name.run(key, String(known?.title ?? row.peer));
      count += Number(add.run({ key, ...row }).changes);
    });
  }
  return count;
}

/** From both ends up to the first page that cannot be read: those in the middle may come twice. */
function* rows(database: DatabaseSync, columns: string, table: string, key: string): Generator<Row> {
  for (const order of ["ASC", "DESC"]) {
    try {
      yield* database.prepare(`SELECT ${columns} FROM ${table} ORDER BY ${key} ${order}`).iterate();
      return;
    } catch {
      // What came before it has been passed on.
    }
  }
}

/** A row that does not fit is none of ours. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // See above.
  }
}
