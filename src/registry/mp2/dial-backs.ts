import type { Millis } from "../../base/clock.ts";
import { Deadlines } from "../../base/deadlines.ts";
import type { Fingerprint } from "../../base/fingerprint.ts";
import type { SealKeys } from "../../base/seal.ts";
import { type EntryKey, entryKey } from "../../roster/roster.ts";
import { FrameReader } from "../../wire/mp2-frames.ts";
import { CLIENT_FRAME_BYTES } from "../../wire/mp2-registration.ts";
import type { Address, Nonce } from "../../wire/mp2-values.ts";
import type { Source } from "../discovery.ts";
import type { RegistryLimits } from "../limits.ts";
import type { DialId, Emit } from "../output.ts";
import type { Progress, TlsFailure } from "../settings.ts";

/** A client that has proved its address and wants to be dialled. */
export interface Join {
  /** As datagrams and connections name it: its address may carry a zone. */
  readonly source: Source;
  /** Without zone, as the roster has it. */
  readonly address: Address;
  readonly nonce: Nonce;
  readonly cookie: Uint8Array;
  readonly at: Millis;
}

/** Whose key the client has proved, and the keys for its presence. */
export interface TlsPeer {
  readonly fingerprint: Fingerprint;
  readonly keys: SealKeys;
}

/** Where a dial-back stands. All transitions are in {@link Mp2DialBacks}; docs/protocol-mp2.md has the table. */
type DialState =
  /** TCP and TLS are being opened. Ends by "connect". */
  | { readonly step: "connecting" }
  /** The challenge has gone out. Ends by "register". */
  | { readonly step: "asking"; readonly peer: TlsPeer; readonly frames: FrameReader }
  /** Its name is being made durable; the ledger bounds the wait. */
  | { readonly step: "binding" }
  /** The roster goes out as fast as its client reads it, from the frame `next` on. Ends by "list". */
  | { readonly step: "listing"; readonly frames: readonly Uint8Array[]; readonly next: number }
  /** The answer and our end have gone out. Ends by "close". */
  | { readonly step: "answered" };

export interface Mp2Dial {
  readonly id: DialId;
  readonly join: Join;
  state: DialState;
  /** When it came into that state, as long as its client is to do something. */
  since: Millis;
}

export interface Mp2DialHost {
  /** TLS is up: the client is to be asked. */
  opened(now: Millis, dial: Mp2Dial): void;
  /** A frame, the first and only one that a client sends. */
  asked(now: Millis, dial: Mp2Dial, peer: TlsPeer, frame: Uint8Array): void;
  /** It came to nothing. `failure`: before TLS was up, for the client to be told. */
  failed(now: Millis, join: Join, why: TlsFailure | Mp2DialFault): void;
}

/** What went wrong after TLS was up. */
export type Mp2DialFault = "hung-up" | "silent" | "bad-frame";

/**
 * The dial-backs of mp2: some at once, the joins of others wait for their turn. One a source; a client whose machine
 * drops packets delays only those of its own address.
 */
export class Mp2DialBacks {
  readonly #limits: RegistryLimits;
  readonly #emit: Emit;
  readonly #host: Mp2DialHost;
  readonly #nextId: () => DialId;
  readonly #dials = new Map<DialId, Mp2Dial>();
  /** Joins without a dial yet, the longest-waiting first. */
  readonly #waiting = new Map<EntryKey, Join>();
  readonly #sources = new Set<EntryKey>();
  readonly #perAddress = new Map<string, number>();
  readonly #deadlines = new Deadlines<DialId, "connect" | "register" | "list" | "close">();

  constructor(options: {
    readonly limits: RegistryLimits;
    readonly emit: Emit;
    readonly host: Mp2DialHost;
    /** Ids are shared with mp1's dials. */
    readonly nextId: () => DialId;
  }) {
    this.#limits = options.limits;
    this.#emit = options.emit;
    this.#host = options.host;
    this.#nextId = options.nextId;
  }

  get pending(): number {
    return this.#dials.size + this.#waiting.size;
  }

