import assert from "node:assert/strict";
import { isIPv4 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { ipv4Bits } from "../../src/base/ipv4.ts";

test("the bits of an address", () => {
  assert.equal(ipv4Bits("1.2.3.4"), 0x01020304);
  assert.equal(ipv4Bits("0.0.0.0"), 0);
  assert.equal(ipv4Bits("255.255.255.255"), -1);
});

test("what is no address is none", () => {
  for (const text of [
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "256.1.1.1",
    "1.2.3.4 ",
    "::1",
  ])
    assert.equal(ipv4Bits(text), undefined, text);
  for (const text of ["1.2.3.0004", "-1.2.3.4", "1.2.3.4%eth0", "1e1.2.3.4", "1.2.3.٣"])
    assert.equal(ipv4Bits(text), undefined, text);
});

test("what Node takes for an address is one, and says the same", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.stringMatching(/^[0-9.]{0,16}$/)), (text) => {
      const bits = ipv4Bits(text);
      // Node takes no leading zeros; what has some never comes from it.
      if (!isIPv4(text)) return bits === undefined || /(^|\.)0\d/.test(text);
      const octets = [24, 16, 8, 0].map((shift) => ((bits ?? 0) >>> shift) & 255);
      return octets.join(".") === text;
    }),
    { numRuns: 2_000 },
  );
});
