import type { Millis } from "../../base/clock.ts";
import { Deadlines } from "../../base/deadlines.ts";
import type { Ledger } from "../../roster/ledger.ts";
import {
  type EntryKey,
  entryKey,
  isOnline,
  type OfflineReason,
  onlineFrom,
  type Roster,
} from "../../roster/roster.ts";
import type { AssociationId, Path, SctpEvent } from "../../sctp/api.ts";
import type { Attach, Ended } from "../../wire/mp2-presence.ts";
import { canonicalAddress } from "../../wire/mp2-values.ts";
import type { RegistryLimits } from "../limits.ts";
import { line, offlineLine } from "../lines.ts";
import type { Emit } from "../output.ts";
import { Described } from "./described.ts";
import { type Fault, openMessage } from "./inbound.ts";
import { type Held, placeKey, type Session, type Sessions } from "./sessions.ts";
import type { Telling } from "./telling.ts";

export interface Mp2PresenceOptions {
  readonly limits: RegistryLimits;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly sessions: Sessions;
  readonly telling: Telling;
  readonly emit: Emit;
  readonly time: (now: Millis) => number;
  /** Somebody stands otherwise now: those on mp1 must be told. */
  readonly changed: (now: Millis) => void;
}

/** The sessions of mp2 on their associations, written into the roster. docs/protocol-mp2.md, "Presence". */
export class Mp2Presence {
  readonly #options: Mp2PresenceOptions;
  readonly #sessions: Sessions;
  readonly #emit: Emit;
  readonly #described: Described;
  /** "attach": the session must be attached by then. "unread": its queue must have drained. "ticket": it gets another one. */
  readonly #deadlines = new Deadlines<Session, "attach" | "unread" | "ticket">();
  /** When a registration began, for the time that the join took. */
  readonly #joins = new Map<Session, Millis>();
  #faults = 0;
  #isStopping = false;

  constructor(options: Mp2PresenceOptions) {
    this.#options = options;
    this.#sessions = options.sessions;
    this.#emit = options.emit;
    this.#described = new Described(options.limits, options.roster);
  }

  /** Associations closed so far because of what their clients sent. */
  get faults(): number {
    return this.#faults;
  }

