import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Ledger } from "../../src/roster/ledger.ts";
import { type StoreChange, type StoredState, StoreError } from "../../src/roster/store.ts";
import { DATABASE_NAME } from "../../src/store/sqlite.ts";
import { MAX_SET_ASIDE } from "../../src/store/sqlite-replace.ts";
import {
  ban,
  binding,
  epoch,
  memoryDirectory,
  nick,
  openStore,
  seededRandom,
  sorted,
  temporaryDirectory,
} from "../support/stores.ts";
import { Scope } from "../support/until.ts";

/** STORE_SEED=n repeats a run. */
const SEED = Number(process.env.STORE_SEED ?? Date.now() % 1_000_000);
const BINDINGS = 600;
const SINGLE_DAMAGES = 200;
const CUTS = 60;

/** A state directory whose database is closed, so that all is in one file. */
function filled(directory: string): StoredState {
  const scope = new Scope();
  const { store } = openStore(scope, directory);
  const changes: StoreChange[] = Array.from({ length: BINDINGS }, (_, index) => ({
    type: "bind",
    binding: binding(`n${index}`, index),
  }));
  for (let owner = 0; owner < 50; owner += 1)
    changes.push({ type: "ban", ban: ban(owner, `reason ${owner}`) });
  store.commit([...changes, { type: "lineage", lineage: { epoch: epoch(1), seqLimit: 1_000 } }]);
  const state = sorted(store.load());
  store.close();
  return state;
}

interface Outcome {
  readonly end: "whole" | "set aside" | "refused";
  readonly saved: number;
}

/** Opens a damaged copy. Whatever it finds must be true; what it sets aside must be the file as it was. */
async function openDamaged(path: string, truth: StoredState): Promise<Outcome> {
  const scope = new Scope();
  const directory = join(path, "..");
  const before = readFileSync(path);
  try {
    const { store, log } = openStore(scope, directory);
    const { bindings, bans, lineage } = store.load();
    // Last seen has no check sum: it is for people to look at.
    const known = new Map(truth.bindings.map((one) => [one.nickname, one]));
    for (const found of bindings)
      assert.deepEqual({ ...found, lastSeen: 0 }, { ...known.get(found.nickname), lastSeen: 0 });
    for (const found of bans) assert.deepEqual(truth.bans[Number.parseInt(found.fingerprint, 16)], found);
    new Ledger(store, seededRandom(1), 0);
    store.commit([{ type: "bind", binding: binding("new", 9_999) }]);
    if (log.length === 0) {
      assert.deepEqual([bindings.length, bans.length], [truth.bindings.length, truth.bans.length]);
      assert.deepEqual(lineage, truth.lineage);
      return { end: "whole", saved: bindings.length };
    }
    assert.equal(lineage, undefined, "seq may have been higher");
    const [aside = ""] = readdirSync(directory).filter(
      (name) => name.includes(".damaged-") && !name.endsWith("-wal"),
    );
    const { text = "" } = log[0] ?? {};
    assert.ok(text.includes(join(directory, aside)), text);
    assert.deepEqual(readFileSync(join(directory, aside)), before);
    return { end: "set aside", saved: bindings.length };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // Bytes of the header that tell of another version than there is.
    assert.equal(error.fault, "newer-schema", error.message);
    assert.deepEqual(readFileSync(path), before);
    return { end: "refused", saved: 0 };
  } finally {
    await scope.end();
  }
}

test("bytes overwritten anywhere: what is found is true, the damaged file is kept, and the next start is in order", async (t) => {
  t.diagnostic(`STORE_SEED=${SEED}`);
  const random = seededRandom(SEED);
  const root = memoryDirectory(t);
  const truth = filled(root);
  const whole = readFileSync(join(root, DATABASE_NAME));
  const outcomes: Outcome[] = [];
  const damage = async (bytes: Uint8Array): Promise<void> => {
    const directory = join(root, String(outcomes.length));
    mkdirSync(directory);
    const path = join(directory, DATABASE_NAME);
    writeFileSync(path, bytes, { mode: 0o600 });
    outcomes.push(await openDamaged(path, truth));
    if (outcomes.at(-1)?.end === "refused") return;
    const scope = new Scope();
    const { log, store } = openStore(scope, directory);
    assert.deepEqual(log, [], "no crash loop");
    assert.ok(store.load().bindings.some(({ nickname }) => nickname === nick("new")));
    await scope.end();
  };
  // Each byte of the header (it ends at 100), then single bytes and whole stretches anywhere.
  for (let offset = 0; offset < 100; offset += 1)
    await damage(overwritten(whole, offset, 1, random.below(255) + 1));
  for (let round = 0; round < SINGLE_DAMAGES; round += 1) {
    await damage(
      overwritten(
        whole,
        random.below(whole.length),
        1 + random.below(3) * random.below(400),
        random.below(255) + 1,
      ),
    );
  }
  // Of 0 or 1 byte it is a new file to SQLite.
  for (const length of [2, 50, 100, 512, 4_096, 4_097, 12_288, whole.length - 1])
    await damage(whole.subarray(0, length));
  await damage(new TextEncoder().encode("this is no database at all".repeat(500)));

  const of = (end: Outcome["end"]): Outcome[] => outcomes.filter((outcome) => outcome.end === end);
  const saved = of("set aside")
    .map((outcome) => outcome.saved)
    .sort((left, right) => left - right);
  t.diagnostic(
    `${of("whole").length} whole, ${saved.length} set aside (median ${saved[saved.length >> 1]} of ${BINDINGS} names saved), ${of("refused").length} refused as newer`,
  );
  assert.ok(saved.length > 50);
  assert.ok(of("refused").length <= 8, "only the version's own bytes");
});

