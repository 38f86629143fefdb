import type { Millis } from "../../base/clock.ts";
import { EncodedOnce } from "../../roster/encoded-once.ts";
import { type Ask, baseOf, type Delta, type Page, type Seq } from "../../roster/listed.ts";
import type { Publication } from "../../roster/publication.ts";
import {
  type Attach,
  type Attached,
  type Ended,
  MP2_PPID,
  PRESENCE_TO_CLIENT,
  STREAMS,
  type Ticket,
} from "../../wire/mp2-presence.ts";
import type { RegistryLimits } from "../limits.ts";
import type { Emit } from "../output.ts";
import { Receiver, type Run } from "./receiver.ts";
import type { Session } from "./sessions.ts";

/** One publication on its way to all who were attached when it began. */
interface Broadcast {
  readonly deltas: readonly Delta[];
  readonly receivers: readonly Session[];
  /** How many of them have it. */
  at: number;
}

export interface TellingOptions {
  readonly limits: RegistryLimits;
  readonly publication: Publication;
  readonly emit: Emit;
  /** Those attached now. */
  readonly attached: () => readonly Session[];
  readonly time: (now: Millis) => number;
  /** By which the client of that session may go on in it later. */
  readonly ticket: (now: Millis, session: Session) => Ticket;
  /** Grows with each set of outputs that the shell has been given. */
  readonly turn: () => number;
}

/**
 * Tells attached clients of the roster. A publication begins only when the one before has been handed to everybody, so
 * a storm of changes becomes fewer and larger ones by itself; each `advance` seals a bounded number of messages, so
 * 10,000 receivers do not hold up the loop.
 */
export class Telling {
  readonly #limits: RegistryLimits;
  readonly #publication: Publication;
  readonly #emit: Emit;
  readonly #attached: TellingOptions["attached"];
  readonly #time: TellingOptions["time"];
  readonly #turn: TellingOptions["turn"];
  readonly #ticket: TellingOptions["ticket"];
  /** Messages of the roster that have gone out, to whomever. */
  readonly sent = { delta: 0, page: 0 };
  readonly #encoded = new EncodedOnce(PRESENCE_TO_CLIENT.encode);
  #broadcast: Broadcast | undefined;
  /** Who lacks something that is no broadcast: pages, an answer, what was refused. The longest-waiting first. */
  readonly #lacking = new Set<Session>();
  /** "tell": there is more to hand out than fitted the last turn. */
  #moreAt: Millis | undefined;

  constructor(options: TellingOptions) {
    this.#limits = options.limits;
    this.#publication = options.publication;
    this.#emit = options.emit;
    this.#attached = options.attached;
    this.#time = options.time;
    this.#turn = options.turn;
    this.#ticket = options.ticket;
  }

