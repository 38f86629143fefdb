import { CHUNK } from "./encode.ts";

/** Past the common header: the first chunk's type and flags. */
const TYPE_AT = 12;
const FLAGS_AT = 13;
/** RFC 9260 §3.3.7, §3.3.13: the tag is the other's own, thrown back; we have no association there. */
const T_FLAG = 1;

/**
 * Whether a packet of ours answers somebody of whom nothing is known but what a single packet said: its source may be
 * forged, and nobody may be there (RFC 9260 §5.1, §8.4).
 */
export function isForStranger(packet: Uint8Array): boolean {
  const type = packet[TYPE_AT];
  if (type === CHUNK.initAck) return true;
  const isReflected = ((packet[FLAGS_AT] ?? 0) & T_FLAG) !== 0;
  return isReflected && (type === CHUNK.abort || type === CHUNK.shutdownComplete);
}
