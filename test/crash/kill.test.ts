import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { seededRandom } from "../support/stores.ts";
import { Talker } from "./talker.ts";

/** CRASH_SEED=n repeats a run, as far as the moments of the kills can be repeated. */
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 9);
/** Each way: all of them when a side is never killed for long enough. */
const NUMBERS = 600;

test(`kill -9 of either side, ${2 * ROUNDS} times: each message is there exactly once, in order, on both sides`, async (t) => {
  t.diagnostic(`CRASH_SEED=${SEED}`);
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const talker = (name: string, partner: string, seed: number): Talker => {
    const directory = join(place.directory, name);
    mkdirSync(directory, { mode: 0o700 });
    return new Talker({ owner: t, place, name, partner, directory, random: seededRandom(SEED + seed) });
  };
  const [adam, ola] = [talker("adam", "ola", 1), talker("ola", "adam", 2)];
  // They meet: afterwards each knows whom it writes to.
  const hasHeard = (one: Talker): boolean => one.shown.includes(0);
  await Promise.all([adam.live(0, undefined, hasHeard), ola.live(0, undefined, hasHeard)]);
  const lives = async (one: Talker, other: Talker): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1)
      await one.live(Math.ceil((NUMBERS * (round + 1)) / ROUNDS), other);
  };
  await Promise.all([lives(adam, ola), lives(ola, adam)]);
  const hasAll = (one: Talker): boolean => one.numbers("in").length > NUMBERS;
  await Promise.all([adam.live(NUMBERS, undefined, hasAll), ola.live(NUMBERS, undefined, hasAll)]);
  const all = Array.from({ length: NUMBERS + 1 }, (_, number) => number);
  for (const one of [adam, ola]) {
    assert.deepEqual(one.numbers("out"), all, "what was typed, in order");
    assert.deepEqual(one.numbers("in"), all, "what came, in order, nothing twice");
    assert.equal(new Set(one.shown).size, one.shown.length, "nothing is shown twice");
    const open = one
      .messages()
      .filter((message) => message.direction === "out" && !["delivered", "read"].includes(message.state));
    assert.deepEqual(open, []);
  }
  t.diagnostic(
    `${adam.lives + ola.lives} lives, ${2 * NUMBERS} messages, ${adam.shown.length + ola.shown.length} shown`,
  );
});
