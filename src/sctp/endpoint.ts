import type { Millis, Random } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { MisuseError } from "../base/errors.ts";
import { KeyedBuckets, TokenBucket } from "../base/tokens.ts";
import type {
  AssociationId,
  AssociationStatus,
  Path,
  SctpCounters,
  SctpEndpoint,
  SctpEvent,
  SctpSettings,
  SendResult,
  Transmit,
} from "./api.ts";
import { Association } from "./association.ts";
import {
  INIT_RATE,
  INIT_RATE_PER_ADDRESS,
  INIT_SOURCES,
  RECEIVE_WINDOW,
  REPLY_RATE,
  STALL,
  STREAMS,
} from "./constants.ts";
import { CookieSeal, type OpenedCookie } from "./cookie.ts";
import type { Chunk, InitChunk } from "./decode/chunks.ts";
import { decodePacket, type Packet } from "./decode/packet.ts";
import { CAUSE, type EncodedChunk, encodeAbort, encodeError, encodeInitAck, encodePacket } from "./encode.ts";
import { Fifo } from "./fifo.ts";
import type { AssociationHost, TimerName } from "./host.ts";
import { answerOutOfTheBlue, judgeCookie } from "./responder.ts";
import { RetiredTags } from "./retired-tags.ts";

export interface SctpEndpointOptions {
  /** Our SCTP port; packets for any other are not ours and get no answer. */
  readonly localPort: number;
  readonly settings: SctpSettings;
  readonly random: Random;
  readonly now: Millis;
}

/** One SCTP endpoint (RFC 9260), without I/O: see {@link SctpEndpoint} for the contract. */
export function createSctpEndpoint(options: SctpEndpointOptions): SctpEndpoint {
  return new Endpoint(options);
}

class Endpoint implements SctpEndpoint, AssociationHost {
  readonly localPort: number;
  readonly random: Random;
  readonly timers = new Deadlines<Association, TimerName>();
  settings: SctpSettings;
  stalled: Millis = 0;
  readonly #cookies: CookieSeal;
  readonly #byId = new Map<AssociationId, Association>();
  readonly #byTag = new Map<number, Association>();
  readonly #byPeer = new Map<string, Association>();
  readonly #retired = new RetiredTags();
  readonly #transmits = new Fifo<Transmit>();
  readonly #events = new Fifo<SctpEvent>();
  readonly #counters: Record<string, number> = {};
  readonly #inits: TokenBucket;
  readonly #initsByAddress = new KeyedBuckets(INIT_RATE_PER_ADDRESS, INIT_SOURCES);
  readonly #replies: TokenBucket;
  #nextId: AssociationId = 1;
  #lastCall: Millis;

  constructor(options: SctpEndpointOptions) {
    this.localPort = options.localPort;
    this.settings = checked(options.settings);
    this.random = options.random;
    this.#cookies = new CookieSeal(options.random, options.localPort, options.now);
    this.#inits = new TokenBucket(INIT_RATE, options.now);
    this.#replies = new TokenBucket(REPLY_RATE, options.now);
    this.#lastCall = options.now;
  }

  // The endpoint's own face.

  receive(now: Millis, path: Path, bytes: Uint8Array): void {
    this.#observe(now);
    const packet = decodePacket(bytes, this.localPort);
    if (typeof packet === "string") this.count(packet);
    else this.#dispatch(now, path, packet);
  }

  advance(now: Millis): void {
    this.#observe(now);
    for (let due = this.timers.due(now); due !== undefined; due = this.timers.due(now)) {
      due.key.expire(now, due.name);
    }
  }

  nextDeadline(): Millis | undefined {
    return this.timers.next();
  }

  pollTransmit(): Transmit | undefined {
    return this.#transmits.shift();
  }

  pollEvent(): SctpEvent | undefined {
    return this.#events.shift();
  }

  connect(now: Millis, path: Path, remotePort: number): AssociationId {
    this.#observe(now);
    this.#byPeer.get(peerKey(path, remotePort))?.abort("connecting anew");
    const tsn = this.random.below(2 ** 32);
    const association = this.#create(path, remotePort, this.#freshTag(), tsn);
    association.begin(now);
    return association.id;
  }

