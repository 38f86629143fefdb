import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { DeliveryFailure } from "../wire/mp1-chat.ts";
import type { BlockedReason } from "../wire/mp2-discovery.ts";
import type { RefusalCode as Mp2RefusalCode } from "../wire/mp2-registration.ts";
import type { EntryKind, MessageId, OfflineReason, PresenceState, RoomName } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { AssociationEnd, Protocol } from "./events.ts";
import type { Transfer, TransferChange } from "./files/transfer.ts";
import type { PinSubject } from "./pins.ts";
import type { RestrictionLevel } from "./restrictions.ts";
import type { RoomChange } from "./rooms.ts";

/** How far a key may be believed. */
export type Trust =
  /** Pinned, because the user said so. */
  | "verified"
  /** Pinned at first use. */
  | "pinned"
  /** Has a key that nobody has proved to us yet. */
  | "new"
  /** Another key is pinned under this name: an attack, or a reinstallation. */
  | "changed"
  /** mp1: has no key. */
  | "unverified";

/** Somebody of the roster, of either protocol. */
export interface Peer {
  readonly nickname: Nickname;
  readonly address: string;
  /** P. */
  readonly port: number;
  readonly state: PresenceState;
  /** `state` is not "offline". */
  readonly online: boolean;
  /** Why not, where it is known. */
  readonly reason: OfflineReason | undefined;
  /** When an absent one was last there, since when a present one stands as it does; mp1 does not tell. */
  readonly lastSeen: UnixMillis | undefined;
  /** What it says of itself. */
  readonly status: string | undefined;
  /** Where it is, or was last. */
  readonly rooms: readonly RoomName[];
  /** Undefined: mp1. */
  readonly fingerprint: Fingerprint | undefined;
  /** "mp1": of an mp1 roster, which does not tell whose client it is. */
  readonly kind: EntryKind | "mp1";
  readonly trust: Trust;
  /** Whether the user wants to hear it. */
  readonly restriction: RestrictionLevel | undefined;
}

/** A registry where we are present. */
export interface RegistryStanding {
  readonly protocol: Protocol;
  readonly address: string;
  /** What it calls itself; undefined over mp1. */
  readonly realm: string | undefined;
  readonly fingerprint: Fingerprint | undefined;
  readonly trust: Trust;
}

/** Why a registry does not take us. */
export interface Refusal {
  readonly code: RefusalCode;
  /** Words of the registry. */
  readonly text: string;
  /** Where the one is who has the name: an address, or ADDRESS:PORT. */
  readonly holder?: string;
  readonly holderFingerprint?: Fingerprint;
  /** A name that is free. */
  readonly suggestion?: string;
  readonly retryInMillis?: Millis;
}

export type RefusalCode =
  | "nickname-taken"
  | "nickname-invalid"
  | Exclude<Mp2RefusalCode, "nick-taken" | "nick-invalid">;

/** What follows a refusal: a new name from the user, the suggested one, another try later, the name we have, or the end. */
export type RefusalNext = "ask" | "suggestion" | "retry" | "keep" | "end";

/** Why the client has ended. */
export type EndReason =
  /** We left. */
  | "left"
  /** A registry did not take us; the notice before says why. */
  | "refused"
  | "kicked"
  | "banned"
  /** Another program registered with our key. */
  | "superseded"
  /** This machine does not let it go on; the notice before says why. */
  | "failed";

