import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene } from "./scene.ts";

/** What somebody reads who records everything. */

const SECRETS = ["Unmistakable-Nickname", "another-rare-name", "gone fishing until Thursday"] as const;

test("a recording of two clients that join, say how they are, see each other and leave has none of their words", async (context) => {
  const scene = await Scene.open(context);
  const [capture, one, other] = await Promise.all([
    scene.capture(),
    scene.actor("one"),
    scene.actor("other"),
  ]);
  const [first, second, status] = SECRETS;
  await one.do("join", first);
  await other.do("join", second);
  await one.do("status", first, status);
  await other.do("sees", second, first, "away", status);
  await one.do("sees", first, second, "online");
  // Refused: its answer names the holder and another name.
  await other.do("open", "third");
  assert.equal((await other.do("register", "third", first)).type, "refused");
  await one.do("leave", first);
  await other.do("sees", second, first, "offline");
  const packets = await capture.packets();
  const bytes = packets.map(({ data }) => Buffer.from(data, "hex").toString("latin1")).join("\n");
  assert.ok(packets.length > 40, "there is a recording");
  for (const secret of SECRETS) {
    for (const word of [secret, ...secret.split(/[- ]/)].filter((part) => part.length > 4))
      assert.equal(bytes.toLowerCase().includes(word.toLowerCase()), false, word);
  }
  context.diagnostic(`${packets.length} packets, ${bytes.length} bytes`);
  // The same look finds what mp1 says.
  await other.do("mp1", "plain", "plain-old-nickname", "original");
  const plain = (await capture.packets()).map(({ data }) => Buffer.from(data, "hex").toString("latin1"));
  assert.ok(plain.join("\n").includes("plain-old-nickname"));
});
