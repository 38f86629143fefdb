import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Scope } from "../support/until.ts";
import { type Actor, Scene } from "./scene.ts";

/** Names that belong to keys, and clients of mp1, which have none. */

const scope = new Scope();
let scene: Scene;
let home: Actor;
let attacker: Actor;

before(async () => {
  scene = await Scene.open(scope);
  [home, attacker] = await Promise.all([scene.actor("home"), scene.actor("attacker")]);
  await home.do("join", "ola");
  await home.do("join", "watcher");
});

after(() => scope.end());

async function olaIsStill(fingerprint: string | null | undefined, state: string): Promise<void> {
  const ola = await scene.client("ola");
  assert.deepEqual([ola?.state, ola?.fingerprint, ola?.verified], [state, fingerprint, true]);
}

let attempts = 0;

for (const state of ["online", "offline"] as const) {
  test(`a bound name whose owner is ${state}: our client over mp1 is refused it, in any spelling`, async () => {
    const key = (await scene.client("ola"))?.fingerprint;
    if (state === "offline") {
      await home.do("leave", "ola");
      await home.do("sees", "watcher", "ola", "offline");
    }
    for (const spelling of ["ola", "OLA", "ｏｌａ"]) {
      attempts += 1;
      const answer = await attacker.do("mp1", `false${attempts}`, spelling, "own");
      assert.equal(answer.type, "refused", spelling);
      assert.equal(answer.type === "refused" && answer.refusal.code, "nickname-taken");
    }
    await olaIsStill(key, state);
  });

  test(`a bound name whose owner is ${state}: an original client is numbered, and has no key anywhere`, async () => {
    const key = (await scene.client("ola"))?.fingerprint;
    attempts += 1;
    await attacker.do("mp1", `false${attempts}`, "ola", "original");
    await olaIsStill(key, state);
    const [numbered, ...others] = (await scene.clients()).filter(
      ({ address, state: now }) => address === attacker.host.address && now === "online",
    );
    assert.equal(others.length, 0);
    assert.match(numbered?.nickname ?? "", /^ola.+/);
    assert.deepEqual([numbered?.protocol, numbered?.verified, numbered?.fingerprint], ["mp1", false, null]);
    const seen = await home.do("sees", "watcher", numbered?.nickname ?? "", "online");
    assert.deepEqual([seen.kind, seen.fingerprint ?? null], ["mp1-original", null]);
    await attacker.do("mp1Leave", `false${attempts}`);
    await home.do("sees", "watcher", numbered?.nickname ?? "", "offline");
  });
}

test("a bound name is refused to every other key, which is told whose it is", async () => {
  const key = (await scene.client("ola"))?.fingerprint;
  await attacker.do("open", "other");
  const answer = await attacker.do("register", "other", "Ola");
  assert.equal(answer.type, "refused");
  assert.ok(answer.type === "refused");
  assert.deepEqual([answer.code, answer.holder?.fingerprint], ["nick-taken", key]);
  await olaIsStill(key, "offline");
});
