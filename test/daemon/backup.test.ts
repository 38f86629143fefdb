/** `multiprotoctl export` and `import`: what one registry knows, another one takes over. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { multiprotoctl, type Outcome } from "../ctl/spawn.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";

const run = (daemon: Multiprotod, ...args: readonly string[]): Promise<Outcome> =>
  multiprotoctl([...args, "--socket", daemon.socketPath]);
const entries = (text: string): Record<string, string>[] =>
  text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => JSON.parse(line));

test("export and import: names and bans come over, and what contradicts is refused and told", async (context) => {
  const [old, other] = [await makePlace(context), await makePlace(context)];
  const from = await Multiprotod.start(context, old);
  const ola = await Mp2Client.join(context, { registry: old, nickname: "ola" });
  await Mp2Client.join(context, { registry: old, nickname: "eva" });
  await run(from, "ban", "eva", "--reason", "floods");
  const exported = await run(from, "export");
  assert.equal(exported.code, 0);
  const [first, second, ban] = entries(exported.stdout);
  assert.deepEqual([first?.nickname, second?.nickname], ["eva", "ola"]);
  assert.deepEqual([ban?.type, ban?.fingerprint, ban?.reason], ["ban", first?.fingerprint, "floods"]);

  const to = await Multiprotod.start(context, other);
  await Mp2Client.join(context, { registry: other, nickname: "Ola" });
  const file = join(other.directory, "names.ndjson");
  writeFileSync(file, exported.stdout);
  const imported = await run(to, "import", file);
  assert.deepEqual(imported, {
    code: 1,
    stdout: "2 added, 0 known already, 1 refused\n  ola: The nickname belongs to another key here\n",
    stderr: "",
  });
  const again = await run(to, "import", file, "--json");
  const { added, known, refused } = JSON.parse(again.stdout);
  assert.deepEqual([again.code, added, known, refused.length], [1, 0, 2, 1]);

  to.kill("SIGKILL");
  await to.exited;
  const later = await Multiprotod.start(context, other);
  const kept = entries((await run(later, "export")).stdout);
  const eva = kept.find(({ nickname }) => nickname === "eva");
  assert.deepEqual([eva?.fingerprint, eva?.boundAt], [first?.fingerprint, first?.boundAt]);
  assert.equal(kept.find(({ type }) => type === "ban")?.bannedAt, ban?.bannedAt);
  assert.notEqual(kept.find(({ nickname }) => nickname === "Ola")?.fingerprint, ola.identity.fingerprint);
});

test("import: a file with a line that makes no sense changes nothing, and the line is named", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const head = '{"schema":1,"type":"multiproto-registry","realm":"x","fingerprint":"00","exportedAt":"x"}';
  const time = "2026-11-22T19:00:00.000Z";
  const good = {
    type: "binding",
    nickname: "ola",
    fingerprint: "a0".repeat(32),
    boundAt: time,
    lastSeen: time,
  };
  const file = join(place.directory, "names.ndjson");
  for (const [lines, why] of [
    [[], "it is empty"],
    [[JSON.stringify(good)], "line 1 does not begin what multiprotoctl export printed"],
    [[head, JSON.stringify(good), "{"], "line 3 is not JSON"],
    [[head, JSON.stringify(good), "[]"], "line 3 must be an object"],
    [[head, JSON.stringify({ ...good, nickname: "" })], "line 2.nickname must not be empty"],
    [
      [head, JSON.stringify({ ...good, fingerprint: "A0" })],
      "line 2.fingerprint must be 64 hexadecimal digits",
    ],
    [
      [head, JSON.stringify(good), JSON.stringify({ ...good, boundAt: "yesterday" })],
      "line 3.boundAt must be a time such as 2026-11-22T19:00:00.000Z",
    ],
    [[head, '{"type":"\\u001b[2J"}'], "line 2 is neither a binding nor a ban"],
  ] as const) {
    writeFileSync(file, lines.join("\n"));
    const { code, stderr } = await run(daemon, "import", file);
    assert.deepEqual([code, stderr], [1, `multiprotoctl: cannot import ${file}: ${why}\n`]);
  }
  const missing = await run(daemon, "import", `${file}.not`);
  assert.match(missing.stderr, /cannot import .*ENOENT/);
  assert.equal(entries((await run(daemon, "export")).stdout).length, 0);

  // A nickname that cannot be one is refused by itself, and is no command for the terminal.
  writeFileSync(
    file,
    [head, JSON.stringify({ ...good, nickname: "o\u001b[2Ja" }), JSON.stringify(good)].join("\n"),
  );
  const { code, stdout } = await run(daemon, "import", file);
  assert.equal(code, 1);
  assert.match(stdout, /^1 added, 0 known already, 1 refused\n {2}o\\x1b\[2Ja: /);
});
