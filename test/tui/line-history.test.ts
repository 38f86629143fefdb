import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MAX_HISTORY } from "../../src/tui/line-editor.ts";
import { HistoryFile, historyPath } from "../../src/tui/line-history.ts";

test("kept in the state directory, by default in the home", () => {
  assert.equal(historyPath({ XDG_STATE_HOME: "/state" }), "/state/multiproto/chat-history");
  const usual = join(homedir(), ".local/state/multiproto/chat-history");
  assert.equal(historyPath({}), usual);
  assert.equal(historyPath({ XDG_STATE_HOME: "relative" }), usual);
});

test("lines are kept for their owner alone, and no more than the last thousand", (context) => {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-history-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "deep", "chat-history");
  const file = new HistoryFile(path);
  assert.deepEqual(file.load(), []);
  file.add("one");
  file.add("  ");
  file.add("two");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(new HistoryFile(path).load(), ["one", "two"]);
  const many = Array.from({ length: MAX_HISTORY + 5 }, (_, index) => `line ${index}`);
  writeFileSync(path, `${many.join("\n")}\n`);
  assert.deepEqual(new HistoryFile(path).load(), many.slice(5));
  assert.deepEqual(new HistoryFile(path).load().length, MAX_HISTORY);
});

test("where it cannot be written, the chat goes on", () => {
  const file = new HistoryFile("/dev/null/multiproto/chat-history");
  file.add("one");
  assert.deepEqual(file.load(), []);
});
