/** Real clients, and a registry that is killed or stopped and started again: they go on in their sessions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";

/** Beside other work a return may take some seconds. */
const PATIENCE_MILLIS = 30_000;
const NAMES = ["ola", "kari", "per"];
const LINES = /(\w+) online from .*\(mp2.*resumed=true/;

async function ends(daemon: Multiprotod, how: "killed" | "stopped"): Promise<void> {
  if (how === "stopped") await daemon.stop();
  else {
    daemon.kill("SIGKILL");
    await daemon.exit();
  }
}

async function opened(context: Parameters<typeof TestShell.open>[0], place: Place): Promise<TestShell[]> {
  const { port, encapsulationPort } = place;
  const shells: TestShell[] = [];
  for (const nickname of NAMES) {
    const shell = await TestShell.open(context, { nickname, port, encapsulationPort });
    await shell.online();
    shells.push(shell);
  }
  for (const shell of shells)
    for (const name of NAMES)
      if (name !== shell.shell.snapshot.nickname) await shell.sees(name, ({ online }) => online);
  return shells;
}

for (const how of ["killed", "stopped"] as const) {
  test(`${how} and started again, twice: all go on without a handshake, and nobody is seen to leave`, async (context) => {
    const place = await makePlace(context);
    let daemon = await Multiprotod.start(context, place);
    const shells = await opened(context, place);
    for (let round = 1; round <= 2; round += 1) {
      for (const { notices } of shells) notices.length = 0;
      await ends(daemon, how);
      daemon = await Multiprotod.start(context, place);
      for (const shell of shells) await shell.hears("online", () => true, PATIENCE_MILLIS);
      // The client is online before the line about it has come here.
      for (const name of NAMES) await daemon.line(new RegExp(`${name} online from`));
      const back = daemon.matching(LINES).map((line) => LINES.exec(line)?.[1]);
      assert.deepEqual(back.toSorted(), NAMES.toSorted(), daemon.matching(/./).join("\n"));
      for (const { notices } of shells) {
        const gone = notices.flatMap((notice) => (notice.type === "presence" ? notice.offline : []));
        assert.deepEqual(gone, []);
      }
    }
    await daemon.stop();
  });
}
