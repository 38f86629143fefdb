import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pidFilePath, runningRegistry } from "../../src/control/pidfile.ts";
import { client, STATUS } from "../control/fake-control.ts";
import { soon, temporaryDirectory } from "../control/harness.ts";
import { bareEnvironment } from "../support/bare-environment.ts";
import type { DaemonOptions } from "./daemon.ts";
import { holdSocket, multiprotoctl, type Outcome, type RunOptions, startDaemon, supervise } from "./spawn.ts";

interface Bench {
  readonly directory: string;
  readonly socket: string;
  readonly pid: number;
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
}

/** A directory with, unless told otherwise, a registry running in it. */
async function bench(context: TestContext, options: Partial<DaemonOptions> | null = {}): Promise<Bench> {
  const directory = temporaryDirectory(context);
  const socket = join(directory, "control.sock");
  const daemon =
    options === null ? undefined : await startDaemon(context, { runtimeDirectory: directory, ...options });
  return {
    directory,
    socket,
    pid: daemon?.pid ?? 0,
    run: (args, given) => multiprotoctl([...args, "--socket", socket], given),
  };
}

/** The one JSON object on stdout; nothing may be on stderr. */
function json({ stdout, stderr }: Outcome): Record<string, unknown> {
  assert.equal(stderr, "");
  assert.match(stdout, /^\{.*\}\n$/);
  const object = JSON.parse(stdout);
  assert.equal(object.schema, 1);
  return object;
}

