import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { encodeUtf8 } from "../base/text.ts";
import type { Entry, EntryKey, Roster } from "../roster/roster.ts";
import { joinRoster, ORIGINAL_PUSH_BYTES, OWN_ROSTER_BYTES } from "../wire/mp1-roster.ts";
import type { RegistryLimits } from "./limits.ts";

/** The roster that `entry` should see, in the size that its client reads; undefined when it would be empty. */
export function rosterFor(roster: Roster, key: EntryKey | undefined, limit: number): string | undefined {
  const json = joinRoster(others(roster, key), limit);
  return json === EMPTY ? undefined : json;
}

const EMPTY = joinRoster([], OWN_ROSTER_BYTES);

function* others(roster: Roster, key: EntryKey | undefined): Generator<Entry> {
  for (const entry of roster.onlineFirst()) {
    if (entry.key !== key && entry.presence.state !== "joining" && entry.json !== "") yield entry;
  }
}

/**
 * Who has not seen the latest roster yet. Changes within an interval go out as one push a client; each interval hands
 * out a bounded number of bytes, longest-waiting clients first, so that a storm of joins costs the same per second
 * whatever the number of clients.
 */
export class Pushes {
  readonly #limits: RegistryLimits;
  readonly #dirty = new Set<EntryKey>();
  readonly #deadlines = new Deadlines<"all", "push">();
  #last: Millis = -Infinity;

  constructor(limits: RegistryLimits) {
    this.#limits = limits;
  }

  /** `key` lacks something. */
  mark(key: EntryKey, now: Millis): void {
    this.#dirty.add(key);
    if (this.#deadlines.at("all", "push") === undefined) {
      this.#deadlines.set("all", "push", Math.max(now, this.#last + this.#limits.pushMillis));
    }
  }

  forget(key: EntryKey): void {
    this.#dirty.delete(key);
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  /** What is due: one push a client, as many as the interval's bytes allow. */
  *due(now: Millis, roster: Roster): Generator<{ readonly key: EntryKey; readonly bytes: Uint8Array }> {
    if (this.#deadlines.due(now) === undefined) return;
    this.#last = now;
    let room = this.#limits.pushBytes;
    for (const key of this.#dirty) {
      if (room <= 0) break;
      this.#dirty.delete(key);
      const entry = roster.find(key);
      // Of mp2 nobody is told in plain text, least of all by an association that has not yet shown whose it is.
      if (entry === undefined || entry.client === "mp2") continue;
      const text = rosterFor(roster, key, entry.client === "own" ? OWN_ROSTER_BYTES : ORIGINAL_PUSH_BYTES);
      if (text === undefined) continue;
      const bytes = encodeUtf8(text);
      room -= bytes.length;
      yield { key, bytes };
    }
    if (this.#dirty.size > 0) this.#deadlines.set("all", "push", now + this.#limits.pushMillis);
  }
}
