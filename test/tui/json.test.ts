import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { JSON_SCHEMA, jsonLine } from "../../src/tui/json.ts";

test("one line with the schema number, and nothing that acts on a terminal", () => {
  const line = jsonLine({ text: "a\u001b[2J\u202e\u009b\u{e0001}" });
  assert.equal(line, String.raw`{"schema":1,"text":"a\u001b[2J\u202e\u009b\udb40\udc01"}`);
});

test("it parses back to the same, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const line = jsonLine({ text });
      assert.deepEqual(JSON.parse(line), { schema: JSON_SCHEMA, text });
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
});
