import assert from "node:assert/strict";
import { test } from "node:test";
import type { RoomName } from "../../src/wire/mp2-values.ts";
import { TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";

const LAB = "lab" as RoomName;
const isInLab = ({ rooms, online }: { rooms: readonly RoomName[]; online: boolean }) =>
  online && rooms.includes(LAB);

/** Rooms of real clients at a real registry on loopback. */

test("a room needs no server: it goes on while the registry is gone, and is whole again when it is back", async (t) => {
  const place = await makePlace(t);
  const first = await Multiprotod.start(t, place);
  const [adam, ola, eva] = await Promise.all(
    ["adam", "ola", "eva"].map((nickname) => TestShell.open(t, { ...place, nickname })),
  );
  assert.ok(adam !== undefined && ola !== undefined && eva !== undefined);
  for (const { shell } of [adam, ola]) shell.join(LAB);
  await Promise.all([adam.online(), ola.online(), eva.online()]);
  await adam.sees("ola", isInLab);
  await ola.sees("adam", isInLab);
  // Late, and sees who is there.
  await eva.sees("adam", isInLab);
  await eva.sees("ola", isInLab);
  eva.shell.join(LAB);
  await adam.hears("room", ({ change }) => change.joined.some((nickname) => nickname === "eva"));
  await ola.sees("eva", isInLab);
  adam.shell.send("#lab", "with the registry");
  for (const one of [ola, eva])
    await one.hears(
      "received",
      ({ message }) => message.room === LAB && message.text === "with the registry",
    );
  first.kill("SIGKILL");
  await first.exit();
  await ola.hears("registry-lost");
  const id = ola.shell.send("#lab", "without it");
  const { reached } = await ola.hears("room-delivered", ({ messageId }) => messageId === id);
  assert.deepEqual([...reached].sort(), ["adam", "eva"]);
  for (const one of [adam, eva]) await one.hears("received", ({ message }) => message.text === "without it");
  await Multiprotod.start(t, place);
  for (const one of [adam, ola, eva]) await one.hears("online", ({ again }) => again);
  await eva.sees("adam", isInLab);
  await eva.sees("ola", isInLab);
});
