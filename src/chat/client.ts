import type { Millis, Random, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { ChatMessage } from "../wire/mp1-chat.ts";
import type { MessageId, RoomName, StatusText } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { KeptState } from "./archive.ts";
import { Archiving } from "./archiving.ts";
import { Correspondence } from "./correspondence.ts";
import type { ChatEvent, ChatOutput, Progress } from "./events.ts";
import type { IncomingStream } from "./files/requests.ts";
import type { Transfer, TransferAction } from "./files/transfer.ts";
import { Membership } from "./membership.ts";
import type { MembershipChange } from "./membership-changes.ts";
import type { ChatNotice, ChatSnapshot } from "./notices.ts";
import type { PinSubject, Pins } from "./pins.ts";
import type { Restricted, RestrictionLevel } from "./restrictions.ts";
import { RosterWatch } from "./roster-watch.ts";
import type { SendOptions } from "./session.ts";
import type { ChatIdentity, ChatSettings } from "./settings.ts";
import { Standing } from "./standing.ts";
import { Trusted } from "./trust.ts";

export interface ChatClientOptions {
  readonly settings: ChatSettings;
  readonly random: Random;
  /** The wall clock at a time of `now`. */
  readonly unixAt: (at: Millis) => UnixMillis;
  readonly identity: ChatIdentity;
  readonly pins: Pins;
  /** What the last process left. */
  readonly kept: KeptState;
  /** What is archived outlives this process. */
  readonly isLasting: boolean;
}

/**
 * The chat client without a face and without I/O: commands and network events go in, what to do and what to tell
 * comes out.
 *
 * Contract of use: after any call drain {@link ChatClient.poll}; `nextDeadline` says when to call `advance` next.
 */
export class ChatClient {
  readonly #outputs: ChatOutput[] = [];
  readonly #trusted: Trusted;
  readonly #roster: RosterWatch;
  readonly #membership: Membership;
  readonly #correspondence: Correspondence;
  readonly #archiving: Archiving;
  readonly #standing: Standing;

  constructor({ settings, random, unixAt, identity, pins, kept, isLasting }: ChatClientOptions) {
    const emit = (output: ChatOutput): void => {
      this.#outputs.push(output);
    };
    const tell = (notice: ChatNotice): void => emit({ type: "notice", notice });
    const own = identity.fingerprint;
    const trusted = new Trusted({ pins, unixAt, emit });
    this.#trusted = trusted;
    this.#roster = new RosterWatch({
      ...{ own, trusted, tell },
      rooms: [...(settings.rooms ?? []), ...kept.rooms],
      settled: (now) => this.#correspondence.rosterSettled(now),
    });
    const { peers, rooms, mirror } = this.#roster;
    const membership = new Membership({
      settings: { ...settings, rooms: rooms.own },
      ...{ random, trusted, mirror, emit },
      changed: (now, change) => this.#membershipChanged(now, change),
    });
    this.#membership = membership;
    const archiving = new Archiving({ unixAt, retentionMillis: settings.retentionMillis, emit });
    this.#archiving = archiving;
    this.#correspondence = new Correspondence({
      ...{ settings, own, random, unixAt, peers, rooms, trusted, archiving, kept, isLasting, emit },
      nickname: () => membership.nickname,
    });
    this.#standing = new Standing({
      ...{ autoAwayMillis: settings.autoAwayMillis, unixAt, rooms, membership, archiving, tell },
      changed: (now) => this.#roster.snapshotChanged(now),
    });
  }

  start(now: Millis): void {
    this.#standing.active(now);
    this.#correspondence.restore(now);
    this.#membership.start(now);
  }

  /**
   * Sends to a nickname, ADDRESS:PORT or #ROOM; "delivered" or "undelivered" with the returned id follows. `id`: chosen by
   * whoever asks from another process.
   */
  send(now: Millis, to: string, text: string, options: SendOptions = {}, id?: MessageId): MessageId {
    return this.#correspondence.send(now, to, text, options, id);
  }

  /**
   * Another nickname, after a refusal that asks for one or while online; "online", "renamed" or "refused" follows. False
   * where it cannot be changed now: over mp1, and when we have ended.
   */
  rename(now: Millis, nickname: Nickname): boolean {
    return this.#membership.rename(now, nickname);
  }

  /** Away or back, by the user's own word, and what to say of oneself; undefined: nothing. */
  setStatus(now: Millis, away: boolean, status: StatusText | undefined): void {
    this.#standing.setStatus(now, away, status);
  }

  /** Somebody is at a keyboard: whoever was away by that is back. */
  active(now: Millis): void {
    this.#standing.active(now);
  }

  /** The user is not to be called until then; undefined: may be. */
  setQuiet(now: Millis, until: UnixMillis | undefined): void {
    this.#standing.setQuiet(now, until);
  }

  /** We are in `room` from now on, and after a restart, until we leave it; false when we are in too many already. */
  join(now: Millis, room: RoomName): boolean {
    return this.#standing.join(now, room);
  }

  /** We are not in `room` any more; false when we were not. */
  part(now: Millis, room: RoomName): boolean {
    return this.#standing.part(now, room);
  }

  /** Offers the file to a nickname; notices "file" with that id follow. `id`: chosen by whoever asks from elsewhere. */
  sendFile(now: Millis, to: string, path: string, id?: MessageId): MessageId {
    return this.#correspondence.files.send(now, to, path, id);
  }

  /** False where that cannot be done with it. */
  changeFile(now: Millis, id: MessageId, action: TransferAction): boolean {
    return this.#correspondence.files.change(now, id, action);
  }

  get files(): readonly Transfer[] {
    return this.#correspondence.files.list();
  }

  /** Whether whoever has that key may connect to bring a file. */
  expectsFile(fingerprint: Fingerprint): boolean {
    return this.#correspondence.files.expects(fingerprint);
  }

  /** Whether a message by mp1 from there is to be confirmed, and so stored; it counts if it is. */
  takesLegacy(now: Millis, address: string, message: ChatMessage): boolean {
    return this.#correspondence.takesLegacy(now, address, message);
  }

  /** A connection has brought the first words of a file; undefined: it is not to come. */
  fileArrives(now: Millis, from: Fingerprint, id: MessageId, offset: number): IncomingStream | undefined {
    return this.#correspondence.files.arrive(now, from, id, offset);
  }

  /** The user has seen these of `from`'s messages. */
  markRead(now: Millis, from: string, messageIds: readonly MessageId[]): void {
    this.#correspondence.markRead(now, from, messageIds);
  }

  /** The user is writing to `to`, or has stopped; to be repeated every few seconds while it goes on. */
  typing(_now: Millis, to: string, active: boolean): void {
    this.#correspondence.typing(to, active);
  }

  /**
   * The user trusts a key under that name: this one, or the one that was refused last. Returns which; undefined when
   * there is none to accept. A "pin" output follows.
   */
  accept(now: Millis, subject: PinSubject, fingerprint?: Fingerprint): Fingerprint | undefined {
    const accepted = this.#trusted.accept(now, subject, fingerprint);
    this.#trustChanged(now);
    return accepted;
  }

  /** The name is unknown again; false when it was. A "pin" output follows. */
  forget(now: Millis, subject: PinSubject): boolean {
    const was = this.#trusted.forget(subject);
    this.#trustChanged(now);
    return was;
  }

  /** The user does not want to hear those or, with undefined, does again; "restricted" follows if that is news. */
  restrict(now: Millis, who: Restricted, level: RestrictionLevel | undefined): void {
    if (this.#trusted.restrict(now, who, level)) this.#trustChanged(now);
  }

  /** Leaves in good order; "ended" follows within a second. */
  leave(now: Millis): void {
    this.#finish(now);
    this.#membership.leave(now);
  }

  handle(now: Millis, event: ChatEvent): void {
    this.#roster.begin(now);
    switch (event.type) {
      case "archived":
      case "archive-failed":
        this.#archiving.handle(now, event);
        this.#correspondence.acknowledge(now);
        break;
      case "message":
      case "transmitted":
      case "file":
      case "tls-failed":
        this.#correspondence.handle(now, event);
        break;
      case "pins":
        this.#trusted.replace(event.pins);
        this.#trustChanged(now);
        break;
      case "tls-ended":
      case "tls-closed":
        if (this.#membership.connections.owns(event.connection)) this.#membership.handle(now, event);
        else this.#correspondence.handle(now, event);
        break;
      case "tls-opened":
        if (event.protocol === "mp2-chat") this.#correspondence.handle(now, event);
        else this.#membership.handle(now, event);
        break;
      default:
        this.#membership.handle(now, event);
    }
    this.#afterRoster(now);
  }

  /** Bytes of a TLS connection that has opened. */
  received(now: Millis, connection: number, bytes: Uint8Array): Progress {
    this.#roster.begin(now);
    const part = this.#membership.connections.owns(connection)
      ? this.#membership.connections
      : this.#correspondence;
    const progress = part.received(now, connection, bytes);
    this.#afterRoster(now);
    return progress;
  }

  advance(now: Millis): void {
    this.#roster.begin(now);
    this.#membership.advance(now);
    this.#correspondence.advance(now);
    this.#archiving.advance(now);
    this.#standing.advance(now);
    this.#roster.advance(now);
    this.#afterRoster(now);
  }

  nextDeadline(): Millis | undefined {
    const parts = [this.#membership, this.#correspondence, this.#archiving, this.#standing, this.#roster];
    const next = Math.min(...parts.map((part) => part.nextDeadline() ?? Infinity));
    return next === Infinity ? undefined : next;
  }

  poll(): ChatOutput | undefined {
    return this.#outputs.shift();
  }

  snapshot(): ChatSnapshot {
    const { nickname, registry } = this.#membership;
    const { registryLostAt, peers } = this.#roster;
    return { nickname, registry, registryLostAt, ...this.#standing.shown, roster: peers.list() };
  }

  /** Messages on their way. */
  get pending(): number {
    return this.#correspondence.pending;
  }

  #membershipChanged(now: Millis, change: MembershipChange): void {
    if (change.type === "ended") {
      this.#finish(now);
      return;
    }
    if (change.type === "online" && !change.again) this.#archiving.start(now);
    this.#roster.membershipChanged(now, change);
  }

  /** The archive last: it has to store what became of the rest. */
  #finish(now: Millis): void {
    this.#correspondence.leave(now);
    this.#archiving.leave(now);
  }

  #afterRoster(now: Millis): void {
    if (!this.#roster.takeChange()) return;
    this.#correspondence.rosterChanged(now);
    // Before we are online the notice of it brings the list.
    if (this.#membership.registry !== undefined) this.#roster.peersChanged(now);
  }

  #trustChanged(now: Millis): void {
    this.#correspondence.trustChanged(now);
    this.#roster.snapshotChanged(now);
  }
}
