import type { Millis } from "../base/clock.ts";
import type { Entry, OfflineReason, Presence } from "./roster.ts";

/** What has become of clients since the start, in numbers. */
export interface RosterTallies {
  /** Who has come online, by kind of client; who is back after a restart of the registry is no newcomer. */
  readonly joins: Readonly<Record<Entry["client"], number>>;
  readonly losses: Readonly<Record<OfflineReason, number>>;
  readonly suspects: number;
  readonly recoveries: number;
  /** Of those who were suspects before they were lost: how many, and for how long in all. */
  readonly suspectsLost: number;
  readonly suspectMillis: Millis;
}

/** Counts the transitions of the roster's entries. */
export class Tallies implements RosterTallies {
  readonly joins = { original: 0, own: 0, mp2: 0 };
  readonly losses: Record<OfflineReason, number> = {
    left: 0,
    lost: 0,
    superseded: 0,
    kicked: 0,
    "never-attached": 0,
    "registry-restart-expired": 0,
  };
  suspects = 0;
  recoveries = 0;
  suspectsLost = 0;
  suspectMillis: Millis = 0;

  /** An entry stood as `before` and stands as `after` now. */
  moved({ presence: before, client }: Entry, after: Presence): void {
    if (after.state === before.state) return;
    if (after.state === "suspect") this.suspects += 1;
    if (after.state === "online") {
      if (before.state === "suspect") this.recoveries += 1;
      else if (before.state !== "returning") this.joins[client] += 1;
    }
    if (after.state !== "offline") return;
    this.losses[after.reason] += 1;
    if (before.state !== "suspect" || after.reason !== "lost") return;
    this.suspectsLost += 1;
    this.suspectMillis += Math.max(0, after.since - before.since);
  }
}
