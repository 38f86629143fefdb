import type { Millis, UnixMillis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { DeliveryOutcome } from "../wire/mp1-chat.ts";
import { type MessageId, parseMessageText } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import { conversationWith, type KeptMessage } from "./archive.ts";
import type { ArchiveOutcome, Archiving } from "./archiving.ts";
import { OUTBOX_MILLIS, SEND_MILLIS } from "./bounds.ts";
import type { Settlement } from "./contact.ts";
import { type Delivery, keptDelivery, newDelivery, patienceOf, routeOf } from "./delivery.ts";
import { DeliveryNews } from "./delivery-news.ts";
import { DeliveryQueues, queueKey } from "./delivery-queues.ts";
import type { ChatOutput } from "./events.ts";
import type { KnownPeers } from "./known-peers.ts";
import { type Failed, Mp1Transmissions } from "./mp1-transmissions.ts";
import type { Destination, UndeliveredReason, WaitingReason } from "./notices.ts";
import type { Outgoing } from "./outbox.ts";
import type { Readable } from "./readable.ts";
import type { SendOptions } from "./session.ts";

/** Whoever does not trust our key may do so at any time, and we do not hear of it: asked again so often. */
const TRUST_MILLIS: Millis = 60_000;

/** What time does not mend, but a person may. */
const UNTIL_CHANGED: ReadonlySet<UndeliveredReason> = new Set([
  "key-changed",
  "not-trusted-there",
  "blocked-here",
] as const);

interface DeliveriesOptions {
  readonly peers: KnownPeers;
  readonly archiving: Archiving;
  readonly readable: Readable;
  readonly nickname: () => Nickname;
  /** Whether mp1 is spoken. */
  readonly legacy: boolean;
  /** What is archived outlives this process. */
  readonly isLasting: boolean;
  readonly unixAt: (at: Millis) => UnixMillis;
  /** Whether somebody of that name was ever met. */
  readonly isKnown: (name: string) => boolean;
  readonly isUp: (fingerprint: Fingerprint) => boolean;
  /** Over mp2; {@link Deliveries.settled} follows. */
  readonly submit: (now: Millis, to: Fingerprint, message: Outgoing) => void;
  readonly emit: (output: ChatOutput) => void;
}

/**
 * Messages on their way out: in order for each name, names beside each other. Where somebody has a key they go over the
 * link with it, all at once; by mp1 one connection a part, one after the other. What a person writes to somebody who is
 * not there waits, over restarts, too.
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #queues = new DeliveryQueues();
  readonly #mp1: Mp1Transmissions;
  readonly #news: DeliveryNews;
  readonly #deadlines = new Deadlines<string, "retry" | "wait">();

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#mp1 = new Mp1Transmissions(options);
    this.#news = new DeliveryNews(options);
  }

  /** Messages that something may become of soon: not those that wait, as the user knows, for somebody. */
  get pending(): number {
    return this.#queues.pending;
  }

  /** What the last process left. */
  restore(now: Millis, kept: readonly KeptMessage[]): void {
    const wall = this.#options.unixAt(now);
    for (const message of kept) {
      const { until, wasTried } = message;
      const delivery = keptDelivery(message, now + until - wall);
      if (wasTried || until <= wall)
        this.#news.undelivered(now, delivery, wasTried ? "not-confirmed" : "left", wasTried);
      else this.#queues.add(delivery);
    }
    for (const key of this.#queues.keys()) this.#proceed(now, key);
  }

  /** Queues `text` for a nickname or ADDRESS:PORT; the end is a notice with the id. */
  send(now: Millis, id: MessageId, to: string, text: string, { waitMillis, reply }: SendOptions): void {
    // Another program of the user asks again, since the one that it had asked has ended.
    const asked = this.#queues.get(id);
    if (asked !== undefined) {
      const { told } = asked;
      asked.told = undefined;
      if (told !== undefined) this.#news.waiting(asked, told);
      return;
    }
    const patience = patienceOf(to, waitMillis);
    const time = Math.floor(this.#options.unixAt(now));
    const wait = { once: SEND_MILLIS, limited: waitMillis ?? 0, lasting: OUTBOX_MILLIS }[patience];
    const delivery = newDelivery({ id, to, text, reply, time, patience, until: now + wait });
    const obstacle = this.#obstacle(delivery);
    if (obstacle !== undefined) {
      this.#news.notTaken(delivery, obstacle, false);
      return;
    }
    this.#queues.add(delivery);
    const until = time + Math.ceil(wait);
    const message = { messageId: id, conversation: conversationWith(to), to, text, reply, time, until };
    this.#options.archiving.put(now, { type: "sent", message }, (at, outcome) =>
      this.#stored(at, delivery, outcome),
    );
  }

  /** A new roster, or other pins: whoever waited for somebody looks again. */
  rosterChanged(now: Millis): void {
    for (const key of this.#queues.keys()) {
      for (const delivery of this.#queues.of(key)) this.#lookAfter(now, delivery);
      if (this.#deadlines.at(key, "retry") === undefined) this.#proceed(now, key);
    }
  }

  /** A link with that key has come up: what waits for the roster need not. */
  linkUp(now: Millis, fingerprint: Fingerprint): void {
    const peer = this.#options.peers.holderOf(fingerprint);
    if (peer !== undefined) this.#proceed(now, foldNickname(peer.nickname));
  }

  /** What became of a part over mp1. */
  transmitted(now: Millis, transmission: number, outcome: DeliveryOutcome): void {
    for (const key of this.#queues.keys()) {
      const [head] = this.#queues.of(key);
      if (head?.state.type !== "transmitting" || head.state.transmission !== transmission) continue;
      if (outcome.type === "failed") this.#partFailed(now, key, head, outcome);
      else if (this.#mp1.confirmed(head)) {
        this.#delivered(now, head, undefined);
        this.#proceed(now, key);
      }
      return;
    }
  }

  /** What became of a message over mp2. */
  settled(now: Millis, { messageId }: Outgoing, settlement: Settlement): void {
    const delivery = this.#queues.get(messageId);
    if (delivery?.state.type !== "linked") return;
    const { fingerprint } = delivery.state;
    if (settlement.type === "delivered") {
      const { to, text } = delivery;
      this.#options.readable.add({ messageId, to, text, fingerprint });
      this.#delivered(now, delivery, fingerprint);
      return;
    }
    const { why, uncertain, destination } = settlement;
    delivery.destination = destination;
    if (why === "left" && this.#outlives(delivery)) this.#wait(delivery, "left");
    else if (delivery.patience === "lasting" && UNTIL_CHANGED.has(why)) {
      // Until somebody accepts a key, or is not blocked any more.
      this.#wait(delivery, why);
      if (why === "not-trusted-there")
        this.#deadlines.set(queueKey(delivery.to), "retry", now + TRUST_MILLIS);
    } else this.#giveUp(now, delivery, why, uncertain);
  }

  /** The link's attempts fail and go on. */
  delayed({ messageId }: Outgoing, why: UndeliveredReason, destination: Destination | undefined): void {
    const delivery = this.#queues.get(messageId);
    if (delivery?.state.type !== "linked") return;
    delivery.destination = destination;
    this.#news.waiting(delivery, why);
  }

  /** Gives up what is left and would not outlive us. */
  leave(now: Millis): void {
    for (const delivery of this.#queues.takeAll()) {
      this.#deadlines.clearAll(queueKey(delivery.to));
      this.#mp1.withdraw(now, delivery);
      const isSending = delivery.state.type === "transmitting";
      if (this.#outlives(delivery) && !isSending) this.#news.waiting(delivery, "left");
      else this.#news.undelivered(now, delivery, "left", isSending);
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

  #obstacle({ to, text, patience }: Delivery): UndeliveredReason | undefined {
    const { peers, isKnown, archiving } = this.#options;
    if (text.trim() === "") return "empty";
    if (this.#queues.isFull(queueKey(to)) || archiving.isFull) return "queue-full";
    const isFound = patience !== "lasting" || peers.find(to) !== undefined || isKnown(to);
    return isFound ? undefined : "unknown-name";
  }

  #stored(now: Millis, delivery: Delivery, outcome: ArchiveOutcome): void {
    if (!this.#queues.has(delivery)) return;
    delivery.isKept = outcome === "stored";
    if (delivery.state.type !== "storing") return;
    delivery.state = { type: "queued" };
    if (outcome === "known") {
      // Sent in an earlier life, and what became of it is not known to whoever asks again.
      this.#news.notTaken(delivery, "not-confirmed", true);
      this.#remove(delivery);
    }
    const key = queueKey(delivery.to);
    if (this.#deadlines.at(key, "retry") === undefined) this.#proceed(now, key);
    else this.#tellBehind(key, this.#queues.of(key)[0]?.told ?? "offline");
  }

  /** Sends on what can be sent of a queue, waits with it, or gives it up. */
  #proceed(now: Millis, key: string): void {
    for (;;) {
      const queue = this.#queues.of(key);
      const next = queue.find(({ state }) => state.type !== "linked");
      if (next?.state.type !== "queued") return;
      this.#deadlines.clearAll(key);
      const isUrgent = queue.some(({ patience, state }) => patience === "once" && state.type === "queued");
      const route = routeOf(now, next, isUrgent, this.#options);
      if (route.type === "mp2") this.#submit(now, next, route.fingerprint);
      else if (route.type === "none") this.#end(now, next, route.why, false);
      else {
        // By mp1 what goes before must be through.
        if (route.type === "mp1" && queue[0] === next) this.#mp1.begin(now, next, route.place);
        if (route.type === "wait") this.#waitWithAll(now, key, next, route.why);
        return;
      }
    }
  }

  /** The first of a queue waits: so do those behind it, as far as they have time. */
  #waitWithAll(now: Millis, key: string, first: Delivery, why: WaitingReason): void {
    const behind = this.#queues
      .of(key)
      .filter((delivery) => delivery !== first && delivery.state.type === "queued");
    for (const delivery of behind) {
      const isOver = delivery.patience === "limited" && now >= delivery.until;
      if (isOver || delivery.patience === "once") this.#end(now, delivery, why, false);
    }
    this.#tellBehind(key, why);
    const until = this.#queues.of(key).map((delivery) => delivery.until);
    this.#deadlines.set(key, "wait", Math.min(...until));
  }

  #submit(now: Millis, delivery: Delivery, to: Fingerprint): void {
    const text = parseMessageText(delivery.text.toWellFormed());
    if (text === undefined) {
      this.#end(now, delivery, "too-long", false);
      return;
    }
    const { id: messageId, time, reply, until, patience } = delivery;
    delivery.state = { type: "linked", fingerprint: to };
    const message = { messageId, time, text, until, waits: patience !== "once" };
    this.#options.submit(now, to, reply === undefined ? message : { ...message, reply });
  }

  #partFailed(now: Millis, key: string, head: Delivery, failed: Failed): void {
    const again = this.#mp1.failed(now, head, failed);
    if (again === undefined) this.#giveUp(now, head, failed.failure, failed.sent);
    else {
      this.#wait(head, failed.failure);
      this.#deadlines.set(key, "retry", again);
    }
  }

  /** One that the link has, and whose peer has gone. */
  #lookAfter(now: Millis, delivery: Delivery): void {
    if (delivery.state.type !== "linked" || delivery.told !== undefined) return;
    if (routeOf(now, delivery, false, this.#options).type === "wait") this.#news.waiting(delivery, "offline");
  }

  #wait(delivery: Delivery, why: WaitingReason): void {
    delivery.state = { type: "queued" };
    this.#news.waiting(delivery, why);
  }

  /** It stays when we go. */
  #outlives({ patience, isKept }: Delivery): boolean {
    return this.#options.isLasting && isKept && patience === "lasting";
  }

  #delivered(now: Millis, delivery: Delivery, fingerprint: Fingerprint | undefined): void {
    this.#news.delivered(now, delivery, fingerprint);
    this.#remove(delivery);
  }

  #giveUp(now: Millis, delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    this.#end(now, delivery, why, uncertain);
    this.#proceed(now, queueKey(delivery.to));
  }

  #end(now: Millis, delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    this.#news.undelivered(now, delivery, why, uncertain);
    this.#remove(delivery);
  }

  #remove(delivery: Delivery): void {
    this.#queues.remove(delivery);
    const key = queueKey(delivery.to);
    if (this.#queues.of(key).length === 0) this.#deadlines.clearAll(key);
  }

  /** The first that waits, and those that wait for it to go. */
  #tellBehind(key: string, why: WaitingReason): void {
    for (const delivery of this.#queues.of(key))
      if (delivery.state.type === "queued") this.#news.waiting(delivery, why);
  }
}
