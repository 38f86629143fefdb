import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Deadlines } from "../../src/base/deadlines.ts";

test("deadlines come due earliest first, each once", () => {
  const deadlines = new Deadlines<string, "a" | "b">();
  deadlines.set("x", "a", 30);
  deadlines.set("y", "a", 10);
  deadlines.set("x", "b", 20);
  assert.equal(deadlines.next(), 10);
  assert.equal(deadlines.due(9), undefined);
  assert.equal(deadlines.due(100)?.key, "y");
  assert.equal(deadlines.due(100)?.name, "b");
  assert.equal(deadlines.due(100)?.at, 30);
  assert.equal(deadlines.due(100), undefined);
  assert.equal(deadlines.next(), undefined);
});

test("deadlines behave like a sorted list under any sequence of set and clear", () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 20 }),
    name: fc.constantFrom("a", "b"),
    at: fc.option(fc.integer({ min: 0, max: 1000 })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const deadlines = new Deadlines<number, string>();
      const model = new Map<string, number>();
      for (const { key, name, at } of steps) {
        if (at === null) {
          deadlines.clear(key, name);
          model.delete(`${key} ${name}`);
        } else {
          deadlines.set(key, name, at);
          model.set(`${key} ${name}`, at);
        }
        assert.equal(deadlines.next(), model.size === 0 ? undefined : Math.min(...model.values()));
      }
      const came: number[] = [];
      for (let due = deadlines.due(1000); due !== undefined; due = deadlines.due(1000)) came.push(due.at);
      assert.deepEqual(
        came,
        [...model.values()].sort((one, other) => one - other),
      );
    }),
  );
});
