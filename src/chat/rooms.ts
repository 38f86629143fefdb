import { MAX_ROOMS, type RoomName, sortedRooms } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import type { PostMember } from "./archive.ts";
import type { KnownPeers } from "./known-peers.ts";
import type { Peer } from "./notices.ts";

/** Who came to a room that we are in, and who left it. */
export interface RoomChange {
  readonly room: RoomName;
  readonly joined: readonly Nickname[];
  readonly left: readonly Nickname[];
}

/** By folded nickname. */
type Members = ReadonlyMap<string, Nickname>;

/** The rooms that we are in, and who was told to be there. A room is whoever says to be in it: nothing else makes one. */
export class Rooms {
  readonly #peers: KnownPeers;
  /** Each with its members as the user last saw them. */
  readonly #shown = new Map<RoomName, Members>();

  constructor(peers: KnownPeers, rooms: readonly RoomName[]) {
    this.#peers = peers;
    for (const room of [...new Set(rooms)].slice(0, MAX_ROOMS)) this.#shown.set(room, new Map());
  }

  get own(): readonly RoomName[] {
    return sortedRooms(this.#shown.keys());
  }

  has(room: RoomName): boolean {
    return this.#shown.has(room);
  }

  /** False when there are {@link MAX_ROOMS} already. Whoever is there now is not told as a newcomer. */
  join(room: RoomName): boolean {
    if (this.#shown.has(room)) return true;
    if (this.#shown.size >= MAX_ROOMS) return false;
    this.#shown.set(room, this.#members([room]).get(room) ?? new Map());
    return true;
  }

  part(room: RoomName): boolean {
    return this.#shown.delete(room);
  }

  /** What differs from what the user was told; told from now on. */
  takeChanges(): readonly RoomChange[] {
    if (this.#shown.size === 0) return [];
    const now = this.#members(this.#shown.keys());
    const changes: RoomChange[] = [];
    for (const [room, before] of this.#shown) {
      const after = now.get(room) ?? new Map<string, Nickname>();
      this.#shown.set(room, after);
      const [joined, left] = [without(after, before), without(before, after)];
      if (joined.length + left.length > 0) changes.push({ room, joined, left });
    }
    return changes;
  }

  /** Of these rooms alone: a roster may have thousands of people, in as many rooms of their own. */
  #members(wanted: Iterable<RoomName>): ReadonlyMap<RoomName, Members> {
    const rooms = new Map([...wanted].map((room) => [room, new Map<string, Nickname>()]));
    for (const { nickname, online, rooms: theirs } of this.#peers.entries()) {
      if (!online) continue;
      for (const room of theirs) rooms.get(room)?.set(foldNickname(nickname), nickname);
    }
    return rooms;
  }
}

/** Whether what is said in `room` goes to that one, who has a key: whoever was lost gets it when it is back. */
export function isMember<P extends Omit<Peer, "trust" | "restriction">>(
  peer: P,
  room: RoomName,
): peer is P & PostMember {
  const { rooms, online, reason, fingerprint } = peer;
  const comesBack = reason === "lost" || reason === "registry-restart-expired";
  return fingerprint !== undefined && rooms.includes(room) && (online || comesBack);
}

function without(all: Members, others: Members): readonly Nickname[] {
  return [...all].flatMap(([key, nickname]) => (others.has(key) ? [] : [nickname]));
}
