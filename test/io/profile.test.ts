import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { holdSlot } from "../../src/io/identity-slot.ts";
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

async function take(profile: Profile) {
  const taken = await profile.takeIdentity();
  assert.ok(taken !== undefined, "the slot is free");
  return taken;
}

test("a profile is made for its owner alone, and its identity is the same the next time", async (t) => {
  const directory = join(scratch(t), "a", "b");
  const first = await take(Profile.open(directory));
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, "identity.pem")).mode & 0o777, 0o600);
  first.slot.release();
  const second = await take(Profile.open(directory));
  t.after(() => second.slot.release());
  assert.equal(second.identity.fingerprint, first.identity.fingerprint);
});

test("one program at a time uses the key, whatever the path is written like", async (t) => {
  const directory = scratch(t);
  const link = `${directory}-link`;
  symlinkSync(directory, link);
  t.after(() => rmSync(link));
  const paths = [directory, link, `${directory}/.`];
  const all = await Promise.all(paths.map((path) => Profile.open(path).takeIdentity()));
  const held = all.filter((taken) => taken !== undefined);
  assert.equal(held.length, 1);
  held[0]?.slot.release();
  const sockets = paths.map((path) => Profile.open(path).presenceSocket({}));
  assert.equal(new Set(sockets.map((path) => path.replace("-link", "").replace("/./", "/"))).size, 1);
  const runtime = paths.map((path) => Profile.open(path).presenceSocket({ XDG_RUNTIME_DIR: directory }));
  assert.equal(new Set(runtime).size, 1);
});

test("the socket of the presence is in a directory of the user alone, and short enough", (t) => {
  const directory = scratch(t);
  const profile = Profile.open(join(directory, "data"));
  const usual = profile.presenceSocket({ XDG_RUNTIME_DIR: directory });
  assert.match(usual, /\/multiproto\/chat-[0-9a-f]{16}\.sock$/);
  assert.equal(statSync(join(directory, "multiproto")).mode & 0o777, 0o700);
  const own = join(directory, "data", "chat.sock");
  chmodSync(join(directory, "multiproto"), 0o777);
  assert.equal(profile.presenceSocket({ XDG_RUNTIME_DIR: directory }), own);
  assert.equal(profile.presenceSocket({ XDG_RUNTIME_DIR: join(directory, "x".repeat(100)) }), own);
  assert.equal(profile.presenceSocket({ XDG_RUNTIME_DIR: "relative" }), own);
  assert.equal(profile.presenceSocket({}), own);
});

test("the slot of a killed program is free again", async (t) => {
  const directory = scratch(t);
  const module = JSON.stringify(new URL("../../src/io/profile.ts", import.meta.url).href);
  const code = `import { Profile } from ${module};
    const taken = await Profile.open(process.argv[1]).takeIdentity();
    process.stdout.write(String(taken !== undefined));
    process.stdin.resume();`;
  const argv = ["--input-type=module-typescript", "--eval", code, directory];
  const child = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
  const [said] = await once(child.stdout, "data");
  assert.equal(String(said), "true");
  assert.equal(await Profile.open(directory).takeIdentity(), undefined);
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  (await take(Profile.open(directory))).slot.release();
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
  const slot = await holdSlot(statSync(directory));
  assert.ok(slot !== undefined);
  slot.release();
});
