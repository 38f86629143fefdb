import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { MessageId, RoomName, StatusText } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { Attention } from "./alerts.ts";
import type { Transfer, TransferAction } from "./files/transfer.ts";
import type { ChatNotice, ChatSnapshot } from "./notices.ts";
import type { PinSubject, Pins } from "./pins.ts";
import type { Restricted, RestrictionLevel } from "./restrictions.ts";

/** What a face is told: by the core, or by the system that it runs on. */
export type SessionNotice =
  | ChatNotice
  | { readonly type: "trouble"; readonly text: string }
  /** To one face alone: it is to ring. */
  | { readonly type: "ring"; readonly from: string }
  /** The program that held the presence has ended, and another one holds it: this one, or not. */
  | { readonly type: "presence-moved"; readonly here: boolean };

/** How a message is sent. */
export interface SendOptions {
  /**
   * Given up after so long, if its peer does not come online and confirm; 0: it is tried once, now. Undefined: it is kept
   * until it has arrived, for a month at most; to ADDRESS:PORT it is tried once.
   */
  readonly waitMillis?: Millis;
  /** The message that it answers. */
  readonly reply?: MessageId;
}

/** The user's presence as faces and scripts see it, whichever process holds it. */
export interface ChatSession {
  readonly snapshot: ChatSnapshot;
  readonly pins: Pins;
  /** Of the user's own key. */
  readonly fingerprint: Fingerprint;
  /** Messages on their way. */
  readonly pending: number;
  /** Returns what ends it. */
  onNotice(listener: (notice: SessionNotice) => void): () => void;
  start(): void;
  /** Sends to a nickname or ADDRESS:PORT; a notice with the returned id follows, never before this returns. */
  send(to: string, text: string, options?: SendOptions): MessageId;
  /** False where the name cannot be changed now; else a notice follows. */
  rename(nickname: Nickname): boolean;
  /** Away or back, and what to say of oneself; undefined: nothing. */
  setStatus(away: boolean, status: StatusText | undefined): void;
  /** In `room` from now on; false when in too many already. */
  join(room: RoomName): boolean;
  /** Not in `room` any more; false when not there. */
  part(room: RoomName): boolean;
  /** Files that are under way, and the last that were, in the order in which they began. */
  readonly files: readonly Transfer[];
  /**
   * Offers the file at the absolute `path` to a nickname; notices with the returned id follow, never before this returns.
   * Whoever holds the presence opens the file, as the same user.
   */
  sendFile(to: string, path: string): MessageId;
  /** A notice follows where it can be done. */
  changeFile(id: MessageId, action: TransferAction): void;
  /** The user has seen these of `from`'s messages, or of those in #ROOM. */
  markRead(from: string, messageIds: readonly MessageId[]): void;
  /** The user is writing to `to`, or has stopped. */
  typing(to: string, active: boolean): void;
  /** What a face has on its screen, and whether a key was pressed there; to be told at each key. */
  attend(attention: Attention): void;
  /** No bell and no notification until then; undefined: again. */
  setQuiet(until: UnixMillis | undefined): void;
  /** The user trusts that key under that name from now on. */
  accept(subject: PinSubject, fingerprint: Fingerprint): void;
  /** The name is unknown again. */
  forget(subject: PinSubject): void;
  /** The user does not want to hear those or, with undefined, does again; a notice follows if that is news. */
  restrict(who: Restricted, level: RestrictionLevel | undefined): void;
  /** Leaves in good order; the notice "ended" follows within a second. */
  leave(): void;
}

/** Who holds the presence: of every version the same. */
export interface HolderReport {
  readonly pid: number;
  readonly version: string;
  readonly nickname: string;
  readonly fingerprint: string;
  readonly registry: string | undefined;
  readonly realm: string | undefined;
  readonly away: boolean;
  /** Programs that are attached. */
  readonly attached: number;
  /** Messages on their way. */
  readonly pending: number;
}
