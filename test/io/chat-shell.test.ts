import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { MESSAGE_OVERHEAD_BYTES } from "../../src/chat/allowance.ts";
import { encodeChat } from "../../src/wire/mp1-chat.ts";
import { parseStatusText } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import { TestShell } from "../support/chat-shell.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { nick } from "../support/stores.ts";

/** Whole clients, their cores and sockets, at a real registry on loopback. */

test("two clients find the registry, each other, and talk: delivered, read, with the key remembered", async (t) => {
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const ola = await TestShell.open(t, { ...place, nickname: "ola" });
  const adam = await TestShell.open(t, { ...place, nickname: "adam" });
  await ola.online();
  await adam.online();
  const { standing } = await adam.hears("online");
  assert.deepEqual([standing.protocol, standing.trust], ["mp2", "pinned"]);
  const listed = adam.shell.snapshot.roster.find(({ nickname }) => nickname === "ola");
  assert.deepEqual([listed?.fingerprint, listed?.trust], [ola.shell.fingerprint, "new"]);
  const id = adam.shell.send("ola", "good morning 👋");
  const { message } = await ola.hears("received");
  assert.deepEqual([message.from, message.text, message.standing], ["adam", "good morning 👋", "new"]);
  await adam.hears("delivered", (notice) => notice.messageId === id);
  assert.ok(message.messageId !== undefined);
  ola.shell.markRead("adam", [message.messageId]);
  await adam.hears("read", (notice) => notice.messageId === id);
  const pinned = adam.profile.pins.read().find({ kind: "peer", name: "ola" });
  assert.equal(pinned?.fingerprint, ola.shell.fingerprint);
});

test("away and back are seen by others, with what was said", async (t) => {
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const ola = await TestShell.open(t, { ...place, nickname: "ola" });
  const adam = await TestShell.open(t, { ...place, nickname: "adam" });
  await ola.online();
  await adam.online();
  ola.shell.setStatus(true, parseStatusText("at lunch"));
  await adam.sees("ola", ({ state, status }) => state === "away" && status === "at lunch");
  ola.shell.setStatus(false, undefined);
  await adam.sees("ola", ({ state, status }) => state === "online" && status === undefined);
});

test("a key that contradicts the pin is an attack until the user accepts it, by this program or another", async (t) => {
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const ola = await TestShell.open(t, { ...place, nickname: "ola" });
  const adam = await TestShell.open(t, { ...place, nickname: "adam" });
  const other = "c3".repeat(32) as Fingerprint;
  const subject = { kind: "peer", name: "ola" } as const;
  adam.profile.pins.update((pins) => pins.accept(subject, other, 1));
  await ola.online();
  await adam.online();
  const warning = await adam.hears("peer-changed");
  assert.deepEqual([warning.pinned, warning.offered], [other, ola.shell.fingerprint]);
  const refused = adam.shell.send("ola", "secret", { waitMillis: 0 });
  const { message } = await adam.hears("undelivered", (notice) => notice.message.messageId === refused);
  assert.equal(message.why, "key-changed");
  const held = adam.shell.send("ola", "held");
  await adam.hears("waiting", (notice) => notice.messageId === held && notice.why === "key-changed");
  adam.profile.pins.update((pins) => pins.accept(subject, ola.shell.fingerprint, 2));
  await adam.sees("ola", ({ trust }) => trust === "verified");
  const id = adam.shell.send("ola", "hello");
  await adam.hears("delivered", (notice) => notice.messageId === id);
  const texts = ola.notices.flatMap((notice) => (notice.type === "received" ? [notice.message.text] : []));
  assert.deepEqual(texts, ["held", "hello"]);
});

test("a registry with another key than the one known is not used", async (t) => {
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const adam = await TestShell.open(t, { ...place, nickname: "adam" });
  const other = "c3".repeat(32) as Fingerprint;
  adam.profile.pins.update((pins) => pins.accept({ kind: "host", name: "127.0.0.1" }, other, 1));
  adam.shell.start();
  const warning = await adam.hears("registry-changed");
  assert.deepEqual([warning.subject, warning.pinned], ["127.0.0.1", other]);
  assert.equal(adam.shell.snapshot.registry, undefined);
});

test("a registry that is started again is returned to, and nobody is told to be gone", async (t) => {
  const place = await makePlace(t);
  const first = await Multiprotod.start(t, place);
  const ola = await TestShell.open(t, { ...place, nickname: "ola" });
  const adam = await TestShell.open(t, { ...place, nickname: "adam" });
  await ola.online();
  await adam.online();
  await adam.sees("ola", ({ state }) => state === "online");
  first.kill("SIGTERM");
  await first.exited;
  await Multiprotod.start(t, place);
  await adam.hears("online", ({ again }) => again);
  await ola.hears("online", ({ again }) => again);
  const id = adam.shell.send("ola", "still there?");
  await adam.hears("delivered", (notice) => notice.messageId === id);
  assert.equal(
    adam.notices.some((notice) => notice.type === "presence" && notice.offline.length > 0),
    false,
  );
});

test("by mp1 with older clients, both ways, marked; without legacy neither", async (t) => {
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const old = await Mp1Client.join(t, { registry: place, nickname: "old", flavour: "original" });
  const adam = await TestShell.open(t, { ...place, nickname: "adam" });
  const strict = await TestShell.open(t, { ...place, nickname: "strict", legacy: false });
  await adam.online();
  await strict.online();
  await adam.sees("old", ({ trust, kind }) => trust === "unverified" && kind === "mp1-original");
  const item = await old.sees("adam");
  assert.equal(item.port, adam.shell.port);
  const refused = strict.shell.send("old", "hi");
  const { message } = await strict.hears("undelivered", (notice) => notice.message.messageId === refused);
  assert.equal(message.why, "legacy-off");
});

/** One message by mp1, on a connection of its own: all that is answered. */
function speakLegacy(port: number, from: Nickname, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () =>
      socket.write(Buffer.concat(encodeChat(from, text))),
    );
    let answer = "";
    socket.setEncoding("utf8").on("data", (piece: string) => {
      answer += piece;
    });
    socket.once("close", () => resolve(answer));
    socket.once("error", reject);
  });
}

test("who sends more by mp1 than is stored of one address in a day is not confirmed: nothing is lost unseen", async (t) => {
  const place = await makePlace(t);
  await Multiprotod.start(t, place);
  const old = await Mp1Client.join(t, { registry: place, nickname: "old", flavour: "original" });
  const allowances = { messageBytesPerDay: 3 * (MESSAGE_OVERHEAD_BYTES + 8), fileBytesPerDay: 1 };
  const adam = await TestShell.open(t, { ...place, nickname: "adam", allowances });
  await adam.online();
  await adam.sees("old", ({ trust }) => trust === "unverified");
  const port = (await old.sees("adam")).port + 1;
  const answers: string[] = [];
  for (const text of ["n1", "n2", "n3", "n4", "n5"]) answers.push(await speakLegacy(port, nick("old"), text));
  assert.deepEqual(
    answers.map((answer) => answer !== ""),
    [true, true, true, false, false],
  );
  const over = await adam.hears("over-allowance");
  assert.deepEqual([over.from, over.of], ["127.0.0.1", "messages"]);
  await adam.hears("received", ({ message }) => message.text === "n3");
  const texts = adam.notices.flatMap((notice) => (notice.type === "received" ? [notice.message.text] : []));
  assert.deepEqual(texts, ["n1", "n2", "n3"]);
  assert.equal(adam.notices.filter(({ type }) => type === "over-allowance").length, 1);
});
