import assert from "node:assert/strict";
import { test } from "node:test";
import { journalFields, openJournal } from "../../src/service/journal.ts";
import { ServiceLog } from "../../src/service/log.ts";

test("fields have journald's names, and values that act on nothing", () => {
  const hostile = "a\nPRIORITY=0\x1b[2J\u202e";
  assert.deepEqual(
    journalFields(4, "ola is gone", {
      reason: "lost",
      "sctp-raw": true,
      absent: undefined,
      nickname: hostile,
    }),
    [
      "MESSAGE=ola is gone",
      "PRIORITY=4",
      "SYSLOG_IDENTIFIER=multiprotod",
      "MULTIPROTO_REASON=lost",
      "MULTIPROTO_SCTP_RAW=true",
      "MULTIPROTO_NICKNAME=a\\x0aPRIORITY=0\\x1b[2J\\u{202e}",
    ],
  );
  const [, , , long = "", odd = ""] = journalFields(6, "", {
    a: "x".repeat(100_000),
    ["ü\n=".repeat(100)]: 1,
  });
  assert.ok(long.length < 300);
  assert.match(odd, /^MULTIPROTO_[A-Z0-9_]{1,53}=1$/);
});

test("without a journal there is nothing to send to", async () => {
  assert.equal(await openJournal("/nonexistent/socket"), undefined);
});

test("what the journal takes is not written as well; what it does not take is", () => {
  const lines: string[] = [];
  const sent: unknown[] = [];
  let takes = true;
  const log = new ServiceLog({
    clock: { now: () => 0, wall: () => 0 },
    ...{ format: "text", journal: true, level: "info" },
    send: (...line) => {
      sent.push(line);
      return takes;
    },
    write: (line) => lines.push(line),
  });
  const entry = { level: "warn", text: "ola is gone", fields: { reason: "lost" } } as const;
  log.write(entry);
  assert.deepEqual(sent, [[4, "ola is gone reason=lost", { reason: "lost" }]]);
  assert.deepEqual(lines, []);
  takes = false;
  log.write(entry);
  assert.deepEqual(lines, ["<4>ola is gone reason=lost\n"]);
});
