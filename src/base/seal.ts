import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, aeadOpen, aeadSeal } from "./aead.ts";
import { MisuseError } from "./errors.ts";
import { transientBytes } from "./slab.ts";

/**
 * Sealed SCTP messages between a registry and one client: `counter (64 bits) ‖ ciphertext ‖ tag (16 bytes)`.
 * ChaCha20-Poly1305; the nonce is four zero bytes and the counter; authenticated besides: the stream's number (16 bits)
 * and one byte for the direction. Each direction has a key of its own and counts from 0 over all streams, so no nonce
 * is used twice; keys live as long as one session.
 *
 * SCTP delivers each stream in order, so within one the counters only ascend: what does not is a repetition, or was
 * moved by somebody. Streams overtake each other freely.
 */

const COUNTER_BYTES = 8;

/** By how much a sealed message is longer than what is in it. */
export const SEAL_BYTES = COUNTER_BYTES + AEAD_TAG_BYTES;

/**
 * The last counter that is used: beyond it JavaScript does not count exactly. A million messages a second reach it after
 * 285 years.
 */
export const LAST_COUNTER = Number.MAX_SAFE_INTEGER;

/** Streams that have counters: 0 to 2. */
export const SEALED_STREAMS = 3;

/** So many forgeries may be tried on one key (the integrity limit of RFC 9001 §6.6); then nothing is opened any more. */
export const FORGERIES_AT_MOST = 2 ** 36;

export type SealRole = "registry" | "client";

/** The two keys of a session, 32 bytes each. */
export interface SealKeys {
  readonly toClient: Uint8Array;
  readonly toRegistry: Uint8Array;
}

export type Opened =
  | { readonly ok: true; readonly text: Uint8Array }
  | { readonly ok: false; readonly fault: SealFault };

export type SealFault =
  /** Too few bytes to be a sealed message. */
  | "short"
  /** Not by the other side with this session's key, in this direction, on this stream. */
  | "forged"
  /** On this stream as late a message has come before, or a later one. */
  | "replayed"
  /** Nothing is sealed for that stream. */
  | "bad-stream"
  /** A counter, or a number of forgeries, beyond which the keys must not be used. */
  | "exhausted";

const DIRECTION: Readonly<Record<keyof SealKeys, number>> = { toClient: 0, toRegistry: 1 };

/** One side's seals of a session: what it sends, and what it receives. */
export class Seals {
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;

  /** `firstCounter`: of both directions, for tests. Throws MisuseError on keys of another length, or twice the same. */
  constructor(role: SealRole, keys: SealKeys, firstCounter = 0) {
    const { toClient, toRegistry } = keys;
    for (const key of [toClient, toRegistry]) {
      if (key.length !== AEAD_KEY_BYTES) throw new MisuseError(`a key of ${key.length} bytes`);
    }
    // With one key for both directions each nonce would be used twice.
    if (toClient.every((byte, index) => byte === toRegistry[index]))
      throw new MisuseError("one key, used twice");
    const [own, others]: (keyof SealKeys)[] =
      role === "registry" ? ["toClient", "toRegistry"] : ["toRegistry", "toClient"];
    if (own === undefined || others === undefined) throw new MisuseError(`no such role: ${role}`);
    this.#outbound = new Outbound(keys[own], DIRECTION[own], firstCounter);
    this.#inbound = new Inbound(keys[others], DIRECTION[others]);
  }

  /**
   * `text` sealed for `stream` (0 to 2), {@link SEAL_BYTES} longer; undefined once the counters are used up. To be sent, or
   * copied, soon: see {@link transientBytes}.
   */
  seal(stream: number, text: Uint8Array): Uint8Array | undefined {
    return this.#outbound.seal(stream, text);
  }

  /** What is in `sealed`, which came on `stream`. A refusal changes nothing. */
  open(stream: number, sealed: Uint8Array): Opened {
    return this.#inbound.open(stream, sealed);
  }
}

class Outbound {
  readonly #key: Uint8Array;
  readonly #direction: number;
  #counter: number;

  constructor(key: Uint8Array, direction: number, firstCounter: number) {
    this.#key = key;
    this.#direction = direction;
    this.#counter = firstCounter;
  }

  seal(stream: number, text: Uint8Array): Uint8Array | undefined {
    if (this.#counter > LAST_COUNTER) return undefined;
    const sealed = transientBytes(SEAL_BYTES + text.length);
    writeCounter(sealed, this.#counter);
    const aad = authenticated(stream, this.#direction);
    aeadSeal(this.#key, nonceOf(sealed), aad, text, sealed.subarray(COUNTER_BYTES));
    this.#counter += 1;
    return sealed;
  }
}

class Inbound {
  readonly #key: Uint8Array;
  readonly #direction: number;
  /** By stream: the least counter that may come. */
  readonly #next = new Array<number>(SEALED_STREAMS).fill(0);
  #forgeries = 0;

  constructor(key: Uint8Array, direction: number) {
    this.#key = key;
    this.#direction = direction;
  }

  open(stream: number, sealed: Uint8Array): Opened {
    if (sealed.length < SEAL_BYTES) return { ok: false, fault: "short" };
    const counter = readCounter(sealed);
    if (counter > LAST_COUNTER || this.#forgeries >= FORGERIES_AT_MOST)
      return { ok: false, fault: "exhausted" };
    const next = this.#next[stream];
    if (next === undefined) return { ok: false, fault: "bad-stream" };
    // Judged before it is opened: a replay costs no decryption. Remembered only afterwards: a forgery moves nothing.
    if (counter < next) return { ok: false, fault: "replayed" };
    const aad = authenticated(stream, this.#direction);
    const text = aeadOpen(this.#key, nonceOf(sealed), aad, sealed.subarray(COUNTER_BYTES));
    if (text === undefined) {
      this.#forgeries += 1;
      return { ok: false, fault: "forged" };
    }
    this.#next[stream] = counter + 1;
    return { ok: true, text };
  }
}

/** Used again each time: ciphers copy them. */
const NONCE = new Uint8Array(AEAD_NONCE_BYTES);
const AUTHENTICATED = new Uint8Array(3);

function nonceOf(sealed: Uint8Array): Uint8Array {
  NONCE.set(sealed.subarray(0, COUNTER_BYTES), AEAD_NONCE_BYTES - COUNTER_BYTES);
  return NONCE;
}

function authenticated(stream: number, direction: number): Uint8Array {
  if (!Number.isInteger(stream) || stream < 0 || stream >= SEALED_STREAMS)
    throw new MisuseError(`a sealed stream numbered ${stream}`);
  AUTHENTICATED[0] = stream >>> 8;
  AUTHENTICATED[1] = stream;
  AUTHENTICATED[2] = direction;
  return AUTHENTICATED;
}

function writeCounter(target: Uint8Array, counter: number): void {
  const view = new DataView(target.buffer, target.byteOffset, COUNTER_BYTES);
  view.setUint32(0, Math.floor(counter / 2 ** 32));
  view.setUint32(4, counter >>> 0);
}

/** More than {@link LAST_COUNTER} where it cannot be told exactly. */
function readCounter(sealed: Uint8Array): number {
  const view = new DataView(sealed.buffer, sealed.byteOffset, COUNTER_BYTES);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}
