/** ChaCha20-Poly1305 (RFC 8439 §2.8) by node:crypto, as pure functions. Which nonce is whose is told by seal.ts. */
import { createCipheriv, createDecipheriv } from "node:crypto";

export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

const CIPHER = "chacha20-poly1305";
const OPTIONS = { authTagLength: AEAD_TAG_BYTES };

/** Encrypts `text` and authenticates it with `aad`: writes ciphertext and tag into `target`, which just holds them. */
export function aeadSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  text: Uint8Array,
  target: Uint8Array,
): void {
  const cipher = createCipheriv(CIPHER, key, nonce, OPTIONS);
  cipher.setAAD(aad, { plaintextLength: text.length });
  target.set(cipher.update(text), 0);
  cipher.final();
  target.set(cipher.getAuthTag(), text.length);
}

/** The text of what {@link aeadSeal} wrote, or undefined when it is anything else. */
export function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const length = sealed.length - AEAD_TAG_BYTES;
  if (length < 0) return undefined;
  const decipher = createDecipheriv(CIPHER, key, nonce, OPTIONS);
  decipher.setAAD(aad, { plaintextLength: length });
  decipher.setAuthTag(sealed.subarray(length));
  const text = decipher.update(sealed.subarray(0, length));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return text;
}
