import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { RoomName, StatusText } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { AlertSettings } from "./alerts.ts";
import type { Allowances } from "./allowance.ts";
import type { FilesSettings } from "./files/files.ts";

/** What the user wants. */
export interface ChatSettings {
  readonly nickname: Nickname;
  readonly whenTaken: WhenTaken;
  /** Whether mp1, which has no keys, is spoken at all: with registries and with peers. */
  readonly legacy: boolean;
  /** The registries that the user named, as typed; none: whichever answers on this network. */
  readonly hosts: readonly string[];
  readonly away?: boolean;
  readonly status?: StatusText;
  /** What was said is kept so long; undefined: for ever. */
  readonly retentionMillis?: Millis;
  /** Whose files are taken without a question; undefined: nobody's. */
  readonly files?: FilesSettings;
  /** What one peer may have us store; undefined: {@link DEFAULT_ALLOWANCES}. */
  readonly allowances?: Allowances;
  /** Without a key for so long the user is away; undefined: never. */
  readonly autoAwayMillis?: Millis;
  /** Where to be from the start. */
  readonly rooms?: readonly RoomName[];
}

/** What to do about a nickname that somebody else holds. */
export type WhenTaken = "ask" | "suggestion" | "end";

/** A registry that the user named. */
export interface NamedRegistry {
  /** As typed, which is what its key is pinned to. */
  readonly typed: string;
  readonly host: string;
  readonly port: number;
}

/** All that a presence is made of beside its key: whoever takes it over from another program goes on with the same. */
export interface PresenceSettings {
  readonly nickname: Nickname;
  readonly whenTaken: WhenTaken;
  readonly legacy: boolean;
  /** None: whichever answers on this network. */
  readonly registries: readonly NamedRegistry[];
  /** Names of the interfaces to use; none: all that look like a LAN. */
  readonly interfaces: readonly string[];
  /** The registry's ports, where nobody says them: for mp1, and for SCTP in UDP. */
  readonly port: number;
  readonly encapsulationPort: number;
  /** Without a key for so long the user is away; undefined: never. */
  readonly autoAwayMillis: Millis | undefined;
  readonly alerts: AlertSettings;
}

/** Who we are; the key itself stays with the shell's TLS. */
export interface ChatIdentity {
  readonly fingerprint: Fingerprint;
}