  send(now: Millis, id: AssociationId, stream: number, ppid: number, bytes: Uint8Array): SendResult {
    this.#observe(now);
    if (bytes.length === 0) throw new MisuseError("SCTP cannot send an empty message");
    return this.#byId.get(id)?.send(now, stream, ppid, bytes) ?? "no-association";
  }

  close(now: Millis, id: AssociationId): void {
    this.#observe(now);
    this.#byId.get(id)?.close(now);
  }

  abort(now: Millis, id: AssociationId, reason: string): void {
    this.#observe(now);
    this.#byId.get(id)?.abort(reason);
  }

  probe(now: Millis, id: AssociationId): void {
    this.#observe(now);
    this.#byId.get(id)?.probe(now);
  }

  status(id: AssociationId): AssociationStatus | undefined {
    return this.#byId.get(id)?.status();
  }

  counters(): SctpCounters {
    return { ...this.#counters };
  }

  configure(settings: SctpSettings): void {
    this.settings = checked(settings);
    for (const association of this.#byId.values()) association.reconsider(this.#lastCall);
  }

  // What associations are lent.

  transmit(path: Path, bytes: Uint8Array): void {
    this.#transmits.push({ path, bytes });
  }

  emit(event: SctpEvent): void {
    this.#events.push(event);
  }

  count(name: string): void {
    this.#counters[name] = (this.#counters[name] ?? 0) + 1;
  }

  forget(association: Association): void {
    this.#byId.delete(association.id);
    this.#retire(association.localTag);
    const key = peerKey(association.path, association.remotePort);
    if (this.#byPeer.get(key) === association) this.#byPeer.delete(key);
  }

  /**
   * The stall trap. When a deadline has passed by more than {@link STALL}, this process did not run (it was stopped,
   * swapped out, suspended): answers may wait unread in the sockets, so the time since the last call must not count
   * as the peers' silence. Running time, on which supervision runs, stands still for it. One subtraction, however
   * many associations there are.
   */
  #observe(now: Millis): void {
    const deadline = this.timers.next();
    if (deadline !== undefined && now - deadline > STALL) {
      this.stalled += Math.max(0, now - this.#lastCall);
      this.count("stalls");
    }
    this.#lastCall = now;
  }

  // Packets.

  /** Whose is it? §8.5 and, for what belongs to nobody, §8.4. */
  #dispatch(now: Millis, path: Path, packet: Packet): void {
    const [first] = packet.chunks;
    if (packet.chunks.some((chunk) => chunk.type === "init")) this.#takeInit(now, path, packet);
    else if (first?.type === "cookie-echo") this.#takeCookieEcho(now, path, packet, first.cookie);
    else {
      const association = this.#byTag.get(packet.verificationTag);
      if (association === undefined) this.#takeStranger(now, path, packet);
      else if (!isFrom(association, path, packet.sourcePort)) this.count("wrong-path");
      else if (isReflected(packet.chunks)) this.#takeReflected(now, association, packet);
      else association.receive(now, packet.chunks);
    }
  }

  /** No association has the tag. It may be the peer's own, reflected (§8.5.1 B, C), wrong, or out of the blue. */
  #takeStranger(now: Millis, path: Path, packet: Packet): void {
    const association = this.#byPeer.get(peerKey(path, packet.sourcePort));
    if (association === undefined) this.#answerOutOfTheBlue(now, path, packet);
    else if (isReflected(packet.chunks)) this.#takeReflected(now, association, packet);
    else if (packet.chunks[0]?.type === "shutdown-ack" && association.isSettingUp) {
      // §8.5.1 E: the peer still waits for the end of an association that we have forgotten.
      this.#answerOutOfTheBlue(now, path, packet);
    } else this.count("bad-tag");
  }

  #takeReflected(now: Millis, association: Association, packet: Packet): void {
    if (packet.verificationTag === association.peerTag) association.receive(now, packet.chunks);
    else this.count("bad-tag");
  }

