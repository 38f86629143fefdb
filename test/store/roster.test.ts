/** The store of the roster: both back ends by the same rules, and what can happen to a file. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { build } from "esbuild";
import type { LogEntry } from "../../src/base/log.ts";
import type { Change } from "../../src/roster/listed.ts";
import { KEPT_CHANGES, type RosterStore } from "../../src/roster/roster-store.ts";
import { StoreError } from "../../src/roster/store.ts";
import { MemoryRosterStore } from "../../src/store/roster-memory.ts";
import { ROSTER_NAME, SqliteRosterStore } from "../../src/store/sqlite-roster.ts";
import { encodeChange } from "../../src/wire/mp2-roster.ts";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import { epoch, listed, nick, offline } from "../roster/entries.ts";
import { memoryDirectory, seededRandom, temporaryDirectory, WALL } from "../support/stores.ts";
import { within } from "../support/until.ts";

const TELLER = fileURLToPath(new URL("teller.ts", import.meta.url));
const EPOCH = epoch("00000000000000e1");
/** ROSTER_ROUNDS for a longer run. */
const ROUNDS = Number(process.env.ROSTER_ROUNDS ?? 25);

interface Place {
  /** As the next process opens it. */
  open(bootId?: string): RosterStore;
  readonly log: LogEntry[];
  readonly path: string;
}

function sqlite(context: TestContext, stateDirectory = memoryDirectory(context)): Place {
  const log: LogEntry[] = [];
  let last: SqliteRosterStore | undefined;
  return {
    log,
    path: join(stateDirectory, ROSTER_NAME),
    open: (bootId = "boot 1") => {
      last?.close();
      last = new SqliteRosterStore({ stateDirectory, bootId, log: (entry) => log.push(entry) });
      return last;
    },
  };
}

function put(name: string, lastSeen = 1_000): Change {
  return { type: "put", entry: listed(name, { lastSeen }) };
}

/** Ola and kari at 7. */
function filled(place: Pick<Place, "open">): RosterStore {
  const store = place.open();
  assert.equal(store.load(), undefined);
  store.begin({ epoch: EPOCH, seq: 5, entries: [listed("ola")] });
  store.publish(7, [put("Kari"), { type: "put", entry: offline("per") }]);
  return store;
}

function memory(): Pick<Place, "open"> {
  const store = new MemoryRosterStore();
  return { open: () => store };
}

for (const [name, openPlace] of [
  ["memory", memory],
  ["sqlite", sqlite],
] as const) {
  test(`${name}: the next one finds what was published, and the changes that led there`, (context) => {
    const place = openPlace(context);
    filled(place).publish(9, [put("KARI", 2_000), { type: "remove", nick: nick("Per") }]);
    const found = place.open().load();
    assert.deepEqual([found?.epoch, found?.seq, found?.endedAt], [EPOCH, 9, undefined]);
    assert.deepEqual(found?.entries.map((entry) => entry.nick).toSorted(), ["KARI", "ola"]);
    assert.deepEqual(
      found?.recent.map((change) => (change.type === "put" ? change.entry.nick : `-${change.nick}`)),
      ["Kari", "per", "KARI", "-Per"],
    );
  });

  test(`${name}: of many changes the last are kept; a new beginning forgets everything`, (context) => {
    const place = openPlace(context);
    const store = filled(place);
    const many = Array.from({ length: KEPT_CHANGES + 10 }, (_, index) => put("ola", index));
    store.publish(7 + many.length, many);
    store.publish(8 + many.length, [put("eva")]);
    const found = place.open().load();
    assert.equal(found?.recent.length, KEPT_CHANGES);
    assert.deepEqual(found?.recent.at(-1), put("eva"));
    assert.deepEqual(found?.recent[0], put("ola", 11));
    const again = place.open();
    again.begin({ epoch: epoch("00000000000000e2"), seq: 0, entries: [] });
    const anew = place.open().load();
    assert.deepEqual([anew?.epoch, anew?.seq, anew?.entries, anew?.recent], ["00000000000000e2", 0, [], []]);
  });

  test(`${name}: an end in good order is told once; what is dropped is gone`, (context) => {
    const place = openPlace(context);
    filled(place).end(WALL);
    assert.equal(place.open().load()?.endedAt, WALL);
    const third = place.open();
    assert.equal(third.load()?.endedAt, undefined, "its finder has not ended in good order");
    assert.equal(third.drop(), true);
    assert.equal(place.open().load(), undefined);
  });
}

