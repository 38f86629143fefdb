import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connectControl } from "../../src/control/client.ts";
import { type ControlServer, createControlServer } from "../../src/control/server.ts";
import { holdSocket, startDaemon } from "../ctl/spawn.ts";
import { FakeControl, MemoryLog } from "./fake-control.ts";
import { realClock, rig, soon, temporaryDirectory } from "./harness.ts";

async function serve(
  context: TestContext,
  listen: { path: string } | { fd: number },
): Promise<ControlServer> {
  const server = await createControlServer({
    listen,
    control: new FakeControl(),
    log: new MemoryLog(),
    clock: realClock,
  });
  context.after(() => server.close());
  return server;
}

async function answers(path: string): Promise<boolean> {
  const client = await connectControl(path);
  const report = await client.request("version", undefined);
  client.close();
  return report.version === "9.8.7";
}

/** A socket file that nobody listens on: its maker was killed. */
async function staleSocket(context: TestContext, path: string): Promise<void> {
  const maker = spawn(process.execPath, [
    "-e",
    `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`,
  ]);
  context.after(() => maker.kill("SIGKILL"));
  await soon("the socket's maker", once(maker.stdout, "data"));
  maker.kill("SIGKILL");
  await soon("its end", once(maker, "exit"));
  assert.ok(existsSync(path));
}

test("the socket is 0660 from its first moment, whatever the umask, and the umask stays", async (context) => {
  const directory = temporaryDirectory(context);
  const path = join(directory, "control.sock");
  const before = process.umask(0o000);
  context.after(() => process.umask(before));
  const modes: number[] = [];
  const watcher = watch(directory, () => modes.push(statSync(path).mode & 0o777));
  context.after(() => watcher.close());
  await serve(context, { path });
  assert.equal(statSync(path).mode & 0o777, 0o660);
  assert.equal(process.umask(), 0o000);
  assert.deepEqual(
    modes.filter((mode) => mode !== 0o660),
    [],
  );
});

test("a socket left behind by a dead registry is replaced", async (context) => {
  const path = join(temporaryDirectory(context), "control.sock");
  await staleSocket(context, path);
  await serve(context, { path });
  assert.equal(await answers(path), true);
});

test("a live registry's socket is left alone", async (context) => {
  const { path, connect } = await rig(context);
  await assert.rejects(serve(context, { path }), {
    name: "SystemError",
    code: "EADDRINUSE",
    message: /Cannot listen on .*another registry is running/,
  });
  assert.equal((await (await connect()).request("version", undefined)).pid, 4711);
  assert.equal(await answers(path), true, "its path still leads to it");
});

test("a file that is no socket is left alone", async (context) => {
  const path = join(temporaryDirectory(context), "control.sock");
  writeFileSync(path, "precious");
  await assert.rejects(serve(context, { path }), {
    name: "SystemError",
    code: "EEXIST",
    message: /not a socket/,
  });
  assert.equal(statSync(path).size, 8);
});

test("a missing directory and a path too long are told as such", async (context) => {
  const directory = temporaryDirectory(context);
  await assert.rejects(serve(context, { path: join(directory, "none", "control.sock") }), {
    name: "SystemError",
    code: /ENOENT|EACCES/,
  });
  await assert.rejects(serve(context, { path: join(directory, "x".repeat(100), "control.sock") }), {
    name: "SystemError",
    code: "ENAMETOOLONG",
    message: /107 bytes/,
  });
});

test("an inherited socket is served, and its file outlives the server", async (context) => {
  const runtimeDirectory = temporaryDirectory(context);
  const { path, fd, letGo } = await holdSocket(context, runtimeDirectory);
  const daemon = await startDaemon(context, { runtimeDirectory, fd: 3 }, fd);
  letGo();
  assert.equal(await answers(path), true);
  daemon.kill("SIGTERM");
  await soon("its end", once(daemon, "exit"));
  assert.ok(existsSync(path));
});