  nextDeadline(): Millis | undefined {
    const times = [this.#deadlines.next(), this.#described.nextDeadline()].filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** `session` has just been put into the roster; its association follows. */
  registered(now: Millis, session: Session, joinedAt: Millis): void {
    this.#joins.set(session, joinedAt);
    this.#deadlines.set(session, "attach", now + this.#options.limits.sessionAttachMillis);
  }

  /** `session` goes on from a ticket, in place of what is left of it; its entry stays. Its association follows. */
  resumed(now: Millis, session: Session): void {
    const former = this.#sessions.of(session.fingerprint);
    if (former !== undefined) this.#close(former);
    this.#sessions.add(session);
    this.registered(now, session, now);
  }

  /** An association has come up from where a session's client is, or has begun anew. */
  up(now: Millis, association: AssociationId, path: Path, port: number): void {
    const key = placeKey(path.address, port);
    const session = this.#sessions.at(key);
    // Its client would have registered again. Anybody on its host, or behind its NAT, can have its port of SCTP.
    if (session?.state.step === "attached" && session.state.association !== association) {
      this.#emit({ type: "abort", association, reason: "another association is attached" });
      return;
    }
    this.#dropFormer(key, association);
    this.#sessions.hold({ association, path, port, session });
    if (session === undefined) return;
    if (session.state.step === "attached") this.#options.telling.forget(session);
    session.state = { step: "greeting", association };
    this.#deadlines.set(session, "attach", now + this.#options.limits.firstMessageMillis);
  }

  /** Of an association that is held. */
  event(now: Millis, event: SctpEvent, held: Held): void {
    const { session } = held;
    switch (event.type) {
      case "message":
        if (session !== undefined) this.#message(now, session, event);
        break;
      case "suspect":
      case "recovered":
        if (session !== undefined) this.#suspect(now, session, event.type === "suspect");
        break;
      case "moved":
        this.#moved(now, held, event.path);
        break;
      case "writable":
        if (session !== undefined) this.#writable(now, session);
        break;
      case "lost":
      case "closed":
        this.#sessions.release(event.id);
        if (session !== undefined && event.type === "lost")
          this.drop(now, session, "lost", event.detail, event.silentMillis);
        else if (session !== undefined) this.drop(now, session, "left");
        break;
      default:
        break;
    }
  }

  /** A message to `session` found the queue full. */
  refused(now: Millis, session: Session): void {
    if (session.state.step !== "attached") return;
    session.state.receiver.refused();
    if (this.#deadlines.at(session, "unread") === undefined)
      this.#deadlines.set(session, "unread", now + this.#options.limits.unreadMillis);
  }

  advance(now: Millis): void {
    this.#described.advance(now);
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      const session = due.key;
      if (due.name === "ticket") this.#renewTicket(now, session);
      else if (due.name === "unread") this.#abort(now, session, "lost", "it does not read");
      else if (session.state.step === "greeting") this.#abort(now, session, "lost", "no attach");
      else {
        this.#dropFormer(session.key);
        this.#abort(now, session, "never-attached", "");
      }
    }
  }

  /** Ends the session and tells its client, if it is there to hear it. */
  end(now: Millis, session: Session, reason: OfflineReason, ended: Omit<Ended, "type">): void {
    if (session.state.step === "attached") {
      this.#options.telling.control(session, { type: "ended", ...ended });
      this.#emit({ type: "shutdown", association: session.state.association });
    } else this.#hangUp(session, "session ended");
    this.drop(now, session, reason);
  }

  /**
   * A newer registration of the same key takes the session's place. At its own address and port its client has given
   * its association up itself, or is about to: an ABORT might meet the next one.
   */
  supersede(now: Millis, session: Session, byKey: string): void {
    if (byKey === session.key) this.drop(now, session, "superseded");
    else this.end(now, session, "superseded", { reason: "superseded" });
  }

  /** Somebody over mp1 is at the session's address and port now: it is gone, and what is left of it in the way. */
  displace(now: Millis, session: Session): void {
    this.#hangUp(session, "another client is at this address");
    this.drop(now, session, "lost");
  }

  /** The session is over. What is left of its association is nobody's. */
  drop(now: Millis, session: Session, reason: OfflineReason, detail = "", silentMillis?: Millis): void {
    const { roster, ledger, time } = this.#options;
    if (session.state.step === "ended") return;
    const wasAttached = session.state.step === "attached";
    this.#close(session);
    const entry = roster.find(session.key);
    if (entry?.profile?.session !== session.id || entry.presence.state === "offline") return;
    // Its client has registered twice, and has not been seen to come back yet.
    if (reason === "superseded" && entry.presence.state === "returning") return;
    if (wasAttached) ledger.seen(session.nickname, time(now), now);
    roster.setPresence(session.key, { state: "offline", since: now, reason }, silentMillis);
    if (!this.#isStopping) this.#emit({ type: "log", entry: offlineLine(entry, reason, detail) });
    this.#changed(now);
  }

  /** We go: whose association ends from now on has not left for that. */
  stop(): void {
    this.#isStopping = true;
    for (const association of this.#sessions.associations()) this.#emit({ type: "shutdown", association });
  }

  /** The session is nobody's any more; what becomes of its entry is another matter. */
  #close(session: Session): void {
    if (session.state.step === "greeting" || session.state.step === "attached")
      this.#disown(session.state.association);
    session.state = { step: "ended" };
    this.#sessions.remove(session);
    this.#options.telling.forget(session);
    this.#deadlines.clearAll(session);
    this.#described.forget(session);
    this.#joins.delete(session);
  }

  #renewTicket(now: Millis, session: Session): void {
    this.#options.telling.ticket(now, session);
    this.#deadlines.set(session, "ticket", now + this.#options.limits.ticketMillis);
  }

  #disown(association: AssociationId): void {
    const held = this.#sessions.held(association);
    if (held !== undefined) this.#sessions.hold({ ...held, session: undefined });
  }

  /** One association from one address and port: what is left of a former one is in the way. */
  #dropFormer(key: EntryKey, association?: AssociationId): void {
    const former = this.#sessions.heldAt(key);
    if (former === undefined || former === association) return;
    this.#sessions.release(former);
    this.#emit({ type: "abort", association: former, reason: "superseded" });
  }

