import { CHUNKS_LIMIT, DATA_HEADER, I_DATA_HEADER } from "../constants.ts";
import type { SackChunk } from "../decode/chunks.ts";
import { type EncodedChunk, encodeData, encodeInterleavedData } from "../encode.ts";
import { tsnDistance, tsnPlus } from "../serial.ts";
import { CongestionWindow } from "./congestion.ts";
import { type Fragment, queuedCost, SendQueue } from "./send-queue.ts";

export type Acknowledgement =
  /** Older than what is known: nothing done (RFC 9260 §6.2.1 i). */
  | { readonly type: "old" }
  /** Acknowledges what was never sent. */
  | { readonly type: "violation" }
  | { readonly type: "taken"; readonly advanced: boolean; readonly roundTrip: number | undefined };

/** The sending half of an association: queue, retransmission and congestion control (RFC 9260 §6.1, §6.3, §7). */
export class Transmission {
  readonly #queue: SendQueue;
  readonly #interleaves: boolean;
  readonly #window = new CongestionWindow();
  /** Sent and not cumulatively acknowledged; consecutive TSNs from `#firstTsn`. */
  readonly #sent: Sent[] = [];
  #firstTsn: number;
  #peerWindow: number;
  #flight = 0;
  #queuedBytes = 0;
  /** How many of `#sent` are acknowledged by gap blocks, and how many wait to be sent again. */
  #gapAcknowledged = 0;
  #marked = 0;
  /** No marked chunk lies before this index. */
  #markedFrom = 0;
  /** §7.2.4: fast recovery lasts until this TSN is acknowledged. */
  #recoveryEnds: number | undefined;
  /** The number of the last sending, and the highest among those that the present SACK newly acknowledges. */
  #sendings = 0;
  #latestArrived = 0;
  /** The shortest round trip seen: what is acknowledged sooner was sent before. */
  #shortestRoundTrip = Number.POSITIVE_INFINITY;
  /** §7.2.4 (3): one packet of fast retransmission goes out whatever the window says. */
  #beyondWindow = 0;

  /** `peerWindow` in bytes, as INIT or INIT ACK told it; `interleaves`: messages travel as I-DATA (RFC 8260). */
  constructor(initialTsn: number, peerWindow: number, interleaves: boolean) {
    this.#firstTsn = initialTsn;
    this.#peerWindow = peerWindow;
    this.#interleaves = interleaves;
    this.#queue = new SendQueue(interleaves);
  }

  /** Bytes taken from the user and not yet acknowledged. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Nothing waits and nothing is unacknowledged. */
  get isEmpty(): boolean {
    return this.#sent.length === 0 && this.#queue.isEmpty;
  }

  get hasUnacknowledged(): boolean {
    return this.#sent.length > 0;
  }

  add(stream: number, ppid: number, bytes: Uint8Array): void {
    this.#queue.add(stream, ppid, bytes);
    this.#queuedBytes += queuedCost(bytes);
  }

  /** What has been added and cannot leave now waits. */
  keep(): void {
    this.#queue.keep();
  }

  /** The next DATA chunk that may leave now, in a packet with `room`: retransmissions first (§6.1 C). */
  take(now: number, room: number): EncodedChunk | undefined {
    return this.#marked > 0 ? this.#takeMarked(now, room) : this.#takeNew(now, room);
  }

