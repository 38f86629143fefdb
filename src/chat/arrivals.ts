import type { Millis, UnixMillis } from "../base/clock.ts";
import type { ChatMessage } from "../wire/mp1-chat.ts";
import type { Nickname } from "../wire/nickname.ts";
import { conversationWith, type IncomingRecord } from "./archive.ts";
import type { Archiving } from "./archiving.ts";
import { BOUNDS } from "./bounds.ts";
import type { ChatOutput } from "./events.ts";
import type { KnownPeers } from "./known-peers.ts";
import type { ReceivedMessage, StoredAt } from "./notices.ts";
import type { RestrictionLevel } from "./restrictions.ts";

/**
 * A newcomer may write before the roster with its entry is here: the registry holds pushes back for 50 ms, and one that
 * got lost comes again after a few hundred.
 */
export const JUDGE_MILLIS: Millis = 500;

/** What mp1's messages lack. */
const KEYLESS = { messageId: undefined, time: undefined, fingerprint: undefined };

interface Arrival {
  readonly address: string;
  readonly message: ChatMessage;
  readonly judgeAt: Millis;
}

interface ArrivalsOptions {
  readonly peers: KnownPeers;
  readonly archiving: Archiving;
  readonly unixAt: (at: Millis) => UnixMillis;
  /** Of those who have no key. */
  readonly restrictionOf: (name: Nickname) => RestrictionLevel | undefined;
  readonly emit: (output: ChatOutput) => void;
}

/**
 * Messages that came in, each shown with what the roster says of its sender: the address is the listed one, or not. One
 * that does not match waits a moment for a newer roster; what follows from the same address waits behind it.
 */
export class Arrivals {
  readonly #peers: KnownPeers;
  readonly #options: ArrivalsOptions;
  #waiting: readonly Arrival[] = [];

  constructor(options: ArrivalsOptions) {
    this.#peers = options.peers;
    this.#options = options;
  }

  received(now: Millis, address: string, message: ChatMessage): void {
    // Whoever has no key is blocked by name. Its client has been told that the message came.
    if (this.#options.restrictionOf(message.from) === "blocked") return;
    const isFull = this.#waiting.length >= BOUNDS.arrivals;
    this.#waiting = [...this.#waiting, { address, message, judgeAt: isFull ? now : now + JUDGE_MILLIS }];
    this.advance(now);
  }

  rosterChanged(now: Millis): void {
    this.advance(now);
  }

  nextDeadline(): Millis | undefined {
    return this.#waiting.length === 0 ? undefined : Math.min(...this.#waiting.map(({ judgeAt }) => judgeAt));
  }

  /** Shows what matches or has waited long enough, in order for each address. */
  advance(now: Millis): void {
    const behind = new Set<string>();
    const left: Arrival[] = [];
    for (const arrival of this.#waiting) {
      const { address, judgeAt } = arrival;
      if (!behind.has(address) && (this.#matches(arrival) || now >= judgeAt)) this.#store(now, arrival);
      else {
        behind.add(address);
        left.push(arrival);
      }
    }
    this.#waiting = left;
  }

  /** Shows all that waits, since we are leaving: the peer was told that it was taken. */
  flush(now: Millis): void {
    for (const arrival of this.#waiting) {
      const message = this.#judged(arrival);
      const isIgnored = this.#isIgnored(message);
      this.#put(now, { message, isIgnored }, () => {});
      if (!isIgnored) this.#show(message);
    }
    this.#waiting = [];
  }

  #matches({ address, message }: Arrival): boolean {
    const peer = this.#peers.find(message.from);
    // Who has a key writes by mp2: this is somebody else.
    return peer?.address === address && peer.trust === "unverified";
  }

  /** Stored before it is shown; shown all the same if it cannot be, since its sender has been told that it came. */
  #store(now: Millis, arrival: Arrival): void {
    const message = this.#judged(arrival);
    const isIgnored = this.#isIgnored(message);
    let isShown = isIgnored;
    this.#put(now, { message, isIgnored }, (stored) => {
      if (!isShown) this.#show(message, stored);
      isShown = true;
    });
  }

  #isIgnored({ from }: ReceivedMessage): boolean {
    return this.#options.restrictionOf(from) !== undefined;
  }

  #put(
    now: Millis,
    of: Pick<IncomingRecord, "message" | "isIgnored">,
    done: (stored: StoredAt | undefined) => void,
  ): void {
    const conversation = conversationWith(of.message.from);
    const at = Math.floor(this.#options.unixAt(now));
    this.#options.archiving.put(
      now,
      { type: "received", message: { conversation, at, ...of } },
      (_, __, seq) => done(seq === undefined ? undefined : { seq, at }),
    );
  }

  #judged(arrival: Arrival): ReceivedMessage {
    const standing = this.#matches(arrival) ? "unverified" : "mismatch";
    return { ...arrival.message, address: arrival.address, standing, ...KEYLESS };
  }

  #show(message: ReceivedMessage, stored?: StoredAt): void {
    this.#options.emit({ type: "notice", notice: { type: "received", message, stored } });
  }
}
