import type { Fingerprint } from "../base/fingerprint.ts";
import type { Listed } from "../roster/listed.ts";
import { isIpv4, type RosterItem } from "../wire/mp1-roster.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import type { Protocol, Source } from "./events.ts";
import type { Peer } from "./notices.ts";
import { inRosterOrder } from "./roster-order.ts";

export interface PresenceChanges {
  readonly online: readonly Nickname[];
  readonly offline: readonly Nickname[];
}

/** A peer as a roster has it; what to think of its key is asked when somebody looks. */
type Entry = Omit<Peer, "trust" | "restriction">;

/** What we think of a key, or of a name without one. */
export type Judgement = Pick<Peer, "trust" | "restriction">;

/** The last roster, of either protocol, and which part of it the user has been told. */
export class KnownPeers {
  readonly #own: Fingerprint;
  readonly #judge: (nickname: Nickname, fingerprint: Fingerprint | undefined) => Judgement;
  readonly #basis: () => object;
  readonly #rosters: Readonly<Record<Protocol, Map<string, Entry>>> = { mp1: new Map(), mp2: new Map() };
  /** Of the mp2 roster. */
  readonly #keys = new Map<Fingerprint, string>();
  #protocol: Protocol = "mp2";
  /** Those of a registry that went away, until its successor has had time to hear of them. */
  #former: ReadonlyMap<string, Entry> = new Map();
  /** Those online as the user last saw it. */
  #shown = new Map<string, Nickname>();
  /** Names that may differ from what was shown. */
  #touched = new Set<string>();
  /** What was made of each entry: thousands are listed, of which one has changed. */
  readonly #made = new WeakMap<Entry, { readonly peer: Peer; readonly basis: object }>();
  /** As long as nothing that it shows has changed: faces look at all of it for each key that is pressed. */
  #list: { readonly peers: readonly Peer[]; readonly basis: object } | undefined;

  /** `own`: our key, whose entry is not a peer's. `basis`: what `judge` goes by, immutable. */
  constructor(options: {
    own: Fingerprint;
    judge: (nickname: Nickname, fingerprint: Fingerprint | undefined) => Judgement;
    basis: () => object;
  }) {
    this.#own = options.own;
    this.#judge = options.judge;
    this.#basis = options.basis;
  }

