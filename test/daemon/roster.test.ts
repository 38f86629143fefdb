import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { prepareCrowd } from "../support/prepared-crowd.ts";

/** With these the roster is as full as the registry takes, and twice what a TLS connection holds at a time. */
const NAMES = 9_990;

test("a newcomer to a registry with 10,000 names gets in, and knows all of them", async (context) => {
  const place = await makePlace(context);
  const crowd = Array.from({ length: NAMES }, (_, index) => ({
    nickname: `name${index}`,
    fingerprint: randomBytes(32).toString("hex") as Fingerprint,
    address: `10.0.${index >> 8}.${index & 255}`,
    port: 50_000,
  }));
  await prepareCrowd(place, crowd);
  const daemon = await Multiprotod.start(context, place);
  const ola = await TestShell.open(context, { ...place, nickname: "ola" });
  await ola.online();
  await ola.sees(`name${NAMES - 1}`, () => true);
  assert.equal(ola.shell.snapshot.roster.length, NAMES);
  await daemon.line(/ola online/);
});
