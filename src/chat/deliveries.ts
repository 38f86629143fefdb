import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { type DeliveryOutcome, encodeChat } from "../wire/mp1-chat.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import type { ChatOutput, Source } from "./events.ts";
import { type KnownPeers, parseDestination } from "./known-peers.ts";
import type { Destination, UndeliveredReason } from "./notices.ts";

/**
 * Messages on their way out: in order for each peer, peers beside each other, one connection a part. One that was
 * given time waits for its peer to come online.
 */

const MAX_QUEUED_PER_PEER = 100;
const MAX_QUEUED = 1_000;
/** Between two attempts to reach a peer that is listed as online. */
const RETRY_MILLIS: Millis = 500;

interface Delivery {
  readonly id: number;
  readonly to: string;
  readonly text: string;
  /** Undefined: try once, now. */
  readonly waitUntil: Millis | undefined;
  /** Encoded when the first is sent, under the nickname that we have by then. */
  parts: readonly Uint8Array[];
  partsDelivered: number;
  wasOnline: boolean;
  destination: Destination | undefined;
  lastFailure: UndeliveredReason | undefined;
  transmission: number | undefined;
}

export class Deliveries {
  readonly #peers: KnownPeers;
  readonly #nickname: () => Nickname;
  readonly #emit: (output: ChatOutput) => void;
  readonly #queues = new Map<string, Delivery[]>();
  readonly #deadlines = new Deadlines<string, "retry" | "wait">();
  #ids = 0;
  #transmissions = 0;

  constructor(options: {
    peers: KnownPeers;
    nickname: () => Nickname;
    emit: (output: ChatOutput) => void;
  }) {
    this.#peers = options.peers;
    this.#nickname = options.nickname;
    this.#emit = options.emit;
  }

  /** Messages not yet delivered or given up. */
  get pending(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.length;
    return count;
  }

  /** Queues `text` for a nickname or ADDRESS:PORT; the end is a notice with the returned id. */
  send(now: Millis, to: string, text: string, waitMillis: Millis): number {
    this.#ids += 1;
    const delivery: Delivery = {
      id: this.#ids,
      to,
      text,
      waitUntil: waitMillis > 0 ? now + waitMillis : undefined,
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
    else if (queue.length >= MAX_QUEUED_PER_PEER || this.pending >= MAX_QUEUED)
      this.#undelivered(delivery, "queue-full", false);
    else {
      queue.push(delivery);
      this.#queues.set(key, queue);
      if (queue.length === 1) this.#proceed(now, key);
    }
    return delivery.id;
  }

  /** A new roster: whoever waited for somebody looks again. */
  rosterChanged(now: Millis): void {
    for (const [key, [head]] of [...this.#queues]) {
      if (head !== undefined && head.transmission === undefined && !this.#isRetrying(key)) {
        this.#proceed(now, key);
      }
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
      this.#giveUp(now, key, outcome.failure, outcome.sent);
      return;
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

  #isRetrying(key: string): boolean {
    return this.#deadlines.at(key, "retry") !== undefined;
  }

  /** Sends the next part of the first message of a queue, or waits, or gives it up. */
  #proceed(now: Millis, key: string): void {
    const head = this.#queues.get(key)?.[0];
    if (head === undefined || head.transmission !== undefined) return;
    this.#deadlines.clearAll(key);
    const item = this.#peers.find(head.to);
    if (item?.online === true) head.wasOnline = true;
    // Without time to wait an offline peer is tried all the same: the roster may be old, an answer never is.
    const isWorthTrying = item?.online === true || head.waitUntil === undefined;
    const destination = parseDestination(head.to) ?? (isWorthTrying ? toDestination(item) : undefined);
    const isOver = head.waitUntil !== undefined && now >= head.waitUntil;
    if (destination !== undefined && !isOver) this.#transmit(head, destination);
    else if (head.waitUntil !== undefined && !isOver) this.#deadlines.set(key, "wait", head.waitUntil);
    else this.#giveUp(now, key, reasonOf(head, item !== undefined), false);
  }

  #transmit(head: Delivery, { address, port: listed }: Source): void {
    if (head.parts.length === 0) head.parts = encodeChat(this.#nickname(), head.text);
    const bytes = head.parts[head.partsDelivered];
    if (bytes === undefined) return;
    this.#transmissions += 1;
    head.transmission = this.#transmissions;
    // docs/protocol.md, "Chat": a client chats on P + 1.
    const port = listed + 1;
    head.destination = { address, port };
    this.#emit({ type: "transmit", transmission: head.transmission, address, port, bytes });
  }

  #partDelivered(now: Millis, key: string, head: Delivery): void {
    head.partsDelivered += 1;
    if (head.partsDelivered < head.parts.length && head.destination !== undefined) {
      const { address, port } = head.destination;
      this.#transmit(head, { address, port: port - 1 });
      return;
    }
    const notice = { type: "delivered", id: head.id, to: head.to, text: head.text } as const;
    this.#emit({ type: "notice", notice });
    this.#next(now, key);
  }

  #giveUp(now: Millis, key: string, why: UndeliveredReason, uncertain: boolean): void {
    const head = this.#queues.get(key)?.[0];
    if (head !== undefined) this.#undelivered(head, why, uncertain);
    this.#next(now, key);
  }

  #next(now: Millis, key: string): void {
    this.#deadlines.clearAll(key);
    const queue = this.#queues.get(key);
    queue?.shift();
    if (queue === undefined || queue.length === 0) this.#queues.delete(key);
    else this.#proceed(now, key);
  }

  #undelivered(delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    const { id, to, text, partsDelivered, destination } = delivery;
    const parts = delivery.parts.length;
    const waited = delivery.waitUntil !== undefined;
    const message = { id, to, text, why, destination, partsDelivered, parts, uncertain, waited };
    this.#emit({ type: "notice", notice: { type: "undelivered", message } });
  }
}

function toDestination(item: Source | undefined): Source | undefined {
  return item && { address: item.address, port: item.port };
}

function reasonOf(delivery: Delivery, isKnown: boolean): UndeliveredReason {
  if (delivery.lastFailure !== undefined) return delivery.lastFailure;
  if (delivery.wasOnline) return "offline";
  return isKnown ? "never-online" : "unknown-name";
}

function keyOf(to: string): string {
  return parseDestination(to) === undefined ? foldNickname(to) : to;
}