/** `bytes` with `length` of them from `offset` on changed by exclusive or, so that each is another one. */
function overwritten(bytes: Uint8Array, offset: number, length: number, mask: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (let at = offset; at < Math.min(offset + length, copy.length); at += 1)
    copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

test("a WAL that ends anywhere, as after a power cut, keeps what was synced before", async (t) => {
  const random = seededRandom(SEED);
  const root = memoryDirectory(t);
  const { store } = openStore(t, root);
  const wal = join(root, `${DATABASE_NAME}-wal`);
  /** By number of bindings, the size of the WAL when they were acknowledged. */
  const sizes: number[] = [];
  for (let index = 0; index < 100; index += 1) {
    store.commit([{ type: "bind", binding: binding(`n${index}`, index) }]);
    sizes.push(statSync(wal).size);
  }
  for (let round = 0; round < CUTS; round += 1) {
    const length = random.below((sizes.at(-1) ?? 0) + 1);
    const directory = join(root, String(round));
    mkdirSync(directory);
    for (const suffix of ["", "-wal"])
      copyFileSync(join(root, DATABASE_NAME) + suffix, join(directory, DATABASE_NAME) + suffix);
    truncateSync(join(directory, `${DATABASE_NAME}-wal`), length);
    const scope = new Scope();
    const opened = openStore(scope, directory);
    const found = sorted(opened.store.load()).bindings.length;
    assert.equal(found, sizes.filter((size) => size <= length).length, `cut at ${length}`);
    await scope.end();
  }
});

test("damage that comes again and again fills no disk, and the registry runs all the same", (t) => {
  const directory = temporaryDirectory(t);
  for (let round = 0; round < MAX_SET_ASIDE; round += 1) {
    writeFileSync(join(directory, DATABASE_NAME), "x".repeat(5_000));
    const { store, log } = openStore(t, directory);
    assert.equal(log.length, 1);
    store.close();
  }
  filled(directory);
  const path = join(directory, DATABASE_NAME);
  writeFileSync(path, overwritten(readFileSync(path), 4_096 * 3 + 8, 2, 0xff));
  const names = readdirSync(directory);
  const { store, log } = openStore(t, directory);
  assert.match(log[0]?.text ?? "", /16 damaged ones are there already.*until then no new nicknames/);
  assert.ok(store.load().bindings.length > 0, "what is sound is known");
  assert.throws(() => store.commit([{ type: "bind", binding: binding("new", 1) }]), StoreError);
  assert.deepEqual(readdirSync(directory), names);
});

test("a replacement that was cut short at any step is ended by the next start", async (t) => {
  for (const step of ["made", "file moved", "both moved"]) {
    const directory = temporaryDirectory(t);
    const path = join(directory, DATABASE_NAME);
    const truth = filled(directory);
    copyFileSync(path, `${path}.new`);
    if (step === "made") writeFileSync(path, "damaged");
    else copyFileSync(path, `${path}.damaged-2026-11-25T00-14-42Z`);
    // A WAL of the old file: it must never be taken for the new one's.
    if (step !== "both moved") writeFileSync(`${path}-wal`, "old");
    if (step !== "made") rmSync(path);
    const scope = new Scope();
    const { store, log } = openStore(scope, directory);
    assert.deepEqual(sorted(store.load()), truth, step);
    assert.match(log[0]?.text ?? "", /was cut short; it is now .*\.damaged-/);
    assert.equal(existsSync(`${path}.new`), false);
    await scope.end();
  }
});

test("a damaged database that cannot be copied stays where it is, and no name in it is given away", (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, DATABASE_NAME);
  filled(directory);
  writeFileSync(path, overwritten(readFileSync(path), 4_096 * 3 + 8, 2, 0xff));
  const before = readFileSync(path);
  const temporary = process.env.TMPDIR;
  process.env.TMPDIR = join(directory, "not-there");
  try {
    const { store, log } = openStore(t, directory);
    assert.match(log[0]?.text ?? "", /nothing in it could be read; until then no new nicknames/);
    assert.throws(() => store.commit([{ type: "bind", binding: binding("n1", 9_999) }]), StoreError);
  } finally {
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
  }
  assert.deepEqual(readFileSync(path), before);
  assert.deepEqual(readdirSync(directory), [DATABASE_NAME]);
});