test("a file is for its user alone, and is not believed after the machine was started anew", (context) => {
  const place = sqlite(context);
  filled(place);
  assert.equal(statSync(place.path).mode & 0o777, 0o600);
  assert.equal(place.open("boot 2").load(), undefined);
  assert.match(place.log.map(({ text }) => text).join(), /started anew/);
  assert.equal(place.open("boot 1").load(), undefined, "it is gone");
});

test("without a boot id nothing is kept", (context) => {
  const stateDirectory = memoryDirectory(context);
  const store = new SqliteRosterStore({ stateDirectory, bootId: undefined, log: () => assert.fail() });
  assert.throws(() => store.begin({ epoch: EPOCH, seq: 0, entries: [] }), StoreError);
});

/** Other contents of the file, and nothing of them is believed. */
const HOSTILE: Readonly<Record<string, (database: DatabaseSync) => void>> = {
  "no head": (database) => database.exec("DELETE FROM head"),
  "an epoch that is none": (database) => database.exec("UPDATE head SET epoch = 'x'"),
  "a number below zero": (database) => database.exec("UPDATE head SET seq = -1"),
  "a number beyond all": (database) => database.exec("UPDATE head SET seq = 9007199254740993"),
  "a number that its changes do not lead to": (database) => database.exec("UPDATE head SET seq = 8"),
  "a change that is lacking": (database) => database.exec("DELETE FROM change WHERE seq = 7"),
  "an entry with another bit": (database) => database.exec("UPDATE entry SET crc = crc + 1"),
  "an entry that is no message": (database) => hostileEntry(database, Uint8Array.of(0xff, 0, 1)),
  "an entry of 5 MiB": (database) => hostileEntry(database, new Uint8Array(5 * 1_024 * 1_024)),
  "an entry that removes": (database) =>
    hostileEntry(database, encodeChange({ type: "remove", nick: nick("ola") })),
  "an entry with a name that is none": (database) => hostileEntry(database, encodeChange(put("a\nb"))),
  "a later version": (database) => database.exec("PRAGMA user_version = 2"),
  "another program's": (database) => database.exec("PRAGMA application_id = 7"),
  "no tables": (database) => database.exec("DROP TABLE change"),
  "more entries than anybody serves": (database) => {
    const insert = database.prepare("INSERT INTO entry (folded, put, crc) VALUES (?, ?, ?)");
    const bytes = encodeChange(put("x"));
    database.exec("BEGIN");
    for (let index = 0; index < 16_400; index += 1) insert.run(`x${index}`, bytes, crc32(bytes));
    database.exec("COMMIT");
  },
};

function hostileEntry(database: DatabaseSync, bytes: Uint8Array): void {
  database.prepare("UPDATE entry SET put = ?, crc = ?").run(bytes, crc32(bytes));
}

for (const [what, meddle] of Object.entries(HOSTILE)) {
  test(`not believed: ${what}`, (context) => {
    const place = sqlite(context);
    filled(place).close();
    const database = new DatabaseSync(place.path);
    meddle(database);
    database.close();
    const store = place.open();
    assert.equal(store.load(), undefined);
    assert.equal(place.log.length, 1);
    assert.match(place.log[0]?.text ?? "", /does not count/);
    store.begin({ epoch: EPOCH, seq: 1, entries: [listed("eva")] });
    assert.equal(place.open().load()?.entries[0]?.nick, "eva");
  });
}

