import type { Nickname } from "../wire/nickname.ts";
import { numberedNickname } from "../wire/nickname.ts";
import { type Entry, entryKey, isOnline, type NewEntry, type Roster } from "./roster.ts";

/** What may become of a newcomer's wish for a nickname. All rules of who gets a name over mp1 stand here. */
export type Claim =
  | { readonly verdict: "granted"; readonly nickname: Nickname }
  /** The holder is at the newcomer's own address and may be its dead predecessor: ask the holder first. */
  | { readonly verdict: "check-holder"; readonly holder: Entry }
  /** Without holder: the name is bound to a key whose owner is not in the roster. */
  | { readonly verdict: "numbered"; readonly nickname: Nickname; readonly holder: Entry | undefined }
  | { readonly verdict: "taken"; readonly holder: Entry | undefined; readonly suggestion: Nickname };

/** Whether a key owns that name, there or not. */
export type IsBound = (nickname: Nickname) => boolean;

/**
 * Judges a claim. A name is free when nobody holds it, its holder is offline, or its holder is the same address and
 * port. Who has not come back since the registry's restart holds it against all but its own address: an original client
 * that is started anew has another port. A living holder keeps it: an original client is then listed under a number, ours is told and picks another. A
 * name that is bound to a key is free for nobody over mp1, which has no keys.
 */
export function judgeClaim(
  roster: Roster,
  newcomer: NewEntry,
  holderChecked: boolean,
  isBound: IsBound = () => false,
): Claim {
  const { nickname, address, port, client } = newcomer;
  const holder = roster.holderOf(nickname);
  const bound = isBound(nickname);
  const isFree = holder === undefined || holder.key === entryKey(address, port) || isGone(holder, address);
  if (isFree && !bound) return { verdict: "granted", nickname };
  if (!bound && holder?.address === address && isOnline(holder.presence) && !holderChecked) {
    return { verdict: "check-holder", holder };
  }
  const free = numberedNickname(nickname, (candidate) => {
    const other = roster.holderOf(candidate);
    return (other === undefined || isGone(other, address)) && !isBound(candidate);
  });
  return client === "original"
    ? { verdict: "numbered", nickname: free, holder }
    : { verdict: "taken", holder, suggestion: free };
}

function isGone({ presence, address }: Entry, from: string): boolean {
  return presence.state === "offline" || (presence.state === "returning" && address === from);
}
