import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogFormat, ServiceLog } from "../../src/service/log.ts";
import { parseLogLine } from "../support/log-line.ts";

function logTo(
  lines: string[],
  format: LogFormat = "text",
  journal = true,
): { log: ServiceLog; pass: (millis: number) => void } {
  let now = 0;
  const log = new ServiceLog({
    clock: { now: () => now, wall: () => Date.UTC(2026, 0, 2, 3, 4, 5) + now },
    format,
    journal,
    level: "info",
    write: (line) => lines.push(line),
  });
  return { log, pass: (millis) => (now += millis) };
}

test("one readable line an event with its priority and key=value detail", () => {
  const lines: string[] = [];
  const { log } = logTo(lines);
  log.write({
    level: "info",
    text: "ola online",
    fields: { path: "udp", note: 'two "words"', absent: undefined },
  });
  log.write({ level: "warn", text: "careful" });
  log.write({ level: "error", text: "broken" });
  log.write({ level: "debug", text: "hidden" });
  assert.deepEqual(lines, ['<6>ola online path=udp note="two \\"words\\""\n', "<4>careful\n", "<3>broken\n"]);
});

test("hostile text cannot begin a line, a priority or an escape sequence of its own", () => {
  const lines: string[] = [];
  const { log } = logTo(lines);
  log.write({ level: "info", text: "from \x1b[2J\n<0>panic", fields: { nickname: "a\n<1>b\u202e" } });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^<6>from \\x1b\[2J\\x0a<0>panic nickname=.*\n$/);
  assert.doesNotMatch((lines[0] ?? "").slice(0, -1), /[\p{Cc}\u202e]/u);
});

test("a line is cut at a bounded length", () => {
  const lines: string[] = [];
  logTo(lines).log.write({ level: "info", text: "x".repeat(100_000) });
  assert.ok((lines[0] ?? "").length < 2_100);
});

test("JSON lines are JSON behind the priority; on a terminal there is a time", () => {
  const lines: string[] = [];
  logTo(lines, "json").log.write({ level: "warn", text: "t", fields: { a: 1 } });
  const json: unknown = JSON.parse((lines[0] ?? "").slice(3));
  assert.deepEqual(json, { time: "2026-01-02T03:04:05.000Z", level: "warn", message: "t", a: 1 });
  logTo(lines, "pretty", false).log.write({ level: "warn", text: "t" });
  assert.equal(lines[1], "03:04:05.000 warn  t\n");
});

test("lines that the network can cause at will are counted beyond a burst, and the count is told", () => {
  const lines: string[] = [];
  const { log, pass } = logTo(lines);
  const noise = () => log.write({ level: "info", text: "noise", limit: "noise" });
  for (let count = 0; count < 1_000; count += 1) noise();
  assert.equal(lines.length, 5);
  log.write({ level: "info", text: "other", limit: "other" });
  assert.equal(lines.length, 6, "another kind has its own allowance");
  pass(10_000);
  noise();
  assert.equal(lines[6], "<6>noise similar-lines-left-out=995\n");
  noise();
  noise();
  log.flushCounts();
  assert.equal(lines.at(-1), "<6>noise similar-lines-left-out=2\n");
  log.flushCounts();
  assert.equal(lines.length, 8);
});

test("the level can be changed while it runs", () => {
  const lines: string[] = [];
  const { log } = logTo(lines);
  log.level = "error";
  log.write({ level: "warn", text: "hidden" });
  log.level = "debug";
  log.write({ level: "debug", text: "shown" });
  assert.deepEqual(lines, ["<7>shown\n"]);
});

test("no text can forge a field, and every value comes back as it was", () => {
  const hostile = [
    ...'plain|two words|a=b|reason=kicked|x reason=kicked|"quoted" reason=kicked|back\\slash|\\|"|=| |é'.split(
      "|",
    ),
    ...[
      '" reason="kicked',
      "a\nreason=kicked",
      "a\treason=kicked",
      "\u001b[2J\u202ereason=kicked",
      "😀",
      "\u2028 reason=x",
    ],
    ...[
      "\ud800 reason=x",
      "(reason=kicked)",
      ",reason=kicked",
      "…reason=kicked",
      "-reason=kicked",
      "é reason=kicked",
    ],
  ];
  for (const text of hostile) {
    const lines: string[] = [];
    logTo(lines).log.write({
      level: "info",
      text: `${text} online`,
      fields: { nickname: text, reason: "left" },
    });
    const [line = ""] = lines;
    assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, JSON.stringify(text));
    const { sentence, fields } = parseLogLine(line.slice(3, -1));
    assert.match(sentence, / online$/);
    assert.deepEqual([...fields.keys()], ["nickname", "reason"], line);
    assert.equal(fields.get("nickname"), text.toWellFormed() === text ? text : fields.get("nickname"));
    assert.equal(fields.get("reason"), "left");
    assert.equal([...line.matchAll(/(?<![\w-])reason=/g)].length, 1, `grep finds one: ${line}`);
  }
});

test("an advice keeps its settings as one types them", () => {
  const lines: string[] = [];
  logTo(lines).log.write({
    level: "warn",
    text: "there [Service] and IPAddressAllow=10.0.0.1/8 (legacy = false)",
  });
  assert.equal(lines[0], "<4>there [Service] and IPAddressAllow=10.0.0.1/8 (legacy = false)\n");
});

test("a long text pushes no field out of the line", () => {
  const lines: string[] = [];
  const fields = { status: `"${"=".repeat(10_000)}`, reason: "left" };
  logTo(lines).log.write({ level: "info", text: "x".repeat(100_000), fields });
  const parsed = parseLogLine((lines[0] ?? "").slice(3, -1));
  assert.equal(parsed.fields.get("reason"), "left");
  assert.equal(parsed.fields.get("status")?.length, 257);
  assert.ok((lines[0] ?? "").length < 4_000);
});
