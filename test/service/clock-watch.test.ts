import assert from "node:assert/strict";
import { test } from "node:test";
import { ClockWatch } from "../../src/service/clock-watch.ts";

const EVERY = 1_000;
const HOUR = 3_600_000;

/** What is told of each step, given as how far the monotonic and the wall clock went. */
function toldOf(...steps: readonly (readonly [passed: number, shown: number])[]): string[] {
  const watch = new ClockWatch();
  let [now, wall] = [5_000, 1_790_000_000_000];
  const told = [...watch.look(now, wall, EVERY)];
  for (const [passed, shown] of steps) {
    now += passed;
    wall += shown;
    told.push(...watch.look(now, wall, EVERY));
  }
  assert.ok(told.every(({ level, limit }) => level === "warn" && limit !== undefined));
  return told.map(({ text, fields }) => `${text} ${JSON.stringify(fields)}`);
}

test("time that goes on as usual is not told of", () => {
  assert.deepEqual(
    toldOf([1_000, 1_000], [1_400, 1_400], [4_900, 4_900], [1_000, -8_000], [1_000, 10_000]),
    [],
  );
});

test("a clock set by an hour is told of once, with the direction", () => {
  const [forward, back, ...more] = toldOf([1_000, 985 + HOUR], [1_000, 1_000], [1_000, 1_015 - HOUR]);
  assert.match(
    String(forward),
    /^The clock of this machine was set 1 h forward.*timedatectl.*"jumped-ms":3599985/,
  );
  assert.match(String(back), /^The clock of this machine was set 1 h back:.*"jumped-ms":-3599985/);
  assert.deepEqual(more, []);
});

test("a process that did not run says so, and not that a clock was set", () => {
  const told = toldOf([13_000, 13_000]);
  assert.equal(told.length, 1);
  assert.match(
    String(told[0]),
    /^The registry did not run for 12 s.*come back by themselves.*"paused-ms":12000/,
  );
});

test("a suspended machine: its monotonic clock stood still", () => {
  assert.match(String(toldOf([1_000, 8 * HOUR])[0]), /7 h forward, or the machine was suspended for so long/);
});
