import type { Millis } from "../base/clock.ts";
import type { Rate } from "../base/tokens.ts";

/** Every bound of the registry core and why it is what it is: those of both protocols, of mp1, and of mp2. */
export interface RegistryLimits extends Mp2Limits {
  /** Entries in all, online and offline. */
  readonly maxClients: number;
  /**
   * Datagrams taken from one source address that are not mp2's: 30 clients on one host may all start at once and repeat
   * themselves.
   */
  readonly datagramsPerAddress: Rate;
  /** … in all: each may make us open a connection. */
  readonly datagramsInAll: Rate;
  /** Source addresses remembered for that. */
  readonly maxAddresses: number;
  /** Dial-backs under way to one address: original clients there may all be typing their names. */
  readonly maxDialsPerAddress: number;
  readonly maxDials: number;
  /** A peer on the LAN accepts within this, or a firewall drops us. */
  readonly connectMillis: Millis;
  /** An original client asks its user for the name only now. */
  readonly nicknameMillis: Millis;
  /** The rest of a name whose first bytes have come. */
  readonly nicknameRestMillis: Millis;
  /** Bytes read of a name; the longest valid one has 128. */
  readonly maxNicknameBytes: number;
  /** The client reads the answer and closes, or we do. */
  readonly answerMillis: Millis;
  /**
   * From the answer until the association must be up; otherwise the entry goes offline. A kernel whose INITs get lost
   * repeats them after 3, 9 and 21 s.
   */
  readonly attachMillis: Millis;
  /** An association whose client is not registered may wait this long for its registration. */
  readonly strangerMillis: Millis;
  /** A client gets at most one push in this time. */
  readonly pushMillis: Millis;
  /** Bytes of pushes handed to the network in one push interval: 5 MiB/s in all. */
  readonly pushBytes: number;
}

/** Bounds of mp2. */
interface Mp2Limits {
  /**
   * Datagrams of mp2 taken from one source address: hundreds of clients behind one address come back at once after a
   * restart, each with a few hellos and joins. One costs some 20 µs and is answered by at most its own length.
   */
  readonly mp2DatagramsPerAddress: Rate;
  /** … in all: several thousand clients that come back at once; in a flood a tenth of a core. */
  readonly mp2DatagramsInAll: Rate;
  /** From a cookie to its join: round trips on a LAN take milliseconds, a busy registry and a repeated join seconds. */
  readonly cookieMillis: Millis;
  /**
   * Cookies remembered that have been used, so that nobody brings one twice. More than come back in their life of a
   * thousand clients; beyond it the oldest, nearly expired, are forgotten.
   */
  readonly maxUsedCookies: number;
  /** TLS dial-backs at once: some 100 KiB each while its handshake lasts, and more would only wait for the processor. */
  readonly maxTlsDials: number;
  /** … of them to one address: who accepts and then says nothing keeps nobody else out. */
  readonly maxTlsDialsPerAddress: number;
  /** Joins that wait for a place among those: a thousand clients that come back at once need not ask twice. */
  readonly maxJoins: number;
  /** A join that waited so long is forgotten: its client has asked again. */
  readonly joinMillis: Millis;
  /** TCP and TLS to a client; the shell's own limit is shorter, this is for a shell that says nothing. */
  readonly tlsDialMillis: Millis;
  /** A handshake takes 50 ms, and an answer less. Who takes longer gives way to those who wait for a place. */
  readonly tlsPatienceMillis: Millis;
  /** From the challenge to the whole of `register`: no user is asked anything then. */
  readonly registerMillis: Millis;
  /** The client reads what it was told and closes, or we do. */
  readonly tlsCloseMillis: Millis;
  /**
   * Pages handed to one TLS connection at a time, some 6,000 entries: the next ones when these are gone. It may hold 1 MiB
   * that its client has not read.
   */
  readonly tlsPageBytes: number;
  /** All pages on TLS: 10,000 entries take some 20 ms. Whoever reads slower gets what is left after it has attached. */
  readonly tlsListMillis: Millis;
  /** Sessions of one address: a terminal server has hundreds; nobody shall fill the registry alone. */
  readonly maxSessionsPerAddress: number;
  /** A key share of ours serves all who resume within this: what they send is secret from whoever takes us over later. */
  readonly shareMillis: Millis;
  /** A client gets another ticket after so long: half of one's life, so that it always has one that is good. */
  readonly ticketMillis: Millis;
  /** Who was there before a restart comes back within this, or is told to be gone. Clients wait as long before they show who is gone. */
  readonly returnMillis: Millis;
  /** … unless somebody else has come back within this: a registry or a machine that is overloaded makes nobody gone. */
  readonly returnQuietMillis: Millis;
  /** … but no longer than this. */
  readonly returnMillisAtMost: Millis;
  /**
   * A registry that was stopped in good order and away for longer does not wait for them: clients look closely for it for
   * half a minute, so after that nobody believes to be there.
   */
  readonly absenceMillis: Millis;
  /** Names bound for the first time from one address. At its rate a flood needs half a day for all names there are. */
  readonly newNamesPerAddress: Rate;
  /** From `registered` to `attach`: an INIT that gets lost is repeated after 1 and 3 s. */
  readonly sessionAttachMillis: Millis;
  /** From the association to `attach`, its first message. */
  readonly firstMessageMillis: Millis;
  /** Questions of one client: each may cost pages. A mirror asks every 2 s at most, and at once after a loss. */
  readonly asks: Rate;
  /** A client's status counts once in this time, the latest as it then is: each costs a message to everybody. */
  readonly statusMillis: Millis;
  /** A queue that has been full for so long: its client does not read, and holds memory. */
  readonly unreadMillis: Millis;
  /** Messages sealed in one go, some 2 ms: then the loop is free for whatever has come in. */
  readonly sealsATurn: number;
  /** … of them kept for pages and repairs, so that a storm of deltas does not put them off for ever. */
  readonly repairsATurn: number;
  /** Messages of a run of pages handed to one association in one go: 64 KiB, a quarter of its queue. */
  readonly runMessagesATurn: number;
  /** Between two beacons, give or take a tenth: a client that missed a bye looks for us after so long. */
  readonly beaconMillis: Millis;
  /** Between two that interfaces have asked for: a flapping one is no reason to flood the others. */
  readonly announceMillis: Millis;
  /** Other registries that are kept in mind: more than any network has; whoever makes up more is not told of. */
  readonly maxNeighbours: number;
  /** From another registry's last beacon until it is taken for gone: three of them, with their jitter and a second. */
  readonly neighbourMillis: Millis;
  /** Announcements of them whose signatures are verified: each costs some 0.1 ms. */
  readonly neighbourAnnouncements: Rate;
  /** … of keys that have not been heard, which anybody can make up. */
  readonly strangeAnnouncements: Rate;
}

