import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyedBuckets, TokenBucket } from "../../src/base/tokens.ts";

test("a bucket gives its burst at once and its rate afterwards", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => bucket.take(0)),
    [true, true, true, false],
  );
  assert.equal(bucket.take(99), false);
  assert.equal(bucket.take(100), true);
  assert.equal(bucket.isFull(101), false);
  assert.equal(bucket.isFull(10_000), true);
});

test("several are taken whole or not at all", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 100 }, 0);
  assert.deepEqual([bucket.take(0, 60), bucket.take(0, 60), bucket.take(0, 40)], [true, false, true]);
  assert.deepEqual([bucket.take(1_000, 11), bucket.take(1_000, 10)], [false, true]);
});

test("keyed buckets keep sources apart and never hold more than their capacity", () => {
  const buckets = new KeyedBuckets({ perSecond: 1, burst: 1 }, 100);
  assert.equal(buckets.take("noisy", 0), true);
  assert.equal(buckets.take("noisy", 0), false);
  assert.equal(buckets.take("quiet", 0), true);
  for (let index = 0; index < 10_000; index += 1) buckets.take(`spoofed ${index}`, 0);
  assert.ok(buckets.size <= 100, `holds ${buckets.size}`);
});
