import type { Millis } from "../base/clock.ts";
import type { Holder, Waiter } from "./budgets.ts";
import { DATA_RETRANSMITS, RECEIVE_WINDOW, SACK_DELAY, STREAMS } from "./constants.ts";
import type { DataChunk, InterleavedDataChunk, SackChunk } from "./decode/chunks.ts";
import { CAUSE, type Cause, encodeError } from "./encode.ts";
import { type Failure, violation } from "./failure.ts";
import type { Link } from "./link.ts";
import { Reception } from "./rx/reception.ts";
import { tsnDistance } from "./serial.ts";
import { queuedCost } from "./tx/send-queue.ts";
import { Transmission } from "./tx/transmission.ts";

/** What the peer told of itself in INIT, INIT ACK or, from there, in the cookie. */
export interface Peer {
  readonly tag: number;
  readonly window: number;
  readonly inboundStreams: number;
  readonly initialTsn: number;
  /** Both sides take I-DATA (RFC 8260). */
  readonly interleaves: boolean;
}

interface Message {
  readonly stream: number;
  readonly ppid: number;
  readonly bytes: Uint8Array;
}

const SACK_SIZE = 16;
const NEVER_SENT = "SACK for data never sent";

/**
 * DATA and SACK of an association, both ways, with their timers (RFC 9260 §6). Whether its state allows them is the
 * association's to know.
 */
