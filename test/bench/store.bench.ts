/** What the registry's store costs against bare node:sqlite writing the same rows to the same disk, in turn. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Ledger } from "../../src/roster/ledger.ts";
import { MAX_BINDINGS } from "../../src/roster/store.ts";
import { DATABASE_NAME, openSqliteStore } from "../../src/store/sqlite.ts";
import { key, nick, seededRandom, WALL } from "../support/stores.ts";
import { line, millis, ratio, title } from "./figures.ts";

/** Newcomers that share a commit: 1, what 1,000 a second make in 10 ms, and a storm. */
const BATCHES = [1, 10, 100];
const ROUNDS = 150;
const SEEN_BATCH = 1_000;
const SEEN_ROUNDS = 20;

const root = mkdtempSync(join(tmpdir(), "multiproto-bench-"));
const wall = { wall: () => WALL };

function elapsed(work: () => void): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}

function perSecond(count: number, milliseconds: number): number {
  return (count / milliseconds) * 1_000;
}

function rate(value: number): string {
  return `${Math.round(value).toLocaleString("en")}/s`;
}

/** The least that keeps the same promise: WAL, an fsync a commit, one table, one prepared statement. */
function bareDatabase(path: string) {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE binding (name TEXT PRIMARY KEY, key BLOB, seen INTEGER) STRICT, WITHOUT ROWID");
  return {
    insert: database.prepare("INSERT INTO binding VALUES (?, ?, ?)"),
    update: database.prepare("UPDATE binding SET seen = ? WHERE name = ?"),
    commit(work: () => void): void {
      database.exec("BEGIN IMMEDIATE");
      work();
      database.exec("COMMIT");
    },
  };
}

function bindings(): void {
  title("Binding nicknames: from the wish to durable");
  const { store } = openSqliteStore({ stateDirectory: join(root, "ours"), clock: wall });
  const ledger = new Ledger(store, seededRandom(1), 0);
  const bare = bareDatabase(join(root, "bare.sqlite"));
  let number = 0;
  for (const batch of BATCHES) {
    let ours = 0;
    let baseline = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const numbers = Array.from({ length: batch }, () => number++);
      const subjects = numbers.map((each) => ({ name: nick(`n${each}`), owner: key(each) }));
      baseline += elapsed(() =>
        bare.commit(() => {
          for (const { name, owner } of subjects) bare.insert.run(name, Buffer.from(owner, "hex"), WALL);
        }),
      );
      ours += elapsed(() => {
        for (const { name, owner } of subjects) ledger.bind(name, owner, WALL, 0);
        if (ledger.flush(0).durable.length !== batch) throw new Error("not durable");
      });
    }
    const figures = [ours, baseline].map((each) => perSecond(batch * ROUNDS, each));
    const [subject = 0, base = 0] = figures;
    line(
      `${batch} a commit`,
      rate(subject),
      `bare node:sqlite ${rate(base)}, ${ratio(ours, baseline)} its time`,
    );
  }
  lastSeen(ledger, bare, number);
  store.close();
}

function lastSeen(ledger: Ledger, bare: ReturnType<typeof bareDatabase>, bound: number): void {
  title(`Last seen, ${SEEN_BATCH} a commit`);
  let ours = 0;
  let baseline = 0;
  for (let round = 1; round <= SEEN_ROUNDS; round += 1) {
    const names = Array.from({ length: SEEN_BATCH }, (_, index) => nick(`n${(index * 7 + round) % bound}`));
    baseline += elapsed(() =>
      bare.commit(() => {
        for (const name of names) bare.update.run(WALL + round, name);
      }),
    );
    ours += elapsed(() => {
      for (const name of names) ledger.seen(name, WALL + round, 0);
      if (ledger.flush(0).error !== undefined) throw new Error("not written");
    });
  }
  const [subject, base] = [ours, baseline].map((each) => perSecond(SEEN_BATCH * SEEN_ROUNDS, each));
  line(
    "last seen",
    rate(subject ?? 0),
    `bare node:sqlite ${rate(base ?? 0)}, ${ratio(ours, baseline)} its time`,
  );
}

function start(): void {
  title(`A start with ${MAX_BINDINGS.toLocaleString("en")} bindings, the most there can be`);
  const stateDirectory = join(root, "full");
  const { store } = openSqliteStore({ stateDirectory, clock: wall });
  const ledger = new Ledger(store, seededRandom(1), 0);
  for (let number = 0; number < MAX_BINDINGS; number += 1)
    ledger.bind(nick(`n${number}`), key(number), WALL, 0);
  ledger.flushAll(0);
  store.close();
  let opened = openSqliteStore({ stateDirectory, clock: wall });
  opened.store.close();
  globalThis.gc?.();
  const open = elapsed(() => {
    opened = openSqliteStore({ stateDirectory, clock: wall });
  });
  const load = elapsed(() => new Ledger(opened.store, seededRandom(1), 0));
  opened.store.close();
  const { size } = statSync(join(stateDirectory, DATABASE_NAME));
  line("opened and checked", millis(open), `${(size / 2 ** 20).toFixed(1)} MiB on disk`);
  line("loaded", millis(load));
}

try {
  bindings();
  start();
} finally {
  rmSync(root, { recursive: true, force: true });
}
