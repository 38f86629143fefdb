import type { Millis, UnixMillis } from "../base/clock.ts";
import type { RosterKeeper } from "../roster/keeper.ts";
import type { Entry, OfflineReason, Roster } from "../roster/roster.ts";
import type { RegistryLimits } from "./limits.ts";
import { line, offlineLine } from "./lines.ts";
import type { Emit } from "./output.ts";

export interface ReturnsOptions {
  readonly now: Millis;
  readonly limits: RegistryLimits;
  readonly roster: Roster;
  readonly left: RosterKeeper["left"];
  /** What the wall clock shows now. */
  readonly wall: UnixMillis;
  /** Whether the client of that entry has registered and its association is awaited: then it has the time for that. */
  readonly isUnderWay: (entry: Entry) => boolean;
  readonly emit: Emit;
  /** Somebody stands otherwise now. */
  readonly changed: (now: Millis) => void;
}

/** Those who were there when the registry before this one ended: for a while nobody is told that they are not. */
export class Returns {
  readonly #options: ReturnsOptions;
  /** "back": who has not come back by then is gone. */
  #backAt: Millis | undefined;
  /** By then in any case. */
  readonly #atMost: Millis;
  /** How many are missing. */
  #missing: number;

  constructor(options: ReturnsOptions) {
    this.#options = options;
    const { now, limits, roster, left, wall, emit } = options;
    this.#missing = roster.returning;
    this.#atMost = now + limits.returnMillisAtMost;
    if (this.#missing === 0) return;
    const absence = left?.endedAt === undefined ? 0 : wall - left.endedAt;
    this.#backAt = absence > limits.absenceMillis ? now : now + limits.returnMillis;
    const text = `${roster.returning} clients were here before the restart`;
    emit({ type: "log", entry: line("info", text, { offline: roster.counts.offline }) });
  }

  nextDeadline(): Millis | undefined {
    return this.#backAt;
  }

  /** Somebody may have come back: the others may only be slower, or their machine, or ours. */
  seen(now: Millis): void {
    const { roster, limits } = this.#options;
    if (this.#backAt === undefined || roster.returning === this.#missing) return;
    this.#missing = roster.returning;
    const quietAt = Math.min(now + limits.returnQuietMillis, this.#atMost);
    this.#backAt = Math.max(this.#backAt, quietAt);
  }

  advance(now: Millis): void {
    if (this.#backAt === undefined || now < this.#backAt) return;
    this.#backAt = undefined;
    const { roster, isUnderWay } = this.#options;
    for (const entry of [...roster.onlineFirst()]) {
      if (entry.presence.state === "returning" && !isUnderWay(entry))
        this.drop(now, entry, "registry-restart-expired");
    }
  }

  /** The client of `entry` does not come back, or shall not. */
  drop(now: Millis, entry: Entry, reason: OfflineReason): void {
    const { roster, emit, changed } = this.#options;
    roster.setPresence(entry.key, { state: "offline", since: now, reason });
    emit({ type: "log", entry: offlineLine(entry, reason, "") });
    emit({ type: "counts" });
    changed(now);
  }
}
