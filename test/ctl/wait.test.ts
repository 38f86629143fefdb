import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../control/harness.ts";
import type { DaemonOptions } from "./daemon.ts";
import { multiprotoctl, type Outcome, startDaemon } from "./spawn.ts";

async function wait(
  context: TestContext,
  args: readonly string[],
  options: Partial<DaemonOptions> | null = {},
): Promise<Outcome> {
  const runtimeDirectory = temporaryDirectory(context);
  if (options !== null) await startDaemon(context, { runtimeDirectory, ...options });
  return multiprotoctl(["wait", ...args, "--socket", join(runtimeDirectory, "control.sock")]);
}

test("somebody who is online is not waited for, whatever case the name is in", async (context) => {
  const { code, stdout } = await wait(context, ["--online", "OLA"]);
  assert.deepEqual([code, stdout], [0, "ola is online\n"]);
});

test("somebody who comes is waited for", async (context) => {
  const { code, stdout } = await wait(context, ["--online", "kim", "--json"], { comesAfterAsked: 3 });
  const { schema, result, client } = JSON.parse(stdout);
  assert.deepEqual([code, schema, result, client.nickname, client.state], [0, 1, "online", "kim", "online"]);
});

for (const [nick, why] of [
  ["kim", "nobody of that name"],
  ["Bo", "suspect"],
  ["eva", "another name"],
] as const) {
  test(`${why}: not in time`, async (context) => {
    const { code, stderr } = await wait(context, ["--online", nick, "--timeout", "400ms"]);
    assert.deepEqual([code, stderr], [6, `multiprotoctl: ${nick} did not come online within 0.4 s\n`]);
  });
}

test("a registry that does not run is not waited for", async (context) => {
  const { code, stderr } = await wait(context, ["--online", "ola"], null);
  assert.equal(code, 3);
  assert.match(stderr, /not running/);
});

test("a registry that ends meanwhile may come back: until the time is over", async (context) => {
  const { code } = await wait(context, ["--online", "kim", "--timeout", "1s"], { endsAfterAsked: 1 });
  assert.equal(code, 6);
});

test("whom to wait for must be said, and how long be a time", async (context) => {
  for (const args of [[], ["--online"], ["--online", "ola", "--timeout", "soon"]])
    assert.equal((await wait(context, args, null)).code, 2, args.join(" "));
});
