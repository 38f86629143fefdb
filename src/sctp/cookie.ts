import type { Millis, Random } from "../base/clock.ts";
import { equalInConstantTime, hmacSha256 } from "../base/hash.ts";
import type { Path } from "./api.ts";
import { COOKIE_LIFE } from "./constants.ts";

/**
 * The state cookie (RFC 9260 §5.1.3): what the responder would have to remember between INIT ACK and COOKIE ECHO,
 * sealed, so that an INIT costs no memory. The seal covers the path and the ports that the INIT came from, so a
 * cookie is worth nothing from elsewhere. Two keys take turns, each for one cookie life.
 *
 * Layout: `key(8) issued(32) local tag(32) local tsn(32) peer tag(32) peer tsn(32) peer window(32)
 * outbound(16) local tie-tag(32) peer tie-tag(32) interleaves(8) seal(128)`: 52 bytes, so that the INIT ACK stays
 * below three times the smallest INIT.
 */
export interface CookieContents {
  readonly localTag: number;
  readonly localTsn: number;
  readonly peerTag: number;
  readonly peerTsn: number;
  readonly peerWindow: number;
  /** Streams the peer takes from us. */
  readonly outboundStreams: number;
  /** I-DATA is agreed. */
  readonly interleaves: boolean;
  /** The tags of the association that was there when the INIT came, 0 when there was none (§5.2.2). */
  readonly localTieTag: number;
  readonly peerTieTag: number;
}

export interface OpenedCookie extends CookieContents {
  /** Milliseconds beyond its life; 0 for a fresh one. */
  readonly staleBy: Millis;
}

const LOCAL_TAG_AT = 5;
const SEALED = 36;
const SEAL = 16;
const KEY = 32;

export class CookieSeal {
  readonly #random: Random;
  readonly #localPort: number;
  #epoch = 0;
  #rotatedAt: Millis;
  #current: Uint8Array;
  #previous: Uint8Array;

  constructor(random: Random, localPort: number, now: Millis) {
    this.#random = random;
    this.#localPort = localPort;
    this.#rotatedAt = now;
    this.#current = random.bytes(KEY);
    this.#previous = random.bytes(KEY);
  }

  seal(now: Millis, path: Path, remotePort: number, contents: CookieContents): Uint8Array {
    this.#rotate(now);
    const cookie = new Uint8Array(SEALED + SEAL);
    const view = new DataView(cookie.buffer);
    view.setUint8(0, this.#epoch);
    view.setUint32(1, now >>> 0);
    view.setUint32(LOCAL_TAG_AT, contents.localTag);
    view.setUint32(9, contents.localTsn);
    view.setUint32(13, contents.peerTag);
    view.setUint32(17, contents.peerTsn);
    view.setUint32(21, contents.peerWindow);
    view.setUint16(25, contents.outboundStreams);
    view.setUint32(27, contents.localTieTag);
    view.setUint32(31, contents.peerTieTag);
    view.setUint8(35, contents.interleaves ? 1 : 0);
    cookie.set(this.#sealOf(this.#current, path, remotePort, cookie.subarray(0, SEALED)), SEALED);
    return cookie;
  }

  /**
   * The contents when we sealed them for this path, port and v-tag with a key still held, else undefined. The tag is
   * compared first: it is cheap, the seal is not.
   */
  open(
    now: Millis,
    path: Path,
    remotePort: number,
    tag: number,
    cookie: Uint8Array,
  ): OpenedCookie | undefined {
    if (cookie.length !== SEALED + SEAL) return undefined;
    const view = new DataView(cookie.buffer, cookie.byteOffset, cookie.length);
    if (view.getUint32(LOCAL_TAG_AT) !== tag) return undefined;
    this.#rotate(now);
    const key = this.#keyOf(cookie[0] ?? 0);
    if (key === undefined) return undefined;
    const seal = this.#sealOf(key, path, remotePort, cookie.subarray(0, SEALED));
    if (!equalInConstantTime(seal, cookie.subarray(SEALED))) return undefined;
    const age = ((now >>> 0) - view.getUint32(1)) >>> 0;
    return {
      // §5.1.5 (4): Valid.Cookie.Life.
      staleBy: Math.max(0, age - COOKIE_LIFE),
      localTag: view.getUint32(LOCAL_TAG_AT),
      localTsn: view.getUint32(9),
      peerTag: view.getUint32(13),
      peerTsn: view.getUint32(17),
      peerWindow: view.getUint32(21),
      outboundStreams: view.getUint16(25),
      localTieTag: view.getUint32(27),
      peerTieTag: view.getUint32(31),
      interleaves: view.getUint8(35) === 1,
    };
  }

  #keyOf(epoch: number): Uint8Array | undefined {
    if (epoch === this.#epoch) return this.#current;
    return epoch === ((this.#epoch - 1) & 0xff) ? this.#previous : undefined;
  }

  #sealOf(key: Uint8Array, path: Path, remotePort: number, sealed: Uint8Array): Uint8Array {
    // §5.1.3, §5.1.5 (2), (3): worth something only where the INIT came from.
    const bound = `${path.via} ${path.address} ${path.outerPort} ${remotePort} ${this.#localPort} `;
    return hmacSha256(key, bound, sealed).subarray(0, SEAL);
  }

  /** §5.1.3: keys change. One seals for a cookie's life and opens for two at least, so a fresh cookie always opens. */
  #rotate(now: Millis): void {
    if (now - this.#rotatedAt < COOKIE_LIFE) return;
    const missedOne = now - this.#rotatedAt >= 2 * COOKIE_LIFE;
    this.#previous = missedOne ? this.#random.bytes(KEY) : this.#current;
    this.#current = this.#random.bytes(KEY);
    this.#epoch = (this.#epoch + 1) & 0xff;
    this.#rotatedAt = now;
  }
}