test("status of a running registry", async (context) => {
  const { run, pid } = await bench(context);
  const shown = await run(["status"], { environment: { TZ: "UTC" } });
  assert.deepEqual([shown.code, shown.stderr], [0, ""]);
  const lines = shown.stdout.trimEnd().split("\n");
  assert.deepEqual(
    [...lines.slice(0, 3), ...lines.slice(4)],
    [
      "multiproto registry: ready",
      `  pid                         ${pid}`,
      "  version                     9.8.7",
      "  ports                       UDP 10001, TCP 10001, SCTP over UDP 9899",
      "  realm                       office",
      "  key                         41121 41635 42149 42663 43177 43691 44205 44719",
      "  state                       5 nicknames, 1 banned",
      "  roster                      change 4711 of epoch 0011223344556677",
      "  interfaces                  eth0, lo",
      "  clients                     3 online, 1 offline, 2 joining",
      "  mp1                         let in, unverified; not originals: SCTP on IP is not served (see the journal)",
      "  other registry              annex at 10.0.0.7, key 41121 41635 42149 42663 43177 43691 44205 44719, since 2026-11-22 19:00:00 (see the journal)",
      "  last error                  bad \\x1b[31mthing (2026-11-22 19:00:00)",
      "  datagrams dropped: garbage  17",
    ],
  );
  assert.match(lines[3] ?? "", /^ {2}up {26}2 h, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  const outcome = await run(["status", "--json"]);
  assert.equal(outcome.code, 0);
  const { startedAt, ...rest } = json(outcome);
  const { startedAt: _, ...expected } = { ...STATUS, pid };
  assert.equal(typeof startedAt, "string");
  assert.deepEqual(rest, expected);
});

test("status of a stopped registry says so and does not connect", async (context) => {
  const directory = temporaryDirectory(context);
  const held = await holdSocket(context, directory);
  // As after a crash: the process is gone, its file is not.
  writeFileSync(pidFilePath(directory), JSON.stringify({ pid: process.pid, startTicks: 1 }));
  let connections = 0;
  held.onConnection(() => {
    connections += 1;
  });
  const shown = await multiprotoctl(["status", "--socket", held.path]);
  assert.deepEqual(shown, { code: 3, stdout: "multiproto registry: stopped\n", stderr: "" });
  const asJson = await multiprotoctl(["--json", "--socket", held.path, "status"]);
  assert.equal(asJson.code, 3);
  assert.deepEqual(json(asJson), { schema: 1, state: "stopped" });
  for (const args of [["clients"], ["reload"], ["log-level", "info"], ["stop"], ["version"]]) {
    await multiprotoctl([...args, "--socket", held.path]);
  }
  // A connection of ours comes after any of theirs: the queue is in order.
  const own = await multiprotoctl(["start", "--timeout", "1ms", "--socket", held.path]);
  assert.equal(own.code, 6);
  assert.equal(connections, 1);
});

test("what needs a running registry says how to start it", async (context) => {
  const { run } = await bench(context, null);
  for (const args of [["clients"], ["reload"], ["log-level", "info"]]) {
    const outcome = await run(args);
    assert.equal(outcome.code, 3, args.join(" "));
    assert.match(
      outcome.stderr,
      /^multiprotoctl: the registry is not running; start it with: systemctl start multiproto/,
    );
  }
  const outcome = await run(["clients", "--json"]);
  assert.equal((json(outcome).error as { code: string }).code, "not-running");
});

test("clients: a sorted, escaped table", async (context) => {
  const { run } = await bench(context);
  const { code, stdout } = await run(["clients"], { environment: { TZ: "UTC" } });
  assert.equal(code, 0);
  assert.deepEqual(stdout.split("\n"), [
    "NICKNAME            STATE           ADDRESS         PROTOCOL          KEY            SCTP      SINCE                RTT      STATUS",
    "Bo                  suspect         10.0.0.5:51234  mp1 (unverified)  -              on IP     2026-11-22 19:00:00  12.0 ms  -",
    "eva\\x1b[2J\\u{202e}  offline (lost)  10.0.0.5:51234  mp1 (unverified)  -              -         2026-11-22 19:00:00  -        -",
    "ola                 away            10.0.0.5:51234  mp2               41121 41635 …  over UDP  2026-11-22 19:00:00  1.3 ms   back at 3",
    "",
  ]);
  const { clients } = json(await run(["clients", "--json"]));
  assert.deepEqual(
    (clients as readonly unknown[])[0],
    client("Bo", { state: "suspect", path: "raw", rttMillis: 12 }),
  );
});

test("clients: nobody", async (context) => {
  const { run } = await bench(context, { noClients: true });
  assert.equal((await run(["clients"])).stdout, "nobody is registered\n");
  assert.deepEqual(json(await run(["clients", "--json"])), { schema: 1, clients: [] });
});

test("reload: what was applied, what needs a restart, and a refusal", async (context) => {
  const good = await bench(context);
  assert.deepEqual(await good.run(["reload"]), {
    code: 0,
    stdout: "applied: log.level\nneeds a restart (multiprotoctl restart): network.port\n",
    stderr: "",
  });
  assert.deepEqual(json(await good.run(["reload", "--json"])), {
    schema: 1,
    applied: ["log.level"],
    needsRestart: ["network.port"],
  });
  const bad = await bench(context, { badConfiguration: "line 3: unknown key prot (did you mean port?)" });
  const refused = await bad.run(["reload"]);
  assert.equal(refused.code, 78);
  assert.equal(
    refused.stderr,
    "multiprotoctl: configuration refused: line 3: unknown key prot (did you mean port?)\n",
  );
  assert.equal((await bad.run(["status"])).code, 0);
});

test("log-level: for good, and for a while", async (context) => {
  const { run } = await bench(context);
  assert.equal((await run(["log-level", "debug"])).stdout, "log level debug (was info)\n");
  assert.equal(
    (await run(["log-level", "debug", "--for", "10m"], { environment: { TZ: "UTC" } })).stdout,
    "log level debug until 2026-11-22 20:00:00, then info\n",
  );
  assert.deepEqual(json(await run(["log-level", "warn", "--json"])), {
    schema: 1,
    level: "warn",
    previous: "info",
    until: null,
  });
});

test("version, with and without a registry", async (context) => {
  const { run, pid } = await bench(context);
  const { stdout } = await run(["version"]);
  assert.match(
    stdout,
    new RegExp(`^multiprotoctl \\d+\\.\\d+\\.\\d+\nmultiprotod 9\\.8\\.7 \\(node [\\d.]+, pid ${pid}\\)\n$`),
  );
  const stopped = await bench(context, null);
  const outcome = await stopped.run(["version", "--json"]);
  assert.equal(outcome.code, 0);
  assert.equal(json(outcome).daemon, null);
});

test("stop waits for the end of the process", async (context) => {
  const { run, directory } = await bench(context);
  const { code, stdout } = await run(["stop"]);
  assert.equal(code, 0);
  assert.match(stdout, /^multiproto registry stopped in [\d.]+ (ms|s)\n$/);
  assert.equal(runningRegistry(directory), undefined);
  assert.deepEqual(await run(["stop"]), {
    code: 0,
    stdout: "multiproto registry is not running\n",
    stderr: "",
  });
  assert.deepEqual(json(await run(["stop", "--json"])), { schema: 1, result: "not-running" });
});

test("stop does not call a process stopped that still runs", async (context) => {
  const { run, directory, pid } = await bench(context, { refusesToStop: true });
  const { code, stderr } = await run(["stop", "--timeout", "300ms"]);
  assert.equal(code, 6);
  assert.match(stderr, new RegExp(`\\(pid ${pid}\\) still runs after 300 ms`));
  assert.notEqual(runningRegistry(directory), undefined);
});

test("start: ready, running already, failed, died, nobody there, too slow", async (context) => {
  const waiting = await bench(context, { startsWhenAsked: true });
  assert.match(
    (await waiting.run(["start"])).stdout,
    new RegExp(`^multiproto registry started in .* \\(pid ${waiting.pid}\\)\n$`),
  );
  const again = json(await waiting.run(["start", "--json"]));
  assert.deepEqual([again.result, again.pid, again.version], ["already-running", waiting.pid, "9.8.7"]);

  const failing = await bench(context, { startsWhenAsked: true, failsToStart: "UDP 10001 in use\u001b[2J" });
  const failed = await failing.run(["start"]);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^multiprotoctl: the registry did not start: UDP 10001 in use\\x1b\[2J\n/);

  const hanging = await bench(context, { startsWhenAsked: true, hangs: true });
  const late = await hanging.run(["start", "--timeout", "200ms"]);
  assert.equal(late.code, 6);
  assert.match(late.stderr, /not ready within 200 ms/);

  const nobody = await bench(context, null);
  const none = await nobody.run(["start"]);
  assert.equal(none.code, 3);
  assert.match(none.stderr, /there is no socket .*; start it with: systemctl start multiproto/);
});

test("start on a socket that nobody serves fails with the journal's last lines", async (context) => {
  const { directory, socket, run, pid } = await bench(context);
  process.kill(pid, "SIGKILL");
  // A journalctl that answers what it was asked with; like the real one it was asked for the newest line first.
  const bin = join(directory, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "journalctl"), '#!/bin/sh\nprintf "bad \\033[2J line\\n"\necho "asked: $*"\n', {
    mode: 0o755,
  });
  assert.ok(existsSync(socket));
  const { code, stderr } = await run(["start"], { environment: { PATH: `${bin}:${process.env.PATH}` } });
  assert.equal(code, 1);
  const [first, asked, bad] = stderr.split("\n");
  assert.match(first ?? "", /did not start: no registry: nobody listens on/);
  assert.match(asked ?? "", /^ {2}asked: -u multiproto --since=@\d+ -n 20 --reverse --no-pager -q -o cat$/);
  assert.equal(bad, "  bad \\x1b[2J line");
});