  /** From now on the roster of this protocol is the one that counts. */
  follow(protocol: Protocol): void {
    if (protocol === this.#protocol) return;
    this.#touchAll();
    this.#protocol = protocol;
    this.#list = undefined;
    this.#touchAll();
  }

  /** An mp1 roster replaces the former one. */
  replace(items: readonly RosterItem[]): void {
    const roster = this.#rosters.mp1;
    this.#touchAll();
    roster.clear();
    for (const item of items) roster.set(foldNickname(item.nickname), ofItem(item));
    this.#list = undefined;
    this.#touchAll();
  }

  /** An entry of the mp2 roster has changed. */
  changed(before: Listed | undefined, after: Listed | undefined): void {
    const roster = this.#rosters.mp2;
    const entry = after ?? before;
    if (entry === undefined) return;
    const key = foldNickname(entry.nick);
    const former = roster.get(key)?.fingerprint;
    if (former !== undefined && this.#keys.get(former) === key) this.#keys.delete(former);
    if (after === undefined || after.fingerprint === this.#own) roster.delete(key);
    else {
      const listed = ofListed(after);
      roster.set(key, listed);
      if (listed.fingerprint !== undefined) this.#keys.set(listed.fingerprint, key);
    }
    this.#list = undefined;
    this.#touched.add(key);
  }

  /** The registry is gone: whoever was known stays known although the next one's first rosters lack them. */
  keep(): void {
    this.#former = new Map(this.#current());
  }

  /** From now on only the latest roster counts. */
  settle(): void {
    for (const key of this.#former.keys()) this.#touched.add(key);
    this.#former = new Map();
    this.#list = undefined;
  }

  /** By nickname, however it is written. */
  find(nickname: string): Peer | undefined {
    const entry = this.#entry(foldNickname(nickname));
    return entry && this.#judged(entry);
  }

  /** Who is listed there. */
  at({ address, port }: Source): Peer | undefined {
    for (const [, entry] of this.#current())
      if (entry.address === address && entry.port === port) return this.#judged(entry);
    return undefined;
  }

  /** Whose key it is, by the mp2 roster. */
  holderOf(fingerprint: Fingerprint): Peer | undefined {
    const key = this.#keys.get(fingerprint) ?? this.#formerHolder(fingerprint);
    const entry = key === undefined ? undefined : this.#entry(key);
    return entry?.fingerprint === fingerprint ? this.#judged(entry) : undefined;
  }

  /** In no order, and without what to think of the keys. */
  entries(): Iterable<Entry> {
    return this.#current().values();
  }

  /** Online first, then by name. */
  list(): readonly Peer[] {
    const basis = this.#basis();
    if (this.#list?.basis !== basis) {
      const peers = inRosterOrder([...this.#current().values()].map((entry) => this.#judged(entry)));
      this.#list = { peers, basis };
    }
    return this.#list.peers;
  }

  /** What differs from what the user was told; told from now on. */
  takeChanges(): PresenceChanges {
    const online: Nickname[] = [];
    const offline: Nickname[] = [];
    for (const key of this.#touched) {
      const entry = this.#entry(key);
      const before = this.#shown.get(key);
      if (entry?.online === true) {
        if (before === undefined) online.push(entry.nickname);
        this.#shown.set(key, entry.nickname);
      } else if (before !== undefined) {
        offline.push(before);
        this.#shown.delete(key);
      }
    }
    this.#touched.clear();
    return { online, offline };
  }

  #formerHolder(fingerprint: Fingerprint): string | undefined {
    for (const [key, entry] of this.#former) if (entry.fingerprint === fingerprint) return key;
    return undefined;
  }

  #entry(key: string): Entry | undefined {
    const entry = this.#rosters[this.#protocol].get(key);
    const former = this.#former.get(key);
    return former !== undefined && isOnlyLate(former, entry) ? former : entry;
  }

  #current(): Iterable<[string, Entry]> & { values(): Iterable<Entry> } {
    if (this.#former.size === 0) return this.#rosters[this.#protocol];
    const current = new Map(this.#rosters[this.#protocol]);
    for (const [key, former] of this.#former) {
      if (isOnlyLate(former, current.get(key))) current.set(key, former);
    }
    return current;
  }

  #judged(entry: Entry): Peer {
    const basis = this.#basis();
    const made = this.#made.get(entry);
    if (made?.basis === basis) return made.peer;
    const peer = { ...entry, ...this.#judge(entry.nickname, entry.fingerprint) };
    this.#made.set(entry, { peer, basis });
    return peer;
  }

  #touchAll(): void {
    for (const key of this.#rosters[this.#protocol].keys()) this.#touched.add(key);
  }
}

/** Nobody is there any more by somebody's own doing, but a registry that has just come back has not heard yet. */
function isOnlyLate(former: Entry, entry: Entry | undefined): boolean {
  if (entry === undefined) return true;
  const isUnsure = entry.reason === "lost" || entry.reason === "registry-restart-expired";
  return former.online && !entry.online && isUnsure;
}

function ofItem({ nickname, ip, port, online }: RosterItem): Entry {
  const state = online ? "online" : "offline";
  const unknown = { reason: undefined, lastSeen: undefined, status: undefined };
  const none = { fingerprint: undefined, rooms: [] };
  return { nickname, address: ip, port, state, online, kind: "mp1", ...unknown, ...none };
}

function ofListed(listed: Listed): Entry {
  const { nick, address, port, state, lastSeen, status, fingerprint, kind } = listed;
  return {
    nickname: nick,
    address,
    port,
    state,
    online: state !== "offline",
    reason: listed.state === "offline" ? listed.reason : undefined,
    lastSeen,
    status,
    // The codec has proved its form.
    fingerprint: (fingerprint ?? undefined) as Fingerprint | undefined,
    kind,
    rooms: listed.rooms ?? [],
  };
}

/** "ADDRESS:PORT" with the port P of the roster, as the original client takes it. */
export function parseDestination(text: string): Source | undefined {
  const match = /^([0-9.]+):([0-9]{1,5})$/.exec(text);
  const [, address, digits] = match ?? [];
  const port = Number(digits);
  if (address === undefined || !isIpv4(address) || port < 1 || port > 65_534) return undefined;
  return { address, port };
}
