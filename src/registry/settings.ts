import type { Millis, Random, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { RosterKeeper } from "../roster/keeper.ts";
import type { Ledger } from "../roster/ledger.ts";
import type { Entry } from "../roster/roster.ts";
import type { AssociationId } from "../sctp/api.ts";
import type { Sign } from "../wire/mp2-announcement.ts";
import type { Realm } from "../wire/mp2-values.ts";
import type { RegistryLimits } from "./limits.ts";

/** What an admin may change while the registry runs. */
export interface RegistrySettings {
  /** Whether clients of mp1 are served: the original ones, and ours where they found no mp2. Neither has a key. */
  readonly legacy: boolean;
  /** The registry's name for humans. */
  readonly realm: Realm;
  /** What clients are told of how they are watched; the endpoint's own settings are the shell's to change. */
  readonly heartbeatMillis: Millis;
  readonly lostAfterMillis: Millis;
}

/** Who the registry is. The private key stays with whoever made this. */
export interface RegistryIdentity {
  readonly fingerprint: Fingerprint;
  /** Raw Ed25519 key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly sign: Sign;
}

/** How clients reach the registry's SCTP. One of the two ways there must be. */
export interface Reach {
  readonly sctpPort: number;
  readonly encapsulationPort?: number;
  /** SCTP directly on IP works. */
  readonly rawIp: boolean;
}

export interface RegistryOptions {
  readonly now: Millis;
  readonly random: Random;
  readonly settings: RegistrySettings;
  readonly limits?: Partial<RegistryLimits>;
  /** What the wall clock shows at a monotonic time. */
  readonly unixAt: (at: Millis) => UnixMillis;
  readonly identity: RegistryIdentity;
  readonly ledger: Ledger;
  /** Where the roster is kept over a restart. Absent: nowhere, it begins empty. */
  readonly keeper?: RosterKeeper;
  readonly reach: Reach;
}

/** One client as the admin sees it. */
export interface ClientView {
  readonly entry: Entry;
  readonly association: AssociationId | undefined;
}

/** How far the core has come with the bytes of a connection that it was given. */
export interface Progress {
  /** Messages completed by these bytes. */
  readonly messages: number;
  /** Bytes of one that is not complete yet. */
  readonly pending: number;
}

/** Why a dial-back by TLS came to nothing. "no-descriptors": for a reason of ours, this process has too many open files. */
export type TlsFailure = "refused" | "timeout" | "unreachable" | "tls" | "no-descriptors";

/** How a dial-back of mp1 ended: its machine said no at once; this process has too many open files; any other end. */
export type DialEnd = "refused" | "no-descriptors" | "ended";

/** The registry is short of something, so that it takes nobody in who is not here yet. */
export interface Strain {
  /** For those who are refused: "it is short of memory". */
  readonly text: string;
  /** When they may try again. */
  readonly retryIn: Millis;
}

/** Why the registry goes away, and when it is expected back. */
export interface Farewell {
  readonly reason: "restart" | "stop";
  readonly backIn?: Millis;
}
