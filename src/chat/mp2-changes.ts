import type { Millis } from "../base/clock.ts";
import type { BlockedReason } from "../wire/mp2-discovery.ts";
import type { Refused } from "../wire/mp2-registration.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { AssociationEnd } from "./events.ts";
import type { EndReason, RegistryStanding } from "./notices.ts";

/** What the registry said of its going away. */
export interface Away {
  readonly reason: "restart" | "stop" | "other";
  readonly backInMillis: Millis | undefined;
}

export type Mp2Change =
  /** A registry of mp2 is here. */
  | { readonly type: "answered" }
  | {
      readonly type: "blocked";
      readonly registry: string;
      readonly port: number;
      readonly reason: BlockedReason;
    }
  /** Said for the user. */
  | { readonly type: "failing"; readonly text: string }
  | { readonly type: "refused"; readonly nickname: Nickname; readonly refused: Refused }
  /** The search is over; presence follows. */
  | { readonly type: "registered"; readonly nickname: Nickname }
  | {
      readonly type: "online";
      readonly standing: RegistryStanding;
      readonly nickname: Nickname;
      /** The name of the session that this one replaces. */
      readonly renamedFrom: Nickname | undefined;
    }
  | { readonly type: "presence-failed"; readonly registry: string }
  /** `away`: it said so, and comes back. */
  | {
      readonly type: "lost";
      readonly registry: string;
      readonly how: AssociationEnd;
      readonly away: Away | undefined;
    }
  /** For good. */
  | {
      readonly type: "ended";
      readonly reason: Extract<EndReason, "kicked" | "banned" | "superseded">;
      readonly text: string | undefined;
    };
