import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { printStatus, type Standing } from "../../src/tui/status.ts";

const HOLDER = {
  ...{ pid: 7, version: "1.2.3", nickname: "adam", fingerprint: "00".repeat(32), registry: "10.0.0.1" },
  ...{ realm: "office", away: true, attached: 2, pending: 3 },
};

function printed(standing: Standing, json: boolean): { readonly code: number; readonly text: string } {
  let text = "";
  const output = new Writable({
    write: (chunk, _, done) => {
      text += chunk;
      done();
    },
  });
  return { code: printStatus(standing, { json, output }), text };
}

const MANY = Array.from({ length: 200 }, (_, index) => ({
  ...{ key: `@n${index}` as const, title: index === 1 ? "n\u001b[2J" : `n${index}`, unread: 2 },
}));

test("what is unread stands beside who holds the presence, for people and for programs", () => {
  const unread = { total: 400, conversations: MANY };
  const people = printed({ holder: HOLDER, unread }, false);
  assert.match(people.text, /^adam: online at registry office at 10\.0\.0\.1, away$/m);
  assert.match(people.text, /^unread: 400 \(n0 2, n\\x1b\[2J 2, .*, n9 2 and 190 others\)$/m);
  const { code, text } = printed({ holder: HOLDER, unread }, true);
  const report = JSON.parse(text);
  assert.deepEqual([code, report.running, report.pending, report.unread.total], [EXIT.ok, true, 3, 400]);
  assert.deepEqual(report.unread.conversations[0], { conversation: "@n0", title: "n0", count: 2 });
  assert.equal(report.unread.conversations.length, 100);
});

test("without a holder, and where nothing was ever said", () => {
  const { code, text } = printed({ holder: undefined, unread: undefined }, true);
  assert.equal(code, EXIT.notRunning);
  assert.deepEqual(JSON.parse(text), {
    ...{ schema: 1, type: "status", running: false },
    unread: { total: 0, conversations: [] },
  });
  assert.match(
    printed({ holder: undefined, unread: undefined }, false).text,
    /^not running: .*\nunread: 0\n$/,
  );
});
