import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Fingerprint,
  fingerprintOfSpki,
  fingerprintText,
  isSameFingerprint,
  isSpokenOf,
  parseFingerprint,
  parseSpokenFingerprint,
} from "../../src/base/fingerprint.ts";

const anyFingerprint = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex") as Fingerprint);

/** RFC 8410 §10.1; its digest by `openssl pkey -pubin -outform DER | sha256sum`. */
const RFC_8410_KEY = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----`;
const ITS_HEX = "a1e9156054e04fac899ae9f275132cdc07a5dbc4ea2c2ad3a1ffc6e0d253681f";
const ITS_TEXT = "41449 05472 21728 20396 35226 59890 29971 11484";

test("the example key of RFC 8410 has this fingerprint", () => {
  const spki = createPublicKey(RFC_8410_KEY).export({ type: "spki", format: "der" });
  assert.equal(fingerprintOfSpki(spki), ITS_HEX);
  assert.equal(fingerprintText(ITS_HEX as Fingerprint), ITS_TEXT);
});

test("what is shown is 8 groups of 5 digits, and is read back however it was written down", () => {
  fc.assert(
    fc.property(
      anyFingerprint,
      fc.constantFrom(" ", "", "-", "\n", "  ", "\u00a0"),
      (fingerprint, between) => {
        const text = fingerprintText(fingerprint);
        assert.match(text, /^(\d{5} ){7}\d{5}$/);
        const spoken = parseSpokenFingerprint(` ${text.replaceAll(" ", between)}\n`);
        assert.ok(spoken !== undefined && isSpokenOf(spoken, fingerprint));
        const whole = parseSpokenFingerprint(fingerprint.toUpperCase());
        assert.ok(whole !== undefined && isSpokenOf(whole, fingerprint));
      },
    ),
  );
});

test("what is shown tells apart every two fingerprints that differ in their first 128 bits", () => {
  fc.assert(
    fc.property(anyFingerprint, fc.nat(127), (fingerprint, bit) => {
      const bytes = Buffer.from(fingerprint, "hex");
      const at = bit >> 3;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      const other = bytes.toString("hex") as Fingerprint;
      assert.notEqual(fingerprintText(other), fingerprintText(fingerprint));
      const spoken = parseSpokenFingerprint(fingerprintText(other));
      assert.ok(spoken !== undefined && !isSpokenOf(spoken, fingerprint));
      assert.ok(!isSameFingerprint(fingerprint, other));
    }),
  );
});

for (const [what, text] of [
  ["nothing", ""],
  ["seven groups", "00000 ".repeat(7)],
  ["nine groups", "00000 ".repeat(9)],
  ["a group beyond two bytes", `65536 ${"00000 ".repeat(7)}`],
  ["a letter O", `O0000 ${"00000 ".repeat(7)}`],
  ["half of the hexadecimal digits", "a".repeat(32)],
  ["other scripts' digits", "٠".repeat(40)],
  ["far too much", " ".repeat(1_000_000)],
] as const) {
  test(`no fingerprint: ${what}`, () => assert.equal(parseSpokenFingerprint(text), undefined));
}

test("parsing whatever there is never throws", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      parseSpokenFingerprint(text);
      assert.equal(parseFingerprint(text), undefined);
    }),
  );
});

test("a fingerprint is the same as itself, and in hexadecimal has one form", () => {
  fc.assert(
    fc.property(anyFingerprint, (fingerprint) => {
      assert.ok(isSameFingerprint(fingerprint, fingerprint));
      assert.equal(parseFingerprint(fingerprint), fingerprint);
    }),
  );
  assert.equal(parseFingerprint("A".repeat(64)), undefined);
});
