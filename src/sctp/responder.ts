/**
 * What is decided from the packet alone, or from it and the tags of an association: pure rules of RFC 9260 §5.2.4
 * and §8.4.
 */
import type { OpenedCookie } from "./cookie.ts";
import type { Packet } from "./decode/packet.ts";
import { type EncodedChunk, encodeAbort, encodeShutdownComplete } from "./encode.ts";

/** §5.2.4, table 12: a valid COOKIE ECHO meets an association. */
export function judgeCookie(
  association: { readonly localTag: number; readonly peerTag: number },
  cookie: OpenedCookie,
): "restart" | "accept" | "discard" {
  const localMatches = cookie.localTag === association.localTag;
  const peerMatches = cookie.peerTag === association.peerTag;
  // B (INITs collided; our INIT had this tag) and D (the COOKIE ACK was lost, or the same after a collision).
  if (localMatches) return "accept";
  // C: a cookie from before, late.
  if (peerMatches) return "discard";
  // A: neither matches, but the cookie was made in view of this association.
  const tied = cookie.localTieTag === association.localTag && cookie.peerTieTag === association.peerTag;
  return tied ? "restart" : "discard";
}

/**
 * §8.4: a packet that belongs to no association. The answer carries the packet's own tag, with the T bit where it is
 * one that only reflects; never larger than the packet.
 */
export function answerOutOfTheBlue(packet: Packet): EncodedChunk | undefined {
  // (2) and (6)–(8): never answer an ABORT, what ends an association, or what only errs.
  for (const chunk of packet.chunks) {
    if (chunk.type === "abort" || chunk.type === "shutdown-complete") return undefined;
    if (chunk.type === "cookie-ack" || chunk.type === "error") return undefined;
  }
  // (5)
  if (packet.chunks[0]?.type === "shutdown-ack") return encodeShutdownComplete(true);
  return encodeAbort(true, undefined);
}
