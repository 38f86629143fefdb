import assert from "node:assert/strict";
import { test } from "node:test";
import { type IsBound, judgeClaim } from "../../src/roster/claim.ts";
import { type Entry, entryKey, type NewEntry, type Presence, Roster } from "../../src/roster/roster.ts";
import { nick } from "./entries.ts";

const HOLDER: NewEntry = { address: "10.0.0.5", port: 51_000, nickname: nick("ola"), client: "own" };

function roster(state?: Presence["state"]): Roster {
  const made = new Roster(10);
  if (state === undefined) return made;
  made.add(HOLDER, 0);
  made.setPresence(entryKey(HOLDER.address, HOLDER.port), presenceOf(state));
  return made;
}

function presenceOf(state: Presence["state"]): Presence {
  if (state === "offline") return { state, since: 0, reason: "left" };
  return state === "returning" ? { state, since: 0, as: "online" } : { state, since: 0 };
}

/** Who holds "ola", who asks for it from where, whether it is bound to a key, and the verdict with the name. */
const CASES: readonly (readonly [Presence["state"] | undefined, Entry["client"], string, boolean, string])[] =
  [
    [undefined, "original", "10.0.0.9", false, "granted ola"],
    ["offline", "own", "10.0.0.9", false, "granted ola"],
    ["online", "own", "10.0.0.9", false, "taken ola~2"],
    ["suspect", "original", "10.0.0.9", false, "numbered ola~2"],
    ["joining", "own", "10.0.0.9", false, "taken ola~2"],
    ["returning", "own", "10.0.0.9", false, "taken ola~2"],
    ["returning", "original", "10.0.0.5", false, "granted ola"],
    ["returning", "own", "10.0.0.5", true, "taken ola~3"],
    ["online", "own", "10.0.0.5", false, "check-holder"],
    [undefined, "own", "10.0.0.9", true, "taken ola~3"],
    [undefined, "original", "10.0.0.9", true, "numbered ola~3"],
    ["offline", "own", "10.0.0.9", true, "taken ola~3"],
    ["online", "own", "10.0.0.5", true, "taken ola~3"],
  ];

for (const [state, client, address, bound, expected] of CASES) {
  test(`ola is ${state ?? "nobody"}'s${bound ? " and bound" : ""}: ${client} at ${address} is told ${expected}`, () => {
    // Bound names: this one, and the first that would be suggested.
    const isBound: IsBound = (name) => bound && ["ola", "ola~2"].includes(name);
    const claim = judgeClaim(roster(state), { ...HOLDER, address, port: 52_000, client }, false, isBound);
    const name = claim.verdict === "taken" ? claim.suggestion : "nickname" in claim ? claim.nickname : "";
    assert.equal(`${claim.verdict} ${name}`.trim(), expected);
  });
}

test("who is at the holder's own address and port is the holder, unless the name is a key's", () => {
  const again = { ...HOLDER, client: "original" as const };
  assert.equal(judgeClaim(roster("online"), again, false).verdict, "granted");
  const isBound: IsBound = (name) => name === "ola";
  assert.equal(judgeClaim(roster("online"), again, false, isBound).verdict, "numbered");
});
