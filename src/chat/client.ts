import type { Millis, Random, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { Listed } from "../roster/listed.ts";
import { Mirror } from "../roster/mirror.ts";
import type { ChatMessage } from "../wire/mp1-chat.ts";
import {
  drawMessageId,
  MAX_ROOMS,
  type MessageId,
  type RoomName,
  type StatusText,
} from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { KeptState } from "./archive.ts";
import { Archiving } from "./archiving.ts";
import { Correspondence } from "./correspondence.ts";
import type { ChatEvent, ChatOutput, Progress } from "./events.ts";
import type { IncomingStream } from "./files/requests.ts";
import type { Transfer, TransferAction } from "./files/transfer.ts";
import { KnownPeers } from "./known-peers.ts";
import { Membership } from "./membership.ts";
import type { MembershipChange } from "./membership-changes.ts";
import type { ChatSnapshot } from "./notices.ts";
import type { PinSubject, Pins } from "./pins.ts";
import { PresenceNews } from "./presence-news.ts";
import type { Restricted, RestrictionLevel } from "./restrictions.ts";
import { Rooms } from "./rooms.ts";
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
  readonly #random: Random;
  readonly #trusted: Trusted;
  readonly #peers: KnownPeers;
  readonly #membership: Membership;
  readonly #correspondence: Correspondence;
  readonly #archiving: Archiving;
  readonly #rooms: Rooms;
  readonly #standing: Standing;
  readonly #news: PresenceNews;
  #registryLostAt: Millis | undefined;
  /** Entries of the mirror have changed within the call that is under way. */
  #isRosterChanged = false;
  /** Of that call. */
  #now: Millis = 0;

  constructor({ settings, random, unixAt, identity, pins, kept, isLasting }: ChatClientOptions) {
    const emit = (output: ChatOutput): void => {
      this.#outputs.push(output);
    };
    this.#random = random;
    const own = identity.fingerprint;
    this.#trusted = new Trusted({ pins, unixAt, emit });
    const peers = new KnownPeers({ own, judge: this.#trusted.judgePeer });
    this.#peers = peers;
    const mirror = new Mirror({ changed: (before, after) => this.#entryChanged(before, after) });
    const changed = (now: Millis, change: MembershipChange): void => this.#changed(now, change);
    const trusted = this.#trusted;
    const rooms = [...new Set([...(settings.rooms ?? []), ...kept.rooms])].slice(0, MAX_ROOMS);
    this.#membership = new Membership({
      settings: { ...settings, rooms },
      ...{ random, trusted, mirror, emit, changed },
    });
    this.#archiving = new Archiving({ unixAt, retentionMillis: settings.retentionMillis, emit });
    this.#rooms = new Rooms(peers, rooms);
    this.#correspondence = new Correspondence({
      ...{ settings, own, random, unixAt, peers, rooms: this.#rooms, trusted, kept, isLasting, emit },
      archiving: this.#archiving,
      nickname: () => this.#membership.nickname,
    });
    this.#standing = new Standing({
      ...{
        autoAwayMillis: settings.autoAwayMillis,
        unixAt,
        rooms: this.#rooms,
        membership: this.#membership,
      },
      tell: (notice) => emit({ type: "notice", notice }),
    });
    this.#news = new PresenceNews({
      ...{ peers, rooms: this.#rooms },
      tell: (notice) => emit({ type: "notice", notice }),
      settled: (now) => this.#correspondence.rosterSettled(now),
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
  send(
    now: Millis,
    to: string,
    text: string,
    options: SendOptions = {},
    id = drawMessageId(this.#random),
  ): MessageId {
    this.#correspondence.send(now, id, to, text, options);
    return id;
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
    this.#standing.setStatus(away, status);
    this.#news.rosterChanged(now);
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
    if (!this.#rooms.join(room)) return false;
    this.#archiving.put(now, { type: "joined", room });
    this.#tellRooms(now);
    return true;
  }

  /** We are not in `room` any more; false when we were not. */
  part(now: Millis, room: RoomName): boolean {
    const was = this.#rooms.part(room);
    if (!was) return false;
    this.#archiving.put(now, { type: "parted", room });
    this.#tellRooms(now);
    return true;
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
    this.#now = now;
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
    this.#now = now;
    const part = this.#membership.connections.owns(connection)
      ? this.#membership.connections
      : this.#correspondence;
    const progress = part.received(now, connection, bytes);
    this.#afterRoster(now);
    return progress;
  }

  advance(now: Millis): void {
    this.#now = now;
    this.#membership.advance(now);
    this.#correspondence.advance(now);
    this.#archiving.advance(now);
    this.#standing.advance(now);
    this.#news.advance(now);
    this.#afterRoster(now);
  }

  nextDeadline(): Millis | undefined {
    const parts = [this.#membership, this.#correspondence, this.#archiving, this.#standing, this.#news];
    const next = Math.min(...parts.map((part) => part.nextDeadline() ?? Infinity));
    return next === Infinity ? undefined : next;
  }

  poll(): ChatOutput | undefined {
    return this.#outputs.shift();
  }

  snapshot(): ChatSnapshot {
    const { nickname, registry, availability: present } = this.#membership;
    return {
      nickname,
      registry,
      registryLostAt: this.#registryLostAt,
      away: present.away,
      isIdle: this.#standing.isIdle,
      quietUntil: this.#standing.quietUntil,
      status: present.status,
      rooms: this.#rooms.own,
      roster: this.#peers.list(),
    };
  }

  /** Messages on their way. */
  get pending(): number {
    return this.#correspondence.pending;
  }

  #tellRooms(now: Millis): void {
    this.#news.rosterChanged(now);
    this.#standing.roomsChanged();
  }

  #changed(now: Millis, change: MembershipChange): void {
    switch (change.type) {
      case "follow":
        this.#peers.follow(change.protocol);
        return;
      case "roster":
        this.#peers.replace(change.items);
        this.#isRosterChanged = true;
        return;
      case "online":
        this.#registryLostAt = undefined;
        if (!change.again) this.#archiving.start(now);
        if (change.again) this.#news.beginAgain(now);
        else this.#news.begin();
        return;
      case "ended":
        this.#finish(now);
        return;
      case "lost":
        this.#registryLostAt = now;
        this.#news.lost();
    }
  }

  /** The archive last: it has to store what became of the rest. */
  #finish(now: Millis): void {
    this.#correspondence.leave(now);
    this.#archiving.leave();
  }

  /** The mirror shows another entry. */
  #entryChanged(before: Listed | undefined, after: Listed | undefined): void {
    this.#peers.changed(before, after);
    this.#isRosterChanged = true;
    const peer = after === undefined ? undefined : this.#peers.find(after.nick);
    if (peer?.trust !== "changed") return;
    const { nickname: name, address, fingerprint: offered } = peer;
    const subject = { kind: "peer", name } as const;
    this.#trusted.contradicted(this.#now, { subject, address, offered, proved: false });
  }

  #afterRoster(now: Millis): void {
    if (!this.#isRosterChanged) return;
    this.#isRosterChanged = false;
    this.#correspondence.rosterChanged(now);
    // Before we are online the notice of it brings the list.
    if (this.#membership.registry === undefined) return;
    this.#news.peersChanged(now);
  }

  #trustChanged(now: Millis): void {
    this.#correspondence.trustChanged(now);
    this.#news.rosterChanged(now);
  }
}
