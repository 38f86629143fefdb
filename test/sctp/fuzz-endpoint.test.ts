/**
 * Packets of the right structure with wrong contents, against endpoints in every state: nothing throws, nothing
 * hangs, nothing grows, and in the end every association is over.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FIRST_SEED, fuzz, HEAP_GROWTH_LIMIT, heapUsed } from "./fuzz.ts";
import { Siege } from "./siege.ts";

fuzz("an endpoint under siege", (seed) => new Siege(seed, 2_000));

test(`an endpoint keeps nothing of a long siege (seed ${FIRST_SEED})`, (context) => {
  new Siege(FIRST_SEED + 1, 20_000).run();
  const before = heapUsed();
  const siege = new Siege(FIRST_SEED, 200_000);
  siege.run();
  const grown = heapUsed() - before;
  // Still there, so that what it holds was counted.
  assert.equal(siege.endpoint.nextDeadline(), undefined);
  context.diagnostic(`${siege.packets} packets, the endpoint at rest holds ${Math.round(grown / 1024)} KiB`);
  assert.ok(grown < HEAP_GROWTH_LIMIT, `${grown} bytes`);
});
