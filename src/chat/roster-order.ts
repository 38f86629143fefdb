import type { Peer } from "./notices.ts";

/** Online first, then by name. */
export function inRosterOrder(peers: readonly Peer[]): readonly Peer[] {
  const compare = new Intl.Collator("en").compare;
  return [...peers].sort(
    (left, right) => Number(right.online) - Number(left.online) || compare(left.nickname, right.nickname),
  );
}
