import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transfer } from "../../src/chat/files/transfer.ts";
import type { PresenceCommands } from "../../src/service/remote-commands.ts";
import { Sending } from "../../src/service/sending.ts";
import { seededRandom } from "../support/stores.ts";

/** What a program has sent, when the holder of the presence is another one. */

function scene() {
  const asked: string[] = [];
  const commands = { sendFile: (to: string, path: string) => void asked.push(`${to} ${path}`) };
  const sending = new Sending({
    clock: { now: () => 0, wall: () => 0 },
    random: seededRandom(1),
    commands: () => commands as unknown as PresenceCommands,
    hear: () => {},
  });
  return { asked, sending };
}

test("a new holder is asked for each file that is not over: the last one may have told of it before it was stored", () => {
  const { asked, sending } = scene();
  const [first, second] = [sending.sendFile("ola", "/a"), sending.sendFile("ola", "/b")];
  const transfer = { id: first, state: "offered" } as Transfer;
  sending.heard({ type: "file", transfer, change: "offered" });
  sending.heard({ type: "file", transfer: { ...transfer, id: second, state: "done" }, change: "done" });
  sending.defer();
  sending.sendFile("ola", "/c");
  sending.again();
  assert.deepEqual(asked, ["ola /a", "ola /b", "ola /a", "ola /c"]);
});
