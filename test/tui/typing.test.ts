import assert from "node:assert/strict";
import { test } from "node:test";
import { TypingSigns } from "../../src/tui/typing.ts";

function scene() {
  const told: string[] = [];
  const time = { now: 0, faded: 0 };
  const signs = new TypingSigns({
    session: { typing: (to, active) => told.push(`${active ? "" : "not "}to ${to}`) },
    clock: { now: () => time.now, wall: () => 0 },
    faded: () => {
      time.faded += 1;
    },
  });
  return { told, time, signs };
}

test("the one who is written to is told, again after three seconds, and at the end", () => {
  const { told, time, signs } = scene();
  signs.edited("h", "ola");
  signs.edited("he", "ola");
  time.now = 3_000;
  signs.edited("hel", "ola");
  signs.edited("", "ola");
  signs.edited("", "ola");
  assert.deepEqual(told, ["to ola", "to ola", "not to ola"]);
});

test("commands are nobody's business; msg is of the one that it names", () => {
  const { told, signs } = scene();
  for (const line of ["/", "/away at lunch", "list", "msg", "msg eva"]) signs.edited(line, "ola");
  signs.edited("msg eva h", "ola");
  signs.edited("msg", "ola");
  assert.deepEqual(told.slice(-2), ["to eva", "not to eva"]);
});

test("whoever writes is known until it says otherwise, or for eight seconds", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { time, signs } = scene();
  signs.heard("Ola", true);
  assert.equal(signs.isWriting("ola"), true);
  signs.heard("ola", false);
  assert.equal(signs.isWriting("ola"), false);
  signs.heard("ola", true);
  time.now = 8_000;
  t.mock.timers.tick(8_000);
  assert.deepEqual([signs.isWriting("ola"), time.faded], [false, 1]);
});
