import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { Listed } from "../roster/listed.ts";
import { Mirror } from "../roster/mirror.ts";
import type { RoomName } from "../wire/mp2-values.ts";
import { KnownPeers } from "./known-peers.ts";
import type { MembershipChange } from "./membership-changes.ts";
import type { ChatNotice } from "./notices.ts";
import { PresenceNews } from "./presence-news.ts";
import { Rooms } from "./rooms.ts";
import type { Trusted } from "./trust.ts";

export interface RosterWatchOptions {
  /** Our key. */
  readonly own: Fingerprint;
  readonly trusted: Trusted;
  /** Where to be from the start; too many are left out. */
  readonly rooms: readonly RoomName[];
  readonly tell: (notice: ChatNotice) => void;
  /** Whoever was kept although the registry does not know of them is not kept any more. */
  readonly settled: (now: Millis) => void;
}

/**
 * The roster as our membership brings it, by either protocol. Apart from membership, which does not care who else is
 * there: here each key is held against the pinned one as it comes, and what has changed is gathered: the rest of the core
 * looks again once a call, and the user is told once in a while, however many entries it is.
 */
export class RosterWatch {
  readonly peers: KnownPeers;
  readonly rooms: Rooms;
  /** For whoever follows a registry by mp2. */
  readonly mirror: Mirror;
  readonly #trusted: Trusted;
  readonly #news: PresenceNews;
  #registryLostAt: Millis | undefined;
  /** Since {@link RosterWatch.takeChange} was asked. */
  #isChanged = false;
  /** Of the call that is under way: the mirror does not say it. */
  #now: Millis = 0;

  constructor({ own, trusted, rooms, tell, settled }: RosterWatchOptions) {
    this.#trusted = trusted;
    this.peers = new KnownPeers({ own, judge: trusted.judgePeer, basis: () => trusted.pins });
    this.rooms = new Rooms(this.peers, rooms);
    this.mirror = new Mirror({ changed: (before, after) => this.#entryChanged(before, after) });
    this.#news = new PresenceNews({ peers: this.peers, rooms: this.rooms, tell, settled });
  }

  /** Since when there is no registry; undefined: there is one, or never was. */
  get registryLostAt(): Millis | undefined {
    return this.#registryLostAt;
  }

  /** A call begins in which the mirror may change. */
  begin(now: Millis): void {
    this.#now = now;
  }

  membershipChanged(now: Millis, change: Exclude<MembershipChange, { type: "ended" }>): void {
    switch (change.type) {
      case "follow":
        this.peers.follow(change.protocol);
        return;
      case "roster":
        this.peers.replace(change.items);
        this.#isChanged = true;
        return;
      case "online":
        this.#registryLostAt = undefined;
        if (change.again) this.#news.beginAgain(now);
        else this.#news.begin();
        return;
      case "lost":
        this.#registryLostAt = now;
        this.#news.lost();
    }
  }

  /** Whether somebody has come or gone, or is another one, since this was asked last. */
  takeChange(): boolean {
    const isChanged = this.#isChanged;
    this.#isChanged = false;
    return isChanged;
  }

  /** The user is told of that, soon. */
  peersChanged(now: Millis): void {
    this.#news.peersChanged(now);
  }

  /** Something else of what the snapshot shows is another one. */
  snapshotChanged(now: Millis): void {
    this.#news.rosterChanged(now);
  }

  nextDeadline(): Millis | undefined {
    return this.#news.nextDeadline();
  }

  advance(now: Millis): void {
    this.#news.advance(now);
  }

  /** The mirror shows another entry. */
  #entryChanged(before: Listed | undefined, after: Listed | undefined): void {
    this.peers.changed(before, after);
    this.#isChanged = true;
    const peer = after === undefined ? undefined : this.peers.find(after.nick);
    if (peer?.trust !== "changed") return;
    const { nickname: name, address, fingerprint: offered } = peer;
    const subject = { kind: "peer", name } as const;
    this.#trusted.contradicted(this.#now, { subject, address, offered, proved: false });
  }
}
