import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, hostsAndPorts, moment } from "../../src/bin/chat-arguments.ts";

const HOSTS: readonly [string, string, number | undefined][] = [
  ["office", "office", undefined],
  ["office.example:4711", "office.example", 4_711],
  ["10.0.0.1", "10.0.0.1", undefined],
  ["10.0.0.1:4711", "10.0.0.1", 4_711],
  ["fd98::1", "fd98::1", undefined],
  ["[fd98::1]", "fd98::1", undefined],
  ["[fe80::1%eth0]:4711", "fe80::1%eth0", 4_711],
  ["fe80::1%eth0", "fe80::1%eth0", undefined],
];

for (const [typed, host, port] of HOSTS) {
  test(`--registry ${typed}`, () => assert.deepEqual(hostsAndPorts(typed), [{ typed, host, port }]));
}

for (const wrong of [
  "",
  "a b",
  "office:",
  "office:0",
  "office:65536",
  "[office]:1",
  "[fd98::1",
  "fd98::1]:2",
  "a:1:2",
]) {
  test(`--registry ${JSON.stringify(wrong)} is refused`, () => {
    assert.throws(() => hostsAndPorts(wrong), /expected/);
  });
}

test("--registry again adds one, up to eight", () => {
  const seven = Array.from({ length: 7 }, (_, index) => hostsAndPorts(`h${index}`)).flat();
  assert.equal(hostsAndPorts("last", seven).at(-1)?.host, "last");
  assert.throws(() => hostsAndPorts("more", hostsAndPorts("last", seven)), /at most 8 registries/);
});

test("times", () => {
  assert.deepEqual(["500ms", "30s", "5m", "1h", "2"].map(duration), [500, 30_000, 300_000, 3_600_000, 2_000]);
  for (const wrong of ["", "soon", "-1s", "1d", "200h"])
    assert.throws(() => duration(wrong), /a time like 30s/);
});

test("a moment: so long ago, or a date here", () => {
  const now = Date.UTC(2026, 10, 25, 12);
  assert.equal(moment("2h", now), now - 7_200_000);
  assert.equal(moment("30d", now), now - 30 * 86_400_000);
  assert.equal(moment("2026-11-25T10:00Z", now), Date.UTC(2026, 10, 25, 10));
  assert.equal(moment("2026-11-25", now), new Date(2026, 10, 25).getTime());
  for (const wrong of ["", "yesterday", "2026-13-45", "3 h", "-1d"]) assert.throws(() => moment(wrong, now));
});
