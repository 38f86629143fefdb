/** `multiprotoctl top` where there is no terminal. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../control/harness.ts";
import { programOf } from "../support/programs.ts";
import { Watched } from "../support/until.ts";
import { multiprotoctl, startDaemon } from "./spawn.ts";

const PROGRAM = programOf("multiprotoctl");

async function socketOf(context: TestContext): Promise<string> {
  const directory = temporaryDirectory(context);
  await startDaemon(context, { runtimeDirectory: directory });
  return join(directory, "control.sock");
}

test("it prints one table and ends; what clients are called does not act", async (context) => {
  const socket = await socketOf(context);
  for (const args of [["top"], ["top", "--once", "--sort", "rtt", "--lines", "5"]]) {
    const { code, stdout, stderr } = await multiprotoctl([...args, "--socket", socket]);
    assert.deepEqual([code, stderr], [0, ""]);
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[0] ?? "", /^registry office: 2 online, 1 offline, /);
    assert.match(lines[2] ?? "", /^ola +away +udp +1\.3 ms +0\.5% +2\.2 kB +- /);
    assert.match(lines[3] ?? "", /^eva\\x1b\[2J\\u\{202e\} /);
    assert.equal(lines.length, 5);
  }
});

test("--json: one object a line, every second, until nobody reads on; with --once one", async (context) => {
  const socket = await socketOf(context);
  const once = await multiprotoctl(["top", "--once", "--json", "--socket", socket]);
  const { schema, total, clients } = JSON.parse(once.stdout);
  assert.deepEqual([schema, total, clients.length, once.code], [1, 3, 3, 0]);
  assert.deepEqual(clients[0].tally, { sentBytes: 1_500, receivedBytes: 700, heartbeats: 200, answers: 199 });

  const child = spawn(process.execPath, [PROGRAM, "top", "--json", "--socket", socket], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => child.kill("SIGKILL"));
  const [lines, watched] = [[] as string[], new Watched()];
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    watched.changed();
  });
  await watched.until("three lines", () => lines.length >= 3);
  for (const line of lines) assert.equal(JSON.parse(line).realm, "office");
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stdout.destroy();
  assert.equal(await ended, 0);
});

test("a wrong order or number is wrong usage, and without a registry nothing is shown", async (context) => {
  const none = join(temporaryDirectory(context), "control.sock");
  for (const args of [
    ["--sort", "size"],
    ["--lines", "0"],
    ["--lines", "501"],
    ["--lines", "x"],
  ])
    assert.equal((await multiprotoctl(["top", ...args, "--socket", none])).code, 2);
  const { code, stdout } = await multiprotoctl(["top", "--socket", none]);
  assert.deepEqual([code, stdout], [3, ""]);
});
