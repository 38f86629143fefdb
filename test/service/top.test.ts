/** In what order clients are told of, and that 5,000 of them cost little. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTop, parseTopRequest, type TopOrder } from "../../src/control/top.ts";
import type { Serving } from "../../src/service/serving.ts";
import { topReport } from "../../src/service/top.ts";

const clock = { now: () => 100_000, wall: () => Date.parse("2026-11-22T19:00:00.000Z") };

interface Client {
  readonly nickname: string;
  readonly state?: string;
  readonly since?: number;
  readonly rttMillis?: number;
  readonly heartbeats?: number;
  readonly answers?: number;
  readonly bytes?: number;
}

/** Of a registry that serves, what the order looks at. Clients without bytes have no association. */
function serving(clients: readonly Client[]): Serving {
  const views = clients.map(({ nickname, state = "online", since = 0, bytes }, index) => ({
    entry: { nickname, address: "10.0.0.5", port: 50_000, presence: { state, since, reason: "lost" } },
    association: bytes === undefined ? undefined : index,
  }));
  const statusOf = (index: number) => {
    const { rttMillis, heartbeats = 0, answers = 0, bytes = 0 } = clients[index] ?? {};
    const tally = { sentBytes: bytes, receivedBytes: 0, heartbeats, answers };
    return { path: { via: "udp" }, rttMillis, tally };
  };
  const registry = { clients: () => views, counts: { online: clients.length, offline: 0 } };
  const shell = { registry, association: statusOf };
  return { shell, configuration: { network: { realm: "office" } } } as unknown as Serving;
}

const FEW: readonly Client[] = [
  { nickname: "bo", bytes: 10, rttMillis: 5, heartbeats: 10, answers: 10, since: 30 },
  { nickname: "Ada", state: "offline", since: 90 },
  { nickname: "cy", bytes: 99, heartbeats: 10, answers: 4, since: 10 },
  { nickname: "di", bytes: 50, rttMillis: 80, heartbeats: 100, answers: 50, state: "suspect", since: 20 },
];

const ORDERS: readonly (readonly [TopOrder, string])[] = [
  ["nickname", "Ada bo cy di"],
  ["state", "di bo cy Ada"],
  ["rtt", "di bo Ada cy"],
  ["loss", "cy di bo Ada"],
  ["traffic", "cy di bo Ada"],
  ["since", "Ada bo di cy"],
];

for (const [order, wanted] of ORDERS) {
  test(`by ${order}: ${wanted}; whoever is not known comes last, equals by name`, () => {
    const { clients, total } = topReport(serving(FEW), { order, skip: 0, limit: 500 }, clock);
    assert.equal(clients.map(({ nickname }) => nickname).join(" "), wanted);
    assert.equal(total, 4);
  });
}

test("a part is told, and of how many; behind the end there is nobody", () => {
  const part = (skip: number) => topReport(serving(FEW), { order: "nickname", skip, limit: 2 }, clock);
  assert.deepEqual(
    part(1).clients.map(({ nickname }) => nickname),
    ["bo", "cy"],
  );
  assert.deepEqual([part(9).clients, part(9).total], [[], 4]);
});

test("of 5,000 a screenful is told: a small answer, soon made, in the shape that is documented", () => {
  const many = Array.from({ length: 5_000 }, (_, index) => ({ nickname: `client-${index}`, bytes: index }));
  const served = serving(many);
  const began = performance.now();
  const report = topReport(served, { order: "traffic", skip: 0, limit: 50 }, clock);
  assert.ok(performance.now() - began < 500, `${performance.now() - began} ms`);
  const json = JSON.stringify(report);
  assert.ok(json.length < 25_000, `${json.length} bytes`);
  assert.equal(report.clients[0]?.nickname, "client-4999");
  assert.deepEqual(parseTop(JSON.parse(json), "report"), report);
});

test("what is asked for is bounded", () => {
  for (const wrong of [
    { order: "size", skip: 0, limit: 1 },
    { order: "rtt", skip: -1, limit: 1 },
    { order: "rtt", skip: 0, limit: 0 },
    { order: "rtt", skip: 0, limit: 501 },
    { order: "rtt", skip: 1e9, limit: 1 },
    { order: "rtt", skip: 0.5, limit: 1 },
    null,
  ])
    assert.throws(() => parseTopRequest(wrong, "params"), /^ShapeError: params/);
});
