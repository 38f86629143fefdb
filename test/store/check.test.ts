import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { checkDatabase } from "../../src/store/sqlite-check.ts";
import type { Nickname } from "../../src/wire/nickname.ts";

/** A database with one nickname, closed. */
function database(context: TestContext): string {
  const stateDirectory = mkdtempSync(join(tmpdir(), "multiproto-check-"));
  context.after(() => rmSync(stateDirectory, { recursive: true, force: true }));
  const { store } = openSqliteStore({ stateDirectory, clock: { wall: () => 0 } });
  const fingerprint = "a".repeat(64) as Fingerprint;
  const binding = { nickname: "ola" as Nickname, fingerprint, boundAt: 1, lastSeen: 2 };
  store.commit([{ type: "bind", binding }]);
  store.close();
  return join(stateDirectory, "registry.sqlite");
}

test("a whole database is counted, and not touched", (context) => {
  const path = database(context);
  const before = { bytes: readFileSync(path), ...statSync(path) };
  assert.deepEqual(checkDatabase(path), { state: "sound", bindings: 1, bans: 0 });
  const { mtimeMs, ino } = statSync(path);
  assert.deepEqual([readFileSync(path), mtimeMs, ino], [before.bytes, before.mtimeMs, before.ino]);
  assert.deepEqual(checkDatabase(`${path}-none`), { state: "none" });
});

test("a changed byte of a row, a header that is none, a future version", (context) => {
  const path = database(context);
  const bytes = readFileSync(path);
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(changed.lastIndexOf("ola") + 1) ^ 1, changed.lastIndexOf("ola") + 1);
  writeFileSync(path, changed);
  const damaged = checkDatabase(path);
  assert.deepEqual(damaged, { state: "damaged", why: "it is damaged: a row fails its check sum" });
  writeFileSync(path, "no database at all");
  assert.equal(checkDatabase(path).state, "damaged");
  writeFileSync(path, bytes);
  const raw = new DatabaseSync(path);
  raw.exec("PRAGMA user_version = 99");
  raw.close();
  assert.equal(checkDatabase(path).state, "newer");
});

test("one that cannot be copied is an error, not a judgement", {
  skip: process.getuid?.() === 0 ? "root may read everything" : false,
}, (context) => {
  const path = database(context);
  chmodSync(path, 0);
  assert.throws(() => checkDatabase(path), { code: "STORE_NO_ACCESS" });
});
