/** What the last holder of the presence left in the archive for the next one. */
import type { DatabaseSync } from "node:sqlite";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { KeptMessage, KeptPost, KeptState, PostMember } from "../chat/archive.ts";
import { MAX_ROOMS, type MessageId, parseRoomName } from "../wire/mp2-values.ts";
import { parseNickname } from "../wire/nickname.ts";
import { parseHex, parseKept, type Row } from "./sqlite-archive-rows.ts";
import { loadTransfers } from "./sqlite-archive-transfers.ts";
import { asStoreError } from "./sqlite-faults.ts";

/** Delivered messages of which it can still be told that they were read. */
const MAX_UNREAD = 1_024;
/** Read messages whose senders do not know it; of more the oldest are never told. */
const MAX_UNTOLD = 10_000;
const MAX_NAMES = 50_000;

const SELECT = "SELECT m.*, c.key AS key FROM message m JOIN conversation c ON c.id = m.conversation";

/** What a core begins with, from a database that may be open for reading only and of an earlier version. */
export function loadKept(database: DatabaseSync, path: string): KeptState {
  const all = (statement: string): readonly Row[] => database.prepare(statement).all();
  try {
    const waiting = all(
      `${SELECT} WHERE m.direction = 1 AND m.state IN ('waiting', 'trying') ORDER BY m.seq`,
    ).flatMap((row) => parseKept(row) ?? []);
    const unread = all(
      `${SELECT} WHERE m.direction = 1 AND m.state = 'delivered' ORDER BY m.seq DESC LIMIT ${MAX_UNREAD}`,
    ).flatMap((row) => {
      const mark = parseMark(row);
      return mark === undefined ? [] : [{ ...mark, to: String(row.peer), text: String(row.text) }];
    });
    const untold = all(
      `SELECT fingerprint, message_id FROM message WHERE direction = 0 AND told = 0
       ORDER BY seq DESC LIMIT ${MAX_UNTOLD}`,
    ).flatMap((row) => parseMark(row) ?? []);
    const names = all(`SELECT key FROM conversation WHERE key GLOB '@*' LIMIT ${MAX_NAMES}`).map(({ key }) =>
      String(key).slice(1),
    );
    return {
      waiting: waiting.filter(({ to }) => !to.startsWith("#")),
      ...loadRooms(all, waiting),
      ...{ unread: unread.toReversed(), untold: untold.toReversed(), names: new Set(names) },
      transfers: loadTransfers(database),
    };
  } catch (error) {
    throw asStoreError("read", path, error);
  }
}

function loadRooms(
  all: (statement: string) => readonly Row[],
  waiting: readonly KeptMessage[],
): Pick<KeptState, "posts" | "rooms"> {
  const posts = waiting.filter(({ to }) => to.startsWith("#"));
  const isThere = all("SELECT 1 FROM sqlite_schema WHERE name = 'part'").length > 0;
  if (!isThere) return { posts: posts.map((post) => ({ ...post, reached: [], left: [] })), rooms: [] };
  const members = new Map<MessageId, { readonly reached: PostMember[]; readonly left: PostMember[] }>();
  for (const row of all("SELECT message_id, fingerprint, nickname, reached FROM part")) {
    const mark = parseMark(row);
    const parsed = parseNickname(String(row.nickname));
    if (mark === undefined || !parsed.ok) continue;
    const of = members.get(mark.messageId) ?? { reached: [], left: [] };
    members.set(mark.messageId, of);
    const member = { fingerprint: mark.fingerprint, nickname: parsed.nickname };
    (row.reached === 1 ? of.reached : of.left).push(member);
  }
  return {
    posts: posts.map(
      (post): KeptPost => ({ ...post, reached: [], left: [], ...members.get(post.messageId) }),
    ),
    rooms: all(`SELECT name FROM room ORDER BY name LIMIT ${MAX_ROOMS}`).flatMap(
      ({ name }) => parseRoomName(String(name)) ?? [],
    ),
  };
}

function parseMark(
  row: Row,
): { readonly messageId: MessageId; readonly fingerprint: Fingerprint } | undefined {
  const fingerprint = parseHex<Fingerprint>(row.fingerprint, 32);
  const messageId = parseHex<MessageId>(row.message_id, 16);
  return fingerprint === undefined || messageId === undefined ? undefined : { messageId, fingerprint };
}
