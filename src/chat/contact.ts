import type { Millis, Random } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { AckState, Msg } from "../wire/mp2-chat.ts";
import type { FileMessage } from "../wire/mp2-files.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { BOUNDS } from "./bounds.ts";
import type { ChatOutput, Progress, Source, TlsFailure } from "./events.ts";
import type { Destination, UndeliveredReason } from "./notices.ts";
import { type Abandoned, Outbox, type Outgoing } from "./outbox.ts";
import { PeerConnections } from "./peer-connections.ts";
import type { ConnectionEnd, LinkSaying, Speaker, Verdict } from "./speaker.ts";

/** A connection without messages is closed. */
export const IDLE_MILLIS: Millis = 300_000;
/** Before another attempt after one that failed: doubled each time, with jitter, up to the last; rarely after so many. */
const RETRY_MILLIS = { first: 250, last: 4_000, rare: 60_000, rareAfter: 14 } as const;

/** What became of a message. */
export type Settlement =
  | { readonly type: "delivered" }
  | {
      readonly type: "failed";
      readonly why: UndeliveredReason;
      readonly uncertain: boolean;
      readonly destination: Destination | undefined;
    };

/** What is said about files passes through: who is meant to hear it says it again until it is answered. */
export interface ContactFiles {
  /** A link is wanted for it. */
  readonly wants: (fingerprint: Fingerprint) => boolean;
  readonly up: (now: Millis, fingerprint: Fingerprint, takesFiles: boolean) => void;
  readonly down: (fingerprint: Fingerprint) => void;
  readonly said: (now: Millis, fingerprint: Fingerprint, message: FileMessage) => void;
}

/** What a contact needs of the rest. */
export interface ContactHost {
  readonly own: Fingerprint;
  readonly random: Random;
  readonly nick: () => Nickname;
  readonly emit: (output: ChatOutput) => void;
  readonly judge: (now: Millis, speaker: Speaker) => Verdict;
  /** A number for a connection that `contact` dials; undefined when there are too many. */
  readonly nextConnection: (contact: Contact) => number | undefined;
  readonly forget: (connection: number) => void;
  /** Where the roster has the key. */
  readonly find: (fingerprint: Fingerprint) => (Source & { readonly online: boolean }) | undefined;
  readonly up: (now: Millis, speaker: Speaker) => void;
  readonly said: (now: Millis, speaker: Speaker, message: Msg) => void;
  readonly typed: (speaker: Speaker, active: boolean) => void;
  readonly settled: (now: Millis, message: Outgoing, settlement: Settlement) => void;
  /** They will be tried again. */
  readonly delayed: (message: Outgoing, why: UndeliveredReason, destination: Destination | undefined) => void;
  readonly seen: (now: Millis, fingerprint: Fingerprint, ids: readonly MessageId[]) => void;
  readonly files: ContactFiles;
  /** It has been told that we have seen these. */
  readonly readTold: (now: Millis, fingerprint: Fingerprint, ids: readonly MessageId[]) => void;
}

/** One peer, by its key: what it has not acknowledged, and the connection that is made for it. */
export class Contact {
  readonly fingerprint: Fingerprint;
  readonly #host: ContactHost;
  readonly #connections: PeerConnections;
  readonly #outbox = new Outbox();
  readonly #deadlines = new Deadlines<"contact", "retry" | "idle">();
  /** Read marks that wait for a link, and for which one is made when the peer is online. */
  #reads: readonly MessageId[] = [];
  /** Attempts since something was acknowledged. */
  #attempts = 0;
  #tried: Destination | undefined;
  /** Where it was when the roster was looked at last. */
  #place = "";

  constructor(host: ContactHost, fingerprint: Fingerprint) {
    this.#host = host;
    this.fingerprint = fingerprint;
    const { own, nick, emit, judge, forget } = host;
    const up = (now: Millis, speaker: Speaker): void => this.#up(now, speaker);
    const says = (now: Millis, speaker: Speaker, output: LinkSaying): void =>
      this.#says(now, speaker, output);
    const down = (now: Millis, end: ConnectionEnd): void => this.#down(now, end);
    this.#connections = new PeerConnections({ own, nick, emit, judge, forget, up, says, down }, fingerprint);
  }

  /** Nothing is lost when it is forgotten. */
  get isIdle(): boolean {
    return this.#connections.size === 0 && !this.#hasToSay;
  }

  get isUp(): boolean {
    return this.#connections.link !== undefined;
  }

