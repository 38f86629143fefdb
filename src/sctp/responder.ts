import type { Millis } from "../base/clock.ts";
import type { Path } from "./api.ts";
import type { Association } from "./association.ts";
import { RECEIVE_WINDOW, STREAMS } from "./constants.ts";
import { CookieSeal, type OpenedCookie } from "./cookie.ts";
import type { InitChunk } from "./decode/chunks.ts";
import type { Packet } from "./decode/packet.ts";
import type { Directory } from "./directory.ts";
import {
  CAUSE,
  type EncodedChunk,
  encodeAbort,
  encodeError,
  encodeInitAck,
  encodePacket,
  encodeShutdownComplete,
} from "./encode.ts";
import type { AssociationHost } from "./host.ts";
import type { Names } from "./link.ts";
import { RetiredTags } from "./retired-tags.ts";
import { isSettingUp } from "./state.ts";

/** What the responder asks of the endpoint. */
interface ResponderOptions {
  readonly host: AssociationHost;
  readonly directory: Directory;
  readonly now: Millis;
  /** Makes an association that a cookie has proved. */
  readonly create: (names: Omit<Names, "id">) => Association;
}

/**
 * Set-up from the peer's side (RFC 9260 §5.1 B–D, §5.2), without memory of anybody who has not echoed a cookie, and
 * the answers to packets that belong to nobody (§8.4).
 */
export class Responder {
  readonly #host: AssociationHost;
  readonly #directory: Directory;
  readonly #create: ResponderOptions["create"];
  readonly #cookies: CookieSeal;
  readonly #retired = new RetiredTags();

  constructor(options: ResponderOptions) {
    this.#host = options.host;
    this.#directory = options.directory;
    this.#create = options.create;
    this.#cookies = new CookieSeal(options.host.random, options.host.localPort, options.now);
  }

  /** An association with this v-tag has ended: cookies for it are worth nothing any more. */
  retire(tag: number, now: Millis): void {
    this.#retired.add(tag, now);
  }

  /** §5.3.1: random, not 0, and not one that is in use. */
  freshTag(): number {
    for (;;) {
      const tag = this.#host.random.below(2 ** 32);
      if (tag !== 0 && this.#directory.byTag(tag) === undefined) return tag;
    }
  }

  takeInit(now: Millis, path: Path, packet: Packet): void {
    const [init] = packet.chunks;
    // §8.5.1 A, §3.3.2: alone, under tag 0, with a tag of its own.
    const alone = packet.chunks.length === 1 && packet.verificationTag === 0;
    if (!alone || init?.type !== "init" || init.tag === 0) {
      this.#host.count("bad-init");
      return;
    }
    const refusal = refusalOf(init);
    if (refusal === undefined) this.#answerInit(now, path, packet.sourcePort, init);
    else this.#reply(path, packet.sourcePort, init.tag, refusal);
  }

  takeCookieEcho(now: Millis, path: Path, packet: Packet, bytes: Uint8Array): void {
    const remotePort = packet.sourcePort;
    const cookie = this.#cookies.open(now, path, remotePort, packet.verificationTag, bytes);
    if (cookie === undefined) {
      this.#host.count("bad-cookie");
      return;
    }
    const existing = this.#directory.byPeer(path, remotePort);
    const known = existing?.link.localTag === cookie.localTag && existing.link.peerTag === cookie.peerTag;
    // §5.1.5 (4), and §5.2.4: where both tags match, a stale one is taken.
    if (cookie.staleBy > 0 && !known) {
      this.#reply(path, remotePort, cookie.peerTag, encodeError(staleCookie(cookie.staleBy)));
      return;
    }
    const association =
      existing === undefined
        ? this.#acceptNew(now, path, remotePort, cookie)
        : this.#acceptExisting(now, existing, path, cookie);
    association?.receive(now, path, packet.chunks.slice(1));
  }

  answerOutOfTheBlue(path: Path, packet: Packet): void {
    this.#host.count("out-of-the-blue");
    const answer = answerOutOfTheBlue(packet);
    if (answer !== undefined) this.#reply(path, packet.sourcePort, packet.verificationTag, answer);
  }

  #answerInit(now: Millis, path: Path, remotePort: number, init: InitChunk): void {
    const existing = this.#directory.byPeer(path, remotePort);
    if (existing?.link.state.name === "shutdown-ack-sent") {
      existing.remindOfShutdown(now, undefined);
      return;
    }
    if (existing === undefined && this.#isFull()) return;
    // §5.2.1: INITs that cross keep our tag; §5.2.2: a peer that starts anew gets another, tied to the old ones.
    const crossing = existing !== undefined && isSettingUp(existing.link.state);
    const localTag = crossing ? existing.link.localTag : this.freshTag();
    const localTsn = crossing ? existing.link.localTsn : this.#host.random.below(2 ** 32);
    const { interleaves } = init;
    const outboundStreams = Math.min(STREAMS, init.inboundStreams);
    const cookie = this.#cookies.seal(now, path, remotePort, {
      localTag,
      localTsn,
      peerTag: init.tag,
      peerTsn: init.initialTsn,
      peerWindow: init.window,
      outboundStreams,
      interleaves,
      localTieTag: crossing ? 0 : (existing?.link.localTag ?? 0),
      peerTieTag: crossing ? 0 : (existing?.link.peerTag ?? 0),
    });
    const fields = {
      tag: localTag,
      initialTsn: localTsn,
      window: RECEIVE_WINDOW,
      outboundStreams,
      interleaves,
    };
    const initAck = encodeInitAck({ ...fields, inboundStreams: STREAMS }, cookie, init.unrecognised);
    this.#reply(path, remotePort, init.tag, initAck);
  }

  #acceptNew(now: Millis, path: Path, remotePort: number, cookie: OpenedCookie): Association | undefined {
    if (this.#isFull() || this.#isUsed(cookie.localTag, now)) return this.#unused();
    const { localTag, localTsn } = cookie;
    const association = this.#create({ path, remotePort, localTag, localTsn });
    association.accept(now, cookie, "peer");
    return association;
  }

  #acceptExisting(
    now: Millis,
    existing: Association,
    path: Path,
    cookie: OpenedCookie,
  ): Association | undefined {
    const judgement = judgeCookie(existing.link, cookie);
    if (judgement === "discard") return this.#unused();
    if (judgement === "restart") return this.#restart(now, existing, path, cookie);
    existing.accept(now, cookie, "us");
    return existing;
  }

  #restart(now: Millis, existing: Association, path: Path, cookie: OpenedCookie): Association | undefined {
    const former = existing.link.localTag;
    if (this.#isUsed(cookie.localTag, now)) return this.#unused();
    if (!existing.restart(now, path, cookie)) {
      existing.remindOfShutdown(now, COOKIE_WHILE_SHUTTING_DOWN);
      return undefined;
    }
    this.#directory.retag(existing, former);
    this.retire(former, now);
    return existing;
  }

  #isUsed(tag: number, now: Millis): boolean {
    return this.#directory.byTag(tag) !== undefined || this.#retired.has(tag, now);
  }

  #unused(): undefined {
    this.#host.count("cookie-unused");
  }

  #isFull(): boolean {
    if (this.#directory.size < this.#host.settings.maxAssociations) return false;
    this.#host.count("full");
    return true;
  }

  #reply(path: Path, remotePort: number, tag: number, chunk: EncodedChunk): void {
    this.#host.transmit(path, encodePacket(this.#host.localPort, remotePort, tag, [chunk]));
  }
}

