import { hkdfExpand, hmacSha256, sha256 } from "../base/hash.ts";
import type { SealKeys } from "../base/seal.ts";
import type { Join, Resume, Resumed } from "./mp2-discovery.ts";

/**
 * The keys of a session that goes on without a TLS handshake: TLS 1.3 does the same by psk_dhe_ke (RFC 8446 §2.2). Both
 * sides have a secret since the registration, and draw a fresh share each; who was there before proves to be so by the
 * secret, and who gets to know the secret later still lacks the shares.
 */

export const RESUMPTION_SECRET_BYTES = 32;
const KEY_BYTES = 32;

/** What both sides know after a registration, besides the two keys of its exporter. */
export function registrationSecret({ toClient, toRegistry }: SealKeys): Uint8Array {
  const both = Buffer.concat([toClient, toRegistry]);
  return hkdfExpand(hmacSha256(new Uint8Array(KEY_BYTES), both), "multiproto mp2 resumption", KEY_BYTES);
}

/** All that a join says which wants to resume, its proof excepted: fixed lengths, or behind their length. */
export function joinTranscript(
  { nonce, fingerprint, cookie }: Omit<Join, "type" | "resume">,
  { ticket, share }: Omit<Resume, "mac">,
): Uint8Array {
  const lengths = Buffer.alloc(4);
  lengths.writeUInt16BE(cookie.length, 0);
  lengths.writeUInt16BE(ticket.length, 2);
  const parts = [Buffer.from("multiproto mp2 resume\0"), nonce, Buffer.from(fingerprint, "hex"), lengths];
  return sha256(Buffer.concat([...parts, cookie, ticket, share]));
}

/** The client's proof that it has the secret. */
export function joinMac(secret: Uint8Array, transcript: Uint8Array): Uint8Array {
  return hmacSha256(hkdfExpand(secret, "multiproto mp2 resume client", KEY_BYTES), transcript);
}

/** What a resumption gives to both sides. */
export interface ResumedSecrets {
  readonly keys: SealKeys;
  /** The registry's proof that it has the secret, and answers just that join. */
  readonly mac: Uint8Array;
  /** For the next time. */
  readonly secret: Uint8Array;
}

/** `shared`: of both shares. `transcript`: of the join, whose proof was `mac`. */
export function resumedSecrets(
  secret: Uint8Array,
  shared: Uint8Array,
  { transcript, mac }: { readonly transcript: Uint8Array; readonly mac: Uint8Array },
  { share, facts }: Pick<Resumed, "share" | "facts">,
): ResumedSecrets {
  const whole = sha256(Buffer.concat([transcript, mac, share, facts]));
  // HKDF-Extract (RFC 5869 §2.2) with the secret as salt.
  const extracted = hmacSha256(secret, shared);
  const derived = (label: string): Uint8Array =>
    hkdfExpand(extracted, Buffer.concat([Buffer.from(`multiproto mp2 ${label}\0`), whole]), KEY_BYTES);
  return {
    keys: { toClient: derived("to client"), toRegistry: derived("to registry") },
    mac: hmacSha256(derived("resumed registry"), whole),
    secret: derived("resumption"),
  };
}
