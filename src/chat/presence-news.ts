import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { KnownPeers } from "./known-peers.ts";
import type { ChatNotice } from "./notices.ts";
import type { Rooms } from "./rooms.ts";

/** Arrivals and departures within this time are told together. */
export const PRESENCE_GATHER_MILLIS: Millis = 150;
/** After a registry restart everybody returns one by one: whoever is back by then was never told to be gone. */
export const PRESENCE_SETTLE_MILLIS: Millis = 8_000;

export interface PresenceNewsOptions {
  readonly peers: KnownPeers;
  readonly rooms: Rooms;
  readonly tell: (notice: ChatNotice) => void;
  /** Whoever was kept although the registry does not know of them is not kept any more. */
  readonly settled: (now: Millis) => void;
}

/** Who came and went, in the roster and in rooms: told soon, and together, however much of it there is. */
export class PresenceNews {
  readonly #options: PresenceNewsOptions;
  readonly #deadlines = new Deadlines<"presence" | "roster", "tell" | "changed">();

  constructor(options: PresenceNewsOptions) {
    this.#options = options;
  }

  /** Online for the first time, which brings the list: what came before is no news. */
  begin(): void {
    this.#options.peers.takeChanges();
    this.#options.rooms.takeChanges();
  }

  /** Online again after a registry that was gone. */
  beginAgain(now: Millis): void {
    this.#gather(now, PRESENCE_SETTLE_MILLIS);
  }

  /** The registry is gone, and what it said last stays. */
  lost(): void {
    this.#options.peers.keep();
    this.#deadlines.clearAll("presence");
  }

  /** Somebody has come or gone, or is another one. */
  peersChanged(now: Millis): void {
    this.#gather(now, PRESENCE_GATHER_MILLIS);
    this.rosterChanged(now);
  }

  /** Something of what the snapshot shows is another one. */
  rosterChanged(now: Millis): void {
    if (this.#deadlines.at("roster", "changed") === undefined)
      this.#deadlines.set("roster", "changed", now + PRESENCE_GATHER_MILLIS);
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      if (due.name === "changed") this.#options.tell({ type: "roster" });
      else this.#tellPresence(now);
    }
  }

  #gather(now: Millis, time: Millis): void {
    if (this.#deadlines.at("presence", "tell") === undefined)
      this.#deadlines.set("presence", "tell", now + time);
  }

  #tellPresence(now: Millis): void {
    const { peers, rooms, tell, settled } = this.#options;
    peers.settle();
    const { online, offline } = peers.takeChanges();
    settled(now);
    if (online.length + offline.length > 0) tell({ type: "presence", online, offline });
    for (const change of rooms.takeChanges()) tell({ type: "room", change });
  }
}