export const DEFAULT_LIMITS: RegistryLimits = {
  maxClients: 10_000,
  datagramsPerAddress: { perSecond: 50, burst: 200 },
  datagramsInAll: { perSecond: 2_000, burst: 4_000 },
  mp2DatagramsPerAddress: { perSecond: 100, burst: 1_000 },
  mp2DatagramsInAll: { perSecond: 5_000, burst: 20_000 },
  maxAddresses: 4_096,
  maxDialsPerAddress: 64,
  maxDials: 1_024,
  connectMillis: 3_000,
  nicknameMillis: 600_000,
  nicknameRestMillis: 2_000,
  maxNicknameBytes: 512,
  answerMillis: 3_000,
  attachMillis: 25_000,
  strangerMillis: 5_000,
  pushMillis: 50,
  pushBytes: 262_144,
  cookieMillis: 10_000,
  maxUsedCookies: 16_384,
  maxTlsDials: 256,
  maxTlsDialsPerAddress: 64,
  maxJoins: 2_048,
  joinMillis: 5_000,
  tlsDialMillis: 10_000,
  tlsPatienceMillis: 1_000,
  registerMillis: 10_000,
  tlsCloseMillis: 5_000,
  tlsPageBytes: 524_288,
  tlsListMillis: 5_000,
  maxSessionsPerAddress: 2_048,
  shareMillis: 1_000,
  ticketMillis: 43_200_000,
  returnMillis: 8_000,
  returnQuietMillis: 4_000,
  returnMillisAtMost: 60_000,
  absenceMillis: 60_000,
  newNamesPerAddress: { perSecond: 1, burst: 1_024 },
  sessionAttachMillis: 10_000,
  firstMessageMillis: 5_000,
  asks: { perSecond: 1, burst: 8 },
  statusMillis: 500,
  unreadMillis: 30_000,
  sealsATurn: 128,
  repairsATurn: 32,
  runMessagesATurn: 4,
  beaconMillis: 10_000,
  announceMillis: 1_000,
  maxNeighbours: 8,
  neighbourMillis: 34_000,
  neighbourAnnouncements: { perSecond: 10, burst: 50 },
  strangeAnnouncements: { perSecond: 2, burst: 20 },
};
