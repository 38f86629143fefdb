/** Ed25519 (RFC 8032) as pure functions of node:crypto: same input, same output, no I/O and no randomness. */
import { createPublicKey, verify } from "node:crypto";

export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;

/** RFC 8410 §4: the DER of an Ed25519 SubjectPublicKeyInfo is always these twelve bytes and the key. */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** SubjectPublicKeyInfo (DER, 44 bytes) of a raw public key. */
export function ed25519Spki(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([SPKI_HEAD, publicKey]));
}

/** Whether `signature` is the raw public key's over `bytes`; false for whatever is no key or no signature. */
export function verifyEd25519(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
  try {
    const key = createPublicKey({ key: Buffer.from(ed25519Spki(publicKey)), format: "der", type: "spki" });
    return verify(null, bytes, key, signature);
  } catch {
    return false;
  }
}
