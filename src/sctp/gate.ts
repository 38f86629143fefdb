import type { Millis } from "../base/clock.ts";
import { KeyedBuckets, TokenBucket } from "../base/tokens.ts";
import { COOKIE_RATE, INIT_RATE, INIT_RATE_PER_ADDRESS, INIT_SOURCES, STRANGER_RATE } from "./constants.ts";
import type { CounterName } from "./counters.ts";
import { CHUNK } from "./encode.ts";
import { InitFlood } from "./init-flood.ts";

const TAG_AT = 4;
const FIRST_CHUNK_AT = 12;

/** What a packet may be that belongs to no association. */
type Strangers = "init" | "cookie-echo" | "stranger";

/**
 * What packets that belong to no association may cost (RFC 9260 §12.2.4.1). A flood of them is turned away by a look at
 * its first bytes, before its checksum is computed or anything is taken apart, so that there is time left for those who
 * are associated: these never come to a bucket.
 */
export class Gate {
  readonly flood: InitFlood;
  readonly #inits: TokenBucket;
  readonly #initsByAddress = new KeyedBuckets(INIT_RATE_PER_ADDRESS, INIT_SOURCES);
  readonly #cookies: TokenBucket;
  readonly #strangers: TokenBucket;

  constructor(now: Millis) {
    this.flood = new InitFlood(now);
    this.#inits = new TokenBucket(INIT_RATE, now);
    this.#cookies = new TokenBucket(COOKIE_RATE, now);
    this.#strangers = new TokenBucket(STRANGER_RATE, now);
  }

  /**
   * A packet came from `address`, unread and unproven. Undefined when it may be looked at, else the name of a counter.
   * `isKnown` tells whether a v-tag is that of an association.
   */
  turnsAway(
    now: Millis,
    address: string,
    bytes: Uint8Array,
    isKnown: (tag: number) => boolean,
  ): CounterName | undefined {
    switch (kindOf(bytes, isKnown)) {
      case "init":
        // §5.1.3: an INIT costs no memory, but an HMAC.
        // In this order: an address that has used up its share takes nothing from the others.
        if (!this.#inits.has(now)) {
          this.flood.turnedAway(now);
          return "init-limited";
        }
        return this.#initsByAddress.take(address, now) && this.#inits.take(now) ? undefined : "init-limited";
      case "cookie-echo":
        // §5.1.5 (1)
        return this.#cookies.take(now) ? undefined : "cookie-limited";
      case "stranger":
        // §8.4
        return this.#strangers.take(now) ? undefined : "stranger-limited";
      default:
        return undefined;
    }
  }
}

/** Undefined for a packet of an association, and for one too short to be anything. */
function kindOf(bytes: Uint8Array, isKnown: (tag: number) => boolean): Strangers | undefined {
  const type = bytes[FIRST_CHUNK_AT];
  if (type === undefined) return undefined;
  if (type === CHUNK.cookieEcho) return "cookie-echo";
  const tag = tagOf(bytes);
  if (tag !== 0 && isKnown(tag)) return undefined;
  return type === CHUNK.init ? "init" : "stranger";
}

/** By hand: a view of its own would cost more than all the rest of the look. */
function tagOf(bytes: Uint8Array): number {
  const high = ((bytes[TAG_AT] ?? 0) << 8) | (bytes[TAG_AT + 1] ?? 0);
  const low = ((bytes[TAG_AT + 2] ?? 0) << 8) | (bytes[TAG_AT + 3] ?? 0);
  return high * 0x10000 + low;
}
