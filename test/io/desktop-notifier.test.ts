import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { DesktopNotifier, NOTIFIER_LIMITS } from "../../src/io/desktop-notifier.ts";
import { until } from "../lab/command.ts";

/** A notify-send of our own: `script` is what it does. */
function desktop(t: TestContext, script: string, limits: Partial<typeof NOTIFIER_LIMITS> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-notify-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const calls = join(directory, "calls");
  writeFileSync(join(directory, "notify-send"), `#!/bin/sh\n${script.replaceAll("CALLS", calls)}\n`);
  chmodSync(join(directory, "notify-send"), 0o755);
  const troubles: string[] = [];
  const time = { now: 0 };
  const notifier = new DesktopNotifier({
    clock: { now: () => time.now, wall: () => time.now },
    environment: { PATH: `${directory}:${process.env.PATH}`, DISPLAY: ":0" },
    onTrouble: (text) => troubles.push(text),
    limits,
  });
  const read = (): string => (existsSync(calls) ? readFileSync(calls, "utf8") : "");
  return { notifier, troubles, time, read, directory };
}

const WRITES = 'printf "[%s]" "$@" >> CALLS; echo >> CALLS';

test("words are words: no shell, no option, no markup, no control character, and no more than fits", async (t) => {
  const { notifier, read, troubles } = desktop(t, WRITES);
  notifier.notify("--help", `$(touch nope) <b>& \u001b[2J\n${"x".repeat(10_000)}`);
  const line = await until("the call", () => (read().includes("\n") ? read() : undefined));
  const [, name, dashes, title, body = ""] = /^\[(.*?)\]\[(.*?)\]\[(.*?)\]\[([\s\S]*)\]\n$/.exec(line) ?? [];
  assert.deepEqual([name, dashes, title], ["--app-name=multiproto-chat", "--", "--help"]);
  assert.ok(body.startsWith("$(touch nope) &lt;b&gt;&amp; \\x1b[2J\\x0axx"), body.slice(0, 80));
  assert.ok(body.length < NOTIFIER_LIMITS.body + 40, `${body.length}`);
  assert.deepEqual(troubles, []);
});

test("a flood is a few notifications, and some more as time passes", async (t) => {
  const { notifier, read, time } = desktop(t, WRITES, { running: 1_000 });
  for (let count = 0; count < 500; count += 1) notifier.notify("ola", `${count}`);
  const lines = (): number => read().split("\n").length - 1;
  await until("the burst", () => (lines() >= NOTIFIER_LIMITS.rate.burst ? true : undefined));
  time.now += 2_000;
  notifier.notify("ola", "later");
  await until("the later one", () => (read().includes("later") ? true : undefined));
  assert.equal(lines(), NOTIFIER_LIMITS.rate.burst + 1);
});

test("a desktop that does not answer is given up, and holds no more than so many processes", async (t) => {
  const { notifier, read, troubles, time } = desktop(t, "echo x >> CALLS; exec sleep 1000", {
    ...{ running: 2, millis: 300 },
    rate: { perSecond: 1_000, burst: 100 },
  });
  for (let count = 0; count < 20; count += 1) notifier.notify("ola", "hi");
  await until("the kill", () => (troubles.length > 0 ? true : undefined));
  assert.match(
    troubles.join("\n"),
    /notify-send: it ended with SIGKILL \(notify = "none" in chat\.toml ends it\)/,
  );
  assert.equal(read().split("\n").length - 1, 2);
  time.now += 1_000;
  assert.equal(troubles.length, 1, "once");
});

test("no desktop, or no notify-send: not a word", async (t) => {
  const { troubles, directory, read } = desktop(t, WRITES);
  const clock = { now: () => 0, wall: () => 0 };
  const onTrouble = (text: string): unknown => troubles.push(text);
  new DesktopNotifier({ clock, onTrouble, environment: { PATH: `${directory}:${process.env.PATH}` } }).notify(
    "ola",
    "hi",
  );
  const bare = new DesktopNotifier({
    clock,
    onTrouble,
    environment: { PATH: "/nonexistent", DISPLAY: ":0" },
  });
  for (let count = 0; count < 10; count += 1) bare.notify("ola", "hi");
  // What is spawned later has its error later.
  const { notifier } = desktop(t, "exit 3");
  notifier.notify("ola", "hi");
  const other = desktop(t, "exit 3");
  other.notifier.notify("ola", "hi");
  await until("the failure", () => (other.troubles.length > 0 ? true : undefined));
  assert.deepEqual([troubles, read()], [[], ""]);
});