  #answerOutOfTheBlue(now: Millis, path: Path, packet: Packet): void {
    this.count("out-of-the-blue");
    const answer = answerOutOfTheBlue(packet);
    if (answer !== undefined && this.#replies.take(now)) {
      this.#reply(path, packet.sourcePort, packet.verificationTag, answer);
    }
  }

  #reply(path: Path, remotePort: number, tag: number, ...chunks: EncodedChunk[]): void {
    this.transmit(path, encodePacket(this.localPort, remotePort, tag, chunks));
  }

  // Set-up from the peer's side (§5.1 B–D, §5.2).

  #takeInit(now: Millis, path: Path, packet: Packet): void {
    const [init] = packet.chunks;
    // §8.5.1 A, §3.3.2: alone, under tag 0, with a tag of its own.
    if (
      packet.chunks.length !== 1 ||
      packet.verificationTag !== 0 ||
      init?.type !== "init" ||
      init.tag === 0
    ) {
      this.count("bad-init");
      return;
    }
    if (!this.#initsByAddress.take(path.address, now) || !this.#inits.take(now)) {
      this.count("init-limited");
      return;
    }
    if (init.outboundStreams === 0 || init.inboundStreams === 0) {
      this.#reply(path, packet.sourcePort, init.tag, encodeAbort(false, NO_STREAMS));
      return;
    }
    this.#answerInit(now, path, packet.sourcePort, init);
  }

  #answerInit(now: Millis, path: Path, remotePort: number, init: InitChunk): void {
    const existing = this.#byPeer.get(peerKey(path, remotePort));
    if (existing?.state === "shutdown-ack-sent") {
      existing.remindOfShutdown(now, undefined);
      return;
    }
    if (existing === undefined && this.#isFull()) return;
    // §5.2.1: INITs that cross keep our tag; §5.2.2: a peer that starts anew gets another, tied to the old ones.
    const crossing = existing?.isSettingUp === true;
    const localTag = crossing ? existing.localTag : this.#freshTag();
    const localTsn = crossing ? existing.localTsn : this.random.below(2 ** 32);
    const cookie = this.#cookies.seal(now, path, remotePort, {
      localTag,
      localTsn,
      peerTag: init.tag,
      peerTsn: init.initialTsn,
      peerWindow: init.window,
      outboundStreams: Math.min(STREAMS, init.inboundStreams),
      localTieTag: crossing ? 0 : (existing?.localTag ?? 0),
      peerTieTag: crossing ? 0 : (existing?.peerTag ?? 0),
    });
    const fields = {
      tag: localTag,
      window: RECEIVE_WINDOW,
      outboundStreams: Math.min(STREAMS, init.inboundStreams),
      inboundStreams: STREAMS,
      initialTsn: localTsn,
    };
    this.#reply(path, remotePort, init.tag, encodeInitAck(fields, cookie, init.unrecognised));
  }

  #takeCookieEcho(now: Millis, path: Path, packet: Packet, bytes: Uint8Array): void {
    const remotePort = packet.sourcePort;
    const cookie = this.#cookies.open(now, path, remotePort, bytes);
    if (cookie === undefined || cookie.localTag !== packet.verificationTag) {
      this.count("bad-cookie");
      return;
    }
    const existing = this.#byPeer.get(peerKey(path, remotePort));
    const known = existing?.localTag === cookie.localTag && existing.peerTag === cookie.peerTag;
    if (cookie.staleBy > 0 && !known) {
      this.#reply(path, remotePort, cookie.peerTag, encodeError(staleCookie(cookie.staleBy)));
      return;
    }
    const association =
      existing === undefined
        ? this.#acceptNew(now, path, remotePort, cookie)
        : this.#acceptExisting(now, existing, path, cookie);
    association?.receive(now, packet.chunks.slice(1));
  }

  #acceptNew(now: Millis, path: Path, remotePort: number, cookie: OpenedCookie): Association | undefined {
    if (this.#isFull() || this.#byTag.has(cookie.localTag) || this.#retired.has(cookie.localTag, now)) {
      this.count("cookie-unused");
      return undefined;
    }
    const association = this.#create(path, remotePort, cookie.localTag, cookie.localTsn);
    association.accept(now, cookie, "peer");
    return association;
  }

  #acceptExisting(
    now: Millis,
    existing: Association,
    path: Path,
    cookie: OpenedCookie,
  ): Association | undefined {
    const judgement = judgeCookie(existing, cookie);
    if (judgement === "accept") existing.accept(now, cookie, "us");
    else if (judgement === "restart") return this.#restart(now, existing, path, cookie);
    else {
      this.count("cookie-unused");
      return undefined;
    }
    return existing;
  }

  #restart(now: Millis, existing: Association, path: Path, cookie: OpenedCookie): Association | undefined {
    const retired = existing.localTag;
    if (this.#byTag.has(cookie.localTag) || this.#retired.has(cookie.localTag, now)) return undefined;
    if (!existing.restart(now, path, cookie)) {
      existing.remindOfShutdown(now, COOKIE_WHILE_SHUTTING_DOWN);
      return undefined;
    }
    this.#retire(retired);
    this.#byTag.set(existing.localTag, existing);
    return existing;
  }

  #create(path: Path, remotePort: number, tag: number, tsn: number): Association {
    const association = new Association(this, this.#nextId, path, remotePort, tag, tsn);
    this.#nextId += 1;
    this.#byId.set(association.id, association);
    this.#byTag.set(tag, association);
    this.#byPeer.set(peerKey(path, remotePort), association);
    return association;
  }

  #retire(tag: number): void {
    this.#byTag.delete(tag);
    this.#retired.add(tag, this.#lastCall);
  }

  #isFull(): boolean {
    if (this.#byId.size < this.settings.maxAssociations) return false;
    this.count("full");
    return true;
  }

  /** §5.3.1: random, not 0, and not one that is in use. */
  #freshTag(): number {
    for (;;) {
      const tag = this.random.below(2 ** 32);
      if (tag !== 0 && !this.#byTag.has(tag)) return tag;
    }
  }
}

