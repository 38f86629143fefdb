import assert from "node:assert/strict";
import type { OriginalClient, ReadRoster } from "./guest.ts";

/** What an original client reads of its first roster, and of each later one. */
export const FIRST_ROSTER_BYTES = 512;
const PUSH_BYTES = 2_048;

/** When, on the guest's clock, these clients said this. */
export function times(clients: readonly OriginalClient[], tag: string): readonly number[] {
  return clients.flatMap(({ lines }) => lines.filter((line) => line.tag === tag).map(({ millis }) => millis));
}

export function noneOnline(client: OriginalClient, crowd: readonly OriginalClient[]): boolean {
  const online = client.rosters.at(-1)?.clients.filter((listed) => listed.online) ?? [];
  return crowd.every(({ name }) => online.every(({ nickname }) => nickname !== name));
}

/** Whether it was last told of all of the `crowd` but itself, or of so many that no more fit; all of them online. */
export function seesAll(client: OriginalClient, crowd: readonly OriginalClient[]): boolean {
  const roster = client.rosters.at(-1);
  if (roster === undefined) return false;
  const online = roster.clients.filter((listed) => listed.online);
  const others = crowd.filter(({ name }) => name !== client.name);
  if (others.every(({ name }) => online.some(({ nickname }) => nickname === name))) return true;
  return online.length === roster.clients.length && isFull(roster, PUSH_BYTES);
}

function isFull({ bytes, clients }: ReadRoster, limit: number): boolean {
  const longest = Math.max(...clients.map((client) => JSON.stringify(client).length + 2));
  return bytes + longest > limit;
}

/** It could read all that it was sent (what is too long for it is cut off, so that it cannot), and has not broken. */
export function assertHealthy(client: OriginalClient): void {
  const wrong = client.lines.filter(({ tag }) => ["UNREADABLE", "ERROR", "BROKE"].includes(tag));
  assert.deepEqual(wrong, [], client.name);
  assert.ok(
    client.lines.filter(({ tag }) => tag === "EXITED").every(({ text }) => text === "0"),
    client.name,
  );
}