/** What a person or a script is told. Texts in it come from the network as they are: whoever shows them escapes them. */
export type ChatNotice =
  | { readonly type: "searching" }
  | { readonly type: "search-failing"; readonly text: string }
  /**
   * Nothing heard for ten seconds. `unverified`: whether registries without a key (mp1) were asked, too; "pinned": not,
   * since one with a key is known, "off": not, since mp1 is switched off.
   */
  | {
      readonly type: "search-hint";
      readonly waitedMillis: Millis;
      readonly unverified: "asked" | "pinned" | "off";
    }
  /** A registry answered and could not connect to our TCP port. */
  | {
      readonly type: "blocked";
      readonly registry: string;
      readonly port: number;
      readonly reason: BlockedReason;
    }
  /** Met for the first time: its key is pinned from now on. `subject`: the host as typed, or the realm. */
  | {
      readonly type: "registry-new";
      readonly subject: string;
      readonly address: string;
      readonly fingerprint: Fingerprint;
    }
  /** Another key than the pinned one. Refused. */
  | {
      readonly type: "registry-changed";
      readonly subject: string;
      readonly address: string;
      readonly pinned: Fingerprint;
      readonly offered: Fingerprint;
    }
  /** Registered and present; `again` after a registry that was gone. */
  | {
      readonly type: "online";
      readonly nickname: Nickname;
      /** Its address. */
      readonly registry: string;
      readonly standing: RegistryStanding;
      readonly again: boolean;
    }
  /** Online under another name than before. */
  | { readonly type: "renamed"; readonly nickname: Nickname; readonly before: Nickname }
  | {
      readonly type: "refused";
      readonly nickname: Nickname;
      readonly refusal: Refusal;
      readonly next: RefusalNext;
    }
  /** It said that it goes, and comes back. */
  | {
      readonly type: "registry-away";
      readonly registry: string;
      readonly reason: "restart" | "stop" | "other";
      readonly backInMillis: Millis | undefined;
    }
  /**
   * Beside ours there is another one on this network, whose people we do not see. Told once; nobody has proved more than that
   * there is such a key.
   */
  | {
      readonly type: "other-registry";
      /** Ours. */
      readonly registry: string;
      readonly address: string;
      readonly realm: string;
      readonly fingerprint: Fingerprint;
    }
  | { readonly type: "registry-lost"; readonly registry: string; readonly how: AssociationEnd }
  /** Registered, but no association. */
  | { readonly type: "presence-failed"; readonly registry: string }
  | {
      readonly type: "presence";
      readonly online: readonly Nickname[];
      readonly offline: readonly Nickname[];
    }
  /** The roster or a connection shows another key than the pinned one: nothing goes there, nothing is taken. */
  | {
      readonly type: "peer-changed";
      readonly nickname: Nickname;
      readonly address: string;
      readonly pinned: Fingerprint;
      /** Undefined: no key at all, mp1. */
      readonly offered: Fingerprint | undefined;
      /** Who says so: the registry's roster only, or the peer by proving it. */
      readonly proved: boolean;
    }
  /** The user does not want to hear those, or, with undefined, does again. */
  | {
      readonly type: "restricted";
      readonly name: string;
      /** Undefined: by name, whoever has no key. */
      readonly fingerprint: Fingerprint | undefined;
      readonly level: RestrictionLevel | undefined;
    }
  /** The user trusts a key under that name from now on, or has made the name unknown again. */
  | {
      readonly type: "trust";
      readonly change: "accepted" | "forgotten";
      readonly subject: PinSubject;
      readonly fingerprint: Fingerprint;
    }
  /**
   * Somebody has sent more than is stored of one peer in a day: messages wait there, and files are asked about that would be
   * taken without a question. `from`: a nickname, or the address of one who has no key. At most once an hour each.
   */
  | { readonly type: "over-allowance"; readonly from: string; readonly of: "messages" | "files" }
  /** Something of what the snapshot shows of others, or of us, is another one; several changes are told together. */
  | { readonly type: "roster" }
  /** We are away by ourselves, or back. */
  | { readonly type: "idle"; readonly isIdle: boolean }
  /** Nobody is to be called until then; undefined: may be again. */
  | { readonly type: "quiet"; readonly until: UnixMillis | undefined }
  /** Others came to a room that we are in, or left it. */
  | { readonly type: "room"; readonly change: RoomChange }
  /** `stored`: its place in the archive, and when it came there; undefined: it is not in it. */
  | { readonly type: "received"; readonly message: ReceivedMessage; readonly stored?: StoredAt | undefined }
  /** The other machine has it. */
  | {
      readonly type: "delivered";
      readonly messageId: MessageId;
      readonly to: string;
      readonly text: string;
    }
  /** The other person has seen it; after "delivered". */
  | { readonly type: "read"; readonly messageId: MessageId; readonly to: string; readonly text: string }
  /** It has not arrived, is kept, and goes out by itself when it can. Told again when the reason is another one. */
  | {
      readonly type: "waiting";
      readonly messageId: MessageId;
      readonly to: string;
      readonly text: string;
      readonly why: WaitingReason;
      /** Where it was tried, if it was. */
      readonly destination: Destination | undefined;
    }
  | { readonly type: "undelivered"; readonly message: UndeliveredMessage }
  /** All who were in the room have it. */
  | {
      readonly type: "room-delivered";
      readonly messageId: MessageId;
      readonly room: RoomName;
      readonly text: string;
      readonly reached: readonly Nickname[];
    }
  /** Not said at all or, with "not-reached", not to those who `missed` it. */
  | {
      readonly type: "room-undelivered";
      readonly messageId: MessageId;
      readonly room: RoomName;
      readonly text: string;
      readonly why: RoomUndeliveredReason;
      readonly missed: readonly Nickname[];
    }
  /** Of one file: as it is now, and what has just happened to it. "progress" at most some times a second. */
  | { readonly type: "file"; readonly transfer: Transfer; readonly change: TransferChange }
  | { readonly type: "typing"; readonly from: Nickname; readonly active: boolean }
  /** The last notice. `text`: what the admin said. */
  | { readonly type: "ended"; readonly reason: EndReason; readonly text: string | undefined };

