import type { Millis, UnixMillis } from "../base/clock.ts";
import { encodeUtf8 } from "../base/text.ts";
import { encodeRosterItem, isIpv4 } from "../wire/mp1-roster.ts";
import type { Fingerprint, RoomName, SessionId, StatusText } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import type { AbsenceReason } from "./listed.ts";
import { type RosterTallies, Tallies } from "./tallies.ts";

/** "ADDRESS:PORT": where a client is reached, and what names it as long as it has no key. */
export type EntryKey = string & { readonly __entryKey: unique symbol };

export function entryKey(address: string, port: number): EntryKey {
  return `${address}:${port}` as EntryKey;
}

export type OfflineReason =
  | AbsenceReason
  /** It registered, but no association came up. */
  | "never-attached";

interface Since {
  /** On the monotonic clock. */
  readonly since: Millis;
  /** What the wall clock showed then, if the registry before this one has told it: it is told again as it was. */
  readonly toldSince?: UnixMillis;
}

/** Where a client stands. */
export type Presence =
  | ({ readonly state: "joining" } & Since)
  | ({ readonly state: "online" } & Since)
  | ({ readonly state: "suspect" } & Since)
  /** It was there when the registry before this one ended, shown `as` it still is, and has not come back yet. */
  | ({ readonly state: "returning"; readonly as: "online" | "suspect" } & Since)
  | ({ readonly state: "offline"; readonly reason: OfflineReason } & Since);

/** What is known of an mp2 client besides. */
export interface Profile {
  readonly fingerprint: Fingerprint;
  /** Of whom the registry before this one had as offline, none is known. */
  readonly session: SessionId | undefined;
  /** What its user says of itself; "" is nothing. */
  readonly away: boolean;
  readonly status: StatusText | "";
  readonly rooms: readonly RoomName[];
}

export interface Entry {
  readonly key: EntryKey;
  readonly address: string;
  readonly port: number;
  readonly nickname: Nickname;
  /** An original client, or ours over mp1: neither has a key, both are unverified. An mp2 client has a profile. */
  readonly client: "original" | "own" | "mp2";
  readonly profile?: Profile;
  readonly presence: Presence;
  /** The mp1 form, made once a change; "" of whom mp1 cannot name, since it is reached by IPv6 only. */
  readonly json: string;
  readonly bytes: number;
}

export type NewEntry = Pick<Entry, "address" | "port" | "nickname" | "client" | "profile">;

/** Whoever holds `nickname` stands otherwise now, or nobody holds it any more. */
export type Touched = (nickname: Nickname) => void;

/**
 * Who is there, over whatever protocol. Pure bookkeeping with three invariants: one entry an address and port, one a
 * folded nickname, one a fingerprint. Bounded: a newcomer beyond `capacity` takes the place of whoever has been offline longest; when all are online, `add` refuses.
 */
export class Roster {
  readonly #capacity: number;
  readonly #online = new Map<EntryKey, Entry>();
  /** Joining, returning and offline, in the order in which they got there: the first offline one is the oldest. */
  readonly #others = new Map<EntryKey, Entry>();
  /** `#others` the other way round, made once a change: a roster is read once for each client. */
  #othersLatestFirst: readonly Entry[] | undefined;
  readonly #byName = new Map<string, EntryKey>();
  readonly #byFingerprint = new Map<string, EntryKey>();
  readonly #touched: Touched;
  readonly #tallies = new Tallies();
  /** How many of `#others` are not offline. */
  readonly #waiting = { joining: 0, returning: 0 };

  constructor(capacity: number, touched: Touched = () => undefined) {
    this.#capacity = capacity;
    this.#touched = touched;
  }

