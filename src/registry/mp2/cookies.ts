import type { Millis, Random } from "../../base/clock.ts";
import { equalInConstantTime, hmacSha256 } from "../../base/hash.ts";
import { RotatingKeys } from "../../base/rotating-keys.ts";
import type { Nonce } from "../../wire/mp2-values.ts";
import type { RegistryLimits } from "../limits.ts";

const TIME_BYTES = 6;
const HEAD_BYTES = 1 + TIME_BYTES;
const SEAL_BYTES = 16;
const COOKIE_BYTES = HEAD_BYTES + SEAL_BYTES;

/**
 * Proofs that whoever sends from an address also receives there, without keeping anything of who asked (RFC 9147 §5.1
 * does so for DTLS): `key number (8) time (48, our monotonic clock) HMAC-SHA-256 (first 128)` over time, port, nonce and
 * address. Each is good once, and only for {@link RegistryLimits.cookieMillis}.
 */
export class Cookies {
  readonly #keys: RotatingKeys;
  readonly #limits: RegistryLimits;
  /** Those that have come back, the oldest first, and when each expires anyway. */
  readonly #used = new Map<string, Millis>();

  constructor(limits: RegistryLimits, random: Random, now: Millis) {
    this.#limits = limits;
    // A cookie of the former key outlives its own time, so rotation refuses none that is good.
    this.#keys = new RotatingKeys(random, limits.cookieMillis, now);
  }

  /** `source` as it stands in datagrams: address with zone, and port. */
  make(now: Millis, address: string, port: number, nonce: Nonce): Uint8Array {
    const { number, key } = this.#keys.current(now);
    const cookie = new Uint8Array(COOKIE_BYTES);
    const view = new DataView(cookie.buffer);
    const time = Math.floor(now);
    view.setUint8(0, number);
    view.setUint16(1, Math.floor(time / 2 ** 32));
    view.setUint32(3, time >>> 0);
    cookie.set(seal(key, cookie.subarray(1, HEAD_BYTES), address, port, nonce), HEAD_BYTES);
    return cookie;
  }

  /** Whether `cookie` was made for just this, and lately. */
  isGood(now: Millis, address: string, port: number, nonce: Nonce, cookie: Uint8Array): boolean {
    if (cookie.length !== COOKIE_BYTES) return false;
    const view = new DataView(cookie.buffer, cookie.byteOffset, COOKIE_BYTES);
    const key = this.#keys.find(view.getUint8(0), now);
    if (key === undefined) return false;
    const age = now - madeAt(cookie);
    const expected = seal(key, cookie.subarray(1, HEAD_BYTES), address, port, nonce);
    if (!equalInConstantTime(expected, cookie.subarray(HEAD_BYTES))) return false;
    return age <= this.#limits.cookieMillis;
  }

  /** Whether a good one was made before `at`, as far as whole milliseconds tell. */
  isFromBefore(cookie: Uint8Array, at: Millis): boolean {
    return madeAt(cookie) < Math.floor(at);
  }

  isUsed(cookie: Uint8Array): boolean {
    return this.#used.has(nameOf(cookie));
  }

  /** What was done for it is not done again. */
  use(now: Millis, cookie: Uint8Array): void {
    for (const [used, expiresAt] of this.#used) {
      if (expiresAt > now && this.#used.size < this.#limits.maxUsedCookies) break;
      this.#used.delete(used);
    }
    this.#used.set(nameOf(cookie), now + this.#limits.cookieMillis);
  }
}

function madeAt(cookie: Uint8Array): Millis {
  const view = new DataView(cookie.buffer, cookie.byteOffset, HEAD_BYTES);
  return view.getUint16(1) * 2 ** 32 + view.getUint32(3);
}

function seal(key: Uint8Array, time: Uint8Array, address: string, port: number, nonce: Nonce): Uint8Array {
  const ports = Uint8Array.of(port >>> 8, port);
  // The address comes last: all before it has a fixed length, so no two inputs are one text.
  return hmacSha256(key, time, ports, nonce, address).subarray(0, SEAL_BYTES);
}

function nameOf(cookie: Uint8Array): string {
  return Buffer.from(cookie.buffer, cookie.byteOffset, cookie.length).toString("base64");
}