/** An INIT that cannot be taken up, and what its sender is told. */
function refusalOf(init: InitChunk): EncodedChunk | undefined {
  // §3.3.2.1.4: names are not looked up for strangers.
  if (init.namesHost) return encodeAbort(false, UNRESOLVABLE);
  // §3.3.2
  return init.outboundStreams === 0 || init.inboundStreams === 0 ? encodeAbort(false, NO_STREAMS) : undefined;
}

/** §5.2.4, table 12: a valid COOKIE ECHO meets an association. */
function judgeCookie(
  association: { readonly localTag: number; readonly peerTag: number },
  cookie: OpenedCookie,
): "restart" | "accept" | "discard" {
  const localMatches = cookie.localTag === association.localTag;
  const peerMatches = cookie.peerTag === association.peerTag;
  // B (INITs collided; our INIT had this tag) and D (the COOKIE ACK was lost, or the same after a collision).
  if (localMatches) return "accept";
  // C: a cookie from before, late.
  if (peerMatches) return "discard";
  // A: neither matches, but the cookie was made in view of this association.
  const tied = cookie.localTieTag === association.localTag && cookie.peerTieTag === association.peerTag;
  return tied ? "restart" : "discard";
}

/**
 * §8.4: a packet that belongs to no association. The answer carries the packet's own tag, with the T bit where it is
 * one that only reflects; never larger than the packet.
 */
function answerOutOfTheBlue(packet: Packet): EncodedChunk | undefined {
  // (2) and (6)–(8): never answer an ABORT, what ends an association, or what only errs.
  for (const chunk of packet.chunks) {
    if (chunk.type === "abort" || chunk.type === "shutdown-complete") return undefined;
    if (chunk.type === "cookie-ack" || chunk.type === "error") return undefined;
  }
  // (5)
  if (packet.chunks[0]?.type === "shutdown-ack") return encodeShutdownComplete(true);
  return encodeAbort(true, undefined);
}

const NO_STREAMS = { code: CAUSE.invalidParameter, bytes: new Uint8Array(0) };
const UNRESOLVABLE = { code: CAUSE.unresolvableAddress, bytes: new Uint8Array(0) };
const COOKIE_WHILE_SHUTTING_DOWN = { code: CAUSE.cookieWhileShuttingDown, bytes: new Uint8Array(0) };

/** §3.3.10.3: how stale, in microseconds. */
function staleCookie(staleBy: Millis) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, Math.min(0xffffffff, staleBy * 1000));
  return { code: CAUSE.staleCookie, bytes };
}
