import type { UnixMillis } from "../base/clock.ts";
import { ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES, ed25519Spki, verifyEd25519 } from "../base/ed25519.ts";
import { fingerprintOfSpki } from "../base/fingerprint.ts";
import { encodeUtf8 } from "../base/text.ts";
import { encodeCbor } from "./mp2-cbor.ts";
import { byteString, type Codec, type Decoded, openChoice } from "./mp2-codec.ts";
import { DATAGRAM_BYTES, DATAGRAM_PREFIX } from "./mp2-discovery.ts";
import { epoch, millis, realm, run, seq, unixMillis } from "./mp2-fields.ts";
import { decodeWhole, family, message, optional, record, required, union } from "./mp2-schema.ts";
import { MESSAGE_TYPES } from "./mp2-types.ts";
import type { Epoch, Fingerprint, Realm, RunId, Seq } from "./mp2-values.ts";

/**
 * What a registry tells the whole group, signed: beacon at start and every 10 s, bye when it goes away.
 *
 * Signed are a label and the body's bytes as they stand in the datagram (as COSE does, RFC 9052 §4.4), so nobody
 * encodes anew to verify. The label names the type, ends with a zero byte and begins with "m": no signature of TLS 1.3
 * (64 spaces, RFC 8446 §4.4.3) or of a certificate (0x30) by the same key can be one of an announcement.
 *
 * Replay: `sent` grows with each announcement of one key. A client keeps the greatest that it has seen, also from
 * `registered`, and ignores what is not greater, as WireGuard does with the timestamp of its handshake (whitepaper
 * §5.1): no synchronous clocks are needed, only one that does not go back. An announcement is a hint in any case: it
 * makes a client ask, by the ordinary way in, and never believe.
 */

/** "I am here, and my roster is at seq." */
export interface Beacon {
  readonly type: "beacon";
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly realm: Realm;
  /** Which life of the registry this is: whoever is attached to another one is so no more. */
  readonly run?: RunId;
  /** Strictly growing over all announcements of this key. */
  readonly sent: UnixMillis;
}

export type ByeReason =
  /** It comes back by itself. */
  | "restart"
  /** Nobody knows when. */
  | "stop"
  | "other";

/** "I go away." */
export interface Bye {
  readonly type: "bye";
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly sent: UnixMillis;
  readonly reason: ByeReason;
  /** Expected absence in milliseconds. */
  readonly backIn?: number;
}

export type Announcement = Beacon | Bye;

/** An announcement with whose it is; the signature has been verified. */
export interface SignedAnnouncement {
  readonly announcement: Announcement;
  /** Raw Ed25519 key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly fingerprint: Fingerprint;
}

/** Signs bytes with the registry's key: 64 bytes, RFC 8032 §5.1.6. */
export type Sign = (bytes: Uint8Array) => Uint8Array;

/** Whether a signature is good. One may refuse keys that nobody waits for before any arithmetic. */
export type Verify = (publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array) => boolean;

interface Envelope<Type extends Announcement["type"]> {
  readonly type: Type;
  readonly body: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

const ENVELOPE = {
  body: required(1, byteString(1, 384)),
  publicKey: required(2, byteString(ED25519_KEY_BYTES, ED25519_KEY_BYTES)),
  signature: required(3, byteString(ED25519_SIGNATURE_BYTES, ED25519_SIGNATURE_BYTES)),
};

export const BEACON = message<Envelope<"beacon">>("beacon", MESSAGE_TYPES.beacon, ENVELOPE);
export const BYE = message<Envelope<"bye">>("bye", MESSAGE_TYPES.bye, ENVELOPE);
const envelopes = family(union(BEACON, BYE), DATAGRAM_BYTES, DATAGRAM_PREFIX);

export const BEACON_BODY = record<Omit<Beacon, "type">>({
  epoch: required(1, epoch),
  seq: required(2, seq),
  sent: required(3, unixMillis),
  realm: required(4, realm),
  run: optional(5, run),
});

export const BYE_BODY = record<Omit<Bye, "type">>({
  epoch: required(1, epoch),
  seq: required(2, seq),
  sent: required(3, unixMillis),
  reason: required(4, openChoice({ other: 0, restart: 1, stop: 2 }, "other")),
  backIn: optional(5, millis),
});

/** The datagram of an announcement. */
export function encodeAnnouncement(
  announcement: Announcement,
  publicKey: Uint8Array,
  sign: Sign,
): Uint8Array {
  const { type } = announcement;
  const body = encodeCbor(
    announcement.type === "beacon" ? BEACON_BODY.encode(announcement) : BYE_BODY.encode(announcement),
  );
  return envelopes.encode({ type, body, publicKey, signature: sign(signedBytes(type, body)) });
}

/** Decodes and verifies: what it returns was signed by the key that it names. Whose that key is, pins tell. */
export function decodeAnnouncement(
  bytes: Uint8Array,
  verify: Verify = verifyEd25519,
): Decoded<SignedAnnouncement> {
  const outer = envelopes.decode(bytes);
  if (!outer.ok) return outer;
  const { type, body, publicKey, signature } = outer.value;
  const inner = type === "beacon" ? typed(type, BEACON_BODY, body) : typed(type, BYE_BODY, body);
  if (!inner.ok) return inner;
  if (!verify(publicKey, signedBytes(type, body), signature)) return { ok: false, reason: "bad-signature" };
  const fingerprint = fingerprintOfSpki(ed25519Spki(publicKey));
  return { ok: true, value: { announcement: inner.value, publicKey, fingerprint } };
}

function typed<Type extends string, Body>(
  type: Type,
  codec: Codec<Body>,
  bytes: Uint8Array,
): Decoded<Body & { readonly type: Type }> {
  const body = decodeWhole(codec, bytes);
  return body.ok ? { ok: true, value: { type, ...body.value } } : body;
}

/**
 * Whether a datagram can be an announcement, by its first bytes: prefix, head of the map, key 0, type. For whoever hears
 * a group, where most of what is said is others' hellos.
 */
export function looksLikeAnnouncement(bytes: Uint8Array): boolean {
  const type = bytes[DATAGRAM_PREFIX.length + 2];
  return type === MESSAGE_TYPES.beacon || type === MESSAGE_TYPES.bye;
}

/** Exactly what is signed: "multiproto mp2 TYPE", a zero byte, the body as it is sent. */
export function signedBytes(type: Announcement["type"], body: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([encodeUtf8(`multiproto mp2 ${type}\0`), body]));
}
