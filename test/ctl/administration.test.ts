import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FINGERPRINT } from "../control/fake-control.ts";
import { temporaryDirectory } from "../control/harness.ts";
import type { DaemonOptions } from "./daemon.ts";
import { multiprotoctl, type Outcome, type RunOptions, startDaemon } from "./spawn.ts";

const DIGITS = "41121 41635 42149 42663 43177 43691 44205 44719";

type Run = (args: readonly string[], options?: RunOptions) => Promise<Outcome>;

/** multiprotoctl against a registry that answers as `options` say. */
async function bench(context: TestContext, options: Partial<DaemonOptions> = {}): Promise<Run> {
  const runtimeDirectory = temporaryDirectory(context);
  await startDaemon(context, { runtimeDirectory, ...options });
  const socket = join(runtimeDirectory, "control.sock");
  return (args, given) => multiprotoctl([...args, "--socket", socket], given);
}

test("fingerprint: the digits that people compare, and all of it", async (context) => {
  const run = await bench(context);
  const shown = await run(["fingerprint"]);
  assert.deepEqual(shown, {
    code: 0,
    stdout: `${DIGITS}\n  realm    office\n  SHA-256  ${FINGERPRINT}\n`,
    stderr: "",
  });
  const { stdout } = await run(["fingerprint", "--json"]);
  assert.deepEqual(JSON.parse(stdout), {
    schema: 1,
    realm: "office",
    fingerprint: FINGERPRINT,
    digits: DIGITS,
  });
});

const WHO = { nickname: "ola", fingerprint: FINGERPRINT, address: "10.0.0.5" };
const WHOM = `ola (key ${DIGITS}) at 10.0.0.5`;

for (const [args, text, result, unchanged] of [
  [["kick", "ola"], `${WHOM} was kicked`, "kicked", ["ola was offline already", "was-offline"]],
  [["ban", "ola"], `${WHOM} is banned`, "banned", ["ola was banned already", "was-banned"]],
  [["unban", "ola"], `${WHOM} may come again`, "unbanned", ["ola was not banned", "was-not-banned"]],
  [
    ["forget", "ola"],
    `${WHOM} is forgotten; the nickname is free`,
    "forgotten",
    ["ola was free already", "was-free"],
  ],
] as const) {
  test(`${args.join(" ")} says who it was`, async (context) => {
    const run = await bench(context);
    assert.deepEqual(await run(args), { code: 0, stdout: `${text}\n`, stderr: "" });
    const { code, stdout } = await run([...args, "--json"]);
    assert.deepEqual([code, JSON.parse(stdout)], [0, { schema: 1, result, ...WHO }]);
  });

  test(`${args.join(" ")} succeeds where it is so already, and says so`, async (context) => {
    const run = await bench(context, { isSoAlready: true });
    const nobody = { nickname: null, fingerprint: null, address: null };
    assert.deepEqual(await run(args), { code: 0, stdout: `${unchanged[0]}\n`, stderr: "" });
    const { stdout } = await run([...args, "--json"]);
    assert.deepEqual(JSON.parse(stdout), { schema: 1, result: unchanged[1], ...nobody });
  });
}

test("a fingerprint may be given in groups, a reason goes along", async (context) => {
  const run = await bench(context, { isSoAlready: true });
  const { stdout } = await run(["ban", ...DIGITS.split(" "), "--reason", "floods the office"]);
  assert.equal(stdout, `${DIGITS} was banned already\n`);
});

test("bans: a table, and nobody", async (context) => {
  const run = await bench(context);
  const { stdout } = await run(["bans"], { environment: { TZ: "UTC" } });
  assert.equal(
    stdout,
    `NICKNAME  SINCE                KEY                                              REASON\nola       2026-11-22 19:00:00  ${DIGITS}  spam\n`,
  );
  const json = await run(["bans", "--json"]);
  const ban = {
    fingerprint: FINGERPRINT,
    nickname: "ola",
    bannedAt: "2026-11-22T19:00:00.000Z",
    reason: "spam",
  };
  assert.deepEqual(JSON.parse(json.stdout), { schema: 1, bans: [ban] });
  const none = await bench(context, { isSoAlready: true });
  assert.equal((await none(["bans"])).stdout, "nobody is banned\n");
});

for (const [refuses, code] of [
  ["not-found", 5],
  ["ambiguous", 1],
  ["storage", 1],
] as const) {
  test(`a refusal "${refuses}" ends with ${code}, its text escaped, and has that name under --json`, async (context) => {
    const run = await bench(context, { refuses });
    for (const command of ["kick", "ban", "unban", "forget"]) {
      const shown = await run([command, "ola"]);
      assert.deepEqual(shown, {
        code,
        stdout: "",
        stderr: "multiprotoctl: the registry says no\\x1b[2J\n",
      });
      const { stdout } = await run([command, "ola", "--json"]);
      assert.equal(JSON.parse(stdout).error.code, refuses);
    }
  });
}

test("whom it is about must be said", async (context) => {
  const run = await bench(context);
  for (const command of ["kick", "ban", "unban", "forget"]) {
    assert.equal((await run([command])).code, 2, command);
    assert.equal((await run([command, ""])).code, 1, `${command} ""`);
  }
  assert.equal((await run(["forget", "ola", "eva"])).code, 2, "one nickname");
});
