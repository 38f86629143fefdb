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
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import { Allowance, DEFAULT_ALLOWANCES } from "./allowance.ts";
import { conversationWith, type KeptState } from "./archive.ts";
import { Archiving } from "./archiving.ts";
import { Arrivals } from "./arrivals.ts";
import { parseRoom } from "./commands.ts";
import { Deliveries } from "./deliveries.ts";
import type { ChatEvent, ChatOutput, Progress } from "./events.ts";
import { Files } from "./files/files.ts";
import type { IncomingStream } from "./files/requests.ts";
import type { Transfer, TransferAction } from "./files/transfer.ts";
import { KnownPeers } from "./known-peers.ts";
import { Links } from "./links.ts";
import { Membership } from "./membership.ts";
import type { MembershipChange } from "./membership-changes.ts";
import type { ChatSnapshot } from "./notices.ts";
import type { PinSubject, Pins } from "./pins.ts";
import { PresenceNews } from "./presence-news.ts";
import { Readable } from "./readable.ts";
import type { Restricted, RestrictionLevel } from "./restrictions.ts";
import { RoomPosts } from "./room-posts.ts";
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
  readonly #legacy: boolean;
  readonly #random: Random;
  readonly #trusted: Trusted;
  readonly #peers: KnownPeers;
  readonly #membership: Membership;
  readonly #links: Links;
  readonly #deliveries: Deliveries;
  readonly #arrivals: Arrivals;
  readonly #archiving: Archiving;
  readonly #kept: KeptState;
  readonly #rooms: Rooms;
  readonly #posts: RoomPosts;
  readonly #files: Files;
  readonly #standing: Standing;
  readonly #allowance: Allowance;
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
    this.#legacy = settings.legacy;
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
    const nick = (): Nickname => this.#membership.nickname;
    const allowance = new Allowance(settings.allowances ?? DEFAULT_ALLOWANCES, (who, of) => {
      const from = peers.holderOf(who as Fingerprint)?.nickname ?? who;
      emit({ type: "notice", notice: { type: "over-allowance", from, of } });
    });
    this.#allowance = allowance;
    this.#kept = kept;
    const archiving = new Archiving({ unixAt, retentionMillis: settings.retentionMillis, emit });
    this.#archiving = archiving;
    const readable = new Readable({ archiving, emit });
    for (const delivered of kept.unread) readable.add(delivered);
    this.#links = new Links({
      ...{ own, random, peers, trusted, allowance, nick, emit, archiving, unixAt },
      settled: (now, message, settlement) => {
        if (this.#posts.owns(message)) this.#posts.settled(now, message, settlement);
        else this.#deliveries.settled(now, message, settlement);
      },
      delayed: (message, why, destination) => {
        if (!this.#posts.owns(message)) this.#deliveries.delayed(message, why, destination);
      },
      isInRoom: (room) => this.#rooms.has(room),
      files: {
        wants: (fingerprint) => this.#files.wants(fingerprint),
        up: (now, fingerprint, takesFiles) => this.#files.linkUp(now, fingerprint, takesFiles),
        down: (fingerprint) => this.#files.linkDown(fingerprint),
        said: (now, fingerprint, message) => this.#files.said(now, fingerprint, message),
      },
      seen: (now, fingerprint, ids) => readable.seen(now, fingerprint, ids),
      up: (now, fingerprint) => this.#deliveries.linkUp(now, fingerprint),
    });
    this.#deliveries = new Deliveries({
      ...{ peers, unixAt, emit, archiving, readable, isLasting, legacy: settings.legacy, nickname: nick },
      isKnown: (name) =>
        kept.names.has(foldNickname(name)) || trusted.find({ kind: "peer", name }) !== undefined,
      isUp: (fingerprint) => this.#links.isUp(fingerprint),
      submit: (now, to, message) => this.#links.submit(now, to, message),
    });
    const restrictionOf = (name: Nickname) => trusted.restrictionOf(name, undefined);
    this.#arrivals = new Arrivals({ peers, archiving, unixAt, emit, restrictionOf });
    this.#rooms = new Rooms(peers, rooms);
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
      settled: (now) => this.#deliveries.rosterChanged(now),
    });
    this.#posts = new RoomPosts({
      ...{ peers, unixAt, archiving, isLasting, rooms: this.#rooms },
      isBlocked: (fingerprint) => trusted.isBlocked(fingerprint),
      submit: (now, to, message) => this.#links.submit(now, to, message),
      tell: (notice) => emit({ type: "notice", notice }),
    });
    this.#files = new Files({
      ...{ random, unixAt, peers, trusted, allowance, archiving, kept: kept.transfers },
      settings: settings.files ?? { accept: "ask", acceptBytes: 0 },
      ask: (request) => emit({ type: "file", request }),
      tell: (transfer, change) => emit({ type: "notice", notice: { type: "file", transfer, change } }),
      say: (to, message) => this.#links.file(to, message),
      seek: (now, to) => this.#links.seek(now, to),
    });
  }

  start(now: Millis): void {
    this.#standing.active(now);
    this.#deliveries.restore(now, this.#kept.waiting);
    this.#posts.restore(now, this.#kept.posts);
    for (const { fingerprint, messageId } of this.#kept.untold)
      this.#links.markRead(now, fingerprint, [messageId]);
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
    const room = parseRoom(to);
    if (room === undefined) this.#deliveries.send(now, id, to, text, options);
    else this.#posts.send(now, id, room, text, options);
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
    return this.#files.send(now, to, path, id);
  }

  /** False where that cannot be done with it. */
  changeFile(now: Millis, id: MessageId, action: TransferAction): boolean {
    return this.#files.change(now, id, action);
  }

  get files(): readonly Transfer[] {
    return this.#files.list();
  }

  /** Whether whoever has that key may connect to bring a file. */
  expectsFile(fingerprint: Fingerprint): boolean {
    return this.#files.expects(fingerprint);
  }

  /** Whether a message by mp1 from there is to be confirmed, and so stored; it counts if it is. */
  takesLegacy(now: Millis, address: string, { text }: ChatMessage): boolean {
    return this.#allowance.takesMessage(now, address, text);
  }

  /** A connection has brought the first words of a file; undefined: it is not to come. */
  fileArrives(now: Millis, from: Fingerprint, id: MessageId, offset: number): IncomingStream | undefined {
    return this.#files.arrive(now, from, id, offset);
  }

  /** The user has seen these of `from`'s messages. */
  markRead(now: Millis, from: string, messageIds: readonly MessageId[]): void {
    const room = parseRoom(from);
    const conversation = room === undefined ? conversationWith(from) : (`#${room}` as const);
    this.#archiving.put(now, { type: "read-here", conversation, messageIds });
    // In a room nobody is told who has read what: it would be a message from each to each.
    if (room !== undefined) return;
    const pinned = this.#trusted.find({ kind: "peer", name: from })?.fingerprint;
    const key = this.#peers.find(from)?.fingerprint ?? pinned;
    if (key !== undefined && messageIds.length > 0) this.#links.markRead(now, key, messageIds);
  }

  /** The user is writing to `to`, or has stopped; to be repeated every few seconds while it goes on. */
  typing(_now: Millis, to: string, active: boolean): void {
    const key = this.#peers.find(to)?.fingerprint;
    if (key !== undefined) this.#links.typing(key, active);
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
      case "message":
        // With mp1 switched off nobody listens for it; what comes all the same is nobody's word.
        if (this.#legacy) this.#arrivals.received(now, event.address, event.message);
        break;
      case "archived":
      case "archive-failed":
        this.#archiving.handle(now, event);
        this.#links.acknowledge(now);
        break;
      case "transmitted":
        this.#deliveries.transmitted(now, event.transmission, event.outcome);
        break;
      case "file":
        this.#files.handle(now, event.event);
        break;
      case "pins":
        this.#trusted.replace(event.pins);
        this.#trustChanged(now);
        break;
      case "tls-failed":
        this.#links.handle(now, event);
        break;
      case "tls-ended":
      case "tls-closed":
        if (this.#membership.connections.owns(event.connection)) this.#membership.handle(now, event);
        else this.#links.handle(now, event);
        break;
      case "tls-opened":
        if (event.protocol === "mp2-chat") this.#links.opened(now, event);
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
    const part = this.#membership.connections.owns(connection) ? this.#membership.connections : this.#links;
    const progress = part.received(now, connection, bytes);
    this.#afterRoster(now);
    return progress;
  }

  advance(now: Millis): void {
    this.#now = now;
    this.#membership.advance(now);
    this.#links.advance(now);
    this.#deliveries.advance(now);
    this.#arrivals.advance(now);
    this.#archiving.advance(now);
    this.#files.advance(now);
    this.#standing.advance(now);
    this.#news.advance(now);
    this.#afterRoster(now);
  }

  nextDeadline(): Millis | undefined {
    const talking = [this.#links, this.#deliveries, this.#arrivals, this.#archiving, this.#files];
    const parts = [this.#membership, this.#standing, this.#news, ...talking];
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
    return this.#deliveries.pending + this.#posts.pending;
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

  /** Shows what was taken, gives up what is not confirmed, and says good-bye to those whom we are connected with. */
  #finish(now: Millis): void {
    this.#arrivals.flush(now);
    this.#files.leave();
    // Before the links give up what is under way on them: it goes on after a restart.
    this.#posts.leave(now);
    this.#links.leave(now);
    this.#deliveries.leave(now);
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
    this.#deliveries.rosterChanged(now);
    this.#links.judgeAnew(now);
    this.#files.rosterChanged(now);
    this.#arrivals.rosterChanged(now);
    // Before we are online the notice of it brings the list.
    if (this.#membership.registry === undefined) return;
    this.#news.peersChanged(now);
  }

  #trustChanged(now: Millis): void {
    this.#links.judgeAnew(now);
    this.#deliveries.rosterChanged(now);
    this.#files.rosterChanged(now);
    this.#news.rosterChanged(now);
  }
}
