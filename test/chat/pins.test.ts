import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { MAX_PINS, type Pin, type PinSubject, Pins } from "../../src/chat/pins.ts";
import { parsePinsText, pinsText } from "../../src/chat/pins-text.ts";

const key = (digit: string) => digit.repeat(64) as Fingerprint;
const ola: PinSubject = { kind: "peer", name: "Ola" };

const anyKey = fc.constantFrom(key("1"), key("2"), key("3"));
const anySubject: fc.Arbitrary<PinSubject> = fc.record({
  kind: fc.constantFrom("realm", "host", "peer"),
  name: fc.constantFrom("ola", "Ola", "ｏｌａ", "eve", 'a"\\\n', "‮"),
});
const anyStep = fc.record({
  does: fc.constantFrom("meet", "accept", "forget"),
  subject: anySubject,
  fingerprint: anyKey,
});
type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never;

function apply(pins: Pins, { does, subject, fingerprint }: Step, at: number): Pins {
  if (does === "forget") return pins.forget(subject);
  return does === "meet" ? pins.meet(subject, fingerprint, at) : pins.accept(subject, fingerprint, at);
}

test("the first key is pinned, another one is refused until the user accepts it", () => {
  let pins = Pins.none;
  assert.equal(pins.judge(ola, key("1")).state, "unknown");
  pins = pins.meet(ola, key("1"), 10);
  assert.equal(pins.judge({ kind: "peer", name: "ｏLA" }, key("1")).state, "pinned");
  pins = pins.meet(ola, key("2"), 20).meet(ola, key("2"), 30);
  assert.equal(pins.judge(ola, key("2")).state, "changed");
  assert.deepEqual(pins.find(ola)?.refused, { fingerprint: key("2"), at: 20 });
  pins = pins.accept(ola, key("2"), 40);
  assert.deepEqual(pins.find(ola), { ...ola, fingerprint: key("2"), by: "user", since: 40 });
  assert.equal(pins.judge(ola, key("1")).state, "changed");
  assert.equal(pins.forget(ola).judge(ola, key("1")).state, "unknown");
});

test("a pin is of one kind: a registry called ola is not the person", () => {
  const pins = Pins.none.meet(ola, key("1"), 0);
  for (const kind of ["realm", "host"] as const)
    assert.equal(pins.judge({ kind, name: "Ola" }, key("1")).state, "unknown");
});

test("a known key under a new name is pointed out", () => {
  const pins = Pins.none.meet(ola, key("1"), 0).meet({ kind: "realm", name: "x" }, key("1"), 0);
  const others = pins.othersOf({ kind: "peer", name: "Olga" }, key("1"));
  assert.deepEqual(
    others.map(({ name }) => name),
    ["Ola"],
  );
  assert.deepEqual(pins.othersOf(ola, key("1")), []);
});

test("nothing but accept and forget ever changes which key is pinned", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40 }), anySubject, (steps, watched) => {
      let pins = Pins.none;
      for (const [at, step] of steps.entries()) {
        const before = pins.find(watched)?.fingerprint;
        const listed = pinsText(pins);
        const next = apply(pins, step, at);
        assert.equal(pinsText(pins), listed, "a set does not change");
        pins = next;
        if (step.does === "meet" && before !== undefined)
          assert.equal(pins.find(watched)?.fingerprint, before);
        if (step.does === "accept") assert.equal(pins.judge(step.subject, step.fingerprint).state, "pinned");
      }
      const read = parsePinsText(pinsText(pins));
      assert.ok(read instanceof Pins);
      assert.deepEqual(read.list(), pins.list());
    }),
  );
});

test("a full set pins nobody else, and drops nobody", () => {
  const many: Pin[] = Array.from({ length: MAX_PINS }, (_, number) => ({
    kind: "peer",
    name: `n${number}`,
    fingerprint: key("1"),
    by: "first-use",
    since: 0,
  }));
  const full = Pins.from(many);
  assert.ok(full !== undefined);
  assert.equal(full.meet(ola, key("2"), 0), full);
  assert.equal(full.accept(ola, key("2"), 0), full);
  assert.equal(full.accept({ kind: "peer", name: "N7" }, key("2"), 0).list().length, MAX_PINS);
  assert.equal(Pins.from([...many, { ...ola, fingerprint: key("2"), by: "user", since: 0 }]), undefined);
});

test("who is ignored and blocked comes back as it was, with a version that older programs do not take", () => {
  const who = [
    { name: "Ola", fingerprint: key("1") },
    { name: "old", fingerprint: undefined },
  ];
  const pins = who.reduce((all, one) => all.restrict(one, "blocked", 5), Pins.none.meet(ola, key("1"), 0));
  const text = pinsText(pins);
  assert.match(text, /^{"version": 2,/);
  const read = parsePinsText(text);
  assert.ok(read instanceof Pins);
  assert.deepEqual(read.restrictions.list(), pins.restrictions.list());
  assert.deepEqual(read.forget(ola).restrictions.list(), pins.restrictions.list(), "apart from the keys");
  assert.match(pinsText(who.reduce((all, one) => all.restrict(one, undefined, 5), read)), /^{"version": 1,/);
});

const shunned = { name: "eve", fingerprint: key("1"), level: "blocked", since: 1 };
const good = { ...ola, fingerprint: key("1"), by: "user", since: 1 };
for (const [what, text] of [
  ["nothing", ""],
  ["no JSON", "{"],
  ["no list", "{}"],
  ["another version", '{"version":3,"pins":[]}'],
  ["restrictions that are none", '{"version":2,"pins":[]}'],
  ["an unknown level", JSON.stringify({ version: 2, pins: [], restrictions: [{ ...shunned, level: "x" }] })],
  ["a damaged key", JSON.stringify({ version: 2, pins: [], restrictions: [{ ...shunned, fingerprint: 1 }] })],
  ["no time", JSON.stringify({ version: 2, pins: [], restrictions: [{ ...shunned, since: "1" }] })],
  ["two of one key", JSON.stringify({ version: 2, pins: [], restrictions: [shunned, shunned] })],
  ["a short fingerprint", JSON.stringify({ version: 1, pins: [{ ...good, fingerprint: "11" }] })],
  ["another kind", JSON.stringify({ version: 1, pins: [{ ...good, kind: "king" }] })],
  ["a time that is none", JSON.stringify({ version: 1, pins: [{ ...good, since: 1.5 }] })],
  ["a damaged refusal", JSON.stringify({ version: 1, pins: [{ ...good, refused: {} }] })],
  ["one good and one bad", JSON.stringify({ version: 1, pins: [good, null] })],
  ["two for one name", JSON.stringify({ version: 1, pins: [good, { ...good, name: "OLA" }] })],
] as const) {
  test(`a file with ${what} yields no pins at all`, () => {
    const parsed = parsePinsText(text);
    assert.ok("fault" in parsed, what);
  });
}

test("parsing whatever there is never throws", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parsePinsText(text)));
});