export class Transfer implements Waiter, Holder {
  readonly #link: Link;
  #peer: Peer | undefined;
  /** Undefined until the first message may leave. */
  #tx: Transmission | undefined;
  /** What was sent before. */
  #early: Message[] | undefined;
  #rx: Reception | undefined;
  #outboundStreams = STREAMS;
  /** T3 expiries since the last SACK. */
  #unanswered = 0;
  /** `send` said "full", and "writable" has not followed yet. */
  #refused = false;
  /** Our share of what all associations have queued, as they know it. */
  #accounted = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Bytes taken from the user and not yet acknowledged. */
  get queuedBytes(): number {
    const early = this.#early?.reduce((sum, message) => sum + queuedCost(message.bytes), 0) ?? 0;
    return early + (this.#tx?.queuedBytes ?? 0);
  }

  /** Nothing waits to be sent or acknowledged. */
  get isDrained(): boolean {
    return this.#early === undefined && this.#tx?.isEmpty !== false;
  }

  /** The last TSN up to which all have arrived. */
  get cumulativeTsn(): number {
    return this.#rx?.cumulativeTsn ?? 0;
  }

  /** What may be received and sent is known now. */
  meet(peer: Peer): void {
    const { interleaves, initialTsn } = peer;
    const { settings, kept } = this.#link.host;
    this.#peer = peer;
    this.#outboundStreams = Math.min(STREAMS, peer.inboundStreams);
    this.#unanswered = 0;
    const maxMessage = settings.maxMessageBytes;
    const options = { initialTsn, streams: STREAMS, maxMessage, interleaves, kept, holder: this };
    this.#rx = new Reception(options);
  }

  queue(message: Message): "queued" | "full" | "too-large" | "no-stream" {
    const { settings, queued: all } = this.#link.host;
    if (message.stream >= this.#outboundStreams) return "no-stream";
    if (message.bytes.length > settings.maxMessageBytes) return "too-large";
    const queued = this.queuedBytes;
    const cost = queuedCost(message.bytes);
    const fits = queued + cost <= settings.maxQueuedBytes;
    // One message of any size always fits into an empty queue.
    if (queued > 0 && !(fits && all.hasRoomFor(cost))) {
      this.#refused = true;
      if (fits) all.waits(this);
      return "full";
    }
    if (this.#tx !== undefined) this.#tx.add(message.stream, message.ppid, message.bytes);
    else {
      this.#early ??= [];
      this.#early.push({ ...message, bytes: new Uint8Array(message.bytes) });
    }
    this.#account();
    return "queued";
  }

  /** Takes DATA or I-DATA; the end of the association when they break the rules. */
  takeData(chunk: DataChunk | InterleavedDataChunk): Failure | undefined {
    const outcome = this.#rx?.data(chunk);
    if (outcome === undefined) return undefined;
    if (outcome.type === "violation") return violation(outcome.detail, outcome.cause);
    if (outcome.type === "dropped") {
      this.#link.host.count("data-dropped");
      return undefined;
    }
    const { id, host } = this.#link;
    for (const message of outcome.messages) host.emit({ type: "message", id, ...message });
    if (!outcome.exists) this.#link.add(encodeError(invalidStream(chunk.stream)));
    this.#account();
    return undefined;
  }

  /** The end of a packet that held DATA: a SACK now, or soon (§6.2). */
  packetEnds(now: Millis, atOnce: boolean): void {
    const urgent = this.#rx?.packetEnds() === true;
    if (urgent || atOnce) this.addSack();
    else if (!this.#link.isTimerSet("sack")) this.#link.setTimer("sack", now + SACK_DELAY);
  }

  addSack(): void {
    if (this.#rx === undefined) return;
    this.#link.clearTimer("sack");
    this.#link.add(this.#rx.sack());
  }

  /** Takes SACK; the end of the association when it acknowledges what was never sent (§6.2.1). */
  takeSack(now: Millis, sack: SackChunk): Failure | undefined {
    if (this.#tx === undefined) {
      return tsnDistance(this.#link.localTsn, sack.cumulativeTsn) >= 0 ? violation(NEVER_SENT) : undefined;
    }
    const result = this.#tx.acknowledge(this.#link.running(now), sack);
    if (result.type === "old") return undefined;
    if (result.type === "violation") return violation(NEVER_SENT);
    this.#unanswered = 0;
    if (result.roundTrip !== undefined) this.#link.roundTrip.measure(result.roundTrip);
    // §6.3.2 R2, R3: `send` sets it again while anything is unacknowledged.
    if (result.advanced) {
      this.#link.roundTrip.worksAgain();
      this.#link.clearTimer("t3");
    }
    this.#account();
    this.#tellWritable();
    return undefined;
  }

  /** §9.2: a SHUTDOWN acknowledges as a SACK does; the window it does not tell is taken as open. */
  takeShutdown(now: Millis, cumulativeTsn: number): Failure | undefined {
    return this.takeSack(now, { type: "sack", cumulativeTsn, window: RECEIVE_WINDOW, gaps: [] });
  }

  /** T3-rtx expired: all again, unless it has too often without a SACK in between (§8.1). */
  sendAgain(): Failure | undefined {
    this.#unanswered += 1;
    if (this.#unanswered > DATA_RETRANSMITS) {
      return { reason: "timeout", detail: "data were not acknowledged" };
    }
    this.#link.roundTrip.backOff();
    this.#tx?.timeout();
    return undefined;
  }

  /** Sends the DATA that may leave now and keeps T3 running while any is unacknowledged (§6.3.2 R1). */
  send(now: Millis): void {
    const link = this.#link;
    const tx = this.#tx ?? this.#begin();
    if (tx === undefined) return;
    if (tx.isEmpty && link.isEmpty) return;
    tx.limitBurst();
    for (;;) {
      const owed = this.#rx?.owesSack === true ? SACK_SIZE : 0;
      const chunk = tx.take(link.running(now), link.room - owed);
      if (chunk !== undefined) {
        if (owed > 0) this.addSack();
        link.add(chunk);
      } else if (link.isEmpty) break;
      else link.flush();
    }
    tx.keep();
    if (tx.hasUnacknowledged && !link.isTimerSet("t3")) link.setTimer("t3", now + link.roundTrip.timeout);
  }

  /** Messages queued for streams that the peer lacks are dropped. */
  #begin(): Transmission | undefined {
    if (this.#early === undefined || this.#peer === undefined) return undefined;
    const tx = new Transmission(this.#link.localTsn, this.#peer.window, this.#peer.interleaves);
    for (const { stream, ppid, bytes } of this.#early) {
      if (stream < this.#outboundStreams) tx.add(stream, ppid, bytes);
    }
    this.#early = undefined;
    this.#tx = tx;
    this.#account();
    return tx;
  }

  /** All associations together have less queued now. */
  othersGaveWay(): void {
    this.#tellWritable();
  }

  /** The association is over: nothing is held any more. */
  release(): void {
    this.#peer = undefined;
    this.#early = undefined;
    this.#tx = undefined;
    this.#rx = undefined;
    this.#refused = false;
    this.#link.host.queued.gone(this);
    this.#account();
  }

  #tellWritable(): void {
    const { id, host } = this.#link;
    if (!this.#refused || this.queuedBytes > host.settings.maxQueuedBytes / 2) return;
    this.#refused = false;
    host.emit({ type: "writable", id });
  }

  /** Memory is full, and nobody keeps more than this peer makes us keep. */
  evict(): void {
    this.#link.host.count("overload");
    this.#link.fail({
      reason: "overload",
      detail: "it kept most of what memory there is for unfinished messages",
    });
  }

  #account(): void {
    const { queued, kept } = this.#link.host;
    const queuedBytes = this.queuedBytes;
    queued.add(queuedBytes - this.#accounted);
    this.#accounted = queuedBytes;
    kept.set(this, this.#rx?.heldBytes ?? 0);
  }
}

/** §3.3.10.1: `stream(16) reserved(16)`. */
function invalidStream(stream: number): Cause {
  return { code: CAUSE.invalidStream, bytes: Uint8Array.of(stream >> 8, stream & 0xff, 0, 0) };
}