test("bytes of any kind in the place of the file are not believed, and cost nothing", (context) => {
  const place = sqlite(context);
  filled(place).close();
  const sound = readFileSync(place.path);
  const random = seededRandom(5);
  for (let round = 0; round < 60; round += 1) {
    const bytes = Buffer.from(sound);
    if (round % 3 === 0) writeFileSync(place.path, random.bytes(random.below(9_000)));
    else {
      for (let flips = 0; flips < 1 + round * 8; flips += 1)
        bytes[random.below(bytes.length)] = random.below(256);
      writeFileSync(
        place.path,
        bytes.subarray(0, round % 3 === 1 ? bytes.length : random.below(bytes.length)),
      );
    }
    const found = place.open().load();
    // Some bytes of a file mean nothing.
    if (found !== undefined) assert.deepEqual([found.seq, found.entries.length], [7, 3]);
    const again = place.open();
    again.load();
    again.begin({ epoch: EPOCH, seq: 1, entries: [] });
    again.close();
  }
});

test("a directory in its place, or none to be in: said as any fault of a store", (context) => {
  const place = sqlite(context);
  mkdirSync(place.path);
  assert.equal(place.open().load(), undefined);
  const store = place.open();
  assert.throws(() => store.begin({ epoch: EPOCH, seq: 0, entries: [] }), StoreError);
  assert.equal(store.drop(), false);
});

test("a full file: nothing of the change is there, and dropping makes room", (context) => {
  const stateDirectory = memoryDirectory(context);
  const options = { stateDirectory, bootId: "boot 1", log: () => assert.fail() };
  const store = new SqliteRosterStore({ ...options, maxPages: 40 });
  store.begin({ epoch: EPOCH, seq: 1, entries: [listed("ola")] });
  const status = "å".repeat(128) as StatusText;
  const many = Array.from({ length: 1_000 }, (_, index): Change => {
    return { type: "put", entry: listed(`name${index}`, { status }) };
  });
  assert.throws(
    () => store.publish(1 + many.length, many),
    (error) => error instanceof StoreError && error.fault === "full",
  );
  store.close();
  const again = new SqliteRosterStore(options);
  assert.deepEqual(again.load()?.entries, [listed("ola")]);
  assert.equal(again.drop(), true);
  assert.deepEqual(readdirSync(stateDirectory), []);
});

/** Reads what a teller tells until its time has come. */
async function life(
  program: string,
  directory: string,
  seed: number,
  told: Map<string, string>,
): Promise<void> {
  const child = spawn(process.execPath, [program, directory, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const random = seededRandom(seed);
  const lines = 2 + random.below(60);
  const laterMicros = random.below(3) * random.below(1_500);
  let seen = 0;
  for await (const line of createInterface(child.stdout)) {
    const [what, epochText, seq, digest = ""] = line.split(" ");
    const at = `${epochText} ${seq}`;
    if (what === "found") {
      const last = [...told.keys()].at(-1);
      if (last === undefined) assert.equal(line, "found nothing");
      else {
        const [lastEpoch, lastSeq] = last.split(" ");
        assert.equal(epochText, lastEpoch, "it is believed");
        assert.ok(Number(seq) >= Number(lastSeq), `${line} after ${last}`);
        assert.equal(digest, told.get(at) ?? digest);
      }
    }
    if (epochText !== "nothing") told.set(at, digest);
    seen += 1;
    if (seen !== lines) continue;
    // Timers are too coarse for a moment within a commit.
    for (const until = performance.now() + laterMicros / 1_000; performance.now() < until; );
    child.kill("SIGKILL");
  }
  const [, signal] = await within("the end of the teller", ended);
  assert.equal(signal, "SIGKILL", "the teller ended by itself");
}

test(`kill -9 at any moment, ${ROUNDS} times: what was told is what is found`, async (context) => {
  const program = join(temporaryDirectory(context), "teller.mjs");
  await build({ entryPoints: [TELLER], outfile: program, bundle: true, platform: "node", format: "esm" });
  const directory = temporaryDirectory(context);
  const told = new Map<string, string>();
  const seed = Number(process.env.STORE_SEED ?? Date.now() % 1_000_000);
  context.diagnostic(`STORE_SEED=${seed}`);
  for (let round = 0; round < ROUNDS; round += 1) await life(program, directory, seed + round, told);
  assert.ok(told.size > ROUNDS);
});
