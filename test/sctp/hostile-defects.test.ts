/** What the tables found and was not mended when they were written; each says what should be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene } from "./scene.ts";
import { OUR_TAG } from "./target.ts";

test("D: ABORT with the T bit under tag 0 is nobody's in COOKIE-WAIT (§8.5.1 B: the peer's tag is not known yet)", () => {
  const scene = new Scene("cookie-wait");
  assert.equal(
    scene.give((to) => to.bare(6, 1), 0),
    "#bad-tag",
  );
  scene.assertGoesOnAs("cookie-wait");
});

test("A: the peer closed and has forgotten us: what it reflects after its SHUTDOWN is the end that was agreed", () => {
  const scene = new Scene("shutdown-ack-sent");
  assert.equal(
    scene.give((to) => to.bare(6, 1), OUR_TAG),
    "closed",
  );
});
