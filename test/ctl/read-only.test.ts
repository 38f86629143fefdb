/** multiprotoctl of somebody who may only read, against a real registry. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { Mp1Client } from "../support/mp1-client.ts";
import { configure, Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import { programOf } from "../support/programs.ts";
import { Watched } from "../support/until.ts";
import { multiprotoctl } from "./spawn.ts";

const PROGRAM = programOf("multiprotoctl");
const OPEN = "[control]\nanyone-may-read = true";
const outsider = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
const needsRoot = { skip: process.getuid?.() === 0 ? false : "needs root" };

interface Bench {
  readonly place: Place;
  readonly daemon: Multiprotod;
  /** As somebody who is not in the group. */
  run(...args: string[]): ReturnType<typeof multiprotoctl>;
  admin(...args: string[]): ReturnType<typeof multiprotoctl>;
}

async function bench(context: TestContext, extra: string): Promise<Bench> {
  const place = await makePlace(context, extra);
  chmodSync(place.directory, 0o755);
  const daemon = await Multiprotod.start(context, place);
  const socket = ["--socket", daemon.socketPath];
  return {
    ...{ place, daemon },
    run: (...args) => multiprotoctl([...args, ...socket], { prefix: outsider }),
    admin: (...args) => multiprotoctl([...args, ...socket]),
  };
}

test("where the admin allows it, everybody is told, and steers nothing", needsRoot, async (context) => {
  const { place, run } = await bench(context, OPEN);
  await Mp1Client.join(context, { registry: place, nickname: "ola" });
  const status = await run("status", "--json");
  assert.deepEqual([status.code, status.stderr], [0, ""]);
  assert.equal(JSON.parse(status.stdout).online, 1);
  assert.match((await run("clients")).stdout, /^ola +online/m);
  assert.match((await run("metrics")).stdout, /^multiproto_joins_total\{client="own"\} 1$/m);
  assert.equal(JSON.parse((await run("version", "--json")).stdout).daemon.pid, JSON.parse(status.stdout).pid);
  assert.equal((await run("fingerprint")).code, 0);
  assert.equal((await run("wait", "--online", "ola", "--timeout", "10s")).code, 0);
  for (const args of [
    ["kick", "ola"],
    ["ban", "ola"],
    ["bans"],
    ["forget", "ola"],
    ["config", "show"],
    ["export"],
    ["reload"],
    ["restart"],
    ["start"],
    ["stop"],
    ["log-level", "debug"],
  ]) {
    const { code, stderr } = await run(...args);
    assert.equal(code, 4, `${args}: ${stderr}`);
    assert.match(stderr, /not for the read-only socket; not permitted: join group multiproto/);
  }
  assert.equal(JSON.parse((await run("status", "--json")).stdout).online, 1, "and ola is still there");
});

test("it is off by default, and comes and goes with a reload", needsRoot, async (context) => {
  const { place, daemon, run, admin } = await bench(context, "");
  const socket = join(place.runtimeDirectory, "read.sock");
  assert.equal((await run("status")).code, 4);
  assert.equal(existsSync(socket), false);
  configure(place, OPEN);
  assert.deepEqual(JSON.parse((await admin("reload", "--json")).stdout).applied, ["control.anyone-may-read"]);
  assert.equal((await run("status")).code, 0);
  configure(place, "");
  assert.equal((await admin("reload")).code, 0);
  assert.equal((await run("status")).code, 4);
  assert.equal(existsSync(socket), false);
  configure(place, OPEN);
  await admin("reload");
  daemon.kill("SIGTERM");
  assert.equal((await daemon.exited).code, 0);
  assert.equal(existsSync(socket), false, "it is gone with the registry");
});

test("a watch of somebody who may only read goes on over a restart", needsRoot, async (context) => {
  const { place, daemon, run } = await bench(context, OPEN);
  const [command = "", ...rest] = [...outsider, process.execPath, PROGRAM, "watch", "--json"];
  const watch = spawn(command, [...rest, "--socket", daemon.socketPath], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => watch.kill("SIGKILL"));
  const [lines, watched] = [[] as string[], new Watched()];
  createInterface(watch.stdout).on("line", (line) => {
    lines.push(line);
    watched.changed();
  });
  const sees = (what: string, times: number) =>
    watched.until(what, () => lines.filter((line) => line.includes(what)).length === times, 20_000);
  await sees('"serves"', 1);
  daemon.kill("SIGTERM");
  await daemon.exited;
  await sees('"ended"', 1);
  await Multiprotod.start(context, place);
  await sees('"serves"', 2);
  assert.equal((await run("status")).code, 0);
});
