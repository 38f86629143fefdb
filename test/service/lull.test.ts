import assert from "node:assert/strict";
import { test } from "node:test";
import { Lull } from "../../src/service/lull.ts";

/** The seconds at which a storm is seen to be over, by how many came or went in each. */
function ends(...moved: readonly number[]): number[] {
  const lull = new Lull();
  let turnover = 0;
  return moved.flatMap((count, second) => {
    turnover += count;
    return lull.look(second * 1_000, turnover) ? [second] : [];
  });
}

const seconds = (count: number, moved: number): number[] => new Array<number>(count).fill(moved);

test("half a quiet minute after hundreds have come a storm is over, once", () => {
  assert.deepEqual(ends(0, 300, ...seconds(90, 0)), [31]);
  assert.deepEqual(ends(0, 300, ...seconds(5, 50), ...seconds(90, 0)), [36]);
  assert.deepEqual(ends(0, 300, ...seconds(40, 0), 400, ...seconds(40, 0)), [31, 72]);
});

test("a day on which some come and go is no storm, and does not make one last", () => {
  assert.deepEqual(ends(...seconds(200, 1)), [], "200 in all");
  assert.deepEqual(ends(0, 300, ...seconds(45, 1)), [31]);
});

test("as long as many come nothing is over", () => {
  assert.deepEqual(ends(...seconds(600, 20)), []);
});

test("a registry that an admin stopped and started counts anew", () => {
  const lull = new Lull();
  const look = (second: number, turnover: number) => lull.look(second * 1_000, turnover);
  assert.deepEqual([look(0, 5_000), look(30, 5_000)], [false, true]);
  assert.deepEqual([look(40, 0), look(70, 0)], [false, false]);
  assert.deepEqual([look(71, 300), look(101, 300)], [false, true]);
});
