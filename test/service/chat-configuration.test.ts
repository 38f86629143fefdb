import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  autoAwayMillis,
  parseChatConfiguration,
  parseHost,
  readChatConfiguration,
  retentionMillis,
  sizeBytes,
} from "../../src/service/chat-configuration.ts";

const FILE = `
nickname = "ola"
registry = ["10.0.0.1", "[fe80::1%eth0]:10002"]
legacy = false
on-message = ["logger", "-t", "chat"]
retention = "90d"
downloads = "~/in"
accept-files = "verified"
accept-files-up-to = "500M"

[profile.work]
nickname = "ola.work"
interface = "eth1"
port = 10002
`;

const parse = (text: string, profile?: string) => parseChatConfiguration(text, "chat.toml", profile);

test("what the file says, and what a profile says instead", () => {
  const own = parse(FILE);
  assert.deepEqual([own.nickname, own.legacy, own.interface, own.port], ["ola", false, undefined, undefined]);
  assert.deepEqual(
    own.registry?.map(({ host, port }) => [host, port]),
    [
      ["10.0.0.1", undefined],
      ["fe80::1%eth0", 10_002],
    ],
  );
  assert.equal(retentionMillis(own.retention ?? ""), 90 * 86_400_000);
  assert.deepEqual(own.onMessage, ["logger", "-t", "chat"]);
  assert.deepEqual([own.downloads, own.acceptFiles], ["~/in", "verified"]);
  assert.equal(sizeBytes(own.acceptFilesUpTo ?? ""), 500 * 1_048_576);
  const work = parse(FILE, "work");
  assert.deepEqual(
    [work.nickname, work.interface, work.port, work.legacy],
    ["ola.work", "eth1", 10_002, false],
  );
});

test("when to be away, and what calls", () => {
  const read = (text: string) => parseChatConfiguration(text, "chat.toml", undefined);
  const { autoAway, bell, notify } = read('auto-away = "never"\nbell = false\nnotify = "all"\n');
  assert.deepEqual([autoAway, bell, notify], ["never", false, "all"]);
  assert.deepEqual(["never", "1m", "24h", "10m"].map(autoAwayMillis), [
    undefined,
    60_000,
    86_400_000,
    600_000,
  ]);
});

test("a file that is not there says nothing; one that is there is read", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-chat-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "chat.toml");
  assert.deepEqual(Object.values(readChatConfiguration(file, undefined)).filter(Boolean), []);
  writeFileSync(file, FILE);
  assert.equal(readChatConfiguration(file, "work").nickname, "ola.work");
});

const WRONG: readonly (readonly [text: string, error: RegExp, profile?: string])[] = [
  ['nick = "a"', /^chat\.toml, line 1: nick: unknown setting \(there are: nickname, |did you mean/],
  ['\n\nnicknam = "a"', /^chat\.toml, line 3: nicknam: unknown setting \(did you mean nickname\?\)/],
  ['nickname = "a b"', /line 1: nickname: wants a nickname: a nickname has no white space/],
  ['downloads = "in"', /line 1: downloads: wants a folder, as in "~\/Downloads" or "\/srv\/incoming"/],
  ['accept-files = "all"', /line 1: accept-files: wants "ask", "verified" or "known"/],
  ['accept-files-up-to = "5"', /line 1: accept-files-up-to: wants a size, as in "500M" or "2G"/],
  ['messages-per-day = "500K"', /line 1: messages-per-day: wants a size of "1M" or more, as in "64M"/],
  ['accept-files-per-day = "x"', /line 1: accept-files-per-day: wants a size, as in "500M" or "2G"/],
  ["legacy = 1", /line 1: legacy: wants true or false/],
  ['registry = "10.0.0.1"', /line 1: registry: wants a list of at most 8 hosts/],
  ['registry = ["a:0"]', /registry: .*not a:0/],
  ["port = 0", /port: wants a port number from 1 to 65535/],
  ['interface = ["eth0"]', /interface: wants the name of an interface/],
  ['on-message = "mail me; rm -rf /"', /on-message: wants a program and its arguments, .*no shell is run/],
  ['retention = "2w"', /retention: wants a number of days, as in "90d"/],
  ['auto-away = "0m"', /auto-away: wants a time from "1m" to "24h", or "never"/],
  ['auto-away = "25h"', /auto-away: wants a time/],
  ["auto-away = 10", /auto-away: wants a time/],
  ['bell = "yes"', /bell: wants true or false/],
  ['notify = "private"', /notify: wants "private-and-mentions", "all" or "none"/],
  ["retention = 90", /retention: wants a number of days/],
  ["on-message = []", /on-message: wants a program/],
  ['[profile.work]\nport = "x"', /line 2: profile\.work\.port: wants a port number/],
  ["[profile.'a b']", /a profile's name has up to 32/],
  ["[window]\nx = 1", /window: unknown setting/],
  ["profile = 3", /line 1: profile: wants tables/],
  ["[profile.work]", /profile\.wrk: no profile of that name \(did you mean work\?\)/, "wrk"],
  ["", /profile\.work: no profile of that name \(it has no profiles\)/, "work"],
  ["nickname = ", /^chat\.toml, line 1: /],
];

for (const [text, error, profile] of WRONG) {
  test(`refused, with file, place and what would do: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parse(text, profile), { name: "SystemError", code: "ECONFIG", message: error });
  });
}

test("hosts with and without ports", () => {
  const table: readonly [string, string | undefined, number | undefined][] = [
    ["registry.example:10001", "registry.example", 10_001],
    ["fe80::1%eth0", "fe80::1%eth0", undefined],
    ["[::1]:5", "::1", 5],
    ["[nonsense]", undefined, undefined],
    ["a b", undefined, undefined],
    ["host:65536", undefined, undefined],
    ["", undefined, undefined],
  ];
  for (const [text, host, port] of table) {
    const parsed = parseHost(text);
    assert.deepEqual([parsed?.host, parsed?.port], [host, port], text);
  }
});
