import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { errorCode } from "../../src/base/errors.ts";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { PinSubject } from "../../src/chat/pins.ts";
import { PinFile } from "../../src/io/pin-file.ts";
import { type Owner, within } from "../support/until.ts";

const SOURCE = resolve(import.meta.dirname, "../../src/io/pin-file.ts");
const KEY = "1".repeat(64) as Fingerprint;
const ola: PinSubject = { kind: "peer", name: "ola" };

function place(owner: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), "multiproto-pins-"));
  owner.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("pins last, in one file that is its owner's alone", (context) => {
  const directory = place(context);
  const path = join(directory, "pins");
  assert.deepEqual(new PinFile(path).read().list(), []);
  new PinFile(path).update((pins) => pins.meet(ola, KEY, 1));
  new PinFile(path).update((pins) => pins.meet({ kind: "realm", name: "office" }, KEY, 2));
  new PinFile(path).update((pins) => pins);
  assert.deepEqual(readdirSync(directory), ["pins.2"]);
  assert.equal(statSync(join(directory, "pins.2")).mode & 0o777, 0o600);
  assert.deepEqual(
    new PinFile(path)
      .read()
      .list()
      .map(({ name }) => name),
    ["ola", "office"],
  );
});

test("a file that is damaged or open to others is an error, trusts nobody and stays", (context) => {
  const directory = place(context);
  const file = new PinFile(join(directory, "pins"));
  file.update((pins) => pins.meet(ola, KEY, 1));
  const path = join(directory, "pins.1");
  const good = readFileSync(path, "utf8");
  for (let length = 0; length < good.length - 1; length += 1) {
    writeFileSync(path, good.slice(0, length));
    const damaged = (error: unknown) =>
      errorCode(error) === "EDAMAGED" && /nothing is trusted until/.test(String(error));
    assert.throws(() => file.read(), damaged);
    assert.throws(() => file.update((pins) => pins.meet(ola, KEY, 1)), damaged);
    assert.equal(readFileSync(path, "utf8"), good.slice(0, length));
  }
  writeFileSync(path, good);
  chmodSync(path, 0o644);
  assert.throws(() => file.read(), /other users may read or write it \(mode 0644\)/);
});

test("ten programs that pin 20 names each at the same time lose none", async (context) => {
  const directory = place(context);
  const program = `
    const { PinFile } = await import(${JSON.stringify(SOURCE)});
    const [path, number] = process.argv.slice(1);
    const file = new PinFile(path);
    process.once("message", () => {
      for (let n = 0; n < 20; n += 1)
        file.update((pins) => pins.meet({ kind: "peer", name: number + "-" + n }, ${JSON.stringify(KEY)}, n));
      process.disconnect();
    });
    process.send("ready");`;
  const path = join(directory, "pins");
  const writers = Array.from({ length: 10 }, (_, number) =>
    spawn(process.execPath, ["--input-type=module", "-e", program, path, String(number)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    }),
  );
  context.after(() => {
    for (const child of writers) child.kill("SIGKILL");
  });
  await within("ten programs", Promise.all(writers.map((child) => once(child, "message"))), 60_000);
  const ends = Promise.all(writers.map((child) => once(child, "exit")));
  for (const child of writers) child.send("go");
  for (const [code] of await within("their ends", ends, 60_000)) assert.equal(code, 0);
  assert.equal(new PinFile(path).read().list().length, 200);
  assert.deepEqual(readdirSync(directory), ["pins.200"]);
});
