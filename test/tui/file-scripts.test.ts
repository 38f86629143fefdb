import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import type { Transfer, TransferChange } from "../../src/chat/files/transfer.ts";
import type { ChatSession, SessionNotice } from "../../src/chat/session.ts";
import { runSendFile } from "../../src/tui/file-scripts.ts";
import type { TransferId } from "../../src/wire/mp2-files.ts";

/** A script that sends a file, told what the test says. */
function scene() {
  const id = "00112233445566778899aabbccddeeff" as TransferId;
  const transfer: Transfer = {
    ...{ id, direction: "out", peer: "ola", name: "a.bin", size: 9, time: 1, path: "/a.bin", why: undefined },
    ...{ fingerprint: undefined, state: "offered", bytes: 0, bytesPerSecond: 0 },
  };
  let tell: (notice: SessionNotice) => void = () => {};
  const session = {
    files: [] as readonly Transfer[],
    snapshot: { roster: [] },
    onNotice: (listener: typeof tell) => {
      tell = listener;
      return () => {};
    },
    start: () => {},
    sendFile: () => id,
    leave: () => tell({ type: "ended", reason: "left", text: undefined }),
  };
  const out: string[] = [];
  const output = { write: (text: string) => out.push(text) > 0 };
  const code = runSendFile(
    {
      session: session as unknown as ChatSession,
      clock: { now: () => 0, wall: () => 0 },
      search: { place: "here" },
      output,
      errors: output,
    },
    {
      ...{ to: "ola", path: "/a.bin", waitMillis: undefined, queue: true },
      ...{ json: true, quiet: true, hasProgress: false },
    },
  );
  tell({ type: "online" } as SessionNotice);
  const says = (state: Transfer["state"], change: TransferChange): void =>
    tell({ type: "file", transfer: { ...transfer, state }, change });
  return { transfer, session, out, code, says, tell: (notice: SessionNotice) => tell(notice) };
}

test("a file that was through when the holder was killed, who told nobody, ends the script with 0", async () => {
  const { transfer, session, says, tell, code, out } = scene();
  says("running", "started");
  session.files = [{ ...transfer, state: "done" }];
  tell({ type: "presence-moved", here: true });
  assert.equal(await code, EXIT.ok);
  assert.equal(JSON.parse(out.join("")).state, "done");
});

test("one that goes on with another holder is waited for, and its end counts", async () => {
  const { transfer, session, says, tell, code } = scene();
  says("running", "started");
  session.files = [{ ...transfer, state: "waiting" }];
  tell({ type: "presence-moved", here: false });
  says("refused", "refused");
  assert.equal(await code, EXIT.failure);
});
