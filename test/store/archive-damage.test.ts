import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { forgetConversation, openArchive, openArchiveReader } from "../../src/store/sqlite-archive.ts";
import { ARCHIVE_SCHEMA } from "../../src/store/sqlite-archive-schema.ts";
import type { RoomName } from "../../src/wire/mp2-values.ts";
import { id, received, sent, transfer } from "../contract/archive-store.ts";
import { key, memoryDirectory, nick, WALL } from "../support/stores.ts";
import type { Owner } from "../support/until.ts";

const clock = { wall: () => WALL };
const TEXT = "lorem ipsum dolor sit amet ".repeat(20);

function place(owner: Owner): string {
  return join(memoryDirectory(owner), "chat.sqlite");
}

function fill(path: string, count: number, options: { maxPages?: number } = {}): void {
  const { archive } = openArchive({ path, clock, ...options });
  const changes = Array.from({ length: count }, (_, index) => sent(index + 1, "ola", `${index + 1} ${TEXT}`));
  assert.equal(archive.commit(changes).type, "stored");
  archive.close();
}

async function smash(path: string, from: number, length: number): Promise<void> {
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(length, 0xa5), 0, length, from);
  await file.close();
}

test("the files are the user's alone", (t) => {
  const path = place(t);
  const { archive } = openArchive({ path, clock });
  archive.commit([sent(1, "ola", "secret")]);
  for (const name of readdirSync(join(path, "..")))
    assert.equal(statSync(join(path, "..", name)).mode & 0o777, 0o600, name);
  archive.close();
});

test("a damaged archive is set aside and named; what is sound in it is kept: texts, ids, what waits", async (t) => {
  const path = place(t);
  fill(path, 400);
  await smash(path, statSync(path).size - 3 * 4_096, 3 * 4_096);
  await smash(path, 40 * 4_096, 4_096);
  const { archive, troubles } = openArchive({ path, clock });
  assert.match(
    troubles.join(),
    /damaged and is now .*chat\.sqlite\.damaged-2026-11-\S+; \d+ messages in it were sound/,
  );
  assert.ok(readdirSync(join(path, "..")).some((name) => name.includes("damaged")));
  const { waiting } = archive.load();
  assert.ok(waiting.length > 100, `${waiting.length} of 400`);
  assert.equal(archive.search("lorem", { limit: 999 }).length, Math.min(waiting.length, 200));
  const result = archive.commit([sent(1, "ola", "again"), received(9, "ola", "new")]);
  assert.ok(result.type === "stored");
  assert.deepEqual([result.known, [...result.seqs.keys()]], [[0], [1]]);
  archive.close();
  assert.deepEqual(openArchive({ path, clock }).troubles, []);
  const { through, matches } = indexOf(path);
  assert.ok(matches && Number(through) >= waiting.length, "and is in the index");
});

test("of a damaged archive the rooms are kept, and who of them does not have what was said", async (t) => {
  const path = place(t);
  fill(path, 400);
  const { archive: first } = openArchive({ path, clock });
  const members = [1, 2].map((owner) => ({ fingerprint: key(owner), nickname: nick(`n${owner}`) }));
  const said = sent(1_000, "#lab", "hello");
  assert.ok(said.type === "sent");
  const room = "lab" as RoomName;
  first.commit([
    { type: "joined", room },
    { type: "sent", message: { ...said.message, conversation: "#lab", members } },
    { type: "reached", messageId: id(1_000), fingerprint: key(1) },
  ]);
  first.close();
  await smash(path, 40 * 4_096, 4_096);
  const { archive, troubles } = openArchive({ path, clock });
  assert.equal(troubles.length, 1);
  const { rooms, posts } = archive.load();
  assert.deepEqual(rooms, [room]);
  assert.deepEqual(
    posts.map(({ reached, left }) => [reached, left]),
    [[members.slice(0, 1), members.slice(1)]],
  );
  archive.close();
});