  get counts(): { readonly online: number; readonly offline: number } {
    const { joining, returning } = this.#waiting;
    return { online: this.#online.size, offline: this.#others.size - joining - returning };
  }

  /** How many were there before the restart and have not come back yet. */
  get returning(): number {
    return this.#waiting.returning;
  }

  get tallies(): RosterTallies {
    return this.#tallies;
  }

  find(key: EntryKey): Entry | undefined {
    return this.#online.get(key) ?? this.#others.get(key);
  }

  /** Who holds `nickname` or one that folds to the same. */
  holderOf(nickname: string): Entry | undefined {
    const key = this.#byName.get(foldNickname(nickname));
    return key === undefined ? undefined : this.find(key);
  }

  /** The client whose key has `fingerprint`. */
  withFingerprint(fingerprint: string): Entry | undefined {
    const key = this.#byFingerprint.get(fingerprint);
    return key === undefined ? undefined : this.find(key);
  }

  /**
   * Online entries first, in the order in which they came; then who is about to come back; then the rest, the latest
   * change first: where a list must be cut, who has just left is told rather than who left long ago.
   */
  *onlineFirst(): Generator<Entry> {
    yield* this.#online.values();
    this.#othersLatestFirst ??= this.#latestFirst();
    yield* this.#othersLatestFirst;
  }

  #latestFirst(): readonly Entry[] {
    const all = [...this.#others.values()].reverse();
    if (this.#waiting.returning === 0) return all;
    const isReturning = ({ presence }: Entry): boolean => presence.state === "returning";
    return [...all.filter(isReturning), ...all.filter((entry) => !isReturning(entry))];
  }

  /**
   * Puts a newcomer in as "joining", in place of its address', its name's and its key's former entries; as "returning" if
   * its own entry is that, of the same place, name and session. False when full.
   */
  add(newcomer: NewEntry, now: Millis): boolean {
    const key = entryKey(newcomer.address, newcomer.port);
    const own = this.find(key);
    const goesOn = own?.presence.state === "returning" && isSame(own, newcomer);
    const presence = goesOn ? own.presence : ({ state: "joining", since: now } as const);
    const holder = this.holderOf(newcomer.nickname);
    if (holder !== undefined) this.#remove(holder.key);
    const former = newcomer.profile && this.withFingerprint(newcomer.profile.fingerprint);
    if (former !== undefined) this.#remove(former.key);
    this.#remove(key);
    if (this.#online.size + this.#others.size >= this.#capacity && !this.#evictOldestOffline()) return false;
    this.#put(withJson({ ...newcomer, key, presence, json: "", bytes: 0 }));
    return true;
  }

  /** Puts in who is known from before a restart. False where its place, its name or its key has an entry, or when full. */
  restore(former: NewEntry, presence: Presence): boolean {
    const key = entryKey(former.address, former.port);
    const fingerprint = former.profile?.fingerprint;
    const isTaken =
      this.find(key) !== undefined ||
      this.holderOf(former.nickname) !== undefined ||
      (fingerprint !== undefined && this.withFingerprint(fingerprint) !== undefined);
    if (isTaken || this.#online.size + this.#others.size >= this.#capacity) return false;
    this.#put(withJson({ ...former, key, presence, json: "", bytes: 0 }));
    return true;
  }

  /** Moves an entry to another presence; returns it as it then stands, or undefined if there is none. */
  setPresence(key: EntryKey, presence: Presence, silentMillis?: Millis): Entry | undefined {
    const entry = this.find(key);
    if (entry === undefined) return undefined;
    this.#tallies.moved(entry, presence, silentMillis);
    return this.#replace(entry, { ...entry, presence });
  }

  /** The user of an mp2 client says something else of itself. */
  describe(key: EntryKey, said: Pick<Profile, "away" | "status" | "rooms">): Entry | undefined {
    const entry = this.find(key);
    if (entry?.profile === undefined) return undefined;
    return this.#replace(entry, { ...entry, profile: { ...entry.profile, ...said } });
  }

  /** Nobody holds `nickname` any more. */
  free(nickname: string): void {
    const holder = this.holderOf(nickname);
    if (holder !== undefined) this.#remove(holder.key);
  }

  #replace(entry: Entry, changed: Entry): Entry {
    const moved = withJson(changed);
    // An online entry keeps its place when it is merely suspected.
    if (!(isOnline(entry.presence) && isOnline(changed.presence))) this.#take(entry);
    this.#put(moved);
    return moved;
  }

  /**
   * The client of `key` is reached at another address now: its entry moves. Returns it as it then stands, in place of
   * whoever has been there before; undefined if there is none.
   */
  move(key: EntryKey, address: string): Entry | undefined {
    const entry = this.find(key);
    if (entry === undefined) return undefined;
    const moved = withJson({ ...entry, key: entryKey(address, entry.port), address });
    this.#remove(moved.key);
    this.#take(entry);
    this.#put(moved);
    return moved;
  }

  #put(entry: Entry): void {
    this.#othersLatestFirst = undefined;
    this.#byName.set(foldNickname(entry.nickname), entry.key);
    if (entry.profile !== undefined) this.#byFingerprint.set(entry.profile.fingerprint, entry.key);
    this.#touched(entry.nickname);
    if (isOnline(entry.presence)) this.#online.set(entry.key, entry);
    else {
      this.#others.set(entry.key, entry);
      this.#count(entry, 1);
    }
  }

  #take(entry: Entry): void {
    this.#othersLatestFirst = undefined;
    this.#online.delete(entry.key);
    this.#others.delete(entry.key);
    this.#count(entry, -1);
  }

  #count({ presence: { state } }: Entry, by: number): void {
    if (state === "joining" || state === "returning") this.#waiting[state] += by;
  }

  #remove(key: EntryKey): void {
    const entry = this.find(key);
    if (entry === undefined) return;
    this.#take(entry);
    this.#byName.delete(foldNickname(entry.nickname));
    if (entry.profile !== undefined) this.#byFingerprint.delete(entry.profile.fingerprint);
    this.#touched(entry.nickname);
  }

  #evictOldestOffline(): boolean {
    for (const entry of this.#others.values()) {
      if (entry.presence.state !== "offline") continue;
      this.#remove(entry.key);
      return true;
    }
    return false;
  }
}

/** On the wire a suspect is still online: only its loss is news to others in mp1. */
export function isOnline(presence: Presence): boolean {
  return presence.state === "online" || presence.state === "suspect";
}

/** Those who are not back yet are shown as they were. */
function isShownOnline(presence: Presence): boolean {
  return isOnline(presence) || presence.state === "returning";
}

/** How somebody stands who comes online: whoever only comes back is there since it was there before. */
export function onlineFrom(former: Presence, now: Millis): Presence {
  if (former.state !== "returning" || former.as !== "online") return { state: "online", since: now };
  const { since, toldSince } = former;
  return { state: "online", since, ...(toldSince === undefined ? {} : { toldSince }) };
}

/** Whether a newcomer is who has been in its place before. */
function isSame(entry: Entry, { nickname, client, profile }: NewEntry): boolean {
  return (
    entry.nickname === nickname &&
    entry.client === client &&
    entry.profile?.fingerprint === profile?.fingerprint &&
    entry.profile?.session === profile?.session
  );
}

function withJson(entry: Entry): Entry {
  const { address: ip, port, nickname, presence } = entry;
  if (!isIpv4(ip)) return { ...entry, json: "", bytes: 0 };
  const json = encodeRosterItem({ ip, port, nickname, online: isShownOnline(presence) });
  return { ...entry, json, bytes: encodeUtf8(json).length };
}
