import type { Millis } from "../../base/clock.ts";

/**
 * The information in our HEARTBEATs, which the peer sends back unchanged (RFC 9260 §3.3.5, ours to choose):
 * `when it was sent(64, float, running time) nonce(32)`.
 */
export interface HeartbeatInfo {
  readonly sentAt: Millis;
  readonly nonce: number;
}

const SIZE = 12;
const NONCE_AT = 8;

export function encodeInfo(info: HeartbeatInfo): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, info.sentAt);
  view.setUint32(NONCE_AT, info.nonce);
  return bytes;
}

/** Undefined when it is none of ours. */
export function decodeInfo(bytes: Uint8Array): HeartbeatInfo | undefined {
  if (bytes.length !== SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { sentAt: view.getFloat64(0), nonce: view.getUint32(NONCE_AT) };
}
