import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { type LinkOutput, Mp2Link } from "../peer/mp2-link.ts";
import type { CloseReason } from "../wire/mp2-chat.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { Progress, Source, TlsFailure } from "./events.ts";
import type { ConnectionEnd, ConnectionsOwner, Speaker, Verdict } from "./speaker.ts";

/**
 * The connections with one peer, of which one is kept.
 *
 *     dialling ─> greeting ─> judging ─────────> up        ours
 *                 greeting ─> judging ─> held ─> up        theirs
 *
 * "judging": it said its name, and our roster does not have it yet. "held": it is welcome, but another connection with
 * the same peer may be alive. Of two that are opened at the same time the one of the lower fingerprint stays; one that
 * is up stays as long as it answers. All transitions are here.
 */

/** A newcomer may connect before the roster with its entry is here. */
export const LINK_JUDGE_MILLIS: Millis = 500;
/**
 * So long does the lower fingerprint's own attempt go before that of the other, which may be the only way; and so long
 * has a link that is up to show that it is alive when the other side makes another one.
 */
export const HOLD_MILLIS: Millis = 1_000;

type Stage =
  | { readonly type: "dialling" }
  | { readonly type: "greeting" }
  | { readonly type: "judging"; readonly nick: Nickname; readonly until: Millis }
  | { readonly type: "held"; readonly nick: Nickname; readonly until: Millis }
  | { readonly type: "up"; readonly nick: Nickname };

interface Connection {
  readonly number: number;
  readonly isOurs: boolean;
  readonly address: string;
  link: Mp2Link | undefined;
  stage: Stage;
}

export class PeerConnections {
  readonly #fingerprint: Fingerprint;
  readonly #owner: ConnectionsOwner;
  #connections: readonly Connection[] = [];
  /** Of the call that is under way. */
  #now: Millis = 0;

  constructor(owner: ConnectionsOwner, fingerprint: Fingerprint) {
    this.#owner = owner;
    this.#fingerprint = fingerprint;
  }

  get size(): number {
    return this.#connections.length;
  }

  /** Those that are not up. */
  get unaccepted(): number {
    return this.#connections.filter(({ stage }) => stage.type !== "up").length;
  }

  /** The link that is up. */
  get link(): Mp2Link | undefined {
    return this.#up?.link;
  }

  get isDialling(): boolean {
    return this.#ours !== undefined;
  }

