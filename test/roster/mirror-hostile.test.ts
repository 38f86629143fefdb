import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change, Delta, Listed, Page } from "../../src/roster/listed.ts";
import { DEFAULT_MIRROR_LIMITS, Mirror } from "../../src/roster/mirror.ts";
import { Publication } from "../../src/roster/publication.ts";
import { SeededRandom } from "../sctp/random.ts";
import { anyListed, epoch, listed } from "./entries.ts";

const EPOCH = epoch("00000000000000e1");
const OTHER = epoch("00000000000000e2");
const { askMillis } = DEFAULT_MIRROR_LIMITS;

/** A message of a registry that means harm, or is broken. */
function hostileMessage(random: SeededRandom): Delta | Page {
  const seq = random.pick([random.below(200), 2 ** 53 - 1 - random.below(50), random.below(2 ** 32)]);
  const entries: Listed[] = Array.from({ length: random.below(20) }, () =>
    anyListed(random, `name${random.below(5_000)}`, random.below(1_000)),
  );
  if (random.oneIn(2)) {
    const changes = entries.map((entry): Change => {
      return random.oneIn(3) ? { type: "remove", nick: entry.nick } : { type: "put", entry };
    });
    return { type: "delta", epoch: EPOCH, seq, changes };
  }
  const count = random.pick([1, 2, 5, 50, 2 ** 31]);
  return { type: "page", epoch: EPOCH, seq, index: random.below(count), count, entries };
}

test("a hostile registry fills no more than the limits, and the next session is right", () => {
  const limits = { maxEntries: 300, maxPages: 60, earlyChanges: 200 };
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = new SeededRandom(seed);
    const mirror = new Mirror({ limits });
    let [now, asks] = [0, 0];
    mirror.begin(now, EPOCH, random.below(200));
    for (let step = 0; step < 600; step += 1) {
      now += random.below(50);
      mirror.receive(now, hostileMessage(random));
      if (random.oneIn(20)) mirror.heard(now, EPOCH, 2 ** 53 - 1);
      if (mirror.nextAsk(now) !== undefined) asks += 1;
      assert.ok(mirror.size <= limits.maxEntries, `seed ${seed}`);
      assert.ok(mirror.held <= 2 * limits.maxEntries + limits.earlyChanges, `seed ${seed}`);
    }
    assert.ok(asks <= 1 + now / askMillis + 600 / 2, `seed ${seed}: ${asks} asks`);
    const honest = new Publication({ epoch: EPOCH, seq: 50, entries: [listed("ola")] });
    mirror.begin(now, EPOCH, 50);
    const ask = mirror.nextAsk(now);
    assert.ok(ask !== undefined || mirror.isCurrent);
    // An epoch's facts may have been falsified before: only another epoch is beyond doubt.
    mirror.begin(now, OTHER, 50);
    assert.deepEqual(mirror.nextAsk(now), { type: "roster" });
    for (const message of honest.answer({ type: "roster" }))
      mirror.receive(now, { ...message, epoch: OTHER });
    assert.deepEqual([...mirror.entries()], [listed("ola")]);
    assert.equal(mirror.held, 1);
  }
});
