import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChangedClient } from "../../src/control/changes.ts";
import { changeText } from "../../src/ctl/changes-text.ts";

const OLA: ChangedClient = {
  nickname: "ola",
  state: "online",
  reason: null,
  since: "2026-11-22T19:00:00.000Z",
  address: "10.0.0.5",
  port: 51_234,
  protocol: "mp2",
  fingerprint: "a0".repeat(32),
  status: null,
};
const AWAY = { ...OLA, state: "away", status: "back at 3" } as const;
const SUSPECT = { ...OLA, state: "suspect" } as const;
const OFFLINE = { ...OLA, state: "offline", reason: "left" } as const;

for (const [before, now, text] of [
  [undefined, OLA, "ola is online at 10.0.0.5:51234 (mp2)"],
  [OFFLINE, AWAY, "ola is online at 10.0.0.5:51234 (mp2): back at 3"],
  [
    undefined,
    { ...OLA, address: "fd00::5", protocol: "mp1" },
    "ola is online at [fd00::5]:51234 (mp1, unverified)",
  ],
  [OLA, AWAY, "ola is away: back at 3"],
  [AWAY, OLA, "ola is back"],
  [AWAY, { ...AWAY, status: "at 4" }, "ola says: at 4"],
  [{ ...OLA, status: "here" }, OLA, "ola says nothing more"],
  [OLA, SUSPECT, "ola does not answer"],
  [SUSPECT, OLA, "ola answers again"],
  [SUSPECT, AWAY, "ola answers again, and is away: back at 3"],
  [OLA, { ...OLA, address: "10.0.0.6" }, "ola is at 10.0.0.6:51234 (mp2) now"],
  [OLA, { ...OLA, fingerprint: "b0".repeat(32) }, "ola is another now, at 10.0.0.5:51234 (mp2)"],
  [SUSPECT, OFFLINE, "ola is offline (left)"],
  [OFFLINE, { ...OFFLINE, since: null }, undefined],
  [OLA, { ...OLA, since: null }, undefined],
  [OFFLINE, { ...OFFLINE, state: "gone" }, "ola is no longer known"],
] as const satisfies readonly (readonly [ChangedClient | undefined, ChangedClient, string | undefined])[]) {
  test(`${before?.state ?? "unknown"} to ${now.state}: ${text ?? "no news"}`, () => {
    assert.equal(changeText(before, now), text);
  });
}
