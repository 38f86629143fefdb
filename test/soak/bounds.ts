import assert from "node:assert/strict";
import type { Hour } from "./soak.ts";

/** What a registry may hold, whatever time has passed. */

/** From the second hour on, when all have been there: names that are bound, and what a test's own clients remember. */
const HEAP_GROWTH_MEBIBYTES = 24;
/** The half of what the unit allows, with all the test's clients in the same process. */
const RESIDENT_MEBIBYTES = 512;
/** A database's files may be about to be opened or closed. */
const DESCRIPTORS_MORE = 3;
/** A tenth of the bounds of both databases (64 MiB each). */
const DATABASE_KIBIBYTES = 13_000;
/** For each coming or going one; what strangers cause, at most one in ten seconds of each kind; restarts. */
const LINES_BESIDE = 1_500;
const LINES_A_JOIN = 3;
const LINE_BYTES = 512;

/** Throws for the first hour in which a bound does not hold. */
export function checkBounds(hours: readonly Hour[]): void {
  const first = hours[1] ?? hours[0];
  assert.ok(first !== undefined, "nothing was measured");
  for (const figures of hours) {
    const { hour, online, joins, heapMebibytes, residentMebibytes, descriptors } = figures;
    const { databaseKibibytes, lines, lineKibibytes } = figures;
    const within = (what: string, value: number, bound: number): void =>
      assert.ok(value <= bound, `hour ${hour}: ${what} ${value.toFixed(1)}, at most ${bound.toFixed(1)}`);
    assert.ok(online > 0, `hour ${hour}: nobody is online`);
    within("heap, MiB", heapMebibytes, first.heapMebibytes + HEAP_GROWTH_MEBIBYTES);
    within("resident memory, MiB", residentMebibytes, RESIDENT_MEBIBYTES);
    within("descriptors", descriptors, first.descriptors + DESCRIPTORS_MORE);
    within("database, KiB", databaseKibibytes, DATABASE_KIBIBYTES);
    within("log lines", lines, LINES_BESIDE + LINES_A_JOIN * joins);
    within("log, KiB", lineKibibytes, (lines * LINE_BYTES) / 1_024);
  }
}
