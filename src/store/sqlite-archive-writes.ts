/** The statements that change an archive. */
import type { DatabaseSync } from "node:sqlite";
import { prepareTransfers } from "./sqlite-archive-transfers.ts";

/** Bounds what one change can make the core wait. */
export const PRUNED_AT_ONCE = 2_000;
/** Whatever the wall clock says, so many ids stay: a clock that jumps makes nothing new that was known. */
const KEPT_IDS = 100_000;

export function prepareWrites(database: DatabaseSync) {
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
    join: database.prepare("INSERT INTO room (name) VALUES (?) ON CONFLICT DO NOTHING"),
    part: database.prepare("DELETE FROM room WHERE name = ?"),
    addPart: database.prepare(
      `INSERT INTO part (message_id, fingerprint, nickname) VALUES (:id, :fingerprint, :nickname)
       ON CONFLICT DO NOTHING`,
    ),
    reached: database.prepare(
      "UPDATE part SET reached = 1 WHERE message_id = :id AND fingerprint = :fingerprint",
    ),
    dropParts: database.prepare("DELETE FROM part WHERE message_id = ?"),
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
