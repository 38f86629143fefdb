import type { Millis } from "../base/clock.ts";
import type { ChatMessage, DeliveryFailure, DeliveryOutcome } from "../wire/mp1-chat.ts";
import type { Refusal, RosterItem } from "../wire/mp1-roster.ts";
import type { Nickname } from "../wire/nickname.ts";

/** What the network brings to the chat core. Connections and associations are named by numbers of their maker. */
export type ChatEvent =
  /** The hello went out, to these addresses; "any" by multicast. */
  | { readonly type: "hello-sent"; readonly to: readonly string[] | "any" }
  | { readonly type: "hello-failed"; readonly text: string }
  | { readonly type: "dialed-back"; readonly connection: number; readonly address: string }
  /** All that the registry answered, up to its end. */
  | { readonly type: "dial-back-answer"; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly type: "dial-back-failed"; readonly connection: number }
  | { readonly type: "association-up"; readonly association: number }
  | { readonly type: "association-message"; readonly association: number; readonly bytes: Uint8Array }
  | { readonly type: "association-ended"; readonly association: number; readonly how: AssociationEnd }
  | { readonly type: "message"; readonly address: string; readonly message: ChatMessage }
  | { readonly type: "transmitted"; readonly transmission: number; readonly outcome: DeliveryOutcome };

export type AssociationEnd = "closed" | "lost" | "aborted" | "unreachable";

/** What the chat core wants done. */
export type ChatOutput =
  | { readonly type: "hello"; readonly bytes: Uint8Array }
  /** Write, then read the answer to its end. */
  | { readonly type: "answer-dial-back"; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly type: "close-dial-back"; readonly connection: number }
  | { readonly type: "associate"; readonly association: number; readonly address: string }
  | { readonly type: "association-send"; readonly association: number; readonly bytes: Uint8Array }
  /** By SHUTDOWN. */
  | { readonly type: "dissociate"; readonly association: number }
  /** By ABORT. */
  | { readonly type: "abandon"; readonly association: number }
  /** One connection, one message. */
  | {
      readonly type: "transmit";
      readonly transmission: number;
      readonly address: string;
      readonly port: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "notice"; readonly notice: ChatNotice };

/** What a person or a script is told. Texts in it come from the network as they are: whoever shows them escapes them. */
export type ChatNotice =
  | { readonly type: "searching" }
  | { readonly type: "search-failing"; readonly text: string }
  /** Nothing heard for ten seconds. */
  | { readonly type: "search-hint"; readonly waitedMillis: Millis }
  /** Registered and present; `again` after a registry that was gone. */
  | {
      readonly type: "online";
      readonly nickname: Nickname;
      readonly registry: string;
      readonly again: boolean;
    }
  | {
      readonly type: "refused";
      readonly nickname: Nickname;
      readonly refusal: Refusal;
      readonly next: RefusalNext;
    }
  | { readonly type: "registry-lost"; readonly registry: string; readonly how: AssociationEnd }
  /** Registered, but no association. */
  | { readonly type: "presence-failed"; readonly registry: string }
  | {
      readonly type: "presence";
      readonly online: readonly Nickname[];
      readonly offline: readonly Nickname[];
    }
  | { readonly type: "received"; readonly message: ReceivedMessage }
  | { readonly type: "delivered"; readonly id: number; readonly to: string; readonly text: string }
  | { readonly type: "undelivered"; readonly message: UndeliveredMessage }
  /** The last notice after `leave`, or after a refusal that ends everything. */
  | { readonly type: "ended" };

/** What follows a refusal: a new name from the user, the suggested one, another try later, or the end. */
export type RefusalNext = "ask" | "suggestion" | "retry" | "end";

export interface ReceivedMessage {
  readonly from: Nickname;
  readonly address: string;
  readonly text: string;
  /** "unverified": mp1 has no keys. "mismatch": the address is not the one that the roster has for the name. */
  readonly standing: "unverified" | "mismatch";
}

export interface UndeliveredMessage {
  readonly id: number;
  readonly to: string;
  readonly text: string;
  readonly why: UndeliveredReason;
  /** Where it was tried, if it was. */
  readonly destination: Destination | undefined;
  /** Of a long text sent in parts, those that arrived. */
  readonly partsDelivered: number;
  readonly parts: number;
  /** True when the peer may have got the part that failed. */
  readonly uncertain: boolean;
  /** It had time to wait for the peer, and that is over or of no use any more. */
  readonly waited: boolean;
}

export type UndeliveredReason =
  | DeliveryFailure
  | "unknown-name"
  | "empty"
  | "queue-full"
  /** Listed, but not online for as long as we waited. */
  | "never-online"
  /** Was online, and gone before it could be sent. */
  | "offline";

/** Where a message goes: the peer's address and its P (it listens on P + 1). */
export interface Destination {
  readonly address: string;
  readonly port: number;
}

export interface ChatSnapshot {
  readonly nickname: Nickname;
  /** The registry we are present at, undefined when there is none at the moment. */
  readonly registry: string | undefined;
  /** Since when there is none, on the clock of `now`. */
  readonly registryLostAt: Millis | undefined;
  /** Online first, then by name. */
  readonly roster: readonly RosterItem[];
}
