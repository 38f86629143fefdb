import type { Millis, UnixMillis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { type DeliveryOutcome, encodeChat } from "../wire/mp1-chat.ts";
import { type MessageId, parseMessageText } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import { conversationWith, type KeptMessage } from "./archive.ts";
import type { ArchiveOutcome, Archiving } from "./archiving.ts";
import { BOUNDS, OUTBOX_MILLIS, SEND_MILLIS } from "./bounds.ts";
import type { Settlement } from "./contact.ts";
import { type Delivery, type Patience, routeOf } from "./delivery.ts";
import type { ChatOutput, Source } from "./events.ts";
import { type KnownPeers, parseDestination } from "./known-peers.ts";
import type { ChatNotice, Destination, UndeliveredReason, WaitingReason } from "./notices.ts";
import type { Outgoing } from "./outbox.ts";
import type { Readable } from "./readable.ts";
import type { SendOptions } from "./session.ts";

/**
 * Messages on their way out: in order for each name, names beside each other. Where somebody has a key they go over the
 * link with it, all at once; by mp1 one connection a part, one after the other. What a person writes to somebody who is
 * not there waits, over restarts, too.
 */

/** Between two attempts to reach a peer by mp1 that is listed as online: doubled each time, up to the last. */
const RETRY_MILLIS = { first: 500, last: 60_000 } as const;

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

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #queues = new Map<string, Delivery[]>();
  readonly #all = new Map<MessageId, Delivery>();
  readonly #deadlines = new Deadlines<string, "retry" | "wait">();
  #transmissions = 0;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Messages that something may become of soon: not those that wait, as the user knows, for somebody. */
  get pending(): number {
    let count = 0;
    for (const { told } of this.#all.values()) if (told === undefined) count += 1;
    return count;
  }

  /** What the last process left. */
  restore(now: Millis, kept: readonly KeptMessage[]): void {
    const wall = this.#options.unixAt(now);
    for (const { messageId: id, to, text, reply, time, until, wasTried } of kept) {
      const left = {
        ...newDelivery({ id, to, text, reply, time, patience: "lasting", until: now + until - wall }),
      };
      const delivery: Delivery = { ...left, state: { type: "queued" }, isKept: true, told: "offline" };
      if (wasTried || until <= wall)
        this.#undelivered(now, delivery, wasTried ? "not-confirmed" : "left", wasTried);
      else this.#enqueue(delivery);
    }
    for (const key of [...this.#queues.keys()]) this.#proceed(now, key);
  }

  /** Queues `text` for a nickname or ADDRESS:PORT; the end is a notice with the id. */
  send(now: Millis, id: MessageId, to: string, text: string, { waitMillis, reply }: SendOptions): void {
    // Another program of the user asks again, since the one that it had asked has ended.
    const asked = this.#all.get(id);
    if (asked !== undefined) {
      const { told } = asked;
      asked.told = undefined;
      if (told !== undefined) this.#tellWaiting(asked, told);
      return;
    }
    const patience = patienceOf(to, waitMillis);
    const time = Math.floor(this.#options.unixAt(now));
    const wait = { once: SEND_MILLIS, limited: waitMillis ?? 0, lasting: OUTBOX_MILLIS }[patience];
    const delivery = newDelivery({ id, to, text, reply, time, patience, until: now + wait });
    const obstacle = this.#obstacle(delivery);
    if (obstacle !== undefined) {
      this.#tellUndelivered(delivery, obstacle, false);
      return;
    }
    this.#enqueue(delivery);
    const record = {
      messageId: id,
      conversation: conversationWith(to),
      to,
      text,
      reply,
      time,
      until: time + Math.ceil(wait),
    };
    this.#options.archiving.put(now, { type: "sent", message: record }, (at, outcome) =>
      this.#stored(at, delivery, outcome),
    );
  }

  /** A new roster, or other pins: whoever waited for somebody looks again. */
  rosterChanged(now: Millis): void {
    for (const [key, queue] of [...this.#queues]) {
      for (const delivery of queue) this.#lookAfter(now, delivery);
      if (this.#deadlines.at(key, "retry") === undefined) this.#proceed(now, key);
    }
  }

  /** A link with that key has come up: what waits for the roster need not. */
  linkUp(now: Millis, fingerprint: Fingerprint): void {
    const peer = this.#options.peers.holderOf(fingerprint);
    if (peer !== undefined) this.#proceed(now, foldNickname(peer.nickname));
  }

  transmitted(now: Millis, transmission: number, outcome: DeliveryOutcome): void {
    for (const [key, [head]] of this.#queues) {
      if (head?.state.type !== "transmitting" || head.state.transmission !== transmission) continue;
      if (outcome.type === "confirmed") this.#partDelivered(now, key, head);
      else this.#partFailed(now, key, head, outcome);
      return;
    }
  }

  /** What became of a message over mp2. */
  settled(now: Millis, { messageId }: Outgoing, settlement: Settlement): void {
    const delivery = this.#all.get(messageId);
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
      // Until somebody accepts a key, or is not blocked any more. The peer's user does so unheard by us.
      this.#wait(delivery, why);
      if (why === "not-trusted-there")
        this.#deadlines.set(keyOf(delivery.to), "retry", now + RETRY_MILLIS.last);
    } else this.#giveUp(now, delivery, why, uncertain);
  }

  /** The link's attempts fail and go on. */
  delayed({ messageId }: Outgoing, why: UndeliveredReason, destination: Destination | undefined): void {
    const delivery = this.#all.get(messageId);
    if (delivery?.state.type !== "linked") return;
    delivery.destination = destination;
    this.#tellWaiting(delivery, why);
  }

  /** Gives up what is left and would not outlive us. */
  leave(now: Millis): void {
    const all = [...this.#all.values()];
    this.#queues.clear();
    this.#all.clear();
    for (const delivery of all) {
      this.#deadlines.clearAll(keyOf(delivery.to));
      const isSending = delivery.state.type === "transmitting";
      if (this.#outlives(delivery) && !isSending) this.#tellWaiting(delivery, "left");
      else this.#undelivered(now, delivery, "left", isSending);
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
    const queue = this.#queues.get(keyOf(to)) ?? [];
    const isFull = queue.length >= BOUNDS.queuedPerPeer || this.#all.size >= BOUNDS.queued;
    if (isFull || archiving.isFull) return "queue-full";
    const isFound = patience !== "lasting" || peers.find(to) !== undefined || isKnown(to);
    return isFound ? undefined : "unknown-name";
  }

  #enqueue(delivery: Delivery): void {
    const key = keyOf(delivery.to);
    const queue = this.#queues.get(key) ?? [];
    queue.push(delivery);
    this.#queues.set(key, queue);
    this.#all.set(delivery.id, delivery);
  }

  #stored(now: Millis, delivery: Delivery, outcome: ArchiveOutcome): void {
    if (this.#all.get(delivery.id) !== delivery) return;
    delivery.isKept = outcome === "stored";
    if (delivery.state.type !== "storing") return;
    delivery.state = { type: "queued" };
    if (outcome === "known") {
      // Sent in an earlier life, and what became of it is not known to whoever asks again.
      this.#tellUndelivered(delivery, "not-confirmed", true);
      this.#remove(delivery);
    }
    const key = keyOf(delivery.to);
    if (this.#deadlines.at(key, "retry") === undefined) this.#proceed(now, key);
    else this.#tellBehind(key, this.#queues.get(key)?.[0]?.told ?? "offline");
  }

  /** Sends on what can be sent of a queue, waits with it, or gives it up. */
  #proceed(now: Millis, key: string): void {
    for (;;) {
      const queue = this.#queues.get(key) ?? [];
      const next = queue.find(({ state }) => state.type !== "linked");
      if (next?.state.type !== "queued") return;
      this.#deadlines.clearAll(key);
      const isUrgent = queue.some(({ patience, state }) => patience === "once" && state.type === "queued");
      const route = routeOf(now, next, isUrgent, this.#options);
      if (route.type === "mp2") this.#submit(now, next, route.fingerprint);
      else if (route.type === "none") this.#end(now, next, route.why, false);
      else {
        // By mp1 what goes before must be through.
        if (route.type === "mp1" && queue[0] === next) this.#mark(now, next, route.place);
        if (route.type === "wait") this.#waitWithAll(now, key, next, route.why);
        return;
      }
    }
  }

  /** The first of a queue waits: so do those behind it, as far as they have time. */
  #waitWithAll(now: Millis, key: string, first: Delivery, why: WaitingReason): void {
    const behind = (this.#queues.get(key) ?? []).filter(
      (delivery) => delivery !== first && delivery.state.type === "queued",
    );
    for (const delivery of behind) {
      const isOver = delivery.patience === "limited" && now >= delivery.until;
      if (isOver || delivery.patience === "once") this.#end(now, delivery, why, false);
    }
    this.#tellBehind(key, why);
    const until = (this.#queues.get(key) ?? []).map((delivery) => delivery.until);
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

  /** By mp1 what may have arrived is not sent again, so that is on disk first. */
  #mark(now: Millis, delivery: Delivery, place: Source): void {
    if (delivery.partsDelivered > 0) {
      this.#transmit(delivery, place);
      return;
    }
    const state = { type: "marking", place } as const;
    delivery.state = state;
    this.#options.archiving.put(now, { type: "trying", messageId: delivery.id }, () => {
      if (delivery.state === state) this.#transmit(delivery, place);
    });
  }

  #transmit(head: Delivery, { address, port: listed }: Source): void {
    if (head.parts.length === 0) head.parts = encodeChat(this.#options.nickname(), head.text);
    const bytes = head.parts[head.partsDelivered];
    if (bytes === undefined) return;
    this.#transmissions += 1;
    const transmission = this.#transmissions;
    head.state = { type: "transmitting", transmission };
    // docs/protocol.md, "Chat": a client chats on P + 1.
    const port = listed + 1;
    head.destination = { address, port };
    this.#options.emit({ type: "transmit", transmission, address, port, bytes });
  }

  #partDelivered(now: Millis, key: string, head: Delivery): void {
    head.partsDelivered += 1;
    if (head.partsDelivered < head.parts.length && head.destination !== undefined) {
      const { address, port } = head.destination;
      this.#transmit(head, { address, port: port - 1 });
      return;
    }
    this.#delivered(now, head, undefined);
    this.#proceed(now, key);
  }

  #partFailed(
    now: Millis,
    key: string,
    head: Delivery,
    { failure, sent }: Extract<DeliveryOutcome, { type: "failed" }>,
  ): void {
    head.lastFailure = failure;
    const pause = Math.min(RETRY_MILLIS.first * 2 ** head.attempts, RETRY_MILLIS.last);
    // What may have arrived is not sent again: a person would read it twice.
    if (sent || head.patience === "once" || now + pause >= head.until) {
      this.#giveUp(now, head, failure, sent);
      return;
    }
    head.attempts += 1;
    if (head.partsDelivered === 0) this.#options.archiving.put(now, { type: "waiting", messageId: head.id });
    this.#wait(head, failure);
    this.#deadlines.set(key, "retry", now + pause);
  }

  /** One that the link has, and whose peer has gone. */
  #lookAfter(now: Millis, delivery: Delivery): void {
    if (delivery.state.type !== "linked" || delivery.told !== undefined) return;
    if (routeOf(now, delivery, false, this.#options).type === "wait") this.#tellWaiting(delivery, "offline");
  }

  #wait(delivery: Delivery, why: WaitingReason): void {
    delivery.state = { type: "queued" };
    this.#tellWaiting(delivery, why);
  }

  /** It stays when we go. */
  #outlives({ patience, isKept }: Delivery): boolean {
    return this.#options.isLasting && isKept && patience === "lasting";
  }

  #delivered(now: Millis, delivery: Delivery, fingerprint: Fingerprint | undefined): void {
    const { id: messageId, to, text } = delivery;
    this.#options.archiving.put(now, { type: "delivered", messageId, fingerprint });
    this.#tell({ type: "delivered", messageId, to, text });
    this.#remove(delivery);
  }

  #giveUp(now: Millis, delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    this.#end(now, delivery, why, uncertain);
    this.#proceed(now, keyOf(delivery.to));
  }

  #end(now: Millis, delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    this.#undelivered(now, delivery, why, uncertain);
    this.#remove(delivery);
  }

  #remove(delivery: Delivery): void {
    const key = keyOf(delivery.to);
    const queue = this.#queues.get(key) ?? [];
    const at = queue.indexOf(delivery);
    if (at >= 0) queue.splice(at, 1);
    this.#all.delete(delivery.id);
    if (queue.length > 0) return;
    this.#queues.delete(key);
    this.#deadlines.clearAll(key);
  }

  #undelivered(now: Millis, delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    this.#options.archiving.put(now, { type: "failed", messageId: delivery.id, why });
    this.#tellUndelivered(delivery, why, uncertain);
  }

  #tellUndelivered(delivery: Delivery, why: UndeliveredReason, uncertain: boolean): void {
    const { id: messageId, to, text, partsDelivered, destination } = delivery;
    const parts = delivery.parts.length;
    const waited = delivery.patience !== "once";
    const message = { messageId, to, text, why, destination, partsDelivered, parts, uncertain, waited };
    this.#tell({ type: "undelivered", message });
  }

  /** The first that waits, and those that wait for it to go. */
  #tellBehind(key: string, why: WaitingReason): void {
    for (const delivery of this.#queues.get(key) ?? [])
      if (delivery.state.type === "queued") this.#tellWaiting(delivery, why);
  }

  /** Once for each reason; scripts that wait for a limited time learn how it ended. */
  #tellWaiting(delivery: Delivery, why: WaitingReason): void {
    const { id: messageId, to, text, patience, told, destination } = delivery;
    if (patience !== "lasting" || told === why || (told !== undefined && why === "left")) return;
    delivery.told = why;
    this.#tell({ type: "waiting", messageId, to, text, why, destination });
  }

  #tell(notice: ChatNotice): void {
    this.#options.emit({ type: "notice", notice });
  }
}

function newDelivery(
  about: Pick<Delivery, "id" | "to" | "text" | "reply" | "time" | "patience" | "until">,
): Delivery {
  const mp1 = { parts: [], partsDelivered: 0, attempts: 0, wasOnline: false };
  const unknown = { told: undefined, destination: undefined, lastFailure: undefined };
  return { ...about, ...mp1, ...unknown, state: { type: "storing" }, isKept: false };
}

function patienceOf(to: string, waitMillis: Millis | undefined): Patience {
  if (waitMillis === undefined) return parseDestination(to) === undefined ? "lasting" : "once";
  return waitMillis > 0 ? "limited" : "once";
}

function keyOf(to: string): string {
  return parseDestination(to) === undefined ? foldNickname(to) : to;
}
