import type { Millis } from "../base/clock.ts";
import { INIT_RETRANSMITS, RECEIVE_WINDOW, STREAMS } from "./constants.ts";
import type { CookieContents } from "./cookie.ts";
import type { InitChunk } from "./decode/chunks.ts";
import { CAUSE, encodeCookieEcho, encodeError, encodeInit } from "./encode.ts";
import { type Failure, violation } from "./failure.ts";
import type { Link } from "./link.ts";
import type { Peer } from "./transfer.ts";

/** Setting up from our side (RFC 9260 §5.1): INIT, then COOKIE ECHO, each until it is answered or T1 gives up. */

/** §8.5.1 A: INIT travels alone under tag 0. */
export function sendInit(link: Link, now: Millis): void {
  const init = encodeInit({
    tag: link.localTag,
    window: RECEIVE_WINDOW,
    outboundStreams: STREAMS,
    inboundStreams: STREAMS,
    initialTsn: link.localTsn,
    interleaves: true,
  });
  link.transmit([init], 0);
  link.setTimer("t1", now + link.roundTrip.timeout);
}

/** The peer that INIT ACK tells of; undefined when it comes too late to matter. */
export function takeInitAck(link: Link, now: Millis, init: InitChunk): Peer | Failure | undefined {
  if (link.state.name !== "cookie-wait") return undefined;
  link.peerTag = init.tag;
  // §3.3.2.1.4
  if (init.namesHost) return violation("INIT ACK names a host", UNRESOLVABLE);
  const { tag, window, inboundStreams, outboundStreams, initialTsn, interleaves } = init;
  // §3.3.3
  if (tag === 0 || outboundStreams === 0 || inboundStreams === 0 || init.cookie === undefined) {
    return violation("INIT ACK lacks its tag, streams or cookie");
  }
  const cookie = init.cookie.slice();
  link.step({ type: "init-ack", cookie });
  link.add(encodeCookieEcho(cookie));
  const [reported] = init.unrecognised;
  if (reported !== undefined) link.add(encodeError({ code: CAUSE.unrecognisedParameters, bytes: reported }));
  link.setTimer("t1", now + link.roundTrip.timeout);
  return { tag, window, inboundStreams, initialTsn, interleaves };
}

/** T1 expired (§5.1 A, C; §6.3.3): once more, up to Max.Init.Retransmits times. */
export function sendSetUpAgain(link: Link, now: Millis): Failure | undefined {
  const { state, roundTrip } = link;
  if (!("sendings" in state) || state.sendings > INIT_RETRANSMITS) {
    const unanswered = state.name === "cookie-echoed" ? "COOKIE ECHO" : "INIT";
    return { reason: "unreachable", detail: `${unanswered} was not answered` };
  }
  roundTrip.backOff();
  link.step({ type: "sent-again" });
  if (state.name === "cookie-echoed") {
    link.add(encodeCookieEcho(state.cookie));
    link.setTimer("t1", now + roundTrip.timeout);
  } else sendInit(link, now);
  return undefined;
}

/** The peer that a cookie of ours tells of. */
export function peerOf(cookie: CookieContents): Peer {
  return {
    tag: cookie.peerTag,
    window: cookie.peerWindow,
    inboundStreams: cookie.outboundStreams,
    initialTsn: cookie.peerTsn,
    interleaves: cookie.interleaves,
  };
}

const UNRESOLVABLE = { code: CAUSE.unresolvableAddress, bytes: new Uint8Array(0) };