  /** Says `attached`; what the client lacks follows. Undefined when its keys are used up. */
  attach(now: Millis, session: Session, { epoch, seq }: Attach): Receiver | undefined {
    // Nobody who has a roster is at 0, so that is a client that has none.
    const ask: Ask = seq === 0 ? { type: "roster" } : { type: "changes", epoch, seq };
    const position = { epoch: this.#publication.epoch, told: this.#publication.seq };
    if (!this.ticket(now, session)) return undefined;
    const messages = epoch === position.epoch && seq === position.told ? [] : this.#publication.answer(ask);
    const run = messages.length === 0 ? undefined : { messages, at: 0 };
    return new Receiver(now, { ...position, run }, this.#limits);
  }

  /** Says `attached`, with a new ticket. False when the session's keys are used up. */
  ticket(now: Millis, session: Session): boolean {
    return this.control(session, { ...this.#attachedMessage(now), ticket: this.#ticket(now, session) });
  }

  /** A client says that it lacks something. One answer at a time: it is complete, whatever is asked meanwhile. */
  ask(now: Millis, session: Session, ask: Ask): boolean {
    const receiver = receiverOf(session);
    if (receiver === undefined || !receiver.mayAsk(now)) return false;
    if (receiver.position.run === undefined) {
      const run = { messages: this.#publication.answer(ask), at: 0 };
      receiver.advance(this.#turn(), { epoch: this.#publication.epoch, told: this.#publication.seq, run });
    }
    this.wake(now, session);
    return true;
  }

  /** Whether there is something for `session` besides what all are told. */
  wake(now: Millis, session: Session): void {
    this.#lacking.add(session);
    this.#moreAt ??= now;
  }

  forget(session: Session): void {
    this.#lacking.delete(session);
  }

  /** Seals one message on the control stream. False when the keys are used up. */
  control(session: Session, message: Attached | Ended): boolean {
    return this.#send(session, STREAMS.control, PRESENCE_TO_CLIENT.encode(message));
  }

  nextDeadline(): Millis | undefined {
    return this.#moreAt ?? this.#publication.nextDeadline();
  }

  advance(now: Millis): void {
    const repairs = this.#lacking.size > 0 ? this.#limits.repairsATurn : 0;
    let room = this.#tellAll(this.#limits.sealsATurn - repairs);
    const due = this.#publication.nextDeadline();
    if (this.#broadcast === undefined && due !== undefined && due <= now) {
      this.#publish(now);
      room = this.#tellAll(room);
    }
    this.#repair(now, room + repairs);
    this.#moreAt = this.#broadcast !== undefined || this.#lacking.size > 0 ? now : undefined;
  }

  #publish(now: Millis): void {
    const { epoch } = this.#publication;
    const deltas = this.#publication.advance(now);
    const receivers = this.#attached();
    // In another epoch no delta leads anywhere: all get everything.
    if (this.#publication.epoch !== epoch) for (const session of receivers) this.wake(now, session);
    else if (deltas.length > 0 && receivers.length > 0) this.#broadcast = { deltas, receivers, at: 0 };
  }

  /** Hands the broadcast to as many as there is room for; returns the room that is left. */
  #tellAll(room: number): number {
    const broadcast = this.#broadcast;
    if (broadcast === undefined) return room;
    let left = room;
    for (; left > 0 && broadcast.at < broadcast.receivers.length; broadcast.at += 1) {
      const session = broadcast.receivers[broadcast.at];
      if (session !== undefined) left -= this.#tell(session, broadcast.deltas);
    }
    if (broadcast.at >= broadcast.receivers.length) this.#broadcast = undefined;
    return left;
  }

  /** Who has missed something before, or has no room, is told later, from where it stands. Returns messages sent. */
  #tell(session: Session, deltas: readonly Delta[]): number {
    const receiver = receiverOf(session);
    if (receiver === undefined || receiver.isBlocked) return 0;
    let sent = 0;
    for (const delta of deltas) {
      const { epoch, told, run } = receiver.position;
      if (epoch !== delta.epoch || told >= delta.seq || told < baseOf(delta)) continue;
      if (!this.#send(session, STREAMS.deltas, this.#encoded.of(delta))) break;
      receiver.advance(this.#turn(), { epoch, told: delta.seq, run });
      sent += 1;
    }
    return sent;
  }

  /** A few messages for each who lacks something, one after the other; who lacks more waits for its next turn. */
  #repair(now: Millis, room: number): void {
    let left = room;
    const again: Session[] = [];
    for (const session of this.#lacking) {
      if (left <= 0) break;
      this.#lacking.delete(session);
      const receiver = receiverOf(session);
      if (receiver === undefined || receiver.isBlocked) continue;
      left -= this.#handOut(now, session, receiver);
      const { run, told } = receiver.position;
      if (run !== undefined || told < this.#publication.seq) again.push(session);
    }
    for (const session of again) this.#lacking.add(session);
  }

  /** The next messages that lead `session` on; returns how many. */
  #handOut(now: Millis, session: Session, receiver: Receiver): number {
    const { burst } = receiver;
    const run = this.#runOf(receiver);
    let sent = 0;
    if (receiver.position.epoch !== this.#publication.epoch) {
      this.control(session, this.#attachedMessage(now));
      sent = 1;
    }
    const part = run.messages.slice(run.at, run.at + burst - sent);
    for (const message of part) this.#sendListed(session, message);
    const at = run.at + part.length;
    const rest = at < run.messages.length ? { messages: run.messages, at } : undefined;
    const { epoch } = this.#publication;
    receiver.advance(this.#turn(), { epoch, told: this.#toldBy(receiver), run: rest });
    receiver.widen();
    return sent + part.length;
  }

  /** The answer under way, or one that leads from where the client stands to the present. */
  #runOf({ position }: Receiver): Run {
    const { epoch, seq } = this.#publication;
    if (position.epoch !== epoch) return { messages: this.#publication.answer({ type: "roster" }), at: 0 };
    if (position.run !== undefined) return position.run;
    if (position.told === seq) return { messages: [], at: 0 };
    return { messages: this.#publication.answer({ type: "changes", epoch, seq: position.told }), at: 0 };
  }

  /** Where the run leads: one under way to where it did, a new one to the present. */
  #toldBy({ position }: Receiver): Seq {
    const { epoch, seq } = this.#publication;
    return position.epoch === epoch && position.run !== undefined ? position.told : seq;
  }

  #sendListed(session: Session, message: Delta | Page): boolean {
    const stream = message.type === "delta" ? STREAMS.deltas : STREAMS.pages;
    return this.#send(session, stream, this.#encoded.of(message));
  }

  #send({ state, seals }: Session, stream: number, text: Uint8Array): boolean {
    if (state.step !== "greeting" && state.step !== "attached") return false;
    const bytes = seals.seal(stream, text);
    if (bytes === undefined) return false;
    if (stream === STREAMS.deltas) this.sent.delta += 1;
    else if (stream === STREAMS.pages) this.sent.page += 1;
    this.#emit({ type: "send", association: state.association, stream, ppid: MP2_PPID, bytes });
    return true;
  }

  #attachedMessage(now: Millis): Attached {
    const { epoch, seq } = this.#publication;
    return { type: "attached", epoch, seq, time: this.#time(now) };
  }
}

function receiverOf({ state }: Session): Receiver | undefined {
  return state.step === "attached" ? state.receiver : undefined;
}