export interface StoredAt {
  readonly seq: number;
  readonly at: UnixMillis;
}

export interface ReceivedMessage {
  readonly from: Nickname;
  readonly address: string;
  readonly text: string;
  /**
   * "verified", "pinned", "new" (this is the first contact): the key is proved. "unverified": mp1 has no keys.
   * "mismatch": mp1, and the address is not the one that the roster has for the name, or that name has a key.
   */
  readonly standing: "verified" | "pinned" | "new" | "unverified" | "mismatch";
  /** For `markRead`; undefined over mp1. */
  readonly messageId: MessageId | undefined;
  /** When it was written, by the sender's clock; undefined over mp1. */
  readonly time: UnixMillis | undefined;
  readonly fingerprint: Fingerprint | undefined;
  /** The message that it answers. */
  readonly reply?: MessageId;
  /** Said to everybody there; undefined: to us alone. */
  readonly room?: RoomName;
}

export interface UndeliveredMessage {
  readonly messageId: MessageId;
  readonly to: string;
  readonly text: string;
  readonly why: UndeliveredReason;
  /** Where it was tried, if it was: the TCP port is in it. */
  readonly destination: Destination | undefined;
  /** Of a long text sent in parts (mp1), those that arrived. */
  readonly partsDelivered: number;
  readonly parts: number;
  /** True when the peer may have got what failed. */
  readonly uncertain: boolean;
  /** It had time to wait for the peer, and that is over or of no use any more. */
  readonly waited: boolean;
}

export type UndeliveredReason =
  | DeliveryFailure
  | "unknown-name"
  | "empty"
  /** More than an mp2 message holds. */
  | "too-long"
  | "queue-full"
  /** Listed, but not online for as long as we waited. */
  | "never-online"
  /** Was online, and gone before it could be sent. */
  | "offline"
  /** mp1, which is switched off here. */
  | "legacy-off"
  /** Another key is pinned under this name. */
  | "key-changed"
  /** We do not want to hear them. */
  | "blocked-here"
  /** Whoever answered there could not prove the roster's key. */
  | "wrong-key"
  /** The peer does not trust our key: it has another one pinned under our name. */
  | "not-trusted-there"
  /** The peer's roster does not have us. */
  | "not-known-there"
  /** The peer has too many connections. */
  | "busy-there"
  /** It takes no more of us today. */
  | "quota-there"
  /** We left before it was confirmed. */
  | "left";

/**
 * Why a message waits. "offline": for its peer to come online; "key-changed", "not-trusted-there": until a key is
 * accepted, here or there; "blocked-here": until it is not any more; "left": we leave, and the next program of the user goes on; others: the last attempt failed.
 */
export type WaitingReason = UndeliveredReason;

export type RoomUndeliveredReason =
  | "not-in-room"
  | "nobody-there"
  | "not-reached"
  | Extract<UndeliveredReason, "empty" | "too-long" | "queue-full">;

/** Where a message goes. */
export interface Destination {
  readonly address: string;
  /** The TCP port that was tried. */
  readonly port: number;
}

export interface ChatSnapshot {
  readonly nickname: Nickname;
  /** The registry we are present at, undefined when there is none at the moment. */
  readonly registry: RegistryStanding | undefined;
  /** Since when there is none, on the clock of `now`. */
  readonly registryLostAt: Millis | undefined;
  readonly away: boolean;
  /** Away by itself, since nobody has pressed a key: the next one ends it. */
  readonly isIdle: boolean;
  /** The user is not to be called until then; undefined: may be. */
  readonly quietUntil: UnixMillis | undefined;
  readonly status: string | undefined;
  /** Where we are. */
  readonly rooms: readonly RoomName[];
  /** Online first, then by name. */
  readonly roster: readonly Peer[];
}
