import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Deadline, DeadlineHeap } from "../../src/base/deadline-heap.ts";

test("the heap behaves like a sorted list under any sequence of set, move, clear and due", () => {
  const step = fc.record({
    which: fc.integer({ min: 0, max: 30 }),
    at: fc.option(fc.integer({ min: 0, max: 1000 })),
    due: fc.option(fc.integer({ min: 0, max: 400 }), { freq: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const heap = new DeadlineHeap<number, "x">();
      const entries = Array.from({ length: 31 }, (_, owner) => new Deadline<number, "x">(owner, "x"));
      const model = new Map<Deadline<number, "x">, number>();
      for (const { which, at, due } of steps) {
        const entry = entries[which];
        assert.ok(entry !== undefined);
        if (at === null) {
          heap.clear(entry);
          model.delete(entry);
        } else {
          heap.set(entry, at);
          model.set(entry, at);
        }
        assert.equal(entry.isSet, model.has(entry));
        if (due !== null) {
          const came = heap.due(due);
          const earliest = Math.min(...model.values(), Infinity);
          assert.equal(came?.at, earliest <= due ? earliest : undefined);
          if (came !== undefined) {
            assert.equal(model.get(came), came.at);
            assert.equal(came.isSet, false);
            model.delete(came);
          }
        }
        assert.equal(heap.next(), model.size === 0 ? undefined : Math.min(...model.values()));
      }
    }),
  );
});
