import type { Peer } from "./notices.ts";

const { compare } = new Intl.Collator("en");

/** Online first, then by name. */
export function inRosterOrder(peers: readonly Peer[]): readonly Peer[] {
  return [...peers].sort(
    (left, right) => Number(right.online) - Number(left.online) || compare(left.nickname, right.nickname),
  );
}
