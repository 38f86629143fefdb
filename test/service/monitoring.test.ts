import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { METRICS } from "../../src/service/metrics.ts";

/** Prometheus' own, and those of Node and the process that `prom-client` has on Linux. */
const OTHERS = ["up", "nodejs_eventloop_lag_p99_seconds", "process_resident_memory_bytes"];

test("the example of alert rules names metrics that there are", () => {
  const rules = readFileSync(new URL("../../docs/monitoring/alerts.yml", import.meta.url), "utf8");
  const expressions = rules.match(/expr: (?:\|\n(?: {10,}.*\n)+|.*)/g) ?? [];
  assert.equal(expressions.length, rules.match(/- alert:/g)?.length);
  const known = new Set([...OTHERS, ...METRICS.map(({ name }) => name)]);
  const named = expressions.flatMap(
    (text) => text.match(/\b(?:up|(?:multiproto|nodejs|process)_\w+)\b/g) ?? [],
  );
  assert.ok(named.length >= expressions.length);
  for (const name of named) assert.ok(known.has(name), name);
});
