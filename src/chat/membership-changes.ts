import type { Millis, Random } from "../base/clock.ts";
import type { Mirror } from "../roster/mirror.ts";
import type { RosterItem } from "../wire/mp1-roster.ts";
import type { Availability } from "../wire/mp2-registration.ts";
import type { RoomName } from "../wire/mp2-values.ts";
import type { ChatOutput, Protocol } from "./events.ts";
import type { RegistryStanding } from "./notices.ts";
import type { ChatSettings } from "./settings.ts";
import type { Trusted } from "./trust.ts";

/** What the rest of the core learns from here. */
export type MembershipChange =
  /** By mp1; mp2's is in the mirror. */
  | { readonly type: "roster"; readonly items: readonly RosterItem[] }
  /** The roster of this protocol is the one that counts. */
  | { readonly type: "follow"; readonly protocol: Protocol }
  | { readonly type: "online"; readonly again: boolean }
  | { readonly type: "lost" }
  /** For good. */
  | { readonly type: "ended" };

export interface MembershipOptions {
  readonly settings: ChatSettings;
  readonly random: Random;
  readonly trusted: Trusted;
  readonly mirror: Mirror;
  readonly emit: (output: ChatOutput) => void;
  readonly changed: (now: Millis, change: MembershipChange) => void;
}

export function availability(
  away: boolean,
  status: Availability["status"],
  rooms: readonly RoomName[],
): Availability {
  return { away, ...(status !== undefined && { status }), ...(rooms.length > 0 && { rooms }) };
}

/** Of a registry without a key. */
export function keylessStanding(address: string | undefined): RegistryStanding | undefined {
  if (address === undefined) return undefined;
  return { protocol: "mp1", address, realm: undefined, fingerprint: undefined, trust: "unverified" };
}