/** An archive as a program of that version left it, with a message that waits for ola and one for #lab. */
function ofVersion(path: string, version: number): void {
  writeFileSync(path, "", { mode: 0o600 });
  const database = new DatabaseSync(path);
  for (const migration of ARCHIVE_SCHEMA.migrations.slice(0, version)) database.exec(migration);
  database.exec(`PRAGMA application_id = ${ARCHIVE_SCHEMA.applicationId}; PRAGMA user_version = ${version}`);
  for (const [row, key_] of ["@ola", "#lab"].entries())
    database.exec(`INSERT INTO conversation (id, key, title) VALUES (${row + 1}, '${key_}', '${key_}');
      INSERT INTO message (conversation, direction, message_id, peer, time, at, text, state, until)
      VALUES (${row + 1}, 1, x'${id(row + 1)}', '${key_.replace("@", "")}', ${WALL}, ${WALL}, 'kept', 'waiting', ${WALL + 9})`);
  database.close();
}

for (const version of ARCHIVE_SCHEMA.migrations.keys()) {
  if (version === 0) continue;
  test(`an archive of version ${version} goes on with all that is in it: what waits is kept and found, files are taken`, (t) => {
    const path = place(t);
    ofVersion(path, version);
    const { archive, troubles } = openArchive({ path, clock });
    assert.deepEqual(troubles, []);
    const { waiting, posts, rooms } = archive.load();
    assert.deepEqual(
      [waiting.map(({ to }) => to), posts.map(({ to }) => to), rooms],
      [["ola"], ["#lab"], []],
    );
    archive.commit([transfer(9), received(3, "ola", "kept, too")]);
    assert.equal(archive.load().transfers.length, 1);
    assert.equal(archive.search("kept", { limit: 9 }).length, 3);
    archive.commit([{ type: "index" }]);
    assert.equal(archive.search("kept", { limit: 9 }).length, 3);
    archive.close();
    assert.deepEqual(indexOf(path), { through: 3, matches: true });
  });
}

/** How far the index of words goes, and whether it is what the texts up to there say (FTS5's own check). */
function indexOf(path: string): { through: unknown; matches: boolean } {
  const database = new DatabaseSync(path);
  try {
    const through = database.prepare("SELECT through FROM indexed").get()?.through;
    database.exec("DELETE FROM message WHERE seq > (SELECT through FROM indexed)");
    let matches = true;
    try {
      database.exec("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)");
    } catch {
      matches = false;
    }
    return { through, matches };
  } finally {
    database.close();
  }
}

test("what another program forgets leaves the index as it should be, indexed or not", (t) => {
  const path = place(t);
  const { archive } = openArchive({ path, clock });
  archive.commit([received(1, "ola", "one"), received(2, "bob", "two"), { type: "index" }]);
  archive.commit([received(3, "ola", "three"), received(4, "bob", "four")]);
  assert.equal(forgetConversation({ path, clock }, "@ola", undefined), 2);
  assert.deepEqual(indexOf(path), { through: 2, matches: true });
  archive.commit([received(5, "ola", "five"), { type: "index" }]);
  assert.deepEqual(indexOf(path), { through: 5, matches: true });
  const found = (words: string): number => archive.search(words, { limit: 9 }).length;
  assert.deepEqual(["one", "two", "three", "five"].map(found), [0, 1, 0, 1]);
  archive.close();
});

test("what is no archive at all is set aside, too", (t) => {
  const path = place(t);
  writeFileSync(path, "dear diary\n".repeat(1_000), { mode: 0o600 });
  const { archive, troubles } = openArchive({ path, clock });
  assert.match(troubles.join(), /; 0 messages in it were sound/);
  assert.equal(archive.commit([sent(1, "ola", "x")]).type, "stored");
  archive.close();
});

test("damage that shows while it is open fails that commit; the next one goes to a new file", async (t) => {
  const path = place(t);
  fill(path, 400);
  const { archive } = openArchive({ path, clock });
  await smash(path, 4_096, statSync(path).size - 4_096);
  const many = Array.from({ length: 200 }, (_, index) => received(index + 1_000, "ola", TEXT));
  const first = archive.commit(many);
  const results = [first, archive.commit(many), archive.commit([sent(5_000, "ola", "on")])];
  assert.equal(results.at(-1)?.type, "stored", JSON.stringify(results));
  archive.close();
});

