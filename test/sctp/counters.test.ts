import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { noCounts } from "../../src/sctp/counters.ts";

const ROOM = new URL("../../src/sctp/", import.meta.url);

test("every counter is counted somewhere: none is a 0 for ever", () => {
  const files = readdirSync(ROOM, { recursive: true, encoding: "utf8" });
  const others = files.filter((file) => file.endsWith(".ts") && file !== "counters.ts");
  const text = others.map((file) => readFileSync(new URL(file, ROOM), "utf8")).join("\n");
  for (const name of Object.keys(noCounts())) {
    const counts = new RegExp(`(?:count\\(|return .*)"${name}"`);
    assert.match(text, counts, name);
  }
});
