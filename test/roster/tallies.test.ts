import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../../src/roster/roster.ts";
import { DETECTION_MILLIS, Tallies } from "../../src/roster/tallies.ts";

const online = { client: "mp2", presence: { state: "online", since: 0 } } as Entry;

test("whoever is lost by silence is counted with how long it was, in each bucket that holds it", () => {
  const tallies = new Tallies();
  for (const silent of [1_000, 2_850, 2_850, 61_000])
    tallies.moved(online, { state: "offline", since: 9_000, reason: "lost" }, silent);
  const { within, count, sumMillis } = tallies.detections;
  assert.deepEqual([count, sumMillis], [4, 67_700]);
  const of = (limit: number): number | undefined => within[DETECTION_MILLIS.indexOf(limit)];
  assert.deepEqual([1_000, 2_800, 2_900, 60_000].map(of), [1, 1, 3, 3]);
  assert.equal(tallies.losses.lost, 4);
});

test("whoever left, was kicked or broke its connection was not found out", () => {
  const tallies = new Tallies();
  tallies.moved(online, { state: "offline", since: 9, reason: "left" });
  tallies.moved(online, { state: "offline", since: 9, reason: "kicked" }, 2_800);
  tallies.moved(online, { state: "offline", since: 9, reason: "lost" });
  assert.equal(tallies.detections.count, 0);
  assert.deepEqual([tallies.losses.left, tallies.losses.kicked, tallies.losses.lost], [1, 1, 1]);
});
