/** Diffie-Hellman on Curve25519 (RFC 7748 §6.1) by node:crypto, as pure functions. */
import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";

export const X25519_BYTES = 32;

/** What stands before the 32 bytes of a private and of a public key in DER (RFC 8410 §7, §4). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI_HEAD = Buffer.from("302a300506032b656e032100", "hex");

export interface X25519Pair {
  /** 32 bytes: what the other side is sent. */
  readonly share: Uint8Array;
  /** The 32 bytes that both sides get; undefined of a share that is none, or of a low order (§6.1: all zeros). */
  agree(other: Uint8Array): Uint8Array | undefined;
}

/** The pair of 32 random bytes. */
export function x25519Pair(random: Uint8Array): X25519Pair {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, random]),
    format: "der",
    type: "pkcs8",
  });
  const { x = "" } = privateKey.export({ format: "jwk" });
  return {
    share: new Uint8Array(Buffer.from(x, "base64url")),
    agree: (other) => {
      if (other.length !== X25519_BYTES) return undefined;
      const key = Buffer.concat([SPKI_HEAD, other]);
      try {
        const publicKey = createPublicKey({ key, format: "der", type: "spki" });
        return new Uint8Array(diffieHellman({ privateKey, publicKey }));
      } catch {
        // OpenSSL refuses to derive nothing but zeros.
        return undefined;
      }
    },
  };
}