test("restart without a supervisor happens in the process", async (context) => {
  const { run, pid } = await bench(context);
  const report = json(await run(["restart", "--json"]));
  assert.deepEqual([report.result, report.pid], ["restarted", pid]);
});

test("restart under a supervisor is stop and start through the socket", async (context) => {
  const runtimeDirectory = temporaryDirectory(context);
  const held = await holdSocket(context, runtimeDirectory);
  const first = await supervise(context, { runtimeDirectory, fd: 3, supervisor: "systemd" }, held.fd);
  held.letGo();
  const before = runningRegistry(runtimeDirectory)?.pid;
  const outcome = await multiprotoctl(["restart", "--socket", held.path]);
  assert.equal(outcome.stderr, "");
  assert.match(outcome.stdout, /^multiproto registry restarted in .* \(pid \d+\)\n$/);
  const after = runningRegistry(runtimeDirectory)?.pid;
  assert.ok(before !== undefined && after !== undefined && before !== after, `${before} → ${after}`);
  assert.equal(first.exitCode, null);
});

test("a registry that dies while it is asked is a failure, not a crash", async (context) => {
  const { run } = await bench(context, { diesWhenAsked: true });
  const { code, stderr } = await run(["status"]);
  assert.deepEqual([code, stderr], [1, "multiprotoctl: the registry closed the connection\n"]);
});

const outsider = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
const root = process.getuid?.() === 0;

test("others are told to join the group, whatever they ask", {
  skip: root ? false : "needs root",
}, async (context) => {
  const { run, pid } = await bench(context);
  const text = "not permitted: join group multiproto (sudo usermod -aG multiproto $USER)";
  for (const args of [
    ["status"],
    ["clients"],
    ["start"],
    ["stop"],
    ["restart"],
    ["reload"],
    ["log-level", "info"],
    ["version"],
  ]) {
    assert.deepEqual(await run(args, { prefix: outsider }), {
      code: 4,
      stdout: "",
      stderr: `multiprotoctl: ${text}\n`,
    });
  }
  assert.deepEqual(json(await run(["status", "--json"], { prefix: outsider })).error, {
    code: "not-permitted",
    text,
  });
  assert.equal((await run(["status"])).code, 0);
  process.kill(pid, "SIGKILL");
  for (const args of [["status"], ["start"], ["stop"]]) {
    assert.equal((await run(args, { prefix: outsider })).code, 4, "stopped or not is not for them to know");
  }
});

