import type { Millis, UnixMillis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { type DeliveryOutcome, encodeChat } from "../wire/mp1-chat.ts";
import { type MessageId, parseMessageText } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import { BOUNDS, SEND_MILLIS } from "./bounds.ts";
import type { Settlement } from "./contact.ts";
import type { ChatOutput, Source } from "./events.ts";
import { type KnownPeers, parseDestination } from "./known-peers.ts";
import type { Destination, UndeliveredReason } from "./notices.ts";
import type { Outgoing } from "./outbox.ts";
import type { SendOptions } from "./session.ts";

/**
 * Messages on their way out: in order for each name, names beside each other. Where somebody has a key they go over the
 * link with it, all at once; by mp1 one connection a part, one after the other. One that was given time waits for its
 * peer to come online.
 */

/** Between two attempts to reach a peer by mp1 that is listed as online. */
const RETRY_MILLIS: Millis = 500;

interface Delivery {
  readonly id: MessageId;
  readonly to: string;
  readonly text: string;
  readonly reply: MessageId | undefined;
  /** Undefined: try once, now. */
  readonly waitUntil: Millis | undefined;
  /** Over mp2, handed to the link. */
  isSubmitted: boolean;
  /** By mp1: encoded when the first is sent, under the nickname that we have by then. */
  parts: readonly Uint8Array[];
  partsDelivered: number;
  wasOnline: boolean;
  destination: Destination | undefined;
  lastFailure: UndeliveredReason | undefined;
  transmission: number | undefined;
}

/** Where the next message of a queue can go. */
type Route =
  | { readonly type: "mp2"; readonly fingerprint: Fingerprint }
  | { readonly type: "mp1"; readonly place: Source }
  | { readonly type: "wait" }
  | { readonly type: "none"; readonly why: UndeliveredReason };

interface DeliveriesOptions {
  readonly peers: KnownPeers;
  readonly nickname: () => Nickname;
  /** Whether mp1 is spoken. */
  readonly legacy: boolean;
  readonly unixAt: (at: Millis) => UnixMillis;
  /** Over mp2; {@link Deliveries.settled} follows. */
  readonly submit: (now: Millis, to: Fingerprint, message: Outgoing) => void;
  readonly emit: (output: ChatOutput) => void;
}

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #queues = new Map<string, Delivery[]>();
  readonly #deadlines = new Deadlines<string, "retry" | "wait">();
  /** Delivered over mp2, and not known to be read. */
  readonly #readable = new Map<MessageId, { readonly to: string; readonly text: string }>();
  #transmissions = 0;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Messages not yet delivered or given up. */
  get pending(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.length;
    return count;
  }

  /** Queues `text` for a nickname or ADDRESS:PORT; the end is a notice with the id. */
  send(now: Millis, id: MessageId, to: string, text: string, options: SendOptions): void {
    const { waitMillis = 0, reply } = options;
    const delivery: Delivery = {
      ...{ id, to, text, reply },
      waitUntil: waitMillis > 0 ? now + waitMillis : undefined,
      isSubmitted: false,
      parts: [],
      partsDelivered: 0,
      wasOnline: false,
      destination: undefined,
      lastFailure: undefined,
      transmission: undefined,
    };
    const key = keyOf(to);
    const queue = this.#queues.get(key) ?? [];
    if (text.trim() === "") this.#undelivered(delivery, "empty", false);
    else if (queue.length >= BOUNDS.queuedPerPeer || this.pending >= BOUNDS.queued)
      this.#undelivered(delivery, "queue-full", false);
    else {
      queue.push(delivery);
      this.#queues.set(key, queue);
      this.#proceed(now, key);
    }
  }

  /** A new roster: whoever waited for somebody looks again. */
  rosterChanged(now: Millis): void {
    for (const key of [...this.#queues.keys()]) {
      if (this.#deadlines.at(key, "retry") === undefined) this.#proceed(now, key);
    }
  }

  transmitted(now: Millis, transmission: number, outcome: DeliveryOutcome): void {
    for (const [key, [head]] of this.#queues) {
      if (head?.transmission !== transmission) continue;
      head.transmission = undefined;
      if (outcome.type === "confirmed") {
        this.#partDelivered(now, key, head);
        return;
      }
      head.lastFailure = outcome.failure;
      // What may have arrived is not sent again: a person would read it twice.
      if (!outcome.sent && now + RETRY_MILLIS < (head.waitUntil ?? 0)) {
        this.#deadlines.set(key, "retry", now + RETRY_MILLIS);
        return;
      }
      this.#giveUp(now, key, head, outcome.failure, outcome.sent);
      return;
    }
  }

  /** What became of a message over mp2. */
  settled(now: Millis, { messageId }: Outgoing, settlement: Settlement): void {
    for (const [key, queue] of this.#queues) {
      const delivery = queue.find((other) => other.id === messageId);
      if (delivery === undefined) continue;
      if (settlement.type === "failed") {
        delivery.destination = settlement.destination;
        this.#giveUp(now, key, delivery, settlement.why, settlement.uncertain);
        return;
      }
      const { to, text } = delivery;
      this.#readable.set(messageId, { to, text });
      for (const oldest of this.#readable.keys()) {
        if (this.#readable.size <= BOUNDS.readable) break;
        this.#readable.delete(oldest);
      }
      this.#delivered(now, key, delivery);
      return;
    }
  }

  /** The other person has seen these. */
  seen(ids: readonly MessageId[]): void {
    for (const messageId of ids) {
      const read = this.#readable.get(messageId);
      if (read === undefined) continue;
      this.#readable.delete(messageId);
      this.#options.emit({ type: "notice", notice: { type: "read", messageId, ...read } });
    }
  }

  /** Gives up all that is left. */
  leave(now: Millis): void {
    for (const [key, queue] of [...this.#queues]) {
      this.#queues.delete(key);
      this.#deadlines.clearAll(key);
      for (const delivery of queue)
        this.#giveUp(now, key, delivery, "left", delivery.transmission !== undefined);
    }
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      this.#proceed(now, due.key);
    }
  }

  /** Sends on what can be sent of a queue, waits with it, or gives it up. */
  #proceed(now: Millis, key: string): void {
    for (const delivery of [...(this.#queues.get(key) ?? [])]) {
      // What gives one up goes on with the rest by itself.
      const queue = this.#queues.get(key) ?? [];
      if (delivery.isSubmitted || !queue.includes(delivery)) continue;
      const isHead = queue[0] === delivery;
      if (delivery.transmission !== undefined) return;
      this.#deadlines.clearAll(key);
      const route = this.#route(now, delivery);
      if (route.type === "mp2") this.#submit(now, key, delivery, route.fingerprint);
      else if (route.type === "wait") this.#deadlines.set(key, "wait", delivery.waitUntil ?? now);
      else if (route.type === "none") this.#giveUp(now, key, delivery, route.why, false);
      // By mp1 what goes before must be through.
      else if (isHead) this.#transmit(delivery, route.place);
      if (route.type === "wait" || route.type === "mp1") return;
    }
  }

  #route(now: Millis, delivery: Delivery): Route {
    const place = parseDestination(delivery.to);
    const peer = place === undefined ? this.#options.peers.find(delivery.to) : this.#options.peers.at(place);
    if (peer?.online === true) delivery.wasOnline = true;
    const isOver = delivery.waitUntil !== undefined && now >= delivery.waitUntil;
    if (isOver) return { type: "none", why: reasonOf(delivery, peer !== undefined) };
    if (peer?.trust === "changed") return { type: "none", why: "key-changed" };
    // Without time to wait an offline peer is tried all the same: the roster may be old, an answer never is.
    const isWorthTrying = peer?.online === true || place !== undefined || delivery.waitUntil === undefined;
    const target = peer ?? place;
    if (target === undefined || !isWorthTrying)
      return delivery.waitUntil === undefined
        ? { type: "none", why: reasonOf(delivery, peer !== undefined) }
        : { type: "wait" };
    if (peer?.fingerprint !== undefined) return { type: "mp2", fingerprint: peer.fingerprint };
    return this.#options.legacy ? { type: "mp1", place: target } : { type: "none", why: "legacy-off" };
  }

  #submit(now: Millis, key: string, delivery: Delivery, to: Fingerprint): void {
    const text = parseMessageText(delivery.text.toWellFormed());
    if (text === undefined) {
      this.#giveUp(now, key, delivery, "too-long", false);
      return;
    }
    const { id: messageId, waitUntil, reply } = delivery;
    delivery.isSubmitted = true;
    const until = waitUntil ?? now + SEND_MILLIS;
    const waits = waitUntil !== undefined;
    const time = Math.floor(this.#options.unixAt(now));
    const message = { messageId, time, text, until, waits };
    this.#options.submit(now, to, reply === undefined ? message : { ...message, reply });
  }

  #transmit(head: Delivery, { address, port: listed }: Source): void {
    if (head.parts.length === 0) head.parts = encodeChat(this.#options.nickname(), head.text);
    const bytes = head.parts[head.partsDelivered];
    if (bytes === undefined) return;
    this.#transmissions += 1;
    head.transmission = this.#transmissions;
    // docs/protocol.md, "Chat": a client chats on P + 1.
    const port = listed + 1;
    head.destination = { address, port };
    this.#options.emit({ type: "transmit", transmission: head.transmission, address, port, bytes });
  }

  #partDelivered(now: Millis, key: string, head: Delivery): void {
    head.partsDelivered += 1;
    if (head.partsDelivered < head.parts.length && head.destination !== undefined) {
      const { address, port } = head.destination;
      this.#transmit(head, { address, port: port - 1 });
    } else this.#delivered(now, key, head);
  }

  #delivered(now: Millis, key: string, delivery: Delivery): void {
    const { id: messageId, to, text } = delivery;
    this.#options.emit({ type: "notice", notice: { type: "delivered", messageId, to, text } });
    this.#remove(now, key, delivery);
  }

  #giveUp(now: Millis, key: string, delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    this.#undelivered(delivery, why, uncertain);
    this.#remove(now, key, delivery);
  }

  #remove(now: Millis, key: string, delivery: Delivery): void {
    const queue = (this.#queues.get(key) ?? []).filter((other) => other !== delivery);
    if (queue.length === 0) {
      this.#queues.delete(key);
      this.#deadlines.clearAll(key);
      return;
    }
    this.#queues.set(key, queue);
    this.#proceed(now, key);
  }

  #undelivered(delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    const { id: messageId, to, text, partsDelivered, destination } = delivery;
    const parts = delivery.parts.length;
    const waited = delivery.waitUntil !== undefined;
    const message = { messageId, to, text, why, destination, partsDelivered, parts, uncertain, waited };
    this.#options.emit({ type: "notice", notice: { type: "undelivered", message } });
  }
}

function reasonOf(delivery: Delivery, isKnown: boolean): UndeliveredReason {
  if (delivery.lastFailure !== undefined) return delivery.lastFailure;
  if (delivery.wasOnline) return "offline";
  return isKnown ? "never-online" : "unknown-name";
}

function keyOf(to: string): string {
  return parseDestination(to) === undefined ? foldNickname(to) : to;
}
