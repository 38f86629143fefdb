/** `multiprotoctl config check` and `config show`. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { CONFIGURATION } from "../control/fake-control.ts";
import { temporaryDirectory } from "../control/harness.ts";
import { configure, Multiprotod, makePlace } from "../support/multiprotod.ts";
import { multiprotoctl, type Outcome, startDaemon } from "./spawn.ts";

const WRONG = "[network]\nport = 0\n[log]\nlevel = 'wran'\n";

/** `config check` of a file of that content, with no registry. */
async function check(
  context: TestContext,
  content: string | Uint8Array,
  ...args: string[]
): Promise<Outcome> {
  const directory = temporaryDirectory(context);
  writeFileSync(join(directory, "x.toml"), content);
  const line = ["config", "check", join(directory, "x.toml"), ...args];
  return multiprotoctl([...line, "--socket", join(directory, "control.sock")]);
}

test("check: each mistake on a line, with line, key and a suggestion; exit code 78", async (context) => {
  const { code, stdout, stderr } = await check(context, WRONG);
  assert.deepEqual([code, stderr], [78, ""]);
  assert.match(
    stdout,
    /^\S+x\.toml, line 2: network\.port: wants a port .*\n\S+x\.toml, line 4: log\.level: .* mean warn\?\)\n$/,
  );
});

test("check --json: all of them as data", async (context) => {
  const { code, stdout } = await check(context, WRONG, "--json");
  const { file, ...report } = JSON.parse(stdout);
  assert.equal(code, 78);
  assert.match(file, /x\.toml$/);
  assert.deepEqual(report, {
    schema: 1,
    result: "refused",
    exists: true,
    mistakes: [
      { line: 2, key: "network.port", text: "wants a port number from 1 to 65535" },
      { line: 4, key: "log.level", text: "wants one of a few words (did you mean warn?)" },
    ],
  });
});

test("check: a right one is right", async (context) => {
  const { code, stdout } = await check(context, "[network]\nport = 7\n");
  assert.equal(code, 0);
  assert.match(stdout, /x\.toml is right\n$/);
});

test("check: nothing of a hostile file acts on the terminal", async (context) => {
  const { code, stdout } = await check(context, '[network]\n"\\u001b[2J\\u202e" = 1\n');
  assert.equal(code, 78);
  assert.match(stdout, /network\.\\x1b\[2J\\u\{202e\}: unknown key/);
  const binary = await check(context, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0x00]));
  assert.equal(binary.code, 78);
  assert.match(binary.stdout, /line 1: not UTF-8 text\n$/);
});

test("check: a file that is not there is refused by name; a pipe holds nobody up", async (context) => {
  const directory = temporaryDirectory(context);
  const none = await multiprotoctl(["config", "check", join(directory, "none.toml")]);
  assert.equal(none.code, 78);
  assert.match(none.stdout, /none\.toml: cannot be read: /);
  execFileSync("mkfifo", [join(directory, "pipe")]);
  const pipe = await multiprotoctl(["config", "check", join(directory, "pipe")]);
  assert.equal(pipe.code, 78);
  assert.match(pipe.stdout, /pipe: cannot be read: it is not a file\n$/);
});

test("show: every setting with its value and who says so, made safe", async (context) => {
  const directory = temporaryDirectory(context);
  await startDaemon(context, { runtimeDirectory: directory });
  const socket = ["--socket", join(directory, "control.sock")];
  const shown = await multiprotoctl(["config", "show", ...socket], { environment: { TZ: "UTC" } });
  assert.deepEqual(
    [shown.code, shown.stdout],
    [
      0,
      [
        "/etc/multiproto/multiproto.toml (read 2026-11-22 18:00:00)",
        "SETTING             VALUE                  FROM",
        'network.interfaces  ["eth0", "\\u001b[2J"]  file',
        "network.port        10001                  default",
        'log.level           "debug"                log-level',
        "",
      ].join("\n"),
    ],
  );
  const { stdout } = await multiprotoctl(["config", "show", "--json", ...socket]);
  assert.deepEqual(JSON.parse(stdout), { schema: 1, ...CONFIGURATION });
});

test("show: without a registry there is nothing in force", async (context) => {
  const socket = ["--socket", join(temporaryDirectory(context), "control.sock")];
  const { code, stderr } = await multiprotoctl(["config", "show", ...socket]);
  assert.equal(code, 3);
  assert.match(stderr, /the registry is not running/);
});

test("of a real registry: check reads its file, show says what a reload and log-level have changed, and what not", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const run = (...args: string[]) => multiprotoctl([...args, "--socket", daemon.socketPath]);
  const inForce = async () => {
    const { stdout } = await run("config", "show", "--json");
    const { file, settings } = JSON.parse(stdout) as typeof CONFIGURATION;
    assert.equal(file, place.configurationFile);
    return (key: string) => settings.find((setting) => setting.key === key);
  };
  const before = await inForce();
  assert.deepEqual(before("network.port"), { key: "network.port", value: place.port, origin: "file" });
  assert.deepEqual(before("metrics.listen"), { key: "metrics.listen", value: "", origin: "default" });

  configure(place, '[presence]\nheartbeat = "900ms"\n[metrics]\nlisten = "127.0.0.1:1"');
  const checked = await run("config", "check");
  assert.equal(checked.stdout, `${place.configurationFile} is right\n`);
  assert.equal((await run("reload")).code, 0);
  assert.equal((await run("log-level", "debug")).code, 0);
  const after = await inForce();
  assert.deepEqual(after("presence.heartbeat"), {
    key: "presence.heartbeat",
    value: "900ms",
    origin: "file",
  });
  assert.deepEqual(after("metrics.listen"), { key: "metrics.listen", value: "", origin: "default" });
  assert.deepEqual(after("log.level"), { key: "log.level", value: "debug", origin: "command" });

  configure(place, "[presence]\nheartbeat = 1");
  const wrong = await run("config", "check");
  assert.equal(wrong.code, 78);
  assert.match(wrong.stdout, /line 5: presence\.heartbeat: wants a duration/);
  assert.equal((await run("reload")).code, 78);
  assert.deepEqual((await inForce())("presence.heartbeat")?.value, "900ms");
});
