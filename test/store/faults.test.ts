import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  chmodSync,
  constants,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Ledger } from "../../src/roster/ledger.ts";
import {
  MAX_CHANGES_PER_COMMIT,
  type StoreChange,
  StoreError,
  type StoreFault,
} from "../../src/roster/store.ts";
import { DATABASE_NAME } from "../../src/store/sqlite.ts";
import { MIGRATIONS } from "../../src/store/sqlite-schema.ts";
import {
  ban,
  binding,
  epoch,
  key,
  nick,
  openStore,
  seededRandom,
  sorted,
  temporaryDirectory,
  WALL,
} from "../support/stores.ts";
import { within } from "../support/until.ts";

const FIXTURE_V1 = new URL("../fixtures/store/version-1.sql", import.meta.url);
const BINDER = fileURLToPath(new URL("binder.ts", import.meta.url));

function isFault(fault: StoreFault): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof StoreError)) return false;
    assert.equal(error.fault, fault, error.message);
    // What failed, why, what to do.
    assert.match(error.message, /^Cannot .+: .+ \(.+\)$/);
    return true;
  };
}

function bind(name: string, owner: number): StoreChange {
  return { type: "bind", binding: binding(name, owner) };
}

/** An empty file system of `size` that ends with the test; skips the test where none can be mounted. */
function mount(t: TestContext, size: string): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-store-test-"));
  const options = ["-t", "tmpfs", "-o", `size=${size},mode=0700`, "tmpfs", directory];
  const isMounted = process.getuid?.() === 0 && spawnSync("mount", options).status === 0;
  t.after(() => {
    // Lazily, since a store may still be open.
    if (isMounted) spawnSync("umount", ["--lazy", directory]);
    rmdirSync(directory);
  });
  if (isMounted) return directory;
  t.skip("needs root and the right to mount a tmpfs");
  return undefined;
}

