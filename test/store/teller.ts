/**
 * A registry's roster without the registry: tells what it found, then publishes changes until it is killed, and tells
 * each. Arguments: state directory, seed. Lines on standard output: "found EPOCH SEQ DIGEST" or "found nothing", then
 * "written EPOCH SEQ DIGEST", which is when a client may know it.
 */
import { writeSync } from "node:fs";
import { RosterKeeper } from "../../src/roster/keeper.ts";
import { Ledger } from "../../src/roster/ledger.ts";
import { Publication } from "../../src/roster/publication.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { SqliteRosterStore } from "../../src/store/sqlite-roster.ts";
import { listed, nick } from "../roster/entries.ts";
import { seededRandom, WALL } from "../support/stores.ts";
import { digestOf } from "./roster-digest.ts";

const [, , stateDirectory = "", seed = "1"] = process.argv;
const random = seededRandom(Number(seed));
const NAMES = 200;
const CHANGES_AT_ONCE = 20;

const tell = (line: string): void => void writeSync(1, `${line}\n`);

const { store } = openSqliteStore({ stateDirectory, clock: { wall: () => WALL } });
const log = (entry: { readonly text: string }): never => {
  throw new Error(entry.text);
};
const rosterStore = new SqliteRosterStore({ stateDirectory, bootId: "this one", log });
const found = rosterStore.load();
const ledger = new Ledger(store, random, 0, found);
const keeper = new RosterKeeper({ store: rosterStore, ledger, left: found });
const { epoch, seq } = ledger;
const { entries, recent } = keeper.left ?? { entries: [], recent: [] };
const numbers = { epoch, seq, nextNumber: () => ledger.nextSeq() };
const publication = new Publication({ ...numbers, entries, recent, keep: keeper });
if (keeper.left === undefined) {
  keeper.begin(0, { epoch, seq, entries: () => [] });
  tell("found nothing");
} else tell(`found ${epoch} ${seq} ${digestOf(publication.entries())}`);

for (let now = 1_000; ; now += 1_000) {
  for (let left = 1 + random.below(CHANGES_AT_ONCE); left > 0; left -= 1) {
    const name = `n${random.below(NAMES)}`;
    publication.note(now, nick(name), random.below(4) === 0 ? undefined : listed(name, { lastSeen: now }));
  }
  publication.advance(now);
  if (keeper.trouble !== undefined) throw keeper.trouble;
  tell(`written ${publication.epoch} ${publication.seq} ${digestOf(publication.entries())}`);
}