test("a newer version's archive is left alone and said so, by programs that write and that read", (t) => {
  const path = place(t);
  fill(path, 1);
  const database = new DatabaseSync(path);
  database.exec("PRAGMA user_version = 7");
  database.close();
  for (const attempt of [() => openArchive({ path, clock }), () => openArchiveReader(path)])
    assert.throws(
      attempt,
      /its schema has version 7, this program knows \d+ \(install the newer version again/,
    );
});

test("files are carried over from a damaged archive", async (t) => {
  const path = place(t);
  const first = openArchive({ path, clock }).archive;
  first.commit([transfer(1), transfer(2, { state: "done" })]);
  first.close();
  fill(path, 400);
  await smash(path, statSync(path).size - 3 * 4_096, 3 * 4_096);
  const { archive, troubles } = openArchive({ path, clock });
  assert.match(troubles.join(), /damaged/);
  assert.deepEqual(new Set(archive.load().transfers.map(({ state }) => state)), new Set(["offered", "done"]));
});

test("a full archive says so; what is removed makes room", (t) => {
  const path = place(t);
  const { archive } = openArchive({ path, clock, maxPages: 60 });
  let last = 0;
  for (; last < 1_000; last += 1) {
    const result = archive.commit([received(last + 1, "ola", TEXT)]);
    if (result.type === "stored") continue;
    assert.match(
      result.text,
      /Cannot write .*chat\.sqlite: .*full \(free some space; it is tried again by itself\)/,
    );
    break;
  }
  assert.ok(last > 10 && last < 1_000, `${last}`);
  assert.equal(archive.page("@ola", { limit: 1_000 }).length, last, "and none of the one that failed");
  archive.commit([{ type: "prune", textsBefore: WALL + 1, idsBefore: 0 }]);
  assert.equal(archive.commit([received(2_000, "ola", TEXT)]).type, "stored");
  archive.close();
});

test("a full disk and one that cannot be written: what is there is read, and it is tried again", (t) => {
  if (process.geteuid?.() !== 0) return t.skip("needs root");
  const directory = memoryDirectory(t);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=400k,mode=700", "none", directory]);
  try {
    fullAndReadOnly(directory);
  } finally {
    execFileSync("umount", ["-l", directory]);
  }
});

function fullAndReadOnly(directory: string): void {
  const path = join(directory, "chat.sqlite");
  fill(path, 20);
  // As after a kill: the WAL is there.
  const killed = openArchive({ path, clock }).archive;
  killed.commit([sent(100, "ola", "in the WAL")]);
  execFileSync("sh", ["-c", `cat /dev/zero > ${directory}/filler 2>/dev/null || true`]);
  let failed = 0;
  for (let number = 200; number < 400; number += 1)
    if (killed.commit([sent(number, "ola", TEXT)]).type === "failed") failed += 1;
  assert.ok(failed > 0);
  killed.close();
  execFileSync("mount", ["-o", "remount,ro", directory]);
  const { archive, troubles } = openArchive({ path, clock });
  assert.match(troubles.join(), /read-only/);
  assert.ok(archive.load().waiting.some(({ messageId }) => messageId === id(100)));
  assert.equal(archive.commit([sent(500, "ola", "x")]).type, "failed");
  execFileSync("mount", ["-o", "remount,rw", directory]);
  execFileSync("rm", [join(directory, "filler")]);
  assert.equal(archive.commit([sent(500, "ola", "x")]).type, "stored");
  archive.close();
}

test("others read while it is written; a place that cannot be read is an error with its reason", (t) => {
  const path = place(t);
  const { archive } = openArchive({ path, clock });
  archive.commit([sent(1, "ola", "one")]);
  const reader = openArchiveReader(path);
  assert.equal(reader.page("@ola", { limit: 9 }).length, 1);
  archive.commit([sent(2, "ola", "two")]);
  assert.equal(reader.page("@ola", { limit: 9 }).length, 2);
  assert.deepEqual(
    reader.search("tw", { limit: 9 }).map(({ text }) => text),
    ["two"],
  );
  archive.close();
  assert.equal(reader.page("@ola", { limit: 9 }).length, 2);
  reader.close();
  mkdirSync(join(path, "..", "sub"));
  assert.throws(
    () => openArchiveReader(join(path, "..", "sub", "none.sqlite")),
    /Cannot read .*none\.sqlite/,
  );
  assert.ok(!existsSync(join(path, "..", "sub", "none.sqlite")));
  chmodSync(path, 0o644);
  openArchive({ path, clock }).archive.close();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});
