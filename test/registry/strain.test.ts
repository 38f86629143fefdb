import assert from "node:assert/strict";
import { test } from "node:test";
import type { Strain } from "../../src/registry/settings.ts";
import { Bench } from "./harness.ts";
import { Scene } from "./mp2-scene.ts";

const STRAIN: Strain = { text: "It is short of memory", retryIn: 30_000 };

test("mp2: whoever is new is refused with the reason and when to ask again, until there is enough", () => {
  const scene = new Scene();
  scene.registry.limit(STRAIN);
  const ola = scene.client("ola", "10.0.0.5");
  ola.tryToRegister();
  assert.deepEqual(ola.refused, {
    type: "refused",
    code: "registry-full",
    text: STRAIN.text,
    retryIn: STRAIN.retryIn,
  });
  assert.ok(scene.logs().some((line) => line.startsWith("info Refused 10.0.0.5: It is short of memory")));
  assert.equal(scene.registry.counts.online, 0);
  scene.registry.limit(undefined);
  ola.comeOnline();
  assert.equal(scene.registry.counts.online, 1);
});

test("mp2: who is here stays, hears of others, and may register again", () => {
  const scene = new Scene();
  const [ola, bo] = [scene.join("ola", "10.0.0.5"), scene.join("bo", "10.0.0.6")];
  scene.registry.limit(STRAIN);
  scene.lost(bo.association ?? 0);
  scene.pass(1_000);
  assert.equal(ola.mirror.find("bo")?.state, "offline", "ola hears that bo is gone");
  ola.tryToRegister();
  assert.equal(ola.refused, undefined);
  bo.tryToRegister();
  assert.equal(bo.refused?.code, "registry-full", "who was lost is new");
});

for (const [when, millis] of [
  ["at once", 0],
  ["when it is given up already", 120_000],
] as const) {
  test(`mp2: who was here before a restart comes back under strain, ${when}`, () => {
    const scene = new Scene();
    const ola = scene.join("ola", "10.0.0.5");
    scene.pass(1_000);
    scene.restart();
    scene.registry.limit(STRAIN);
    scene.pass(millis);
    assert.equal(scene.registry.returning, millis === 0 ? 1 : 0);
    ola.tryToRegister();
    assert.equal(ola.refused, undefined);
    assert.ok(ola.registered !== undefined);
  });
}

test("mp1: who is new is told why, or hung up on, and who is here may register again", () => {
  const bench = new Bench();
  bench.join("ola", "10.0.0.5", 51_000);
  bench.registry.limit(STRAIN);
  bench.join("ola", "10.0.0.5", 51_000);
  assert.equal(bench.answer()?.type, "roster");
  const ours = bench.hello("10.0.0.6", 52_000) ?? 0;
  bench.connected(ours);
  bench.say(ours, "bo\n");
  const told = bench.answer();
  assert.ok(told?.type === "refused");
  assert.deepEqual([told.refusal.code, told.refusal.text], ["registry-full", STRAIN.text]);
  const original = bench.hello("10.0.0.7", 53_000, "original") ?? 0;
  bench.connected(original);
  bench.say(original, "eva");
  assert.equal(bench.last("hang-up")?.dial, original);
  assert.equal(bench.registry.counts.online, 1);
});

test("a dial-back that fails for want of a descriptor blames neither the client nor the network", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.callIn();
  scene.do((registry) => registry.tlsFailed(scene.now, ola.dial, "no-descriptors"));
  assert.deepEqual(ola.blocked, []);
  assert.match(scene.logs().at(-1) ?? "", /^error 10\.0\.0\.5 .*too many open files.*LimitNOFILE/);
  const bench = new Bench();
  const dial = bench.hello("10.0.0.6", 52_000) ?? 0;
  bench.registry.dialClosed(bench.now, dial, "no-descriptors");
  bench.collect();
  assert.match(bench.logs().at(-1) ?? "", /^error 10\.0\.0\.6 .*too many open files/);
});
