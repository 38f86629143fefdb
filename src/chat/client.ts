import type { Millis, Random, UnixMillis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { MessageId, StatusText } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { Arrivals } from "./arrivals.ts";
import { Deliveries } from "./deliveries.ts";
import type { ChatEvent, ChatOutput, Progress } from "./events.ts";
import { KnownPeers } from "./known-peers.ts";
import { Membership, type MembershipChange } from "./mp1-membership.ts";
import type { ChatSnapshot, Trust } from "./notices.ts";
import type { PinSubject, Pins } from "./pins.ts";
import type { ChatIdentity, ChatSettings } from "./settings.ts";

/** Arrivals and departures within this time are told together. */
export const PRESENCE_GATHER_MILLIS: Millis = 150;
/** After a registry restart everybody returns one by one: whoever is back by then was never told to be gone. */
export const PRESENCE_SETTLE_MILLIS: Millis = 4_000;

/**
 * The chat client without a face and without I/O: commands and network events go in, what to do and what to tell
 * comes out.
 *
 * Contract of use: after any call drain {@link ChatClient.poll}; `nextDeadline` says when to call `advance` next.
 */
export class ChatClient {
  readonly #outputs: ChatOutput[] = [];
  readonly #peers: KnownPeers;
  readonly #membership: Membership;
  readonly #deliveries: Deliveries;
  readonly #arrivals: Arrivals;
  readonly #deadlines = new Deadlines<"presence", "tell">();
  #registryLostAt: Millis | undefined;

  /** `unixAt`: the wall clock at a time of `now`. */
  constructor(options: {
    settings: ChatSettings;
    random: Random;
    unixAt: (at: Millis) => UnixMillis;
    identity: ChatIdentity;
    pins: Pins;
  }) {
    const judge = (): Trust => "unverified";
    this.#peers = new KnownPeers({ own: options.identity.fingerprint, judge });
    this.#peers.follow("mp1");
    const emit = (output: ChatOutput): void => {
      this.#outputs.push(output);
    };
    const changed = (now: Millis, change: MembershipChange): void => this.#changed(now, change);
    this.#membership = new Membership({ ...options, emit, changed });
    const nickname = (): Nickname => this.#membership.nickname;
    this.#deliveries = new Deliveries({ peers: this.#peers, nickname, emit });
    this.#arrivals = new Arrivals({ peers: this.#peers, emit });
  }

  start(now: Millis): void {
    this.#membership.start(now);
  }

  /** Sends to a nickname or ADDRESS:PORT; "delivered" or "undelivered" with the returned id follows. */
  send(now: Millis, to: string, text: string, waitMillis: Millis = 0): number {
    return this.#deliveries.send(now, to, text, waitMillis);
  }

  /** Another nickname, after a refusal that asks for one. */
  rename(now: Millis, nickname: Nickname): void {
    this.#membership.rename(now, nickname);
  }

  /** Away or back, and what to say of oneself; undefined: nothing. */
  setStatus(_now: Millis, _away: boolean, _status: StatusText | undefined): void {}

  /** The user has seen these of `from`'s messages. */
  markRead(_now: Millis, _from: string, _messageIds: readonly MessageId[]): void {}

  /** The user is writing to `to`, or has stopped; to be repeated while it goes on. */
  typing(_now: Millis, _to: string, _active: boolean): void {}

  /**
   * The user trusts a key under that name: this one, or the one that was refused last. Returns which; undefined when
   * there is none to accept. A "pin" output follows.
   */
  accept(_now: Millis, _subject: PinSubject, fingerprint?: Fingerprint): Fingerprint | undefined {
    return fingerprint;
  }

  /** The name is unknown again; false when it was. A "pin" output follows. */
  forget(_now: Millis, _subject: PinSubject): boolean {
    return false;
  }

  /** Leaves in good order; "ended" follows within a second. */
  leave(now: Millis): void {
    this.#arrivals.flush();
    this.#membership.leave(now);
  }

  handle(now: Millis, event: ChatEvent): void {
    if (event.type === "message") this.#arrivals.received(now, event.address, event.message);
    else if (event.type === "transmitted")
      this.#deliveries.transmitted(now, event.transmission, event.outcome);
    else this.#membership.handle(now, event);
  }

  /** Bytes of a TLS connection. */
  received(_now: Millis, _connection: number, _bytes: Uint8Array): Progress {
    return { messages: 0, pending: 0 };
  }

  advance(now: Millis): void {
    this.#membership.advance(now);
    this.#deliveries.advance(now);
    this.#arrivals.advance(now);
    while (this.#deadlines.due(now) !== undefined) this.#tellPresence();
  }

  nextDeadline(): Millis | undefined {
    const all = [this.#membership, this.#deliveries, this.#arrivals].map(
      (part) => part.nextDeadline() ?? Infinity,
    );
    const next = Math.min(...all, this.#deadlines.next() ?? Infinity);
    return next === Infinity ? undefined : next;
  }

  poll(): ChatOutput | undefined {
    return this.#outputs.shift();
  }

  snapshot(): ChatSnapshot {
    return {
      nickname: this.#membership.nickname,
      registry: this.#membership.registry,
      registryLostAt: this.#registryLostAt,
      away: false,
      status: undefined,
      roster: this.#peers.list(),
    };
  }

  /** Messages on their way. */
  get pending(): number {
    return this.#deliveries.pending;
  }

  #changed(now: Millis, change: MembershipChange): void {
    switch (change.type) {
      case "roster":
        this.#peers.replace(change.items);
        this.#deliveries.rosterChanged(now);
        this.#arrivals.rosterChanged(now);
        // Before we are online the notice of it brings the list.
        if (this.#membership.registry !== undefined) this.#gatherPresence(now, PRESENCE_GATHER_MILLIS);
        return;
      case "online":
        this.#registryLostAt = undefined;
        if (change.again) this.#gatherPresence(now, PRESENCE_SETTLE_MILLIS);
        else this.#peers.takeChanges();
        return;
      case "lost":
        this.#registryLostAt = now;
        this.#peers.keep();
        this.#deadlines.clearAll("presence");
    }
  }

  #gatherPresence(now: Millis, time: Millis): void {
    if (this.#deadlines.next() === undefined) this.#deadlines.set("presence", "tell", now + time);
  }

  #tellPresence(): void {
    this.#peers.settle();
    const { online, offline } = this.#peers.takeChanges();
    if (online.length + offline.length === 0) return;
    this.#outputs.push({ type: "notice", notice: { type: "presence", online, offline } });
  }
}
