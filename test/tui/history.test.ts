import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { ArchiveReader } from "../../src/chat/archive.ts";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { runHistory, runHistoryExport, runHistorySearch } from "../../src/tui/history-scripts.ts";
import { id, received, sent } from "../contract/archive-store.ts";
import { WALL } from "../support/stores.ts";

function archive(): MemoryArchive {
  const made = new MemoryArchive({ wall: () => WALL });
  made.commit([
    sent(1, "ola", "good morning"),
    received(2, "ola", "hi \u001b[31m red\u202e\n two"),
    received(undefined, "bob", "old client"),
    { type: "failed", messageId: id(1), why: "left" },
  ]);
  return made;
}

function context(reader: ArchiveReader | undefined, json = false) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const texts = { printed: "", said: "" };
  output.on("data", (bytes: Buffer) => {
    texts.printed += bytes;
  });
  errors.on("data", (bytes: Buffer) => {
    texts.said += bytes;
  });
  return { reader, json, output, errors, printed: () => texts.printed, said: () => texts.said };
}

test("what was said, for people: one safe line a message, the oldest first, marked", () => {
  const all = context(archive());
  assert.equal(runHistory(all, { key: undefined, since: undefined, limit: 50 }), EXIT.ok);
  const lines = all.printed().trimEnd().split("\n");
  assert.match(lines[0] ?? "", /^2026-\d\d-\d\d \d\d:\d\d to ola: good morning \(not delivered\)$/);
  assert.match(lines[1] ?? "", / ola: hi \\x1b\[31m red\\u\{202e\} {2}two$/);
  assert.match(lines[2] ?? "", / bob\*: old client$/);
  const last = context(archive());
  runHistory(last, { key: undefined, since: undefined, limit: 1 });
  assert.match(last.printed(), /^\S+ \S+ bob\*: old client\n$/);
  const none = context(archive());
  assert.equal(runHistory(none, { key: "@eve", since: undefined, limit: 1 }), EXIT.unknownName);
  assert.equal(none.said(), "nothing has been said yet with eve\n");
  const late = context(archive());
  runHistory(late, { key: undefined, since: WALL + 1, limit: 9 });
  assert.equal(late.printed(), "");
  assert.equal(runHistory(context(undefined), { key: undefined, since: undefined, limit: 9 }), EXIT.ok);
});

test("search and export; JSON is safe for a terminal", async () => {
  const found = context(archive());
  assert.equal(runHistorySearch(found, { words: "MORN", key: undefined, limit: 5 }), EXIT.ok);
  assert.match(found.printed(), /good morning/);
  assert.equal(
    runHistorySearch(context(archive()), { words: "nope", key: undefined, limit: 5 }),
    EXIT.unknownName,
  );
  const exported = context(archive(), true);
  assert.equal(await runHistoryExport(exported, { key: "@ola" }), EXIT.ok);
  const text = exported.printed();
  assert.ok(!text.includes("\u001b") && !text.includes("\u202e"));
  const reports = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    reports.map(({ schema, type, direction, state, why, id: of }) => [
      schema,
      type,
      direction,
      state,
      why,
      of,
    ]),
    [
      [1, "history", "out", "failed", "left", id(1)],
      [1, "history", "in", "unread", null, id(2)],
    ],
  );
  assert.equal(reports[1].text, "hi \u001b[31m red\u202e\n two");
});
