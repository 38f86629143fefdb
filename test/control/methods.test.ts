import assert from "node:assert/strict";
import { test } from "node:test";
import { ControlError } from "../../src/control/errors.ts";
import { METHODS } from "../../src/control/methods.ts";
import { BINDING, CHANGES, CONCERNED, CONFIGURATION, client, FINGERPRINT, STATUS } from "./fake-control.ts";
import { rig } from "./harness.ts";

test("the method table is sorted by name", () => {
  const names = Object.keys(METHODS);
  assert.ok(names.length >= 8);
  assert.deepEqual(names, names.toSorted());
});

test("every method answers with what the registry said", async (context) => {
  const { control, connect } = await rig(context);
  const registry = await connect();
  assert.deepEqual(await registry.request("status", undefined), STATUS);
  assert.deepEqual(await registry.request("clients", undefined), [
    client("ola"),
    client("eva", { path: null, rttMillis: null }),
  ]);
  assert.deepEqual(await registry.request("version", undefined), {
    version: "9.8.7",
    runtime: "node 26",
    pid: 4711,
  });
  assert.deepEqual(await registry.request("ready", undefined), {
    outcome: "ready",
    pid: 4711,
    version: "9.8.7",
  });
  assert.deepEqual(await registry.request("reload", undefined), {
    applied: ["log.level"],
    needsRestart: ["network.port"],
  });
  assert.match(await registry.request("metrics", undefined), /^multiproto_clients 1$/m);
  assert.deepEqual(await registry.request("configuration", undefined), CONFIGURATION);
  assert.equal(await registry.request("restart", undefined), "restarted");
  assert.equal(await registry.request("stop", { restarting: false }), null);
  assert.deepEqual(await registry.request("log-level", { level: "debug", forMillis: 60_000 }), {
    level: "debug",
    previous: "info",
    until: "2026-11-22T20:00:00.000Z",
  });
  assert.deepEqual(control.calls, ["stop", "log-level debug 60000"]);
});

test("changes: what is asked for, and what is not", async (context) => {
  const { control, connect } = await rig(context);
  const registry = await connect();
  const after = { epoch: "0011223344556677", seq: 4_710 };
  assert.deepEqual(await registry.request("changes", { after, waitMillis: 1_000 }), CHANGES);
  assert.deepEqual(await registry.request("changes", { waitMillis: 0 }), CHANGES);
  assert.deepEqual(control.calls, ["changes after 4710, 1000 ms", "changes after undefined, 0 ms"]);
  for (const params of [
    undefined,
    {},
    { waitMillis: -1 },
    { waitMillis: 60_001 },
    { waitMillis: 1, after: {} },
    { waitMillis: 1, after: { epoch: "00112233445566zz", seq: 1 } },
    { waitMillis: 1, after: { epoch: "0011223344556677", seq: -1 } },
    { waitMillis: 1, after: { epoch: "0011223344556677", seq: 1e300 } },
  ])
    await assert.rejects(registry.request("changes", params as never), { code: "bad-request" });
});

test("bindings leave in parts, and come in parts", async (context) => {
  const { control, connect } = await rig(context);
  const registry = await connect();
  assert.deepEqual(await registry.request("bindings", {}), { bindings: [BINDING], isLast: false });
  assert.deepEqual(await registry.request("bindings", { after: "ola" }), { bindings: [], isLast: true });
  const ban = { fingerprint: FINGERPRINT, bannedAt: BINDING.boundAt, reason: "" };
  const report = await registry.request("import", { bindings: [BINDING], bans: [ban] });
  assert.deepEqual(report, { added: 1, known: 0, refused: [{ what: "eva", why: "taken" }] });
  assert.deepEqual(control.calls, [
    "bindings after undefined",
    "bindings after ola",
    "import ola and 1 bans",
  ]);
  const many = Array.from({ length: 101 }, () => BINDING);
  for (const params of [
    { bindings: many, bans: [] },
    { bindings: [{ ...BINDING, nickname: "x".repeat(257) }], bans: [] },
    { bindings: [{ ...BINDING, lastSeen: "1969-12-31T23:59:59.999Z" }], bans: [] },
    { bindings: [], bans: [{ ...ban, reason: "x".repeat(201) }] },
  ])
    await assert.rejects(registry.request("import", params), { code: "bad-request" });
});

test("methods about keys and clients carry whom they are about, and answer who it was", async (context) => {
  const { control, connect } = await rig(context);
  const registry = await connect();
  for (const method of ["kick", "unban"] as const)
    assert.deepEqual(await registry.request(method, { target: "ola" }), CONCERNED);
  assert.deepEqual(await registry.request("ban", { target: FINGERPRINT, reason: "spam" }), CONCERNED);
  assert.deepEqual(await registry.request("forget", { nickname: "ola" }), CONCERNED);
  assert.equal(await registry.request("stop", { restarting: true }), null);
  const ban = { fingerprint: FINGERPRINT, nickname: "ola", reason: "spam" };
  assert.deepEqual(await registry.request("bans", undefined), [
    { ...ban, bannedAt: "2026-11-22T19:00:00.000Z" },
  ]);
  assert.deepEqual(await registry.request("fingerprint", undefined), {
    fingerprint: FINGERPRINT,
    realm: "office",
  });
  assert.deepEqual(control.calls, [
    "kick ola",
    "unban ola",
    `ban ${FINGERPRINT} (spam)`,
    "forget ola",
    "stop to restart",
  ]);
});

