import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import {
  isAlive,
  pidFilePath,
  readPidFile,
  removePidFile,
  runningRegistry,
  writePidFile,
} from "../../src/control/pidfile.ts";
import { soon, temporaryDirectory } from "./harness.ts";

/** A process whose name holds what breaks a careless reading of /proc/PID/stat. */
async function startProcess(context: TestContext): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn(process.execPath, [
    "-e",
    'process.title = "a) Z 1 ("; console.log("up"); setInterval(() => {}, 1e6)',
  ]);
  context.after(() => child.kill("SIGKILL"));
  await soon("the process", once(child.stdout, "data"));
  assert.ok(child.pid !== undefined);
  return child as ChildProcess & { readonly pid: number };
}

test("the file marks a process, and says whether it still runs", async (context) => {
  const directory = temporaryDirectory(context);
  const child = await startProcess(context);
  assert.match(readFileSync(`/proc/${child.pid}/stat`, "latin1"), /a\) Z 1 \(/);
  writePidFile(directory, child.pid);
  assert.deepEqual(readdirSync(directory), ["multiprotod.pid"]);
  assert.equal(runningRegistry(directory)?.pid, child.pid);
  child.kill("SIGKILL");
  await soon("its end", once(child, "exit"));
  assert.equal(runningRegistry(directory), undefined);
  assert.equal(readPidFile(directory)?.pid, child.pid);
});

test("another process with the same id is not it", (context) => {
  const directory = temporaryDirectory(context);
  writePidFile(directory);
  const mark = readPidFile(directory);
  assert.ok(mark !== undefined && isAlive(mark));
  assert.equal(isAlive({ ...mark, startTicks: mark.startTicks - 1 }), false);
});

test("a process that has ended but was not collected does not run", async (context) => {
  // The shell's child ends while the shell, stopped, cannot collect it.
  const shell = spawn("sh", ["-c", "sleep 1000 & echo $!; wait"], { stdio: ["ignore", "pipe", "ignore"] });
  context.after(() => shell.kill("SIGKILL"));
  const [line] = await soon("the child's id", once(shell.stdout, "data"));
  const pid = Number(line);
  const directory = temporaryDirectory(context);
  writePidFile(directory, pid);
  shell.kill("SIGSTOP");
  process.kill(pid, "SIGKILL");
  const zombie = () =>
    existsSync(`/proc/${pid}/stat`) && / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  for (const deadline = Date.now() + 5000; !zombie() && Date.now() < deadline; )
    await new Promise(setImmediate);
  assert.ok(zombie());
  assert.equal(runningRegistry(directory), undefined);
});

test("no file, and files that say nothing, mean that nothing runs", (context) => {
  const directory = temporaryDirectory(context);
  assert.equal(runningRegistry(directory), undefined);
  for (const content of [
    "",
    "1234",
    "{}",
    '{"pid":-1,"startTicks":5}',
    '{"pid":"1","startTicks":5}',
    "\0\x01",
    "[".repeat(1e5),
  ]) {
    writeFileSync(pidFilePath(directory), content);
    assert.equal(runningRegistry(directory), undefined, content.slice(0, 20));
  }
});

test("a process removes its own mark only", (context) => {
  const directory = temporaryDirectory(context);
  writePidFile(directory);
  removePidFile(directory, process.pid + 1);
  assert.equal(readPidFile(directory)?.pid, process.pid);
  removePidFile(directory);
  assert.equal(existsSync(pidFilePath(directory)), false);
  removePidFile(directory);
});

test("there is no mark for a process that does not exist", (context) => {
  assert.throws(() => writePidFile(temporaryDirectory(context), 2 ** 22 + 5), {
    name: "SystemError",
    code: "ESRCH",
  });
});
