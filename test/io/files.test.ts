import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Transfer, TransferChange } from "../../src/chat/files/transfer.ts";
import type { MessageId } from "../../src/wire/mp2-values.ts";
import { scratchDirectory, TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";

/** Files between two whole clients at a real registry on loopback. */

interface Pair {
  readonly adam: TestShell;
  readonly ola: TestShell;
  /** A file of adam's. */
  file(name: string, bytes: Uint8Array): string;
}

async function pair(t: TestContext, files?: Parameters<typeof TestShell.open>[1]["files"]): Promise<Pair> {
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const ola = await TestShell.open(t, { ...place, nickname: "ola", ...(files !== undefined && { files }) });
  const adam = await TestShell.open(t, { ...place, nickname: "adam" });
  await ola.online();
  await adam.online();
  await ola.sees("adam", ({ online }) => online);
  const directory = scratchDirectory(t);
  return {
    adam,
    ola,
    file: (name, bytes) => {
      writeFileSync(join(directory, name), bytes);
      return join(directory, name);
    },
  };
}

async function hears(shell: TestShell, id: MessageId, change: TransferChange): Promise<Transfer> {
  const notice = await shell.hears("file", (heard) => heard.transfer.id === id && heard.change === change);
  return notice.transfer;
}

test("a file is offered, accepted, and stands whole in the folder", async (t) => {
  const { adam, ola, file } = await pair(t);
  const bytes = randomBytes(3_000_000);
  const id = adam.shell.sendFile("ola", file("photo.jpg", bytes));
  const offered = await hears(ola, id, "offered");
  assert.deepEqual(
    [offered.peer, offered.name, offered.size, offered.state],
    ["adam", "photo.jpg", 3_000_000, "offered"],
  );
  assert.equal(existsSync(ola.downloads), false, "nothing is made for an offer");
  ola.shell.changeFile(id, "accept");
  const done = await hears(ola, id, "done");
  await hears(adam, id, "done");
  assert.equal(done.path, join(ola.downloads, "photo.jpg"));
  assert.deepEqual(readFileSync(done.path), bytes);
  assert.equal(statSync(done.path).mode & 0o777, 0o600);
  await ola.watched.until("the part is gone", () => readdirSync(ola.downloads).length === 1);
});
