import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission } from "../../src/peer/admission.ts";

test("eight connections from one address, another address still gets in", () => {
  const admission = new Admission();
  const first = Array.from({ length: 10 }, () => admission.admit(0, "10.0.0.1"));
  assert.equal(first.filter(Boolean).length, 8);
  assert.ok(admission.admit(0, "10.0.0.2"));
  admission.release("10.0.0.1");
  assert.ok(admission.admit(0, "10.0.0.1"));
  assert.ok(!admission.admit(0, "10.0.0.1"));
});

test("64 in all", () => {
  const admission = new Admission();
  const all = Array.from({ length: 80 }, (_, index) => admission.admit(0, `10.0.0.${index}`));
  assert.equal(all.filter(Boolean).length, 64);
});

test("the rate of one address is bounded and recovers", () => {
  const admission = new Admission();
  const rush = Array.from({ length: 300 }, () => {
    const isIn = admission.admit(0, "10.0.0.1");
    if (isIn) admission.release("10.0.0.1");
    return isIn;
  });
  assert.equal(rush.filter(Boolean).length, 200);
  assert.ok(admission.admit(1_000, "10.0.0.1"));
});
