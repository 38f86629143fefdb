import type { Millis } from "../base/clock.ts";
import type { Rate } from "../base/tokens.ts";

/** Every bound of the registry core and why it is what it is. */
export interface RegistryLimits {
  /** Entries in all, online and offline. */
  readonly maxClients: number;
  /** Datagrams taken from one source address: 30 clients on one host may all start at once and repeat themselves. */
  readonly datagramsPerAddress: Rate;
  /** Datagrams taken in all: a thousand clients that come back within two seconds must get through. */
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

export const DEFAULT_LIMITS: RegistryLimits = {
  maxClients: 10_000,
  datagramsPerAddress: { perSecond: 50, burst: 200 },
  datagramsInAll: { perSecond: 2_000, burst: 4_000 },
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
};