const NO_STREAMS = { code: CAUSE.invalidParameter, bytes: new Uint8Array(0) };
const COOKIE_WHILE_SHUTTING_DOWN = { code: CAUSE.cookieWhileShuttingDown, bytes: new Uint8Array(0) };

/** §3.3.10.3: how stale, in microseconds. */
function staleCookie(staleBy: Millis) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, Math.min(0xffffffff, staleBy * 1000));
  return { code: CAUSE.staleCookie, bytes };
}

/** Who a peer is: its address, how it is reached, and its port. Where it reached us does not count. */
function peerKey(path: Path, remotePort: number): string {
  return `${path.via} ${path.address} ${path.outerPort} ${remotePort}`;
}

function isFrom(association: Association, path: Path, remotePort: number): boolean {
  const known = association.path;
  return (
    association.remotePort === remotePort &&
    known.address === path.address &&
    known.outerPort === path.outerPort &&
    known.via === path.via
  );
}

/** The T bit: the sender did not know our tag and shows us its own. */
function isReflected(chunks: readonly Chunk[]): boolean {
  const [first] = chunks;
  return (first?.type === "abort" || first?.type === "shutdown-complete") && first.reflected;
}

function checked(settings: SctpSettings): SctpSettings {
  const { heartbeatMillis, lostAfterMillis, maxMessageBytes } = settings;
  if (!(heartbeatMillis >= 10)) throw new MisuseError("heartbeatMillis must be at least 10");
  if (!(lostAfterMillis >= 3 * heartbeatMillis)) {
    throw new MisuseError("lostAfterMillis must be at least three times heartbeatMillis");
  }
  if (!(maxMessageBytes >= 1 && maxMessageBytes <= 65_536)) {
    throw new MisuseError("maxMessageBytes must be 1 to 65,536");
  }
  return settings;
}
