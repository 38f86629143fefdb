import type { Millis } from "../base/clock.ts";
import type { SctpSettings } from "./api.ts";
import type { Association } from "./association.ts";
import { DATA_RETRANSMITS, SACK_DELAY, STREAMS } from "./constants.ts";
import type { DataChunk, SackChunk } from "./decode/chunks.ts";
import { CAUSE, type Cause, encodeError } from "./encode.ts";
import type { AssociationHost } from "./host.ts";
import type { RoundTrip } from "./rto.ts";
import { Reception } from "./rx/reception.ts";
import type { Outbox } from "./tx/outbox.ts";
import { queuedCost } from "./tx/send-queue.ts";
import { Transmission } from "./tx/transmission.ts";

/** What the peer told of itself in INIT, INIT ACK or, from there, in the cookie. */
export interface Peer {
  readonly tag: number;
  readonly window: number;
  readonly inboundStreams: number;
  readonly initialTsn: number;
}

const SACK_SIZE = 16;

/**
 * DATA and SACK of an association, both ways, with their timers (RFC 9260 §6). Whether its state allows them is the
 * association's to know.
 */
export class Transfer {
  readonly #host: AssociationHost;
  readonly #association: Association;
  readonly #outbox: Outbox;
  readonly #roundTrip: RoundTrip;
  #tx: Transmission;
  #rx: Reception | undefined;
  #outboundStreams = STREAMS;
  /** T3 expiries since the last SACK. */
  #unanswered = 0;

  constructor(
    host: AssociationHost,
    association: Association,
    outbox: Outbox,
    roundTrip: RoundTrip,
    localTsn: number,
  ) {
    this.#host = host;
    this.#association = association;
    this.#outbox = outbox;
    this.#roundTrip = roundTrip;
    this.#tx = new Transmission(localTsn);
  }

  get queuedBytes(): number {
    return this.#tx.queuedBytes;
  }

  /** Nothing waits to be sent or acknowledged. */
  get isDrained(): boolean {
    return this.#tx.isEmpty;
  }

  /** The last TSN up to which all have arrived. */
  get cumulativeTsn(): number {
    return this.#rx?.cumulativeTsn ?? 0;
  }

  /** What may be received and sent is known now. Messages queued for streams that the peer lacks are dropped. */
  meet(peer: Peer): void {
    this.#outboundStreams = Math.min(STREAMS, peer.inboundStreams);
    this.#tx.open(peer.window, this.#outboundStreams);
    this.#rx = new Reception(peer.initialTsn, STREAMS, this.#host.settings.maxMessageBytes);
  }

  /** The peer has forgotten everything, so there is nothing to go on with. */
  startAnew(localTsn: number): void {
    this.#tx = new Transmission(localTsn);
    this.#unanswered = 0;
  }

  queue(
    stream: number,
    ppid: number,
    bytes: Uint8Array,
    limits: SctpSettings,
  ): "queued" | "full" | "too-large" | "no-stream" {
    if (stream >= this.#outboundStreams) return "no-stream";
    if (bytes.length > limits.maxMessageBytes) return "too-large";
    // One message of any size always fits into an empty queue.
    const queued = this.#tx.queuedBytes;
    if (queued > 0 && queued + queuedCost(bytes) > limits.maxQueuedBytes) return "full";
    this.#tx.add(stream, ppid, bytes);
    return "queued";
  }

  /** Takes DATA; says what the peer did wrong, if anything. */
  takeData(chunk: DataChunk): string | undefined {
    const outcome = this.#rx?.data(chunk);
    if (outcome === undefined) return undefined;
    if (outcome.type === "violation") return outcome.detail;
    if (outcome.type === "dropped") {
      this.#host.count("data-dropped");
      return undefined;
    }
    const { id } = this.#association;
    for (const message of outcome.messages) this.#host.emit({ type: "message", id, ...message });
    if (!outcome.exists) this.#outbox.add(encodeError(invalidStream(chunk.stream)));
    return undefined;
  }

  /** The end of a packet that held DATA: a SACK now, or soon (§6.2). */
  packetEnds(now: Millis, atOnce: boolean): void {
    const urgent = this.#rx?.packetEnds() === true;
    if (urgent || atOnce) this.addSack();
    else if (this.#host.timers.at(this.#association, "sack") === undefined) {
      this.#host.timers.set(this.#association, "sack", now + SACK_DELAY);
    }
  }

  addSack(): void {
    if (this.#rx === undefined) return;
    this.#host.timers.clear(this.#association, "sack");
    this.#outbox.add(this.#rx.sack());
  }

  /** Takes SACK; says what the peer did wrong, if anything. */
  takeSack(now: Millis, sack: SackChunk): string | undefined {
    const result = this.#tx.acknowledge(this.#running(now), sack);
    if (result.type === "violation") return "SACK for data never sent";
    if (result.type === "old") return undefined;
    this.#unanswered = 0;
    if (result.roundTrip !== undefined) this.#roundTrip.measure(result.roundTrip);
    // §6.3.2 R2, R3: `send` sets it again while anything is unacknowledged.
    if (result.advanced) this.#host.timers.clear(this.#association, "t3");
    return undefined;
  }

  /** T3-rtx expired. False when it has too often, with no SACK in between (§8.1). */
  sendAgain(): boolean {
    this.#unanswered += 1;
    if (this.#unanswered > DATA_RETRANSMITS) return false;
    this.#roundTrip.backOff();
    this.#tx.timeout();
    return true;
  }

  /** Sends the DATA that may leave now and keeps T3 running while any is unacknowledged (§6.3.2 R1). */
  send(now: Millis): void {
    const outbox = this.#outbox;
    for (;;) {
      const owed = this.#rx?.owesSack === true ? SACK_SIZE : 0;
      const chunk = this.#tx.take(this.#running(now), outbox.room - owed);
      if (chunk !== undefined) {
        if (owed > 0) this.addSack();
        outbox.add(chunk);
      } else if (outbox.isEmpty) break;
      else outbox.flush();
    }
    const { timers } = this.#host;
    if (this.#tx.hasUnacknowledged && timers.at(this.#association, "t3") === undefined) {
      timers.set(this.#association, "t3", now + this.#roundTrip.timeout);
    }
  }

  #running(now: Millis): Millis {
    return now - this.#host.stalled;
  }
}

/** §3.3.10.1: `stream(16) reserved(16)`. */
function invalidStream(stream: number): Cause {
  return { code: CAUSE.invalidStream, bytes: Uint8Array.of(stream >> 8, stream & 0xff, 0, 0) };
}
