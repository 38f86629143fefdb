import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { MessageHook } from "../../src/io/message-hook.ts";
import { until } from "../lab/command.ts";

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-hook-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function hook(
  command: readonly string[],
  limits: ConstructorParameters<typeof MessageHook>[0]["limits"] = {},
) {
  const troubles: string[] = [];
  return { troubles, hook: new MessageHook({ command, limits, onTrouble: (text) => troubles.push(text) }) };
}

test("each message comes on standard input; words are words, whatever is in them", async (t) => {
  const directory = scratch(t);
  const file = join(directory, "a b; $(touch nope)");
  const { hook: made, troubles } = hook(["sh", "-c", 'cat >> "$1"', "sh", file], { running: 1 });
  for (let index = 0; index < 5; index += 1) made.run(`{"text":"'; rm -rf ${index} \\u001b"}\n`);
  const written = () => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return "";
    }
  };
  await until("all five", () => (written().split("\n").length === 6 ? true : undefined));
  assert.equal(written().split("\n")[4], `{"text":"'; rm -rf 4 \\u001b"}`);
  assert.deepEqual(troubles, []);
});

test("a command that is missing, fails, or does not read: one line, and no crash", async () => {
  for (const [command, why] of [
    [["/nonexistent/program"], /on-message: \/nonexistent\/program: .*ENOENT/],
    [["sh", "-c", "exit 3"], /on-message: sh: it ended with 3/],
  ] as const) {
    const { hook: made, troubles } = hook(command);
    for (let index = 0; index < 10; index += 1) made.run(`${"x".repeat(200_000)}\n`);
    await until("the line", () => (troubles.length > 0 ? true : undefined));
    assert.match(troubles[0] ?? "", why);
    assert.equal(new Set(troubles).size, troubles.length);
  }
});

test("a command that does not end is killed, and no more than the allowed number run or wait", async () => {
  const { hook: made, troubles } = hook(["sleep", "1000"], { running: 2, waiting: 1, millis: 100 });
  for (let index = 0; index < 5; index += 1) made.run("x\n");
  assert.match(troubles.join("\n"), /messages come faster than it ends/);
  await until("the kill", () => (troubles.some((text) => text.includes("SIGKILL")) ? true : undefined));
});