test("a failed start carries its reason", async (context) => {
  const { control, connect } = await rig(context);
  control.ready = async () => ({ outcome: "failed", pid: 1, reason: "UDP 10001 in use" });
  const registry = await connect();
  assert.deepEqual(await registry.request("ready", undefined), {
    outcome: "failed",
    pid: 1,
    reason: "UDP 10001 in use",
  });
});

test("a thrown ControlError keeps its code and text, anything else is 'failed' and logged", async (context) => {
  const { control, connect, log } = await rig(context);
  const registry = await connect();
  control.reload = async () => {
    throw new ControlError("configuration-refused", "line 3: unknown key prot (did you mean port?)");
  };
  await assert.rejects(registry.request("reload", undefined), {
    name: "ControlError",
    code: "configuration-refused",
    message: "line 3: unknown key prot (did you mean port?)",
  });
  control.status = () => {
    throw new TypeError("a bug");
  };
  await assert.rejects(registry.request("status", undefined), {
    name: "ControlError",
    code: "failed",
    message: "a bug",
  });
  assert.deepEqual(log.texts, ["Control request failed: a bug"]);
  control.status = () => ({ ...STATUS, counters: { loop: 1n as unknown as number } });
  await assert.rejects(registry.request("status", undefined), { code: "failed", message: /cannot be sent/ });
});

const WRONG: readonly (readonly [what: string, data: unknown, id: number, code: string, text: RegExp])[] = [
  ["not an object", 7, 0, "bad-request", /request must be an object/],
  ["no data at all", undefined, 0, "bad-request", /request/],
  ["no id", { method: "status" }, 0, "bad-request", /request.id must be a whole number/],
  ["an id of text", { id: "1", method: "status" }, 0, "bad-request", /request.id/],
  ["no method", { id: 5 }, 5, "bad-request", /request.method must be a string/],
  ["an unknown method", { id: 6, method: "fly" }, 6, "unknown-method", /"fly"/],
  ["a name of Object's", { id: 6, method: "constructor" }, 6, "unknown-method", /"constructor"/],
  ["__proto__", { id: 6, method: "__proto__" }, 6, "unknown-method", /"__proto__"/],
  ["a long method name", { id: 6, method: "x".repeat(65) }, 6, "bad-request", /at most 64/],
  [
    "parameters where none belong",
    { id: 7, method: "status", params: { x: 1 } },
    7,
    "bad-request",
    /params must be empty/,
  ],
  [
    "an unknown level",
    { id: 8, method: "log-level", params: { level: "loud" } },
    8,
    "bad-request",
    /params.level/,
  ],
  ["no parameters", { id: 9, method: "log-level" }, 9, "bad-request", /params must be an object/],
  [
    "a time without end",
    { id: 10, method: "log-level", params: { level: "info", forMillis: 1e12 } },
    10,
    "bad-request",
    /params.forMillis/,
  ],
  [
    "nobody to kick",
    { id: 11, method: "kick", params: {} },
    11,
    "bad-request",
    /params.target must be a str/,
  ],
  [
    "an empty name",
    { id: 12, method: "forget", params: { nickname: " " } },
    12,
    "bad-request",
    /not be empty/,
  ],
  [
    "a long reason",
    { id: 13, method: "ban", params: { target: "ola", reason: "x".repeat(201) } },
    13,
    "bad-request",
    /params.reason must be at most 200/,
  ],
];

for (const [what, data, id, code, text] of WRONG) {
  test(`a wrong request is answered: ${what}`, async (context) => {
    const { raw, control } = await rig(context);
    const sender = await raw();
    sender.send(data);
    const reply = (await sender.reply()) as {
      id: number;
      ok: boolean;
      error: { code: string; text: string };
    };
    assert.deepEqual([reply.id, reply.ok, reply.error.code], [id, false, code]);
    assert.match(reply.error.text, text);
    assert.deepEqual(control.calls, []);
    sender.send({ id: 99, method: "version" });
    assert.equal(((await sender.reply()) as { id: number }).id, 99, "the connection goes on");
  });
}

test("replies find their requests by id, in whatever order they come", async (context) => {
  const { control, connect } = await rig(context);
  let finish: (value: "restarted") => void = () => {};
  control.restart = () => new Promise((resolve) => (finish = resolve));
  const registry = await connect();
  const slow = registry.request("restart", undefined);
  assert.equal((await registry.request("status", undefined)).pid, 4711);
  finish("restarted");
  assert.equal(await slow, "restarted");
});
