import type { Millis } from "../base/clock.ts";
import type { Entry, OfflineReason, Presence } from "./roster.ts";

/** What has become of clients since the start, in numbers. */
export interface RosterTallies {
  /** Who has come online, by kind of client; who is back after a restart of the registry is no newcomer. */
  readonly joins: Readonly<Record<Entry["client"], number>>;
  readonly losses: Readonly<Record<OfflineReason, number>>;
  /** Who came online, back after a restart of the registry too, and who went offline. */
  readonly turnover: number;
  readonly suspects: number;
  readonly recoveries: number;
  /** Of those who were lost by their silence: how long it had been. */
  readonly detections: Detections;
}

/** A histogram, as Prometheus has them. */
export interface Detections {
  /** How many took no longer than each of {@link DETECTION_MILLIS}. */
  readonly within: readonly number[];
  readonly count: number;
  readonly sumMillis: Millis;
}

/** Around the 2.8 s by default, and for what admins may choose beside it. */
export const DETECTION_MILLIS: readonly Millis[] = [
  1_000, 2_000, 2_500, 2_800, 2_900, 3_000, 3_500, 5_000, 10_000, 30_000, 60_000,
];

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
  turnover = 0;
  suspects = 0;
  recoveries = 0;
  readonly detections = { within: DETECTION_MILLIS.map(() => 0), count: 0, sumMillis: 0 };

  /** An entry stood as `before` and stands as `after` now. `silentMillis`: of one that was lost by its silence. */
  moved({ presence: before, client }: Entry, after: Presence, silentMillis?: Millis): void {
    if (after.state === before.state) return;
    if (after.state === "suspect") this.suspects += 1;
    if (after.state === "online") {
      if (before.state === "suspect") this.recoveries += 1;
      else this.turnover += 1;
      if (before.state !== "suspect" && before.state !== "returning") this.joins[client] += 1;
    }
    if (after.state !== "offline") return;
    this.turnover += 1;
    this.losses[after.reason] += 1;
    if (silentMillis !== undefined && after.reason === "lost") this.#detected(silentMillis);
  }

  #detected(millis: Millis): void {
    const { detections } = this;
    detections.count += 1;
    detections.sumMillis += millis;
    for (const [index, limit] of DETECTION_MILLIS.entries())
      if (millis <= limit) detections.within[index] = (detections.within[index] ?? 0) + 1;
  }
}
