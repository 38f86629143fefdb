import type { Millis } from "../../base/clock.ts";
import { type EncodedChunk, encodeHeartbeat } from "../encode.ts";

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

/** A HEARTBEAT of ours. Thousands a second leave, all of one form: it is encoded once and copied. */
export function heartbeatWith(info: HeartbeatInfo): EncodedChunk {
  const chunk = Buffer.from(FORM);
  chunk.writeDoubleBE(info.sentAt, INFO_AT);
  chunk.writeUInt32BE(info.nonce, INFO_AT + NONCE_AT);
  return chunk;
}

const FORM = encodeHeartbeat(new Uint8Array(SIZE));
/** After the headers of chunk and parameter. */
const INFO_AT = 8;

/** Undefined when it is none of ours. */
export function decodeInfo(bytes: Uint8Array): HeartbeatInfo | undefined {
  if (bytes.length !== SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { sentAt: view.getFloat64(0), nonce: view.getUint32(NONCE_AT) };
}
