/**
 * The endpoint's fixed limits (RFC 9260 §16), each with its reason where it departs from the RFC's suggestion. The
 * network in mind is a LAN whose peers must be missed within seconds.
 */

/** Largest SCTP packet sent, with its common header: fits IPv6's 1,280 with room for IP, UDP and a tunnel. */
export const PACKET_LIMIT = 1_200;
export const COMMON_HEADER = 12;
/** Chunks in one packet, bytes: the unit of congestion control, which counts chunks and not headers. */
export const CHUNKS_LIMIT = PACKET_LIMIT - COMMON_HEADER;
export const DATA_HEADER = 16;
/** RFC 8260 §2.1. */
export const I_DATA_HEADER = 20;

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
/** What a chunk or message that is kept costs beyond its bytes, counted against window and queue; measured: 230. */
export const HELD_OVERHEAD = 256;
/** What a message costs whose fragments are collected one by one (RFC 8260), beyond these; measured: 260. */
export const COLLECTED_OVERHEAD = 256;

/** RTO.Initial, RTO.Min and RTO.Max are 1 s, 1 s and 60 s in the RFC; on a LAN a lost packet must not cost a second. */
export const RTO_INITIAL = 500;
/**
 * Linux and usrsctp delay a SACK by 200 ms, but not that of a chunk with the I bit (RFC 7053), which the last that may
 * leave has here. A peer that does not know the bit gets a lone message twice until its delay has been measured.
 */
export const RTO_MIN = 100;
/** Whether the peer is there is found out by heartbeats, so waiting longer than this spares nobody. */
export const RTO_MAX = 2_000;
/** Max.Init.Retransmits: 0.5 + 1 + 9 × 2 s, then the peer counts as unreachable after 19.5 s. */
export const INIT_RETRANSMITS = 10;
/**
 * Association.Max.Retrans: T3 expiries in a row without any SACK. At 20% loss an exchange fails with 0.36, so the
 * RFC's 10 would end a healthy association once in 27,000 such rows; 0.36²⁰ is 1.3·10⁻⁹. Heartbeats find the dead.
 */
export const DATA_RETRANSMITS = 20;
/**
 * The window after T3. §7.2.3 has one packet; here a second one may leave, too. Of one alone nothing but another T3 can
 * tell that it was lost as well, and at 20% loss the longest pauses would be twice as long.
 */
export const LOSS_WINDOW = CHUNKS_LIMIT + 1;
/** Max.Burst (§6.1 D), packets that one SACK may set free beyond what is in flight. */
export const MAX_BURST = 4;
/** SHUTDOWN and SHUTDOWN ACK: T2 expiries in a row (0.36⁹ at 20% loss: once in 10,000 a peer seems not to answer). */
export const SHUTDOWN_RETRANSMITS = 8;
/** T5-shutdown-guard (§9.2): however the peer behaves, closing ends. */
export const SHUTDOWN_GUARD = 60_000;
/** SACK.Delay. */
export const SACK_DELAY = 150;
/** Valid.Cookie.Life. */
export const COOKIE_LIFE = 60_000;

/** A call later than the deadline asked for by more than this means that this process did not run. */
export const STALL = 500;

/**
 * INITs answered: a registry that restarts meets all its clients at once, for which there is the burst. In a flood only
 * the rate counts, and every answer is for nobody: 500 cost 2 % of a core.
 */
export const INIT_RATE = { perSecond: 500, burst: 20_000 };
/** One host may carry many clients; it may not take all of the above. */
export const INIT_RATE_PER_ADDRESS = { perSecond: 100, burst: 5_000 };
export const INIT_SOURCES = 4_096;
/** INITs a second, turned away because all together had had enough answers, that are a flood. */
export const FLOOD_INITS = 5_000;
/** INITs a second that are read in a flood: some 3 % of a core, and four times those that are answered. */
export const INITS_READ_IN_FLOOD = 2_000;
/** How long INITs are counted before the share that is read changes: so long a flood may have us read all of it. */
export const FLOOD_WINDOW = 250;
/** COOKIE ECHOs looked at: each costs an HMAC. */
export const COOKIE_RATE = { perSecond: 10_000, burst: 20_000 };
/** Packets out of the blue looked at; few of them deserve an answer. */
export const STRANGER_RATE = { perSecond: 1_000, burst: 1_000 };
/** A new address of a peer is tried at most this often: whoever guesses tags must not make us send. */
export const VALIDATION_PAUSE = 100;

/**
 * Messages of more than one chunk that may be under way at once, each on its own stream, where the peer takes
 * interleaving (RFC 8260): so many of the longest fit into the receive window while none of them is whole.
 */
export const INTERLEAVED_MESSAGES = 3;