  nextDeadline(): Millis | undefined {
    const at = this.#deadlines.next();
    const slowest = this.#isCrowded ? this.#slowest() : undefined;
    if (slowest === undefined) return at;
    return Math.min(at ?? Infinity, slowest.since + this.#limits.tlsPatienceMillis);
  }

  has(id: DialId): boolean {
    return this.#dials.has(id);
  }

  /** Whether the source of `join` is dialled, or will be. */
  isUnderWay({ address, source }: Join): boolean {
    const key = entryKey(address, source.port);
    return this.#sources.has(key) || this.#waiting.has(key);
  }

  /** Of a source with none under way. False when there are too many. */
  start(now: Millis, join: Join): boolean {
    const key = entryKey(join.address, join.source.port);
    if (this.#waiting.size >= this.#limits.maxJoins) this.#forgetOld(now);
    if (this.#waiting.size >= this.#limits.maxJoins) return false;
    this.#waiting.set(key, join);
    this.#dialNext(now);
    return true;
  }

  opened(now: Millis, id: DialId, peer: TlsPeer): void {
    const dial = this.#dials.get(id);
    if (dial?.state.step !== "connecting") {
      this.#emit({ type: "hang-up", dial: id });
      return;
    }
    dial.state = { step: "asking", peer, frames: new FrameReader(CLIENT_FRAME_BYTES) };
    dial.since = now;
    this.#deadlines.clear(id, "connect");
    this.#deadlines.set(id, "register", now + this.#limits.registerMillis);
    this.#host.opened(now, dial);
  }

  received(now: Millis, id: DialId, bytes: Uint8Array): Progress {
    const dial = this.#dials.get(id);
    // After its answer a client has nothing to say; the shell closes before much of it comes.
    if (dial?.state.step !== "asking") return { messages: 0, pending: 0 };
    const { frames, peer } = dial.state;
    const read = frames.push(bytes);
    const [first, ...others] = read.frames;
    if (read.fault !== undefined || others.length > 0) this.#give(now, dial, "bad-frame");
    else if (first !== undefined) this.#host.asked(now, dial, peer, first);
    return { messages: read.frames.length, pending: frames.pending };
  }

  /** The client sends nothing more; before it has registered that is the end. */
  ended(now: Millis, id: DialId): void {
    const dial = this.#dials.get(id);
    if (dial?.state.step === "asking") this.#give(now, dial, "hung-up");
  }

  closed(now: Millis, id: DialId): void {
    const dial = this.#dials.get(id);
    if (dial === undefined) return;
    this.#end(now, dial);
    if (dial.state.step === "asking") this.#host.failed(now, dial.join, "hung-up");
  }

  failed(now: Millis, id: DialId, failure: TlsFailure): void {
    const dial = this.#dials.get(id);
    if (dial === undefined) return;
    this.#end(now, dial);
    this.#host.failed(now, dial.join, failure);
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      const dial = this.#dials.get(due.key);
      if (dial === undefined) continue;
      if (due.name === "connect") this.#give(now, dial, "timeout");
      else if (due.name === "register") this.#give(now, dial, "silent");
      else if (due.name === "list") this.answered(now, dial);
      else this.hangUp(now, dial);
    }
    this.#makeWay(now);
  }

  send(dial: Mp2Dial, bytes: Uint8Array): void {
    this.#emit({ type: "tls-send", dial: dial.id, bytes, awaited: false });
  }

  /** Sends the roster, and then all has been said. Who does not read it in time learns the rest in its session. */
  list(now: Millis, dial: Mp2Dial, frames: readonly Uint8Array[]): void {
    this.#deadlines.clearAll(dial.id);
    this.#deadlines.set(dial.id, "list", now + this.#limits.tlsListMillis);
    this.#listFrom(now, dial, frames, 0);
  }

  /** What was to be awaited has left. */
  taken(now: Millis, id: DialId): void {
    const dial = this.#dials.get(id);
    if (dial?.state.step === "listing") this.#listFrom(now, dial, dial.state.frames, dial.state.next);
  }

  /** The name is being stored; {@link answered} or {@link hangUp} follows. */
  binds(dial: Mp2Dial): void {
    this.#deadlines.clearAll(dial.id);
    dial.state = { step: "binding" };
  }

  /** All has been said. */
  answered(now: Millis, dial: Mp2Dial): void {
    this.#deadlines.clearAll(dial.id);
    dial.state = { step: "answered" };
    this.#deadlines.set(dial.id, "close", now + this.#limits.tlsCloseMillis);
    this.#emit({ type: "tls-end", dial: dial.id });
  }

  hangUp(now: Millis, dial: Mp2Dial): void {
    this.#emit({ type: "hang-up", dial: dial.id });
    this.#end(now, dial);
  }

  /** Drops what waits and what is being dialled; who has been asked is `asked` to hear why. */
  stop(now: Millis, asked: (dial: Mp2Dial) => void): void {
    this.#waiting.clear();
    for (const dial of [...this.#dials.values()]) {
      if (dial.state.step === "asking") asked(dial);
      else if (dial.state.step === "listing") this.answered(now, dial);
      else if (dial.state.step !== "answered") this.hangUp(now, dial);
    }
  }

  /** As many as the connection may hold. */
  #listFrom(now: Millis, dial: Mp2Dial, frames: readonly Uint8Array[], from: number): void {
    let room = this.#limits.tlsPageBytes;
    let next = from;
    for (; next < frames.length && room > 0; next += 1) {
      const bytes = frames[next] ?? NOTHING;
      room -= bytes.length;
      const awaited = room <= 0 && next + 1 < frames.length;
      this.#emit({ type: "tls-send", dial: dial.id, bytes, awaited });
    }
    if (next < frames.length) dial.state = { step: "listing", frames, next };
    else this.answered(now, dial);
  }

  get #isCrowded(): boolean {
    return this.#waiting.size > 0 && this.#dials.size >= this.#limits.maxTlsDials;
  }

  /** Who was dialled first of those whose turn it is to do something. */
  #slowest(): Mp2Dial | undefined {
    for (const dial of this.#dials.values()) {
      if (dial.state.step === "connecting" || dial.state.step === "asking") return dial;
    }
    return undefined;
  }

