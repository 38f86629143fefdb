import { createPublicKey, sign } from "node:crypto";
import { ED25519_KEY_BYTES } from "../base/ed25519.ts";
import type { RegistryIdentity } from "../registry/settings.ts";
import type { Identity } from "./identity.ts";

/** An identity as the registry core uses it: it signs, and never sees the private key. */
export function registryIdentity({ fingerprint, privateKey }: Identity): RegistryIdentity {
  // RFC 8410 §4: the SubjectPublicKeyInfo ends with the raw key.
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return {
    fingerprint,
    publicKey: new Uint8Array(spki.subarray(-ED25519_KEY_BYTES)),
    sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}
