import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, aeadOpen, aeadSeal } from "../../base/aead.ts";
import type { Millis, Random, UnixMillis } from "../../base/clock.ts";
import { hkdfExpand, hmacSha256 } from "../../base/hash.ts";
import { encodeUtf8 } from "../../base/text.ts";
import type { Sign } from "../../wire/mp2-announcement.ts";
import type { Ticket } from "../../wire/mp2-presence.ts";
import { RESUMPTION_SECRET_BYTES } from "../../wire/mp2-resumption.ts";
import { FINGERPRINT_BYTES, type Fingerprint, SESSION_BYTES, type SessionId } from "../../wire/mp2-values.ts";

/** How long a ticket is good. */
export const TICKET_MILLIS: Millis = 86_400_000;
const DAY_MILLIS = 86_400_000;
const DAY_BYTES = 2;
const TIME_BYTES = 6;
const HEAD_BYTES = DAY_BYTES + AEAD_NONCE_BYTES;
const TEXT_BYTES = SESSION_BYTES + FINGERPRINT_BYTES + RESUMPTION_SECRET_BYTES + TIME_BYTES;
const TICKET_BYTES = HEAD_BYTES + TEXT_BYTES + AEAD_TAG_BYTES;
const NO_SALT = new Uint8Array(32);

/** What a ticket says: its bearer, who knows the secret, is the client of that session, by that key. */
export interface Ticketed {
  readonly session: SessionId;
  readonly fingerprint: Fingerprint;
  readonly secret: Uint8Array;
}

/**
 * What a client carries for us over our restart: `day (16) nonce (96) ChaCha20-Poly1305 (session ‖ fingerprint ‖ secret ‖
 * expiry)`. The key of each day follows from our identity, so there is nothing to store: a signature of ours that nobody
 * else ever sees (Ed25519 signs without randomness, RFC 8032 §5.1.6) is a secret like the key itself.
 */
export class Tickets {
  readonly #random: Random;
  readonly #sign: Sign;
  /** By day; two at most. */
  readonly #keys = new Map<number, Uint8Array>();
  #root: Uint8Array | undefined;

  constructor(random: Random, sign: Sign) {
    this.#random = random;
    this.#sign = sign;
  }

  make(wall: UnixMillis, { session, fingerprint, secret }: Ticketed): Ticket {
    const ticket = Buffer.alloc(TICKET_BYTES);
    const day = dayOf(wall);
    ticket.writeUInt16BE(day & 0xffff, 0);
    ticket.set(this.#random.bytes(AEAD_NONCE_BYTES), DAY_BYTES);
    const expires = Buffer.alloc(TIME_BYTES);
    expires.writeUIntBE(wall + TICKET_MILLIS, 0, TIME_BYTES);
    const text = Buffer.concat([
      Buffer.from(session, "hex"),
      Buffer.from(fingerprint, "hex"),
      secret,
      expires,
    ]);
    const [head, nonce] = [ticket.subarray(0, DAY_BYTES), ticket.subarray(DAY_BYTES, HEAD_BYTES)];
    aeadSeal(this.#key(day), nonce, head, text, ticket.subarray(HEAD_BYTES));
    return { bytes: new Uint8Array(ticket), life: TICKET_MILLIS };
  }

  /** What it says, if we have made it and it is still good. Costs an opening, whatever the bytes are. */
  open(wall: UnixMillis, bytes: Uint8Array): Ticketed | undefined {
    if (bytes.length !== TICKET_BYTES) return undefined;
    const ticket = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const today = dayOf(wall);
    // A ticket of tomorrow: our clock was set back a little.
    const day = [today, today - 1, today + 1].find((one) => (one & 0xffff) === ticket.readUInt16BE(0));
    if (day === undefined) return undefined;
    const nonce = ticket.subarray(DAY_BYTES, HEAD_BYTES);
    const text = aeadOpen(this.#key(day), nonce, ticket.subarray(0, DAY_BYTES), ticket.subarray(HEAD_BYTES));
    if (text === undefined) return undefined;
    const said = Buffer.from(text.buffer, text.byteOffset, text.length);
    if (said.readUIntBE(TEXT_BYTES - TIME_BYTES, TIME_BYTES) < wall) return undefined;
    const keyEnd = SESSION_BYTES + FINGERPRINT_BYTES;
    return {
      session: said.toString("hex", 0, SESSION_BYTES) as SessionId,
      fingerprint: said.toString("hex", SESSION_BYTES, keyEnd) as Fingerprint,
      secret: new Uint8Array(said.subarray(keyEnd, keyEnd + RESUMPTION_SECRET_BYTES)),
    };
  }

  #key(day: number): Uint8Array {
    const known = this.#keys.get(day);
    if (known !== undefined) return known;
    this.#root ??= hmacSha256(NO_SALT, this.#sign(encodeUtf8("multiproto mp2 ticket\0")));
    const key = hkdfExpand(this.#root, `multiproto mp2 ticket ${day}`, 32);
    for (const other of this.#keys.keys()) if (Math.abs(other - day) > 1) this.#keys.delete(other);
    this.#keys.set(day, key);
    return key;
  }
}

function dayOf(wall: UnixMillis): number {
  return Math.floor(wall / DAY_MILLIS);
}
