import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Address } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { AbsenceReason, ClientKind, Listed } from "./listed.ts";
import type { Publication } from "./publication.ts";
import { type Entry, type NewEntry, type Presence, type Profile, Roster } from "./roster.ts";

/** How the roster's kinds of clients are told. */
const KINDS: Readonly<Record<Entry["client"], ClientKind>> = {
  mp2: "mp2",
  own: "mp1-own",
  original: "mp1-original",
};
const CLIENTS: Readonly<Record<ClientKind, Entry["client"]>> = {
  mp2: "mp2",
  "mp1-own": "own",
  "mp1-original": "original",
};

/**
 * One roster for both protocols: mp1's pushes read it as it is, and what changes in it is noted for mp2's publication.
 * Call `settle` after every input that may have changed the roster.
 */
export class RosterFeed {
  readonly roster: Roster;
  readonly publication: Publication;
  readonly #unixAt: (at: Millis) => UnixMillis;
  /** Names whose holders have changed since the last `settle`; each is looked at once, as it then stands. */
  readonly #touched = new Set<Nickname>();

  /** `capacity`: entries in all. `unixAt`: what the wall clock shows at a monotonic time. */
  constructor(options: {
    readonly capacity: number;
    readonly publication: Publication;
    readonly unixAt: (at: Millis) => UnixMillis;
  }) {
    this.roster = new Roster(options.capacity, (nickname) => this.#touched.add(nickname));
    this.publication = options.publication;
    this.#unixAt = options.unixAt;
  }

  /**
   * Puts in all that the publication begins with: who was there is "returning". Two of the same place or key, of which one
   * was about to give way to the other, do not fit the roster: the later one is removed and told to be.
   */
  restore(now: Millis): void {
    const byAge = [...this.publication.entries()].sort((left, right) => left.lastSeen - right.lastSeen);
    const here = this.#unixAt(now);
    for (const entry of byAge) {
      const since = now - Math.max(0, here - entry.lastSeen);
      this.roster.restore(formerOf(entry), formerPresence(entry, since));
      this.#touched.add(entry.nick);
    }
    this.settle(now);
  }

  settle(now: Millis): void {
    for (const nickname of this.#touched) {
      const entry = this.roster.holderOf(nickname);
      // Who is joining is told as whoever held the name before: nobody seems to leave who just comes back.
      if (entry?.presence.state === "joining") continue;
      this.publication.note(now, nickname, entry && listedOf(entry, this.#unixAt));
    }
    this.#touched.clear();
  }
}

function listedOf(entry: Entry, unixAt: (at: Millis) => UnixMillis): Listed {
  const { nickname: nick, address, port, client, profile, presence } = entry;
  const facts = {
    nick,
    fingerprint: profile?.fingerprint ?? null,
    // Whoever put it in has parsed it: mp1 takes dotted IPv4 only, mp2 canonical addresses.
    address: address as Address,
    port,
    kind: KINDS[client],
    lastSeen: presence.toldSince ?? Math.round(unixAt(presence.since)),
    ...(profile === undefined || profile.status === "" ? {} : { status: profile.status }),
    ...(profile === undefined || profile.rooms.length === 0 ? {} : { rooms: profile.rooms }),
  };
  if (presence.state === "offline") return { ...facts, state: "offline", reason: told(presence.reason) };
  const session = profile?.session === undefined ? {} : { session: profile.session };
  const shown = presence.state === "returning" ? presence.as : presence.state;
  if (shown === "suspect") return { ...facts, ...session, state: "suspect" };
  return { ...facts, ...session, state: profile?.away ? "away" : "online" };
}

/** The other way round: what of an entry the roster holds … */
function formerOf(entry: Listed): NewEntry {
  const { nick: nickname, address, port, kind, fingerprint, rooms = [] } = entry;
  const status: Profile["status"] = entry.status ?? "";
  const client = CLIENTS[kind];
  if (fingerprint === null) return { nickname, address, port, client };
  const { session } = entry;
  const profile: Profile = { fingerprint, session, away: entry.state === "away", status, rooms };
  return { nickname, address, port, client, profile };
}

/** … and where its client stands. */
function formerPresence(entry: Listed, since: Millis): Presence {
  const told = { since, toldSince: entry.lastSeen };
  if (entry.state === "offline") return { state: "offline", reason: entry.reason, ...told };
  return { state: "returning", as: entry.state === "suspect" ? "suspect" : "online", ...told };
}

function told(reason: AbsenceReason | "never-attached"): AbsenceReason {
  return reason === "never-attached" ? "lost" : reason;
}
