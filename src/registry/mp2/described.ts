import type { Millis } from "../../base/clock.ts";
import { Deadlines } from "../../base/deadlines.ts";
import type { Roster } from "../../roster/roster.ts";
import type { Status } from "../../wire/mp2-presence.ts";
import type { RegistryLimits } from "../limits.ts";
import type { Session } from "./sessions.ts";

/** What clients say of themselves, written into the roster: each change costs a message to everybody. */
export class Described {
  readonly #limits: RegistryLimits;
  readonly #roster: Roster;
  /** "status": what it says counts again. */
  readonly #deadlines = new Deadlines<Session, "status">();
  /** What was said too soon after the last time; the latest is what counts. */
  readonly #said = new Map<Session, Status>();

  constructor(limits: RegistryLimits, roster: Roster) {
    this.#limits = limits;
    this.#roster = roster;
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  says(now: Millis, session: Session, status: Status): void {
    if (this.#deadlines.at(session, "status") === undefined) this.#describe(now, session, status);
    else this.#said.set(session, status);
  }

  forget(session: Session): void {
    this.#deadlines.clearAll(session);
    this.#said.delete(session);
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      const said = this.#said.get(due.key);
      if (said !== undefined) this.#describe(now, due.key, said);
    }
  }

  #describe(now: Millis, session: Session, { away, status, rooms }: Status): void {
    this.#said.delete(session);
    this.#roster.describe(session.key, { away, status: status ?? "", rooms: rooms ?? [] });
    this.#deadlines.set(session, "status", now + this.#limits.statusMillis);
  }
}
