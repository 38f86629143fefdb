import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { METRICS, Metrics } from "../../src/service/metrics.ts";

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

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(
  readFileSync(new URL("../../docs/monitoring/dashboard.json", import.meta.url), "utf8"),
) as { readonly panels: readonly Panel[]; readonly templating: { readonly list: readonly object[] } };

test("the dashboard asks for metrics that there are, all of ours among them, by labels that they have", async () => {
  // Those of Node and the process as the library really has them.
  const text = await new Metrics({ serving: () => undefined, version: "0.0.0" }).text();
  const known = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type]) => [name, type]),
  );
  const asked = new Set<string>();
  const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert.ok(queries.length >= 20);
  for (const query of queries) {
    const series = [...query.matchAll(/\b((?:multiproto|nodejs|process)_\w+)\{([^}]*)\}/g)];
    assert.ok(series.length > 0, `${query} asks for nothing`);
    for (const [, name = "", matchers = ""] of series) {
      const base = name.replace(/_(bucket|sum|count)$/, "");
      const isPart = base !== name && known.get(base) === "histogram";
      assert.ok(known.has(name) ? known.get(name) !== "histogram" : isPart, `${name} in ${query}`);
      asked.add(isPart ? base : name);
      assert.match(
        matchers,
        /^job="\$job",instance=~"\$instance"/,
        `${query} is of the registry that was chosen`,
      );
      const labels = METRICS.flatMap((metric) =>
        metric.name === name && metric.type !== "histogram" ? (metric.labels ?? []) : [],
      );
      for (const [, label = ""] of matchers.matchAll(/(\w+)=~?"/g))
        assert.ok(["job", "instance", ...labels].includes(label), `${label} in ${query}`);
    }
  }
  for (const { name } of METRICS) assert.ok(asked.has(name), `${name} is on the dashboard`);
});

test("its panels have an id of their own and lie beside each other", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const [index, { title, gridPos: one }] of panels.entries()) {
    assert.ok(one.x + one.w <= 24, title);
    for (const { title: otherTitle, gridPos: other } of panels.slice(index + 1)) {
      const apart =
        one.x + one.w <= other.x ||
        other.x + other.w <= one.x ||
        one.y + one.h <= other.y ||
        other.y + other.h <= one.y;
      assert.ok(apart, `${title} and ${otherTitle} overlap`);
    }
  }
});
