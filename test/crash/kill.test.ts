import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import { seededRandom } from "../support/stores.ts";
import { Talker } from "./talker.ts";

/** CRASH_SEED=n repeats a run, as far as the moments of the kills can be repeated. */
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 9);
/** Each way: all of them when a side is never killed for long enough. */
const NUMBERS = 600;
const ROOM_ROUNDS = Number(process.env.CRASH_ROUNDS ?? 5);
const ROOM_NUMBERS = 300;
/** A message that is lost would be waited for. */
const LIMIT = { timeout: 240_000 };

test(
  `kill -9 of either side, ${2 * ROUNDS} times: each message is there exactly once, in order, on both sides`,
  LIMIT,
  async (t) => {
    t.diagnostic(`CRASH_SEED=${SEED}`);
    const place = await makePlace(t);
    await Multiprotod.start(t, place);
    const adam = talker(t, { place, name: "adam", partner: "ola", others: ["ola"] }, 1);
    const ola = talker(t, { place, name: "ola", partner: "adam", others: ["adam"] }, 2);
    // They meet: afterwards each knows whom it writes to.
    const hasHeard = (one: Talker): boolean => one.shown.length > 0;
    await Promise.all([adam.live(0, undefined, hasHeard), ola.live(0, undefined, hasHeard)]);
    const lives = async (one: Talker, other: Talker): Promise<void> => {
      for (let round = 0; round < ROUNDS; round += 1)
        await one.live(Math.ceil((NUMBERS * (round + 1)) / ROUNDS), [other]);
    };
    await Promise.all([lives(adam, ola), lives(ola, adam)]);
    const hasAll = (from: string) => (one: Talker) => one.heard(from).length > NUMBERS;
    await Promise.all([
      adam.live(NUMBERS, undefined, hasAll("ola")),
      ola.live(NUMBERS, undefined, hasAll("adam")),
    ]);
    check(adam, ["ola"], NUMBERS);
    check(ola, ["adam"], NUMBERS);
    // A run in which nothing came twice has shown nothing about what comes twice; it is some fifty.
    assert.ok(tell(t, [adam, ola]) > 0, "no message came twice");
  },
);

test(
  `kill -9 in a room of three, ${3 * ROOM_ROUNDS} times: who was in it is in it, and each has each post once, in order`,
  LIMIT,
  async (t) => {
    t.diagnostic(`CRASH_SEED=${SEED}`);
    const place = await makePlace(t);
    await Multiprotod.start(t, place);
    const names = ["adam", "eve", "ola"];
    const all = names.map((name, index) => {
      const others = names.filter((other) => other !== name);
      return { name, others, talker: talker(t, { place, name, partner: "#lab", others }, 10 + index) };
    });
    // Who leaves would be out of the room for those who have not left: all meet there, and are killed.
    const hasHeard = (one: Talker): boolean =>
      new Set(one.shown.map((line) => line.split(" ")[0])).size === 2;
    await Promise.all(
      all.map(async ({ talker: one }) => {
        const others = all.map((other) => other.talker).filter((other) => other !== one);
        await one.live(0, undefined, hasHeard, "killed-then");
        for (let round = 0; round < ROOM_ROUNDS; round += 1)
          await one.live(Math.ceil((ROOM_NUMBERS * (round + 1)) / ROOM_ROUNDS), others);
      }),
    );
    await Promise.all(
      all.map(({ talker: one, others }) =>
        one.live(ROOM_NUMBERS, undefined, () =>
          others.every((name) => one.heard(name).length > ROOM_NUMBERS),
        ),
      ),
    );
    for (const { talker: one, others } of all) check(one, others, ROOM_NUMBERS);
    tell(
      t,
      all.map((one) => one.talker),
    );
  },
);

function talker(
  t: TestContext,
  who: { place: Place; name: string; partner: string; others: readonly string[] },
  seed: number,
): Talker {
  const directory = join(who.place.directory, who.name);
  mkdirSync(directory, { mode: 0o700 });
  return new Talker({ owner: t, ...who, directory, random: seededRandom(SEED + seed) });
}

function check(one: Talker, others: readonly string[], last: number): void {
  const all = Array.from({ length: last + 1 }, (_, number) => number);
  assert.deepEqual(one.said, all, "what was typed, in order");
  for (const other of others)
    assert.deepEqual(one.heard(other), all, `what came from ${other}, in order, nothing twice`);
  assert.equal(new Set(one.shown).size, one.shown.length, "nothing is shown twice");
  const open = one
    .messages()
    .filter((message) => message.direction === "out" && !["delivered", "read"].includes(message.state));
  assert.deepEqual(open, []);
}

/** Returns how much came twice. */
function tell(t: TestContext, all: readonly Talker[]): number {
  const sum = (of: (one: Talker) => number): number => all.reduce((total, one) => total + of(one), 0);
  const redelivered = sum((one) => one.redelivered);
  t.diagnostic(
    `${sum(({ lives }) => lives)} lives, ${sum(({ said }) => said.length)} messages, ${sum(({ shown }) => shown.length)} shown, ${redelivered} redelivered`,
  );
  return redelivered;
}