  get #hasToSay(): boolean {
    return this.#outbox.size > 0 || this.#reads.length > 0 || this.#host.files.wants(this.fingerprint);
  }

  /** Connections that are not up. */
  get unaccepted(): number {
    return this.#connections.unaccepted;
  }

  submit(now: Millis, message: Outgoing): void {
    this.#outbox.add(message);
    this.#drive(now);
  }

  markRead(now: Millis, ids: readonly MessageId[]): void {
    this.#reads = [...this.#reads, ...ids].slice(-BOUNDS.rememberedIds);
    this.#tellReads(now);
    this.#drive(now);
  }

  /** What it sent is stored. */
  acknowledge(ids: readonly MessageId[]): void {
    this.#connections.link?.acknowledge(ids, "delivered");
  }

  /** What it sends cannot be kept: it tries again later. */
  turnAway(now: Millis, why: "busy" | "quota"): void {
    this.#connections.dropAll(now, why);
  }

  /** False where no link is up with somebody who takes files. */
  file(message: FileMessage): boolean {
    const { link } = this.#connections;
    if (link?.takesFiles !== true) return false;
    link.file(message);
    return true;
  }

  /** There is something to say about files. */
  seek(now: Millis): void {
    this.#drive(now);
  }

  /** The user has blocked it: nothing goes there, and it is told no more than that we are busy. */
  block(now: Millis): void {
    this.#reads = [];
    this.#abandon(now, this.#outbox.fail("all"), "blocked-here");
    this.#connections.dropAll(now, "busy");
  }

  typing(active: boolean): void {
    this.#connections.link?.typing(active);
  }

  called(now: Millis, number: number, address: string): void {
    this.#connections.called(now, number, address);
  }

  answered(now: Millis, number: number): void {
    this.#connections.answered(now, number);
  }

  failed(now: Millis, number: number, failure: TlsFailure): void {
    this.#connections.failed(now, number, failure);
  }

  received(now: Millis, number: number, bytes: Uint8Array): Progress {
    const progress = this.#connections.received(now, number, bytes);
    this.#drive(now);
    return progress;
  }

  ended(now: Millis, number: number): void {
    this.#connections.ended(now, number);
  }

  /** Roster or pins have changed. */
  judgeAnew(now: Millis): void {
    this.#connections.judgeAnew(now);
    const found = this.#host.find(this.fingerprint);
    const place = found?.online === true ? `${found.address} ${found.port}` : "";
    // It is back, or somewhere else: what failed before need not fail now.
    if (place !== "" && place !== this.#place) {
      this.#attempts = 0;
      this.#deadlines.clear("contact", "retry");
    }
    this.#place = place;
    this.#drive(now);
  }

  /** Closes the connection if nothing is under way on it, to make room for another peer's. */
  makeRoom(now: Millis): boolean {
    if (this.#outbox.size > 0 || !this.isUp) return false;
    this.#connections.dropAll(now, "busy");
    return true;
  }

  /** Gives up what is left to send. */
  leave(now: Millis): void {
    this.#reads = [];
    this.#abandon(now, this.#outbox.fail("all"), "left");
    this.#connections.dropAll(now, "leaving");
  }

  nextDeadline(): Millis | undefined {
    const all = [this.#connections.nextDeadline(), this.#deadlines.next(), this.#outbox.nextExpiry()];
    const next = Math.min(...all.map((at) => at ?? Infinity));
    return next === Infinity ? undefined : next;
  }

  advance(now: Millis): void {
    this.#connections.advance(now);
    this.#abandon(now, this.#outbox.expire(now), "timeout");
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      if (due.name === "idle" && this.#outbox.size === 0) this.#connections.dropAll(now, "leaving");
    }
    this.#drive(now);
  }

  /** Sends what there is room for, or sees to it that there is a link. */
  #drive(now: Millis): void {
    const { link, isDialling } = this.#connections;
    if (link !== undefined) {
      while (link.room > 0 && this.#outbox.hasUnsent) {
        const message = this.#outbox.next();
        if (message !== undefined) link.send(now, message);
      }
    } else if (this.#hasToSay && !isDialling && this.#deadlines.at("contact", "retry") === undefined)
      this.#dial(now);
  }

  #dial(now: Millis): void {
    const found = this.#host.find(this.fingerprint);
    // Who waits, waits for the roster; who does not wants an answer of the machine itself.
    const place = found?.online === true || this.#outbox.hasImpatient ? found : undefined;
    const number = place && this.#host.nextConnection(this);
    if (place === undefined) this.#abandon(now, this.#outbox.fail("impatient"), "offline");
    else if (number === undefined) this.#retryLater(now);
    else {
      this.#tried = { address: place.address, port: place.port };
      this.#connections.dial(number, place);
    }
  }

  #up(now: Millis, speaker: Speaker): void {
    // Also in place of a link that was up, of whose end nobody is told then.
    this.#outbox.linkLost();
    this.#deadlines.clear("contact", "retry");
    this.#deadlines.set("contact", "idle", now + IDLE_MILLIS);
    this.#host.up(now, speaker);
    this.#host.files.up(now, this.fingerprint, this.#connections.link?.takesFiles === true);
    this.#tellReads(now);
    this.#drive(now);
  }

  #says(now: Millis, speaker: Speaker, output: LinkSaying): void {
    if (output.type === "typing") this.#host.typed(speaker, output.active);
    else if (output.type === "ack") this.#acknowledged(now, output.ids, output.state);
    else if (output.type === "file") {
      this.#deadlines.set("contact", "idle", now + IDLE_MILLIS);
      this.#host.files.said(now, this.fingerprint, output.message);
    } else {
      this.#deadlines.set("contact", "idle", now + IDLE_MILLIS);
      // Stored first, acknowledged then.
      this.#host.said(now, speaker, output.message);
    }
  }

  #acknowledged(now: Millis, ids: readonly MessageId[], state: AckState): void {
    this.#deadlines.set("contact", "idle", now + IDLE_MILLIS);
    for (const id of ids) {
      const message = this.#outbox.acknowledged(id);
      if (message === undefined) continue;
      this.#attempts = 0;
      this.#host.settled(now, message, { type: "delivered" });
    }
    if (state === "read") this.#host.seen(now, this.fingerprint, ids);
  }

  #down(now: Millis, end: ConnectionEnd): void {
    this.#outbox.linkLost();
    // Who leaves has heard what was said.
    const isOrderly = "reason" in end && end.reason === "leaving";
    if (end.by !== "dial" && end.wasUp && !isOrderly) this.#host.files.down(this.fingerprint);
    if (end.by === "dial") {
      const why = end.failure === "tls" ? "wrong-key" : end.failure;
      this.#abandon(now, this.#outbox.fail("impatient"), why);
      for (const message of this.#outbox.messages()) this.#host.delayed(message, why, this.#tried);
    } else if (end.by === "peer" || end.by === "us") this.#refused(now, end);
    this.#retryLater(now);
  }

  /** One side said that it does not want the other: trying again at once does not help. */
  #refused(now: Millis, { by, reason }: { readonly by: "peer" | "us"; readonly reason: string }): void {
    if (reason === "untrusted")
      this.#abandon(now, this.#outbox.fail("all"), by === "us" ? "key-changed" : "not-trusted-there");
    else if (reason === "unknown")
      this.#abandon(now, this.#outbox.fail("impatient"), by === "us" ? "offline" : "not-known-there");
    else if (by === "peer" && (reason === "busy" || reason === "quota")) {
      this.#abandon(now, this.#outbox.fail("impatient"), `${reason}-there`);
      for (const message of this.#outbox.messages())
        this.#host.delayed(message, `${reason}-there`, this.#tried);
    }
  }

  #retryLater(now: Millis): void {
    if (!this.#hasToSay) return;
    const pause =
      this.#attempts >= RETRY_MILLIS.rareAfter
        ? RETRY_MILLIS.rare
        : Math.min(RETRY_MILLIS.first * 2 ** this.#attempts, RETRY_MILLIS.last);
    // The first attempt after a link that broke is made at once, or nearly: both sides may be making it.
    const spread = this.#attempts === 0 ? 0.5 : 1;
    this.#attempts = Math.min(this.#attempts + 1, RETRY_MILLIS.rareAfter);
    this.#deadlines.set(
      "contact",
      "retry",
      now + pause * spread * (0.2 + this.#host.random.below(801) / 1_000),
    );
  }

  #tellReads(now: Millis): void {
    const { link } = this.#connections;
    if (link === undefined || this.#reads.length === 0) return;
    const ids = this.#reads;
    this.#reads = [];
    link.acknowledge(ids, "read");
    this.#host.readTold(now, this.fingerprint, ids);
  }

  #abandon(now: Millis, abandoned: readonly Abandoned[], why: UndeliveredReason): void {
    const destination = this.#tried;
    for (const { message, uncertain } of abandoned)
      this.#host.settled(now, message, { type: "failed", why, uncertain, destination });
  }
}