function remount(directory: string, mode: "ro" | "rw"): void {
  const { status, stderr } = spawnSync("mount", ["-o", `remount,${mode}`, directory], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

test("the file and its WAL are for the registry alone, and commits are synced", (t) => {
  const directory = join(temporaryDirectory(t), "made", "by", "open");
  const { store } = openStore(t, directory);
  store.commit([bind("ola", 1)]);
  const mode = (path: string): number => statSync(path).mode & 0o777;
  assert.equal(mode(directory), 0o700);
  assert.deepEqual(readdirSync(directory), [DATABASE_NAME, `${DATABASE_NAME}-wal`]);
  for (const name of readdirSync(directory)) assert.equal(mode(join(directory, name)), 0o600, name);
  store.close();
  assert.deepEqual(readdirSync(directory), [DATABASE_NAME]);
  chmodSync(join(directory, DATABASE_NAME), 0o644);
  openStore(t, directory);
  assert.equal(mode(join(directory, DATABASE_NAME)), 0o600);
});

test("a full disk refuses new bindings, keeps the old ones, and is not held against anybody once it has space", (t) => {
  const directory = mount(t, "256k");
  if (directory === undefined) return;
  const { store } = openStore(t, directory);
  const ledger = new Ledger(store, seededRandom(1), 0);
  const acknowledged = fillUp(ledger);
  assert.equal(ledger.trouble?.fault, "full");
  assert.ok(acknowledged > 100, `${acknowledged} bindings in 256 KiB`);
  assert.equal(store.load().bindings.length, acknowledged);
  assert.ok(ledger.nextSeq().seq > 0);
  store.close();

  const { store: again, log } = openStore(t, directory);
  assert.deepEqual(log, []);
  assert.equal(again.load().bindings.length, acknowledged);
  spawnSync("mount", ["-o", "remount,size=16m", directory]);
  again.commit([bind("late", 1)]);
  assert.equal(again.load().bindings.length, acknowledged + 1);
});

test("the same when the file has reached its own bound", (t) => {
  const { store } = openStore(t, temporaryDirectory(t), { maxPages: 20 });
  const ledger = new Ledger(store, seededRandom(1), 0);
  const acknowledged = fillUp(ledger);
  assert.equal(ledger.trouble?.fault, "full");
  assert.equal(store.load().bindings.length, acknowledged);
  assert.throws(() => store.commit([bind("x".repeat(32), 1), ...filler(200)]), isFault("full"));
  assert.equal(store.load().bindings.length, acknowledged);
});

/** Binds in tens until the store says no. Returns how many were acknowledged. */
function fillUp(ledger: Ledger): number {
  let acknowledged = 0;
  for (let now = 0; ledger.trouble === undefined; now += 10) {
    assert.ok(now < 100_000, "it is never full");
    for (let index = 0; index < 10; index += 1)
      ledger.bind(nick(`n${now + index}`), key(now + index), WALL, now);
    acknowledged += ledger.flush(now).durable.length;
  }
  return acknowledged;
}

function filler(count: number): StoreChange[] {
  return Array.from({ length: count }, (_, index) => bind(`filler-${index}`, index));
}

test("a start on a full disk runs without a database until there is space", (t) => {
  const directory = mount(t, "64k");
  if (directory === undefined) return;
  writeFileSync(join(directory, "ballast"), Buffer.alloc(64 * 1_024 - 4_096));
  const { store, log } = openStore(t, directory);
  assert.match(log[0]?.text ?? "", /^Cannot open .*full.*; until then no new nicknames$/);
  assert.deepEqual(store.load().bindings, []);
  assert.throws(() => store.commit([bind("ola", 1)]), isFault("full"));
  spawnSync("mount", ["-o", "remount,size=16m", directory]);
  store.commit([bind("ola", 1)]);
  assert.deepEqual(store.load().bindings, [binding("ola", 1)]);
});

test("a read-only disk: bindings are read, new ones refused until it can be written", (t) => {
  const directory = mount(t, "4m");
  if (directory === undefined) return;
  const first = openStore(t, directory).store;
  first.commit([bind("ola", 1), { type: "lineage", lineage: { epoch: epoch(5), seqLimit: 9 } }]);
  // As after a kill: the binding is in the WAL only.
  const files = [DATABASE_NAME, `${DATABASE_NAME}-wal`].map((name) => join(directory, name));
  const left = files.map((path) => readFileSync(path));
  first.close();
  for (const [index, path] of files.entries()) writeFileSync(path, left[index] ?? "");
  remount(directory, "ro");

  const { store, log } = openStore(t, directory);
  assert.match(log[0]?.text ?? "", /file system is read-only.*until then no new nicknames$/);
  const ledger = new Ledger(store, seededRandom(1), 0);
  assert.deepEqual(ledger.holderOf("ola"), binding("ola", 1));
  assert.equal(ledger.trouble?.fault, "read-only");
  assert.notEqual(
    ledger.nextSeq().epoch,
    epoch(5),
    "numbers that cannot be reserved are of an epoch of their own",
  );
  assert.deepEqual(ledger.bind(nick("ola"), key(1), WALL, 1), { verdict: "done" });
  assert.equal(ledger.bind(nick("eva"), key(2), WALL, 1).verdict, "refused");
  assert.throws(() => store.commit([bind("eva", 2)]), isFault("read-only"));

  remount(directory, "rw");
  store.commit([bind("eva", 2)]);
  assert.equal(store.load().bindings.length, 2);
});

test("a state directory that its owner may not write", (t) => {
  const directory = temporaryDirectory(t);
  const { store } = openStore(t, directory);
  store.commit([bind("ola", 1)]);
  store.close();
  chmodSync(directory, 0o500);
  if (isWritable(directory)) return t.skip("root may write everywhere; the read-only mount shows the same");
  const opened = openStore(t, directory);
  assert.deepEqual(opened.store.load().bindings, [binding("ola", 1)]);
  assert.throws(() => opened.store.commit([bind("eva", 2)]), isFault("read-only"));
  chmodSync(directory, 0o700);
  opened.store.commit([bind("eva", 2)]);
  assert.equal(opened.store.load().bindings.length, 2);
  opened.store.close();
  chmodSync(join(directory, DATABASE_NAME), 0);
  assert.throws(() => openStore(t, directory), isFault("no-access"));
});

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

test("a second registry with the same state directory is told, and gets it when the first one ends", async (t) => {
  const directory = temporaryDirectory(t);
  const first = spawn(process.execPath, [BINDER, directory, "1"], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => void first.kill("SIGKILL"));
  const ended = once(first, "close");
  await within("the first registry", once(createInterface(first.stdout), "line"));
  assert.throws(() => openStore(t, directory), isFault("locked"));
  first.kill("SIGKILL");
  await within("its end", ended);
  assert.deepEqual(openStore(t, directory).log, []);
});

test("two stores of one process are kept apart, too, and the refused one does not break the other's lock", (t) => {
  const directory = temporaryDirectory(t);
  const { store } = openStore(t, directory);
  for (let attempt = 0; attempt < 2; attempt += 1)
    assert.throws(() => openStore(t, directory), isFault("locked"));
  store.commit([bind("ola", 1)]);
});

test("a file of a newer version is left alone", (t) => {
  const directory = temporaryDirectory(t);
  const migrations = [
    ...MIGRATIONS,
    "CREATE TABLE later (x TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
  ];
  const newer = openStore(t, directory, { migrations });
  newer.store.commit([bind("ola", 1)]);
  newer.store.close();
  const before = readFileSync(join(directory, DATABASE_NAME));
  assert.throws(() => openStore(t, directory), isFault("newer-schema"));
  assert.deepEqual(readFileSync(join(directory, DATABASE_NAME)), before);
  assert.deepEqual(readdirSync(directory), [DATABASE_NAME]);
});

test("a file of version 1 is read, and brought to a later version with all that is in it", (t) => {
  const directory = temporaryDirectory(t);
  const fixture = new DatabaseSync(join(directory, DATABASE_NAME));
  fixture.exec(readFileSync(FIXTURE_V1, "utf8"));
  fixture.close();
  const expected = {
    bindings: [binding("Ola", 1, WALL + 60_000), binding("Łódź", 2)],
    bans: [ban(9, "spam from 10.0.0.7")],
    lineage: { epoch: epoch(0xabc), seqLimit: 65_536 },
  };
  const asIs = openStore(t, directory);
  assert.deepEqual([sorted(asIs.store.load()), asIs.log], [expected, []]);
  asIs.store.close();

  const later = [
    ...MIGRATIONS,
    "ALTER TABLE binding ADD COLUMN note TEXT",
    "CREATE TABLE realm (name TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
  ];
  openStore(t, directory, { migrations: later }).store.close();
  const migrated = openStore(t, directory, { migrations: later });
  assert.deepEqual([sorted(migrated.store.load()), migrated.log], [expected, []]);
  migrated.store.close();
  const database = new DatabaseSync(join(directory, DATABASE_NAME));
  assert.equal(database.prepare("PRAGMA user_version").get()?.user_version, later.length);
  database.close();
});

test("the largest commit is one transaction", (t) => {
  const { store } = openStore(t, temporaryDirectory(t));
  const changes = filler(MAX_CHANGES_PER_COMMIT - 1);
  store.commit(changes);
  assert.throws(() => store.commit([{ type: "unbind", nickname: nick("filler-0") }, bind("filler-1", 7)]));
  assert.equal(store.load().bindings.length, changes.length);
});
