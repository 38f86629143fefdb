import type { Millis } from "../base/clock.ts";
import { Deadline } from "../base/deadline-heap.ts";
import type { AssociationId, Path } from "./api.ts";
import type { Association } from "./association.ts";
import { COMMON_HEADER, PACKET_LIMIT } from "./constants.ts";
import { type EncodedChunk, encodePacket } from "./encode.ts";
import type { Failure } from "./failure.ts";
import type { AssociationHost, TimerName } from "./host.ts";
import { RoundTrip } from "./rto.ts";
import { next, type State, type Transition } from "./state.ts";

/** Who an association is with, by the network's names. */
export interface Names {
  readonly id: AssociationId;
  readonly path: Path;
  readonly remotePort: number;
  readonly localTag: number;
  readonly localTsn: number;
}

/**
 * What the parts of an association share: its names, its state, its timers, and the way out, which bundles chunks into
 * packets of at most {@link PACKET_LIMIT} bytes in the order given (RFC 9260 §6.10).
 */
export class Link {
  readonly id: AssociationId;
  readonly remotePort: number;
  readonly host: AssociationHost;
  readonly roundTrip = new RoundTrip();
  path: Path;
  localTag: number;
  /** The first TSN of ours. */
  localTsn: number;
  /** 0 until the peer has told it. */
  peerTag = 0;
  sentBytes = 0;
  receivedBytes = 0;
  heartbeats = 0;
  answers = 0;
  readonly #association: Association;
  #state: State = { name: "cookie-wait", sendings: 1 };
  readonly #timers: { [name in TimerName]?: Deadline<Association, TimerName> } = {};
  #chunks: EncodedChunk[] = NOTHING;
  #size = COMMON_HEADER;

  constructor(host: AssociationHost, association: Association, names: Names) {
    this.host = host;
    this.#association = association;
    this.id = names.id;
    this.path = names.path;
    this.remotePort = names.remotePort;
    this.localTag = names.localTag;
    this.localTsn = names.localTsn;
  }

  get state(): State {
    return this.#state;
  }

  /** Ends the association, from wherever the reason is found. */
  fail(failure: Failure): void {
    this.#association.fail(failure);
  }

  /** Makes the transition; undefined, and nothing changed, when it means nothing in this state. */
  step(transition: Transition): State | undefined {
    const state = next(this.#state, transition);
    if (state !== undefined) this.#state = state;
    return state;
  }

  /** Running time: it stands still while this process does not run. */
  running(now: Millis): Millis {
    return now - this.host.stalled;
  }

  setTimer(name: TimerName, at: Millis): void {
    this.#timers[name] ??= new Deadline(this.#association, name);
    this.host.timers.set(this.#timers[name], at);
  }

  clearTimer(name: TimerName): void {
    const timer = this.#timers[name];
    if (timer !== undefined) this.host.timers.clear(timer);
  }

  clearTimers(): void {
    for (const timer of Object.values(this.#timers)) this.host.timers.clear(timer);
  }

  isTimerSet(name: TimerName): boolean {
    return this.#timers[name]?.isSet === true;
  }

  /** Nothing waits to leave. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Bytes of chunks that still fit into the packet being made. */
  get room(): number {
    return PACKET_LIMIT - this.#size;
  }

  add(chunk: EncodedChunk): void {
    if (chunk.length > this.room) this.flush();
    if (this.isEmpty) this.#chunks = [];
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  flush(): void {
    if (this.isEmpty) return;
    const chunks = this.#chunks;
    this.#chunks = NOTHING;
    this.#size = COMMON_HEADER;
    this.transmit(chunks);
  }

  /** A packet of its own, ahead of what was added, under the peer's tag unless another is given. */
  transmit(chunks: readonly EncodedChunk[], tag = this.peerTag, path = this.path): void {
    const packet = encodePacket(this.host.localPort, this.remotePort, tag, chunks);
    this.sentBytes += packet.length;
    this.host.transmit(path, packet);
  }
}

/** Shared by all associations that have nothing to say, which is most of them at any time. */
const NOTHING: EncodedChunk[] = [];
