/**
 * A registry's durable part without the registry: binds and forgets names until it is killed, and tells what it is
 * about to do, then that it is durable. Arguments: state directory, seed. Lines on standard output: "loaded EPOCH SEQ
 * NAME=OWNER …", SEQ being a number that it has drawn; then in turn "batch NAME=OWNER NAME= …" before a flush and
 * "durable EPOCH SEQ" after it.
 */
import { writeSync } from "node:fs";
import { Ledger } from "../../src/roster/ledger.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { key, nick, seededRandom, WALL } from "../support/stores.ts";

const [, , stateDirectory = "", seed = "1"] = process.argv;
const random = seededRandom(Number(seed));
/** Few enough for names to be taken, forgotten and bound again. */
const NAMES = 300;
const OWNERS = 1_000;
const MAX_BATCH = 8;
/** At times so many numbers are given at once that the reserve has to be filled up. */
const MANY_NUMBERS = 20_000;

const tell = (line: string): void => void writeSync(1, `${line}\n`);

const { store, log } = openSqliteStore({ stateDirectory, clock: { wall: () => WALL } });
if (log.length > 0) throw new Error(log.map(({ text }) => text).join("; "));
const ledger = new Ledger(store, random, 0);
const first = ledger.nextSeq();
const found = store
  .load()
  .bindings.map(({ nickname, fingerprint }) => `${nickname}=${Number.parseInt(fingerprint, 16)}`);
tell(["loaded", first.epoch, first.seq, ...found].join(" "));

for (let now = 0; ; now += 1_000) {
  const batch: string[] = [];
  for (let left = 1 + random.below(MAX_BATCH); left > 0; left -= 1) {
    const name = nick(`n${random.below(NAMES)}`);
    const owner = random.below(OWNERS);
    const holder = ledger.holderOf(name);
    if (holder === undefined && ledger.bind(name, key(owner), WALL + now, now).verdict === "pending") {
      batch.push(`${name}=${owner}`);
    } else if (random.below(2) === 0 && ledger.unbind(name, now).verdict === "pending")
      batch.push(`${name}=`);
    else ledger.seen(name, WALL + now, now);
  }
  tell(`batch ${batch.join(" ")}`);
  const { error } = ledger.flush(now);
  if (error !== undefined) throw error;
  for (let count = random.below(4) === 0 ? MANY_NUMBERS : 1; count > 1; count -= 1) ledger.nextSeq();
  const { epoch, seq } = ledger.nextSeq();
  tell(`durable ${epoch} ${seq}`);
}
