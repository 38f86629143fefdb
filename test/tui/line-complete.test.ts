import assert from "node:assert/strict";
import { test } from "node:test";
import { complete } from "../../src/tui/line-complete.ts";

const NAMES = ["ola", "Olaf", "eve"];

const TABLE: readonly [string, string, readonly string[]][] = [
  ["/h", "/help ", []],
  ["/fin", "/fingerprint ", []],
  ["/fingerprint e", "/fingerprint eve ", []],
  ["/trust accept e", "/trust accept eve ", []],
  ["/trust e", "/trust e", []],
  ["/verify e", "/verify eve ", []],
  ["m", "msg ", []],
  [
    "/",
    "/",
    [
      "/accept",
      "/away",
      "/back",
      "/block",
      "/cancel",
      "/dnd",
      "/exit",
      "/files",
      "/fingerprint",
      "/help",
      "/ignore",
      "/join",
      "/list",
      "/msg",
      "/nick",
      "/part",
      "/pause",
      "/refuse",
      "/resume",
      "/rooms",
      "/send-file",
      "/talk",
      "/trust",
      "/unblock",
      "/unignore",
      "/verify",
    ],
  ],
  ["msg e", "msg eve ", []],
  ["/msg E", "/msg eve ", []],
  ["msg ol", "msg ol", ["ola", "Olaf"]],
  ["msg ", "msg ", NAMES],
  ["msg x", "msg x", []],
  ["msg ola he", "msg ola he", []],
  ["hello wor", "hello wor", []],
  ["", "", []],
];

for (const [before, after, candidates] of TABLE) {
  test(`${JSON.stringify(before)} and Tab`, () => {
    assert.deepEqual(complete(before, NAMES), { before: after, candidates });
  });
}

test("several matches grow to what they have in common", () => {
  assert.deepEqual(complete("msg o", ["olaf", "olav"]), { before: "msg ola", candidates: ["olaf", "olav"] });
});
