/** What share of INITs is wanted in a flood. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FLOOD_INITS, FLOOD_WINDOW, INIT_RATE, INITS_READ_IN_FLOOD } from "../../src/sctp/constants.ts";
import { INIT, Target } from "./target.ts";

/** INITs a second for a time, each from another address, of which the transport reads what is wanted. Returns those read. */
function flood(target: Target, perSecond: number, millis: number, address?: string): number {
  const begin = target.now;
  let [sent, read, debt] = [0, 0, 0];
  while (target.now < begin + millis) {
    target.pass(1);
    for (; sent < ((target.now - begin) * perSecond) / 1_000; sent += 1) {
      debt += target.endpoint.initPressure().share;
      if (debt < 1) continue;
      debt -= 1;
      read += 1;
      target.hit(0, INIT, {
        ...target.path,
        address: address ?? `10.${sent >> 16}.${(sent >> 8) & 255}.${sent & 255}`,
      });
    }
  }
  return read;
}

/** Past the burst that everybody's return is allowed. */
function exhausted(): Target {
  const target = new Target();
  flood(target, 100_000, 300);
  return target;
}

test("a flood from many addresses: as much is read as is worth it, and its size is told", () => {
  const target = exhausted();
  flood(target, 50_000, 1_000);
  const { share, perSecond } = target.endpoint.initPressure();
  assert.ok(perSecond > 25_000 && perSecond < 60_000, `${perSecond} a second`);
  const read = flood(target, 50_000, 4_000) / 4;
  assert.ok(
    read > 2 * INIT_RATE.perSecond && read < 2 * INITS_READ_IN_FLOOD,
    `${read} read a second of ${share}`,
  );
});

test("when it is over all is read again, by time alone", () => {
  const target = exhausted();
  flood(target, 50_000, 1_000);
  assert.ok(target.endpoint.initPressure().share < 0.1);
  const deadline = target.endpoint.nextDeadline();
  assert.ok(deadline !== undefined && deadline <= target.now + FLOOD_WINDOW, `${deadline}`);
  target.pass(4 * FLOOD_WINDOW);
  assert.deepEqual(target.endpoint.initPressure(), { share: 1, perSecond: 0 });
  assert.equal(target.endpoint.nextDeadline(), undefined);
  target.pass(1_000);
  assert.equal(target.hit(0, INIT).length, 1);
});

test("a flood in pulses is not read anew each time", () => {
  const target = exhausted();
  flood(target, 50_000, 2_000);
  const { share } = target.endpoint.initPressure();
  // The first window has some of the flood, the second one nothing.
  target.pass(2 * FLOOD_WINDOW);
  const grown = target.endpoint.initPressure().share;
  assert.ok(grown > 2 * share && grown < 1, `${share}, then ${grown}`);
});

test("what one address sends does not lessen what is read of others; nor does what stays below a flood", () => {
  const one = new Target();
  flood(one, 50_000, 2_000, "10.0.0.77");
  assert.equal(one.endpoint.initPressure().share, 1);
  assert.equal(one.hit(0, INIT).length, 1);
  const some = exhausted();
  some.pass(2_000);
  flood(some, FLOOD_INITS * 0.9, 2_000);
  assert.equal(some.endpoint.initPressure().share, 1);
});
