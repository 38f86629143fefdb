/**
 * How a fuzz runs: rounds from consecutive seeds, each a run of its own that its seed repeats exactly. FUZZ_SEED=n is
 * the first seed, FUZZ_ROUNDS=n how many rounds; a failure names the seed, so FUZZ_SEED=n FUZZ_ROUNDS=1 repeats it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 500);
export const FIRST_SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000);

/** No call into the code under test may take longer. */
const CALL_LIMIT_MILLIS = 10;
/** A busy machine and the garbage collector make calls slow too, but not the same call in each of so many replays. */
const REPLAYS = 3;
/** What may be on the heap at the end beyond what was there after the first rounds. */
export const HEAP_GROWTH_LIMIT = 8 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

export function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Finds the calls that take too long. */
export class CallTimer {
  calls = 0;
  /** Number of the call → milliseconds. */
  readonly slow = new Map<number, number>();
  #begun = 0;

  begin(): void {
    this.#begun = performance.now();
  }

  end(): void {
    const took = performance.now() - this.#begun;
    if (took > CALL_LIMIT_MILLIS) this.slow.set(this.calls, Math.round(took));
    this.calls += 1;
  }
}

export interface Round {
  /** Runs to the end; throws when anything is wrong. */
  run(): void;
  readonly timer: CallTimer;
  /** Packets given to the code under test so far. */
  readonly packets: number;
}

/** One test of so many rounds (as many as the environment says, unless told). */
export function fuzz(name: string, round: (seed: number) => Round, rounds = ROUNDS): void {
  test(`${name}: ${rounds} rounds from seed ${FIRST_SEED}`, (context) => {
    const warm = Math.ceil(rounds / 10);
    let packets = 0;
    let before = 0;
    for (let index = 0; index < rounds; index += 1) {
      if (index === warm) before = heapUsed();
      packets += runRound(round, FIRST_SEED + index);
    }
    const grown = heapUsed() - before;
    context.diagnostic(`${packets} packets, heap grown by ${Math.round(grown / 1024)} KiB`);
    if (warm < rounds) assert.ok(grown < HEAP_GROWTH_LIMIT, `the heap grew by ${grown} bytes`);
  });
}

/** The packets of the round. */
function runRound(make: (seed: number) => Round, seed: number): number {
  const round = make(seed);
  try {
    round.run();
  } catch (error) {
    throw new Error(`FUZZ_SEED=${seed} FUZZ_ROUNDS=1, packet ${round.packets}`, { cause: error });
  }
  if (round.timer.slow.size > 0) assertOnlyOnceSlow(make, seed, round.timer);
  return round.packets;
}

function assertOnlyOnceSlow(make: (seed: number) => Round, seed: number, first: CallTimer): void {
  let always = [...first.slow];
  for (let replay = 0; replay < REPLAYS && always.length > 0; replay += 1) {
    const again = make(seed);
    again.run();
    always = always.filter(([call]) => again.timer.slow.has(call));
  }
  const told = always.map(([call, millis]) => `call ${call}: ${millis} ms`).join(", ");
  assert.equal(told, "", `FUZZ_SEED=${seed} FUZZ_ROUNDS=1: slow in each of ${REPLAYS} replays`);
}