test("a directory that others may not enter says the same", {
  skip: root ? false : "needs root",
}, async (context) => {
  const { run, directory } = await bench(context);
  chmodSync(directory, 0o750);
  assert.equal((await run(["status"], { prefix: outsider })).code, 4);
});

test("members of the socket's group may ask", { skip: root ? false : "needs root" }, async (context) => {
  const { run, socket } = await bench(context);
  chownSync(socket, 0, 4242);
  const member = ["setpriv", "--reuid", "65534", "--regid", "65534", "--groups", "4242"];
  assert.equal((await run(["status"], { prefix: member })).code, 0);
});

test("wrong command lines exit 2", async (context) => {
  const { run } = await bench(context, null);
  for (const args of [
    ["fly"],
    ["status", "--loud"],
    ["status", "now"],
    ["log-level"],
    ["log-level", "loud"],
    ["log-level", "info", "--for", "10"],
    ["log-level", "info", "--for", "8d"],
    ["stop", "--timeout", "soon"],
    [],
  ]) {
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([args, code, stdout], [args, 2, ""]);
    assert.notEqual(stderr, "");
  }
});

test("every command has help with an example", async () => {
  const commands = ["status", "start", "stop", "restart", "reload", "clients", "log-level", "version"];
  const { code, stdout } = await multiprotoctl(["--help"]);
  assert.equal(code, 0);
  for (const command of commands) {
    assert.match(stdout, new RegExp(`^ {2}${command} `, "m"));
    const help = await multiprotoctl([command, "--help"]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, new RegExp(`Examples?:\n  multiprotoctl ${command}`));
    assert.match(help.stdout, /--json/);
  }
});

test("the socket is found by $MULTIPROTO_SOCKET, then $RUNTIME_DIRECTORY, then $XDG_RUNTIME_DIR", async (context) => {
  const one = await bench(context);
  const two = await bench(context);
  const home = temporaryDirectory(context);
  mkdirSync(join(home, "multiproto"));
  const three = await startDaemon(context, { runtimeDirectory: join(home, "multiproto") });
  const asked = async (environment: Record<string, string>) =>
    json(await multiprotoctl(["status", "--json"], { environment })).pid;
  const environment = {
    MULTIPROTO_SOCKET: one.socket,
    RUNTIME_DIRECTORY: two.directory,
    XDG_RUNTIME_DIR: home,
  };
  assert.equal(await asked(environment), one.pid);
  assert.equal(await asked({ ...environment, MULTIPROTO_SOCKET: "" }), two.pid);
  if (existsSync("/run/multiproto/control.sock"))
    return context.diagnostic("a registry of this machine comes before $XDG_RUNTIME_DIR");
  assert.equal(await asked({ XDG_RUNTIME_DIR: home }), three.pid);
});

test("colours only on a terminal, and not with NO_COLOR", async (context) => {
  const { socket } = await bench(context);
  const onTerminal = async (environment: Record<string, string>) => {
    const command = `${process.execPath} src/bin/multiprotoctl.ts status --socket ${socket}`;
    const terminal = spawn("script", ["-qec", command, "/dev/null"], {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: new URL("../..", import.meta.url),
      env: { ...bareEnvironment(), TERM: "xterm", ...environment },
    });
    let output = "";
    terminal.stdout.setEncoding("utf8").on("data", (chunk) => (output += chunk));
    await soon("the terminal", once(terminal, "close"));
    assert.match(output, /multiproto registry/);
    return output;
  };
  assert.ok((await onTerminal({})).includes("\u001b[1mready\u001b[0m"));
  assert.ok(!(await onTerminal({ NO_COLOR: "1" })).includes("\u001b["));
});

test("a reader that has seen enough is no error", async (context) => {
  const { socket } = await bench(context);
  const command = `${process.execPath} src/bin/multiprotoctl.ts status --socket ${socket} | true; echo "\${PIPESTATUS[0]}"`;
  const shell = spawn("bash", ["-c", command], { cwd: new URL("../..", import.meta.url) });
  let output = "";
  shell.stdout.setEncoding("utf8").on("data", (chunk) => (output += chunk));
  shell.stderr.setEncoding("utf8").on("data", (chunk) => (output += chunk));
  await soon("the shell", once(shell, "close"));
  assert.equal(output, "0\n");
});
