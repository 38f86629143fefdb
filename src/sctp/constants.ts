/**
 * The endpoint's fixed limits (RFC 9260 §16), each with its reason where it departs from the RFC's suggestion. The
 * network in mind is a LAN whose peers must be missed within seconds.
 */

/** Largest SCTP packet sent, with its common header: fits IPv6's 1,280 with room for IP, UDP and a tunnel. */
export const PACKET_LIMIT = 1_200;
export const COMMON_HEADER = 12;
export const DATA_HEADER = 16;
/** User data in one DATA chunk. */
export const PAYLOAD_LIMIT = PACKET_LIMIT - COMMON_HEADER - DATA_HEADER;

/** Largest packet looked at: an IP packet's limit. */
export const RECEIVE_LIMIT = 65_535;
/** A 1,500-byte packet holds at most 74 DATA chunks; more chunks than this is not traffic. */
export const CHUNKS_PER_PACKET = 256;
/** Gap blocks read of one SACK, and sent in one: what a packet of 1,500 bytes holds. */
export const GAP_BLOCKS_READ = 360;
export const GAP_BLOCKS_KEPT = 64;
export const DUPLICATES_REPORTED = 16;
/** Largest state cookie echoed, so that COOKIE ECHO stays a sane packet; Linux sends about 500 bytes. */
export const COOKIE_LIMIT = 4_096;
/** Largest heartbeat information echoed. */
export const HEARTBEAT_INFO_LIMIT = 1_024;
/** Bytes of unrecognised chunks and parameters that we send back (§3.2, §3.2.1). */
export const REPORT_LIMIT = 128;

/** Streams each way that we ask for and grant. */
export const STREAMS = 16;
/** Receive window: four messages of the largest size, so that one missing packet does not stop the flow. */
export const RECEIVE_WINDOW = 262_144;
/** A TSN further ahead than this is dropped: nothing within the window reaches so far. */
export const TSN_WINDOW = 8_192;
/** What a held chunk costs beyond its bytes, counted against the window. */
export const HELD_OVERHEAD = 64;

/** RTO.Initial, RTO.Min and RTO.Max are 1 s, 1 s and 60 s in the RFC; on a LAN a lost packet must not cost a second. */
export const RTO_INITIAL = 500;
/** Above the 200 ms by which Linux and usrsctp delay a SACK. */
export const RTO_MIN = 300;
export const RTO_MAX = 4_000;
/** Max.Init.Retransmits: 0.5 + 1 + 2 + 4 × 4 s, then the peer counts as unreachable after 19.5 s. */
export const INIT_RETRANSMITS = 6;
/** Association.Max.Retrans: T3 expiries in a row without any SACK. */
export const DATA_RETRANSMITS = 8;
/** SHUTDOWN and SHUTDOWN ACK: T2 expiries in a row. */
export const SHUTDOWN_RETRANSMITS = 5;
/** T5-shutdown-guard (§9.2): however the peer behaves, closing ends. */
export const SHUTDOWN_GUARD = 60_000;
/** SACK.Delay. */
export const SACK_DELAY = 150;
/** Valid.Cookie.Life. */
export const COOKIE_LIFE = 60_000;

/** A call later than the deadline asked for by more than this means that this process did not run. */
export const STALL = 500;

/** INITs answered: a registry that restarts meets all its clients at once; a flood costs at most this much CPU. */
export const INIT_RATE = { perSecond: 5_000, burst: 10_000 };
/** One host may carry many clients; it may not take all of the above. */
export const INIT_RATE_PER_ADDRESS = { perSecond: 1_000, burst: 5_000 };
export const INIT_SOURCES = 4_096;
/** Answers to packets out of the blue. */
export const REPLY_RATE = { perSecond: 1_000, burst: 1_000 };
