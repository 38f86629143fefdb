/** The pure parts of node:crypto that cores need: same input, same output, no I/O and no randomness. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** HMAC-SHA-256 over the parts joined; 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** HKDF-Expand of RFC 5869 §2.3 with SHA-256, for at most 32 bytes: that is one HMAC. */
export function hkdfExpand(key: Uint8Array, info: Uint8Array | string, length: number): Uint8Array {
  return hmacSha256(key, info, Uint8Array.of(1)).subarray(0, length);
}

/** SHA-256; 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/** Equality in a time that does not tell where the bytes differ. */
export function equalInConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
