import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type HeldSlot, holdSlot } from "../../src/io/identity-slot.ts";
import { dataDirectory, Profile } from "../../src/io/profile.ts";

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-profile-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("the data directory is XDG's, unless another is chosen; a relative XDG_DATA_HOME does not count", () => {
  assert.equal(dataDirectory({ XDG_DATA_HOME: "/data" }), "/data/multiproto");
  assert.match(dataDirectory({ XDG_DATA_HOME: "data" }), /^\/.*\/\.local\/share\/multiproto$/);
  assert.equal(dataDirectory({ XDG_DATA_HOME: "/data" }, "/elsewhere/a"), "/elsewhere/a");
});

test("a profile is made for its owner alone, and its identity is the same the next time", async (t) => {
  const directory = join(scratch(t), "a", "b");
  const first = await Profile.open(directory).takeIdentity();
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, "identity.pem")).mode & 0o777, 0o600);
  first.slot.release();
  const second = await Profile.open(directory).takeIdentity();
  t.after(() => second.slot.release());
  assert.deepEqual([first.slot.number, second.slot.number], [1, 1]);
  assert.equal(second.identity.fingerprint, first.identity.fingerprint);
});

test("programs at one time have a key each; whatever the path is written like", async (t) => {
  const directory = scratch(t);
  const link = `${directory}-link`;
  symlinkSync(directory, link);
  t.after(() => rmSync(link));
  const held = await Promise.all(
    [directory, link, `${directory}/.`].map((path) => Profile.open(path).takeIdentity()),
  );
  t.after(() => {
    for (const { slot } of held) slot.release();
  });
  assert.deepEqual(held.map(({ slot }) => slot.number).sort(), [1, 2, 3]);
  assert.equal(new Set(held.map(({ identity }) => identity.fingerprint)).size, 3);
  const all = await Profile.open(directory).identities();
  assert.deepEqual(
    all.map(({ slot }) => slot),
    [1, 2, 3],
  );
});

test("the slot of a killed program is free again", async (t) => {
  const directory = scratch(t);
  const module = JSON.stringify(new URL("../../src/io/profile.ts", import.meta.url).href);
  const code = `import { Profile } from ${module};
    const { slot } = await Profile.open(process.argv[1]).takeIdentity();
    process.stdout.write(String(slot.number));
    process.stdin.resume();`;
  const argv = ["--input-type=module-typescript", "--eval", code, directory];
  const child = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
  const [said] = await once(child.stdout, "data");
  assert.equal(String(said), "1");
  const beside = await Profile.open(directory).takeIdentity();
  beside.slot.release();
  assert.equal(beside.slot.number, 2);
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  const after = await Profile.open(directory).takeIdentity();
  after.slot.release();
  assert.equal(after.slot.number, 1);
});

test("more programs than there are slots are refused, with a way to see them", async (t) => {
  const place = { dev: process.pid, ino: 1 };
  const held: HeldSlot[] = [];
  for (let number = 1; number <= 64; number += 1) held.push(await holdSlot(place));
  t.after(() => {
    for (const slot of held) slot.release();
  });
  await assert.rejects(holdSlot(place), /64 programs of yours run already \(see: ss -lx\)/);
});

test("a directory where others may write, or that is a file, is refused and left alone", (t) => {
  const directory = scratch(t);
  chmodSync(directory, 0o777);
  assert.throws(() => Profile.open(directory), /other users may write there \(if nobody has: chmod go-w /);
  chmodSync(directory, 0o700);
  writeFileSync(join(directory, "file"), "");
  assert.throws(() => Profile.open(join(directory, "file")), /it is a file/);
  assert.throws(
    () => Profile.open(join(directory, "file", "below")),
    /Cannot make the data directory .*--data-dir/,
  );
});

test("a damaged identity stops the program and gives the slot back", async (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, "identity.pem"), "garbage", { mode: 0o600 });
  await assert.rejects(Profile.open(directory).takeIdentity(), /it was left as it is/);
  const { number, release } = await holdSlot(statSync(directory));
  release();
  assert.equal(number, 1);
});
