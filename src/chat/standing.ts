import type { Millis, UnixMillis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { RoomName, StatusText } from "../wire/mp2-values.ts";
import type { Archiving } from "./archiving.ts";
import { Idleness } from "./idleness.ts";
import type { Membership } from "./membership.ts";
import { availability } from "./membership-changes.ts";
import type { ChatNotice, ChatSnapshot } from "./notices.ts";
import type { Rooms } from "./rooms.ts";

export interface StandingOptions {
  /** Without a key for so long the user is away; undefined: never. */
  readonly autoAwayMillis: Millis | undefined;
  readonly rooms: Rooms;
  readonly membership: Membership;
  /** Where the rooms that we are in outlive us. */
  readonly archiving: Archiving;
  readonly unixAt: (at: Millis) => UnixMillis;
  readonly tell: (notice: ChatNotice) => void;
  /** The user stands otherwise, by their own word. */
  readonly changed: (now: Millis) => void;
}

/** How the user stands: away or not, by their own word or by themselves, in which rooms, and whether to be called. */
export class Standing {
  readonly #options: StandingOptions;
  readonly #idleness: Idleness;
  /** "end": the user may be called again. */
  readonly #deadlines = new Deadlines<"quiet", "end">();
  #quietUntil: UnixMillis | undefined;

  constructor(options: StandingOptions) {
    this.#options = options;
    this.#idleness = new Idleness(options.autoAwayMillis);
  }

  /** What the snapshot has of it. */
  get shown(): Pick<ChatSnapshot, "away" | "isIdle" | "quietUntil" | "status" | "rooms"> {
    const { membership, rooms } = this.#options;
    const { away, status } = membership.availability;
    const { isIdle } = this.#idleness;
    return { away, isIdle, quietUntil: this.#quietUntil, status, rooms: rooms.own };
  }

  /** By the user's own word; `status`: what to say of oneself, undefined: nothing. */
  setStatus(now: Millis, away: boolean, status: StatusText | undefined): void {
    this.#idleness.decided();
    this.#publish(away, status);
    this.#options.changed(now);
  }

  /** In `room` from now on, and after a restart; false when in too many already. */
  join(now: Millis, room: RoomName): boolean {
    if (!this.#options.rooms.join(room)) return false;
    this.#options.archiving.put(now, { type: "joined", room });
    this.#roomsChanged(now);
    return true;
  }

  /** False when not there. */
  part(now: Millis, room: RoomName): boolean {
    if (!this.#options.rooms.part(room)) return false;
    this.#options.archiving.put(now, { type: "parted", room });
    this.#roomsChanged(now);
    return true;
  }

  /** Somebody is at a keyboard, or we begin: whoever was away by that is back. */
  active(now: Millis): void {
    if (this.#idleness.active(now)) this.#setIdle(false);
  }

  /** The user is not to be called until then; undefined: may be. */
  setQuiet(now: Millis, until: UnixMillis | undefined): void {
    const left = until === undefined ? 0 : until - this.#options.unixAt(now);
    this.#quietUntil = left > 0 ? until : undefined;
    if (left > 0) this.#deadlines.set("quiet", "end", now + left);
    else this.#deadlines.clearAll("quiet");
    this.#options.tell({ type: "quiet", until: this.#quietUntil });
  }

  nextDeadline(): Millis | undefined {
    const times = [this.#idleness.nextDeadline(), this.#deadlines.next()].filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  advance(now: Millis): void {
    if (this.#idleness.advance(now, this.#options.membership.availability.away)) this.#setIdle(true);
    if (this.#deadlines.due(now) !== undefined) this.setQuiet(now, undefined);
  }

  #roomsChanged(now: Millis): void {
    const { away, status } = this.#options.membership.availability;
    this.#publish(away, status);
    this.#options.changed(now);
  }

  #setIdle(isIdle: boolean): void {
    this.#publish(isIdle, this.#options.membership.availability.status);
    this.#options.tell({ type: "idle", isIdle });
  }

  #publish(away: boolean, status: StatusText | undefined): void {
    const { membership, rooms } = this.#options;
    membership.setAvailability(availability(away, status, rooms.own));
  }
}
