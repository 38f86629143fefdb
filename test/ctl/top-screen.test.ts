/** What `multiprotoctl top` shows, without a terminal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import stringWidth from "string-width";
import type { ClientReport } from "../../src/control/reports.ts";
import type { TopReport } from "../../src/control/top.ts";
import { keysOf } from "../../src/ctl/live-terminal.ts";
import { bytesText, roomFor, topScreen } from "../../src/ctl/top-screen.ts";
import { cutTo, textWidth } from "../../src/ctl/width.ts";
import { client } from "../control/fake-control.ts";

const VIEW = { order: "traffic", skip: 0, columns: 120, rows: 24, former: undefined } as const;

function report(clients: readonly ClientReport[], change: Partial<TopReport> = {}): TopReport {
  const time = "2026-11-22T19:00:02.000Z";
  const counts = { online: clients.length, offline: 0, total: clients.length };
  return { time, realm: "office", ...counts, clients, ...change };
}

const tally = (sentBytes: number, receivedBytes: number, heartbeats = 100, answers = 100) => ({
  tally: { sentBytes, receivedBytes, heartbeats, answers },
});

test("a row for each: state, path, round trip, loss, traffic, since when", () => {
  const lines = topScreen(
    report([
      client("ola", { ...tally(1_200_000, 34_000, 1_000, 995), path: "raw" }),
      client("eva", { state: "offline", reason: "lost", path: null, rttMillis: null, tally: null }),
      client("bo", { ...tally(0, 12, 0, 0), away: true }),
    ]),
    VIEW,
  );
  assert.match(lines[0] ?? "", /^registry office: 3 online, 0 offline, 2026-11-22 /);
  assert.deepEqual(lines[2]?.split(/ {2,}/), [
    ...["NICKNAME", "STATE", "PATH", "RTT", "LOSS", "TRAFFIC", "A SECOND", "SINCE", "ADDRESS"],
  ]);
  assert.match(lines[3] ?? "", /^ola +online +ip +1\.3 ms +0\.5% +1\.2 MB +- +2026-.* 10\.0\.0\.5:51234$/);
  assert.match(lines[4] ?? "", /^eva +lost +- +- +- +- +- /);
  assert.match(lines[5] ?? "", /^bo +away +udp +1\.3 ms +- +12 B +- /);
  assert.match(lines.at(-1) ?? "", /^1 to 3 of 3, by traffic; s: another order/);
});

test("what crosses a second is told of those who were there before; a new association counts anew", () => {
  const former = report([client("ola", tally(1_000, 0)), client("eva", tally(9_000, 0))], {
    time: "2026-11-22T19:00:00.000Z",
  });
  const now = report([
    client("ola", tally(4_000, 2_000)),
    client("eva", tally(10, 0)),
    client("new", tally(5, 5)),
  ]);
  const lines = topScreen(now, { ...VIEW, former });
  assert.match(lines[3] ?? "", /^ola .* 6\.0 kB +2\.5 kB +2026/);
  assert.match(lines[4] ?? "", /^eva .* 10 B +- +2026/);
  assert.match(lines[5] ?? "", /^new .* 10 B +- +2026/);
});

test("whatever is told, the screen is no larger than the terminal and nothing acts on it", () => {
  const names = [
    "\u001b[2J\u001b]0;owned\u0007",
    "\u202eabc",
    "名前".repeat(16),
    "👩‍👩‍👧‍👦".repeat(8),
    "é\u0301".repeat(16),
    "\u009b31m",
    "a\nb\rc",
    "🇳🇴✅".repeat(8),
  ];
  const hostile = names.map((nickname) =>
    client(nickname, {
      address: `fe80::1%${nickname}`,
      since: "no time\u001b[H",
      reason: "\u0007",
      state: "offline",
    }),
  );
  for (const columns of [1, 2, 20, 79, 80, 200]) {
    for (const rows of [1, 2, 3, 4, 5, 6, 24]) {
      const lines = topScreen(report(hostile, { realm: "r\u001b[1m", total: 4_000 }), {
        ...VIEW,
        columns,
        rows,
      });
      assert.ok(lines.length <= rows, `${lines.length} lines in ${rows}`);
      for (const line of lines) {
        assert.doesNotMatch(line, /[\p{Cc}\u202e]/u);
        assert.ok(stringWidth(line) <= columns, `${stringWidth(line)} columns in ${columns}: ${line}`);
      }
    }
  }
});

test("columns stand below each other whatever is wide", () => {
  const lines = topScreen(
    report([client("名前"), client("✅ok"), client("plain"), client("👩‍👩‍👧‍👦")]),
    VIEW,
  );
  const at = lines.slice(2, 7).map((line) => stringWidth(line.slice(0, line.search(/online|STATE/))));
  assert.deepEqual(new Set(at).size, 1, String(at));
});

test("more clients than lines: those that fit, and of how many", () => {
  const many = Array.from({ length: 100 }, (_, index) => client(`client-${index}`));
  const lines = topScreen(report(many, { total: 5_000 }), { ...VIEW, skip: 40, rows: 10 });
  assert.equal(lines.length, 10);
  assert.equal(roomFor(10), 6);
  assert.match(lines.at(-1) ?? "", /^41 to 46 of 5000, /);
  assert.match(topScreen(report([]), VIEW).at(-1) ?? "", /^nobody, by traffic/);
});

test("a text is cut between its characters", () => {
  assert.equal(cutTo("plain", 5), "plain");
  assert.equal(cutTo("plain", 4), "pla…");
  assert.equal(cutTo("plain", 0), "");
  assert.equal(cutTo("名前名前", 6), "名前…");
  assert.equal(cutTo("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 3), "👩‍👩‍👧‍👦…");
  assert.equal(textWidth("✅"), 2);
});

test("bytes in three digits", () => {
  const told = [0, 999, 1_000, 9_949, 9_950, 999_499, 999_500, 34_000_000, 1e15].map(bytesText);
  assert.deepEqual(told, [
    "0 B",
    "999 B",
    "1.0 kB",
    "9.9 kB",
    "10 kB",
    "999 kB",
    "1.0 MB",
    "34 MB",
    "1000 TB",
  ]);
});

test("keys that mean something, in whatever comes", () => {
  assert.deepEqual(keysOf("q\x03sx"), ["leave", "leave", "order"]);
  assert.deepEqual(keysOf("\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H"), [
    "up",
    "down",
    "page-up",
    "page-down",
    "first",
  ]);
  assert.deepEqual(keysOf("\x1b[200~\x1b[1;5A\x1b[<0;1;1M\xff\x00constructor".replace("s", "")), []);
  assert.deepEqual(keysOf("\x1b"), []);
});
