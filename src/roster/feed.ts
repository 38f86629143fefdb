import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Address } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { AbsenceReason, ClientKind, Listed } from "./listed.ts";
import type { Publication } from "./publication.ts";
import { type Entry, Roster } from "./roster.ts";

/** How the roster's kinds of clients are told. */
const KINDS: Readonly<Record<Entry["client"], ClientKind>> = {
  mp2: "mp2",
  own: "mp1-own",
  original: "mp1-original",
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
    lastSeen: Math.round(unixAt(presence.since)),
    ...(profile === undefined || profile.status === "" ? {} : { status: profile.status }),
    ...(profile === undefined || profile.rooms.length === 0 ? {} : { rooms: profile.rooms }),
  };
  if (presence.state === "offline") return { ...facts, state: "offline", reason: told(presence.reason) };
  const session = profile === undefined ? {} : { session: profile.session };
  if (presence.state === "suspect") return { ...facts, ...session, state: "suspect" };
  return { ...facts, ...session, state: profile?.away ? "away" : "online" };
}

function told(reason: AbsenceReason | "never-attached"): AbsenceReason {
  return reason === "never-attached" ? "lost" : reason;
}
