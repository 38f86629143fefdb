/** Files in the archive: rows and what they mean. */
import type { DatabaseSync } from "node:sqlite";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { TransferRecord, TransferWhy } from "../chat/files/transfer.ts";
import type { TransferId } from "../wire/mp2-files.ts";
import { hexBytes, parseHex, type Row } from "./sqlite-archive-rows.ts";

export const TRANSFER_COLUMNS = [
  "id",
  "direction",
  "fingerprint",
  "peer",
  "name",
  "size",
  "time",
  "path",
  "stamp",
  "state",
  "why",
] as const;

/** More than the core keeps; of a file that somebody else has filled the newest. */
const MAX_TRANSFERS = 10_000;

const STATES: readonly string[] = [
  "offered",
  "accepted",
  "paused",
  "done",
  "refused",
  "failed",
  "cancelled",
] satisfies TransferRecord["state"][];

export function transferRow(record: TransferRecord) {
  const { id, direction, fingerprint, peer, name, size, time, path, stamp, state, why } = record;
  return {
    ...{ id: hexBytes(id), direction: direction === "in" ? 0 : 1, fingerprint: hexBytes(fingerprint) },
    ...{ peer, name, size, time, path, stamp, state, why: why ?? null },
  };
}

export function loadTransfers(database: DatabaseSync): readonly TransferRecord[] {
  const isThere = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'transfer'").get();
  if (isThere === undefined) return [];
  return database
    .prepare(`SELECT * FROM transfer ORDER BY time DESC, id DESC LIMIT ${MAX_TRANSFERS}`)
    .all()
    .flatMap((row) => parseTransfer(row) ?? [])
    .toReversed();
}

export function prepareTransfers(database: DatabaseSync) {
  const values = TRANSFER_COLUMNS.map((column) => `:${column}`).join(", ");
  return {
    putTransfer: database.prepare(
      `INSERT OR REPLACE INTO transfer (${TRANSFER_COLUMNS.join(", ")}) VALUES (${values})`,
    ),
    forgetTransfer: database.prepare("DELETE FROM transfer WHERE id = ?"),
  };
}

function parseTransfer(row: Row): TransferRecord | undefined {
  const { direction, peer, name, size, time, path, stamp, state, why } = row;
  const id = parseHex<TransferId>(row.id, 16);
  const fingerprint = parseHex<Fingerprint>(row.fingerprint, 32);
  if (id === undefined || fingerprint === undefined || !STATES.includes(String(state))) return undefined;
  if (typeof peer !== "string" || typeof name !== "string" || typeof path !== "string") return undefined;
  if (typeof size !== "number" || typeof time !== "number" || typeof stamp !== "string") return undefined;
  return {
    ...{ id, fingerprint, peer, name, size, time, path, stamp },
    direction: direction === 0 ? "in" : "out",
    state: state as TransferRecord["state"],
    why: typeof why === "string" ? (why as TransferWhy) : undefined,
  };
}
