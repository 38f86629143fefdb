import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { ed25519Spki } from "../base/ed25519.ts";
import { type Fingerprint, fingerprintOfSpki } from "../base/fingerprint.ts";

/** Who we are: an Ed25519 key and the certificate that carries its public half. The key is the identity, nothing else. */
export interface Identity {
  readonly privateKey: KeyObject;
  readonly certificate: X509Certificate;
  readonly fingerprint: Fingerprint;
}

/** Ours has 234 bytes; room for those of other makers, none for what only costs memory. */
export const MAX_CERTIFICATE_BYTES = 4_096;

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\n[A-Za-z0-9+/=\n]+-----END \1-----\n?/g;

/** PKCS #8, then the certificate, both PEM. */
export function identityPem(privateKey: KeyObject, certificate: X509Certificate): string {
  return `${privateKey.export({ type: "pkcs8", format: "pem" })}${certificate.toString()}`;
}

/**
 * Parses what {@link identityPem} wrote; what is wrong comes back as text. Certificate dates are not looked at: see
 * docs/decisions/0010-identity-and-tls.md.
 */
export function parseIdentityPem(text: string): Identity | { readonly fault: string } {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  const [first, second] = blocks;
  const rest = blocks.reduce((left, block) => left.replace(block[0], ""), text);
  if (blocks.length !== 2 || rest.trim() !== "") return { fault: "it is not one key and one certificate" };
  if (first?.[1] !== "PRIVATE KEY" || second?.[1] !== "CERTIFICATE")
    return { fault: "it holds something else than a private key and its certificate" };
  try {
    const privateKey = createPrivateKey(first[0]);
    const certificate = new X509Certificate(second[0]);
    const fingerprint = ed25519Fingerprint(certificate);
    if (privateKey.asymmetricKeyType !== "ed25519" || fingerprint === undefined)
      return { fault: "its key is not an Ed25519 key" };
    if (!certificate.checkPrivateKey(privateKey))
      return { fault: "key and certificate do not belong together" };
    return { privateKey, certificate, fingerprint };
  } catch {
    return { fault: "its key or its certificate is damaged" };
  }
}

/** The fingerprint of an Ed25519 certificate's key; undefined for any other kind of key, and for oversized ones. */
export function ed25519Fingerprint(certificate: X509Certificate): Fingerprint | undefined {
  if (certificate.raw.length > MAX_CERTIFICATE_BYTES) return undefined;
  try {
    const { publicKey } = certificate;
    if (publicKey.asymmetricKeyType !== "ed25519") return undefined;
    // A twelfth of what exporting it as DER costs, and every TLS connection pays it (RFC 8037 §2: x is the raw key).
    const { x = "" } = publicKey.export({ format: "jwk" });
    return fingerprintOfSpki(ed25519Spki(Buffer.from(x, "base64url")));
  } catch {
    // OpenSSL parses a key only when it is asked for: a point or an algorithm that does not exist.
    return undefined;
  }
}
