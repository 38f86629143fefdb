import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { PlainChat } from "./plain-chat.ts";

test("a full disk: what came is neither shown nor acknowledged until there is room; what is sent goes out", async (t) => {
  if (process.geteuid?.() !== 0) return t.skip("needs root");
  const place = await makePlace(t);
  const directories = ["adam", "ola"].map((name) => join(place.directory, name));
  const [adams = "", olas = ""] = directories;
  for (const directory of directories) mkdirSync(directory, { mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "none", olas]);
  try {
    await Multiprotod.start(t, place);
    const ola = new PlainChat(t, { place, name: "ola", directory: olas });
    await ola.shows(/^online as ola/);
    const adam = new PlainChat(t, { place, name: "adam", directory: adams });
    await adam.shows(/^online as adam/);
    adam.says("msg ola first");
    await adam.shows(/to ola: first ✓/);
    execFileSync("sh", ["-c", `cat /dev/zero > ${olas}/filler 2>/dev/null || true`]);
    // More than the room that is left in the files.
    const long = "x".repeat(15_000);
    for (let number = 0; number < 12; number += 1) adam.says(`msg ola ${number} ${long}`);
    await ola.shows(/Cannot write .*chat\.sqlite: .*full.*what others send stays with them/);
    const before = ola.lines.filter((line) => / adam: \d+ x/.test(line)).length;
    assert.ok(before < 12, `${before}`);
    ola.says("msg adam still here");
    await adam.shows(/ola: still here/);
    rmSync(join(olas, "filler"));
    await ola.shows(/adam: 11 x/);
    await ola.shows(/what is said is kept on disk again/);
    await adam.shows(/to ola: 11 x+ ✓/);
    const shown = ola.lines.flatMap((line) => / adam: (\d+) x/.exec(line)?.[1] ?? []).map(Number);
    assert.deepEqual(
      shown,
      Array.from({ length: 12 }, (_, number) => number),
    );
    await adam.leaves();
    await ola.leaves();
  } finally {
    execFileSync("umount", ["-l", olas]);
  }
});

test("an archive that is no archive any more: said, set aside, and chat goes on", async (t) => {
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const directory = join(place.directory, "adam");
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, "chat.sqlite"), "garbage ".repeat(10_000), { mode: 0o600 });
  const adam = new PlainChat(t, { place, name: "adam", directory });
  await adam.shows(/What was said was damaged and is now .*chat\.sqlite\.damaged-/);
  await adam.shows(/^online as adam/);
  await adam.leaves();
});