  get #up(): Connection | undefined {
    return this.#connections.find(({ stage }) => stage.type === "up");
  }

  /** Ours, on its way. */
  get #ours(): Connection | undefined {
    return this.#connections.find(({ isOurs, stage }) => isOurs && stage.type !== "up");
  }

  dial(number: number, { address, port }: Source): void {
    const fingerprint = this.#fingerprint;
    this.#add({ number, isOurs: true, address, link: undefined, stage: { type: "dialling" } });
    this.#owner.emit({ type: "tls-dial", connection: number, address, port, fingerprint });
  }

  /** A connection of theirs. The newest is the one that they know of. */
  called(now: Millis, number: number, address: string): void {
    this.#now = now;
    const former = this.#connections.filter(({ isOurs, stage }) => !isOurs && stage.type !== "up");
    const connection: Connection = {
      number,
      isOurs: false,
      address,
      link: undefined,
      stage: { type: "greeting" },
    };
    this.#add(connection);
    this.#open(connection);
    for (const other of former) this.#drop(other, "duplicate");
  }

  /** The one that we dialled is open. */
  answered(now: Millis, number: number): void {
    this.#now = now;
    const connection = this.#find(number);
    if (connection?.stage.type === "dialling") this.#open(connection);
  }

  failed(now: Millis, number: number, failure: TlsFailure): void {
    this.#now = now;
    const connection = this.#find(number);
    if (connection?.stage.type === "dialling") this.#gone(connection, { by: "dial", failure });
  }

  received(now: Millis, number: number, bytes: Uint8Array): Progress {
    this.#now = now;
    const connection = this.#find(number);
    const link = connection?.link;
    if (connection === undefined || link === undefined) return { messages: 0, pending: 0 };
    const messages = link.received(now, bytes);
    // It answers: no other one is needed.
    if (messages > 0 && connection.stage.type === "up" && !link.isOver) {
      for (const other of this.#connections) {
        if (other.stage.type === "held") this.#drop(other, "duplicate");
      }
    }
    return { messages, pending: link.isOver ? 0 : link.pending };
  }

  ended(now: Millis, number: number): void {
    this.#now = now;
    this.#find(number)?.link?.ended();
  }

  /** Roster or pins have changed. */
  judgeAnew(now: Millis): void {
    this.#now = now;
    for (const connection of this.#connections) {
      const { stage } = connection;
      if (stage.type === "judging") this.#judge(connection, stage.nick, false);
      else if (stage.type === "up") {
        const verdict = this.#verdict(connection, stage.nick);
        if (verdict === "untrusted" || verdict === "busy") connection.link?.close(verdict);
      }
    }
  }

  dropAll(now: Millis, reason: CloseReason): void {
    this.#now = now;
    for (const connection of this.#connections) this.#drop(connection, reason);
  }

  nextDeadline(): Millis | undefined {
    const all = this.#connections.map(({ link, stage }) => {
      const until = stage.type === "judging" || stage.type === "held" ? stage.until : Infinity;
      return Math.min(until, link?.nextDeadline() ?? Infinity);
    });
    const next = Math.min(...all);
    return next === Infinity ? undefined : next;
  }

  advance(now: Millis): void {
    this.#now = now;
    for (const connection of this.#connections) {
      connection.link?.advance(now);
      const { stage } = connection;
      if (connection.link?.isOver !== false) continue;
      if (stage.type === "judging" && now >= stage.until) this.#judge(connection, stage.nick, true);
      else if (stage.type === "held" && now >= stage.until) this.#accept(connection, stage.nick);
    }
  }

  #open(connection: Connection): void {
    connection.stage = { type: "greeting" };
    connection.link = new Mp2Link({
      now: this.#now,
      dialled: connection.isOurs,
      nick: this.#owner.nick,
      emit: (output) => this.#linkSays(connection, output),
    });
  }

  #linkSays(connection: Connection, output: LinkOutput): void {
    const { number, stage } = connection;
    switch (output.type) {
      case "send":
        this.#owner.emit({ type: "tls-send", connection: number, bytes: output.bytes });
        return;
      case "end":
        this.#owner.emit({ type: "tls-end", connection: number });
        return;
      case "destroy":
        this.#owner.emit({ type: "tls-destroy", connection: number });
        return;
      case "greeted":
        this.#judge(connection, output.nick, false);
        return;
      case "over":
        this.#gone(connection, { ...output.end, wasUp: stage.type === "up" });
        return;
      default:
        if (stage.type === "up") this.#owner.says(this.#now, this.#speaker(connection, stage.nick), output);
    }
  }

  #speaker({ address }: Connection, nick: Nickname): Speaker {
    return { fingerprint: this.#fingerprint, nick, address };
  }

  #verdict(connection: Connection, nick: Nickname): Verdict {
    return this.#owner.judge(this.#now, this.#speaker(connection, nick));
  }

  #judge(connection: Connection, nick: Nickname, isLast: boolean): void {
    const verdict = this.#verdict(connection, nick);
    if (verdict === "welcome") this.#welcome(connection, nick);
    else if (verdict === "untrusted" || verdict === "busy") connection.link?.close(verdict);
    else if (isLast) connection.link?.close("unknown");
    else if (connection.stage.type !== "judging")
      connection.stage = { type: "judging", nick, until: this.#now + LINK_JUDGE_MILLIS };
  }

  /** Accepts it, unless another one may be better. */
  #welcome(connection: Connection, nick: Nickname): void {
    const up = this.#up;
    const ours = this.#ours;
    if (up?.link !== undefined) {
      // They know of no other one, or have not seen yet that there is one: it shows within the time of a ping.
      connection.stage = { type: "held", nick, until: this.#now + HOLD_MILLIS };
      up.link.probe(this.#now);
    } else if (ours !== undefined && ours !== connection && this.#owner.own < this.#fingerprint) {
      connection.stage = { type: "held", nick, until: this.#now + HOLD_MILLIS };
    } else this.#accept(connection, nick);
  }

  #accept(connection: Connection, nick: Nickname): void {
    connection.stage = { type: "up", nick };
    for (const other of this.#connections) if (other !== connection) this.#drop(other, "duplicate");
    connection.link?.accept(this.#now);
    this.#owner.up(this.#now, this.#speaker(connection, nick));
  }

  #drop(connection: Connection, reason: CloseReason): void {
    if (connection.link !== undefined) connection.link.close(reason);
    else {
      this.#owner.emit({ type: "tls-destroy", connection: connection.number });
      this.#remove(connection);
    }
  }

  /** It is gone; one that was held because of it takes its place. */
  #gone(connection: Connection, end: ConnectionEnd): void {
    this.#remove(connection);
    const held = this.#connections.find(({ stage }) => stage.type === "held");
    if (held?.stage.type === "held" && this.#up === undefined) {
      if ("wasUp" in end && end.wasUp) this.#owner.down(this.#now, end);
      this.#accept(held, held.stage.nick);
    } else if (this.#up === undefined && (connection.isOurs || ("wasUp" in end && end.wasUp)))
      this.#owner.down(this.#now, end);
  }

  #add(connection: Connection): void {
    this.#connections = [...this.#connections, connection];
  }

  #find(number: number): Connection | undefined {
    return this.#connections.find((connection) => connection.number === number);
  }

  #remove(connection: Connection): void {
    this.#connections = this.#connections.filter((other) => other !== connection);
    this.#owner.forget(connection.number);
  }
}