  #message(now: Millis, session: Session, event: Extract<SctpEvent, { type: "message" }>): void {
    const opened = openMessage(session, event);
    if ("fault" in opened) {
      this.#refuse(now, session, opened.fault);
      return;
    }
    const { message } = opened;
    if (session.state.step !== "attached") {
      const { state } = session;
      if (state.step !== "greeting") return;
      if (message.type === "attach") this.#attach(now, session, state.association, message);
      else this.#refuse(now, session, "not-an-attach");
      return;
    }
    switch (message.type) {
      case "attach":
        this.#refuse(now, session, "attached-already");
        return;
      case "status":
        this.#described.says(now, session, message);
        return;
      case "leave":
        // It closes, too; one that does not shall not keep the association.
        this.#emit({ type: "shutdown", association: session.state.association });
        this.drop(now, session, "left");
        return;
      default:
        this.#options.telling.ask(now, session, message);
    }
  }

  #attach(now: Millis, session: Session, association: AssociationId, attach: Attach): void {
    const { telling, roster, ledger, time } = this.#options;
    if (attach.session !== session.id) {
      this.#refuse(now, session, "other-session");
      return;
    }
    const receiver = telling.attach(now, session, attach);
    if (receiver === undefined) {
      this.#refuse(now, session, "exhausted");
      return;
    }
    session.state = { step: "attached", association, receiver };
    const isResumed = session.answer !== undefined;
    session.answer = undefined;
    this.#deadlines.clear(session, "attach");
    this.#deadlines.set(session, "ticket", now + this.#options.limits.ticketMillis);
    if (receiver.position.run !== undefined) telling.wake(now, session);
    ledger.seen(session.nickname, time(now), now);
    const former = roster.find(session.key);
    // A suspect of another association, or before it began anew, is heard of here.
    if (former === undefined || former.presence.state === "online") return;
    roster.setPresence(session.key, onlineFrom(former.presence, now));
    const millis = Math.round(now - (this.#joins.get(session) ?? now));
    this.#joins.delete(session);
    const text = `${session.nickname} online from ${session.key} (mp2, ${millis} ms)`;
    const path = this.#sessions.held(association)?.path.via;
    const { fingerprint } = session;
    const fields = { path, fingerprint, ...(isResumed ? { resumed: true } : {}) };
    this.#emit({ type: "log", entry: line("info", text, fields) });
    this.#emit({ type: "counts" });
    // Of who only comes back those on mp1 see no difference.
    if (former.presence.state !== "returning") this.#options.changed(now);
  }

  #suspect(now: Millis, session: Session, isSuspect: boolean): void {
    const { roster } = this.#options;
    const entry = roster.find(session.key);
    if (entry === undefined || !isOnline(entry.presence)) return;
    roster.setPresence(session.key, { state: isSuspect ? "suspect" : "online", since: now });
    const text = `${entry.nickname} ${isSuspect ? "missed a heartbeat" : "answers again"}`;
    this.#emit({ type: "log", entry: line("debug", text) });
  }

  /** The client's address has changed and its association lives on: its entry goes with it. */
  #moved(now: Millis, held: Held, path: Path): void {
    const { session, association, port } = held;
    const address = canonicalAddress(path.address) ?? path.address;
    const key = entryKey(address, port);
    this.#dropFormer(key, association);
    this.#sessions.hold({ ...held, path });
    if (session === undefined || key === session.key) return;
    const { roster } = this.#options;
    const other = roster.find(key);
    if (other !== undefined && other.presence.state !== "offline") {
      this.#abort(now, session, "lost", `moved to ${key}, where another client is`);
      return;
    }
    const former = session.key;
    roster.move(former, address);
    this.#sessions.move(session, key, address);
    const text = `${session.nickname} moved from ${former} to ${key}`;
    this.#emit({ type: "log", entry: line("info", text, { path: path.via }) });
    this.#changed(now);
  }

  #writable(now: Millis, session: Session): void {
    if (session.state.step !== "attached") return;
    session.state.receiver.writable();
    this.#deadlines.clear(session, "unread");
    this.#options.telling.wake(now, session);
  }

  /** Only who has proved its key could send this, or somebody who forges: either way nothing more is said. */
  #refuse(now: Millis, session: Session, fault: Fault): void {
    this.#faults += 1;
    const text = `Closed the association of ${session.nickname} (${session.key}): ${fault}`;
    this.#emit({ type: "log", entry: line("warn", text, { fault }, `presence-${fault}`) });
    this.#abort(now, session, "lost", `it broke the protocol: ${fault}`);
  }

  #abort(now: Millis, session: Session, reason: OfflineReason, detail: string): void {
    this.#hangUp(session, detail);
    this.drop(now, session, reason, detail);
  }

  #hangUp({ state }: Session, reason: string): void {
    if (state.step !== "greeting" && state.step !== "attached") return;
    this.#sessions.release(state.association);
    this.#emit({ type: "abort", association: state.association, reason });
  }

  #changed(now: Millis): void {
    this.#emit({ type: "counts" });
    this.#options.changed(now);
  }
}