  /** Whoever is slow has its time only as long as nobody waits for its place: silent ones keep nobody out. */
  #makeWay(now: Millis): void {
    while (this.#isCrowded) {
      const slowest = this.#slowest();
      if (slowest === undefined || now - slowest.since < this.#limits.tlsPatienceMillis) return;
      this.#give(now, slowest, slowest.state.step === "asking" ? "silent" : "timeout");
    }
  }

  #give(now: Millis, dial: Mp2Dial, why: TlsFailure | Mp2DialFault): void {
    this.hangUp(now, dial);
    this.#host.failed(now, dial.join, why);
  }

  #forgetOld(now: Millis): void {
    for (const [key, join] of this.#waiting) {
      if (now - join.at < this.#limits.joinMillis) return;
      this.#waiting.delete(key);
    }
  }

  /** Dials who has waited longest, but not too many at one address. */
  #dialNext(now: Millis): void {
    if (this.#waiting.size === 0) return;
    this.#forgetOld(now);
    for (const [key, join] of this.#waiting) {
      if (this.#dials.size >= this.#limits.maxTlsDials) return;
      if (this.#dialsTo(join.address) >= this.#limits.maxTlsDialsPerAddress) continue;
      this.#waiting.delete(key);
      this.#dial(now, key, join);
    }
  }

  #dial(now: Millis, key: EntryKey, join: Join): void {
    const dial: Mp2Dial = { id: this.#nextId(), join, state: { step: "connecting" }, since: now };
    this.#dials.set(dial.id, dial);
    this.#sources.add(key);
    this.#perAddress.set(join.address, this.#dialsTo(join.address) + 1);
    this.#deadlines.set(dial.id, "connect", now + this.#limits.tlsDialMillis);
    this.#emit({ type: "dial-tls", dial: dial.id, address: join.source.address, port: join.source.port });
  }

  #end(now: Millis, dial: Mp2Dial): void {
    if (!this.#dials.delete(dial.id)) return;
    const { address, source } = dial.join;
    this.#sources.delete(entryKey(address, source.port));
    const left = this.#dialsTo(address) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
    this.#deadlines.clearAll(dial.id);
    this.#dialNext(now);
  }

  #dialsTo(address: string): number {
    return this.#perAddress.get(address) ?? 0;
  }
}

const NOTHING = new Uint8Array();
