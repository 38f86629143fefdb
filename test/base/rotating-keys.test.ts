import assert from "node:assert/strict";
import { test } from "node:test";
import { RotatingKeys } from "../../src/base/rotating-keys.ts";
import { SeededRandom } from "../sctp/random.ts";

const LIFE = 1_000;

test("a key is found again for a life after its last use, and never after two", () => {
  for (const late of [0, 1, 500, 999]) {
    const keys = new RotatingKeys(new SeededRandom(1), LIFE, 0);
    const { number, key } = keys.current(late);
    assert.deepEqual(keys.find(number, late + LIFE), key, `used at ${late}`);
    assert.equal(keys.find(number, 3 * LIFE), undefined);
  }
});

test("numbers wrap, and one that comes round again is another key", () => {
  const keys = new RotatingKeys(new SeededRandom(1), LIFE, 0);
  const first = keys.current(0);
  for (let life = 1; life <= 256; life += 1) keys.current(life * LIFE);
  const again = keys.current(256 * LIFE);
  assert.equal(again.number, first.number);
  assert.notDeepEqual(again.key, first.key);
});

test("after a long silence neither of the former keys is known", () => {
  const keys = new RotatingKeys(new SeededRandom(1), LIFE, 0);
  const { number } = keys.current(0);
  const later = keys.current(10 * LIFE);
  assert.notEqual(later.number, number);
  assert.notDeepEqual(keys.find(number, 10 * LIFE), keys.find(later.number, 10 * LIFE));
});