  acknowledge(now: number, sack: SackChunk): Acknowledgement {
    const count = tsnDistance(this.#firstTsn, sack.cumulativeTsn) + 1;
    if (count < 0) return { type: "old" };
    if (count > this.#sent.length) return { type: "violation" };
    const flightBefore = this.#flight;
    this.#latestArrived = 0;
    const front = this.#removeFront(now, count);
    const gapBytes = this.#applyGaps(now, sack);
    const advanced = count > 0;
    const wasRecovering = this.#recoveryEnds !== undefined;
    if (wasRecovering && tsnDistance(this.#recoveryEnds ?? 0, sack.cumulativeTsn) >= 0) {
      this.#recoveryEnds = undefined;
    }
    const bytes = front.bytes + gapBytes;
    this.#window.acknowledge({ bytes, advanced, flightBefore, flight: this.#flight }, wasRecovering);
    // §6.2.1 D ii
    this.#peerWindow = Math.max(0, sack.window - this.#flight);
    this.#countMissing();
    return { type: "taken", advanced, roundTrip: front.roundTrip };
  }

  /** Before a call sends (§6.1 D): what a SACK has set free leaves in small bursts. */
  limitBurst(): void {
    this.#window.limitBurst(this.#flight);
  }

  /** T3-rtx expired (§6.3.3): all that is unacknowledged is sent again, one packet first. */
  timeout(): void {
    this.#window.timeout();
    this.#recoveryEnds = undefined;
    this.#beyondWindow = 0;
    for (const chunk of this.#sent) if (chunk.state === "in-flight") this.#mark(chunk);
    this.#markedFrom = 0;
  }

  #takeMarked(now: number, room: number): EncodedChunk | undefined {
    // §6.1 B, and §7.2.4 (3).
    if (this.#flight >= this.#window.size && this.#beyondWindow <= 0) return undefined;
    const { length } = this.#sent;
    while (this.#markedFrom < length && this.#sent[this.#markedFrom]?.state !== "marked")
      this.#markedFrom += 1;
    const chunk = this.#sent[this.#markedFrom];
    if (chunk === undefined || chunk.encoded.length > room) return undefined;
    this.#marked -= 1;
    this.#beyondWindow -= chunk.encoded.length;
    this.#launch(now, chunk);
    return chunk.encoded;
  }

  #takeNew(now: number, room: number): EncodedChunk | undefined {
    // §6.1 B
    if (this.#queue.isEmpty || this.#flight >= this.#window.size) return undefined;
    const size = this.#queue.nextSize + (this.#interleaves ? I_DATA_HEADER : DATA_HEADER);
    if (((size + 3) & ~3) > room) return undefined;
    // §6.1 A: with nothing in flight one chunk goes out even into a closed window, to learn that it opened.
    if (size > this.#peerWindow && this.#sent.length > 0) return undefined;
    const fragment = this.#queue.next();
    if (fragment === undefined) return undefined;
    const encoded = this.#encode(fragment, tsnPlus(this.#firstTsn, this.#sent.length));
    const cost = fragment.bytes.length + (fragment.ends ? queuedCost(NOTHING) : 0);
    const chunk: Sent = { encoded, cost, sentAt: now, sendings: 0, latest: 0, missed: 0, state: "marked" };
    this.#sent.push(chunk);
    this.#launch(now, chunk);
    this.#peerWindow = Math.max(0, this.#peerWindow - encoded.length);
    return encoded;
  }

  #encode(fragment: Fragment, tsn: number): EncodedChunk {
    const { stream, sequence, index, ppid, begins, ends, bytes } = fragment;
    return this.#interleaves
      ? encodeInterleavedData({ tsn, stream, mid: sequence, ppid, fsn: index, begins, ends, bytes })
      : encodeData({ tsn, stream, ssn: sequence, ppid, begins, ends, bytes });
  }

  #launch(now: number, chunk: Sent): void {
    this.#sendings += 1;
    chunk.state = "in-flight";
    chunk.sentAt = now;
    chunk.sendings += 1;
    chunk.latest = this.#sendings;
    chunk.missed = 0;
    this.#flight += chunk.encoded.length;
    this.#askForSack(chunk);
  }

  /**
   * RFC 7053 §4.1: nothing more can leave before this one is acknowledged, so the peer had better not wait. (Of many in
   * flight it acknowledges every second packet anyway.)
   */
  #askForSack({ encoded }: Sent): void {
    const isLast = this.#marked === 0 && this.#queue.isEmpty;
    const isStuck = this.#flight >= this.#window.size && this.#flight <= 3 * CHUNKS_LIMIT;
    const flags = (encoded[1] ?? 0) & ~IMMEDIATE;
    encoded[1] = isLast || isStuck ? flags | IMMEDIATE : flags;
  }

  #mark(chunk: Sent): void {
    chunk.state = "marked";
    this.#marked += 1;
    this.#flight -= chunk.encoded.length;
  }

  /** Forgets the first `count` chunks. The round trip is that of the newest sent once (Karn, §6.3.1 C5). */
  #removeFront(now: number, count: number): { bytes: number; roundTrip: number | undefined } {
    let bytes = 0;
    let roundTrip: number | undefined;
    for (const chunk of this.#sent.splice(0, count)) {
      this.#queuedBytes -= chunk.cost;
      if (chunk.state !== "acknowledged") this.#arrived(now, chunk);
      if (chunk.state === "acknowledged") this.#gapAcknowledged -= 1;
      else bytes += chunk.encoded.length;
      if (chunk.state === "in-flight") {
        this.#flight -= chunk.encoded.length;
        if (chunk.sendings === 1) roundTrip = now - chunk.sentAt;
      }
      if (chunk.state === "marked") this.#marked -= 1;
    }
    this.#firstTsn = tsnPlus(this.#firstTsn, count);
    this.#markedFrom = Math.max(0, this.#markedFrom - count);
    return { bytes, roundTrip };
  }

  /**
   * Marks what the gap blocks acknowledge, and takes back what earlier ones did and these do not (§6.2.1 D iii). The
   * blocks are ascending and apart, so this is one walk over what is unacknowledged. Returns the bytes newly acknowledged.
   */
  #applyGaps(now: number, sack: SackChunk): number {
    if (sack.gaps.length === 0 && this.#gapAcknowledged === 0) return 0;
    let bytes = 0;
    let index = 0;
    for (const gap of sack.gaps) {
      const start = gap.start - 1;
      for (; index < start && index < this.#sent.length; index += 1) this.#renege(this.#sent[index]);
      for (; index < gap.end && index < this.#sent.length; index += 1) {
        bytes += this.#acknowledgeByGap(now, this.#sent[index]);
      }
    }
    for (; index < this.#sent.length; index += 1) this.#renege(this.#sent[index]);
    return bytes;
  }

  #acknowledgeByGap(now: number, chunk: Sent | undefined): number {
    if (chunk === undefined || chunk.state === "acknowledged") return 0;
    this.#arrived(now, chunk);
    if (chunk.state === "marked") this.#marked -= 1;
    else this.#flight -= chunk.encoded.length;
    chunk.state = "acknowledged";
    this.#gapAcknowledged += 1;
    return chunk.encoded.length;
  }

  #renege(chunk: Sent | undefined): void {
    if (chunk?.state !== "acknowledged") return;
    chunk.state = "in-flight";
    this.#gapAcknowledged -= 1;
    this.#flight += chunk.encoded.length;
  }

  /** `chunk` is newly acknowledged: whatever was sent before it should have arrived too. */
  #arrived(now: number, chunk: Sent): void {
    const roundTrip = now - chunk.sentAt;
    if (chunk.sendings === 1) this.#shortestRoundTrip = Math.min(this.#shortestRoundTrip, roundTrip);
    // Sooner than any answer has come: it is an earlier sending that is acknowledged.
    else if (roundTrip < this.#shortestRoundTrip) return;
    this.#latestArrived = Math.max(this.#latestArrived, chunk.latest);
  }

  /**
   * §7.2.4: a chunk that three SACKs reported missing is sent again at once. It counts as missing when something that was
   * sent later has arrived: for first sendings that is the RFC's rule (HTNA). The RFC leaves a chunk that was sent again
   * and got lost again to T3; here it may be missed again, as in RFC 8985 (RACK), or 20% loss would mean waiting.
   */
  #countMissing(): void {
    if (this.#latestArrived === 0) return;
    const enough = this.#missesToRetransmit();
    let fast = false;
    for (let index = 0; index < this.#sent.length; index += 1) {
      const chunk = this.#sent[index];
      if (chunk?.state !== "in-flight" || chunk.latest > this.#latestArrived) continue;
      chunk.missed += 1;
      if (chunk.missed < enough) continue;
      this.#mark(chunk);
      this.#markedFrom = Math.min(this.#markedFrom, index);
      fast = true;
    }
    if (!fast || this.#recoveryEnds !== undefined) return;
    this.#window.fastRetransmit();
    this.#recoveryEnds = tsnPlus(this.#firstTsn, this.#sent.length - 1);
    this.#beyondWindow = CHUNKS_LIMIT;
  }

  /** Three, or fewer where so little is outstanding that three SACKs will not come (Early Retransmit, RFC 5827 §3). */
  #missesToRetransmit(): number {
    const outstanding = this.#sent.length;
    const nothingFollows = this.#queue.isEmpty || this.#flight >= this.#window.size;
    return outstanding < 4 && nothingFollows ? Math.max(1, outstanding - 1) : 3;
  }
}

const NOTHING = new Uint8Array(0);
/** The I bit, RFC 7053 §3. */
const IMMEDIATE = 0x08;

interface Sent {
  readonly encoded: EncodedChunk;
  /** Given back to the user's queue when acknowledged. */
  readonly cost: number;
  sentAt: number;
  sendings: number;
  /** Number of its last sending among all sendings. */
  latest: number;
  missed: number;
  state: "in-flight" | "acknowledged" | "marked";
}
