import { constants } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { Millis } from "../base/clock.ts";
import { type Fingerprint, isSameFingerprint } from "../base/fingerprint.ts";
import { ed25519Fingerprint, type Identity } from "./identity.ts";

/** The bounds of every TLS connection, whichever side opened it. */
export interface TlsTimes {
  /** From the TCP connection (dialling: from the attempt) to the end of the handshake. */
  readonly handshakeMillis: Millis;
  /** From the first byte of a message to its last. */
  readonly messageMillis: Millis;
  /** How long the peer may take none of what we have to send. */
  readonly unreadMillis: Millis;
  /** From one side's end of the stream to the other's. */
  readonly lingerMillis: Millis;
  /** Bytes that may wait for the peer to read. */
  readonly maxQueuedBytes: number;
}

export const DEFAULT_TLS_TIMES: TlsTimes = {
  // Three retransmissions of a SYN or a flight (RFC 6298: 1 s, 2 s) still pass; a LAN needs 10 ms.
  handshakeMillis: 5_000,
  messageMillis: 10_000,
  unreadMillis: 10_000,
  lingerMillis: 5_000,
  // Sixteen of the largest frames.
  maxQueuedBytes: 1_048_576,
};

/**
 * What both sides of every handshake insist on. TLS 1.3; Ed25519 and no other signature, so that a certificate with
 * another kind of key fails in the handshake; a key exchange that recorded traffic survives, X25519 for peers that lack
 * ML-KEM. Certificates of all makers and dates pass: who it is decides the key, and that alone.
 */
export function tlsParameters(identity: Identity) {
  return {
    key: identity.privateKey.export({ type: "pkcs8", format: "pem" }),
    cert: identity.certificate.toString(),
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    sigalgs: "ed25519",
    ecdhCurve: "X25519MLKEM768:X25519",
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    rejectUnauthorized: false,
  } as const;
}

/** Why a handshake that OpenSSL was content with is refused all the same. */
export type PeerFault = "no-certificate" | "wrong-key" | "wrong-protocol" | "resumed" | "ourselves";

export interface ProvenPeer {
  readonly fingerprint: Fingerprint;
  /** The ALPN protocol, one of those that were given. */
  readonly protocol: string;
}

/** Who is at the other end of a finished handshake; CertificateVerify (RFC 8446 §4.4.3) has proved the key. */
export function provenPeer(
  socket: TLSSocket,
  protocols: readonly string[],
  own: Fingerprint,
): ProvenPeer | { readonly fault: PeerFault } {
  const { alpnProtocol } = socket;
  if (typeof alpnProtocol !== "string" || !protocols.includes(alpnProtocol))
    return { fault: "wrong-protocol" };
  // Nothing of ours offers or accepts a session; one that came about anyway would carry an old proof.
  if (socket.isSessionReused()) return { fault: "resumed" };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { fault: "no-certificate" };
  const fingerprint = ed25519Fingerprint(certificate);
  if (fingerprint === undefined) return { fault: "wrong-key" };
  // Our own key at the other end: our message reflected, or a copied key.
  if (isSameFingerprint(fingerprint, own)) return { fault: "ourselves" };
  return { fingerprint, protocol: alpnProtocol };
}
