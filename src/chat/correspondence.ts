import type { Millis, Random, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { ChatMessage } from "../wire/mp1-chat.ts";
import { drawMessageId, type MessageId } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import { Allowance, DEFAULT_ALLOWANCES } from "./allowance.ts";
import { conversationWith, type KeptState } from "./archive.ts";
import type { Archiving } from "./archiving.ts";
import { Arrivals } from "./arrivals.ts";
import { parseRoom } from "./commands.ts";
import { Deliveries } from "./deliveries.ts";
import type { ChatEvent, ChatOutput, Progress } from "./events.ts";
import { Files } from "./files/files.ts";
import type { KnownPeers } from "./known-peers.ts";
import { Links } from "./links.ts";
import type { ChatNotice } from "./notices.ts";
import { Readable } from "./readable.ts";
import { RoomPosts } from "./room-posts.ts";
import type { Rooms } from "./rooms.ts";
import type { SendOptions } from "./session.ts";
import type { ChatSettings } from "./settings.ts";
import type { Trusted } from "./trust.ts";

export interface CorrespondenceOptions {
  readonly settings: ChatSettings;
  /** Our key. */
  readonly own: Fingerprint;
  readonly random: Random;
  readonly unixAt: (at: Millis) => UnixMillis;
  readonly peers: KnownPeers;
  readonly rooms: Rooms;
  readonly trusted: Trusted;
  readonly archiving: Archiving;
  /** What the last process left. */
  readonly kept: KeptState;
  /** What is archived outlives this process. */
  readonly isLasting: boolean;
  readonly nickname: () => Nickname;
  readonly emit: (output: ChatOutput) => void;
}

/** Those of peers; of TLS connections only those that are not a registry's. */
export type CorrespondenceEvent = Extract<
  ChatEvent,
  { type: "message" | "transmitted" | "file" | "tls-opened" | "tls-ended" | "tls-closed" | "tls-failed" }
>;

/**
 * What passes between us and the peers, by either protocol: messages, what is said in rooms, files, what was read, who is
 * writing. Apart from how we come to know them, since all of it goes over the same links: here its parts are joined, and
 * what becomes of something on a link is told to the part that it came from.
 */
export class Correspondence {
  readonly files: Files;
  readonly #options: CorrespondenceOptions;
  readonly #allowance: Allowance;
  readonly #links: Links;
  readonly #deliveries: Deliveries;
  readonly #posts: RoomPosts;
  readonly #arrivals: Arrivals;

  constructor(options: CorrespondenceOptions) {
    this.#options = options;
    const { peers, unixAt, emit, archiving, trusted, kept } = options;
    this.#allowance = new Allowance(options.settings.allowances ?? DEFAULT_ALLOWANCES, (who, of) => {
      const from = peers.holderOf(who as Fingerprint)?.nickname ?? who;
      this.#tell({ type: "over-allowance", from, of });
    });
    const readable = new Readable({ archiving, emit });
    for (const delivered of kept.unread) readable.add(delivered);
    this.#links = this.#makeLinks(readable);
    this.#deliveries = this.#makeDeliveries(readable);
    const restrictionOf = (name: Nickname) => trusted.restrictionOf(name, undefined);
    this.#arrivals = new Arrivals({ peers, archiving, unixAt, emit, restrictionOf });
    this.#posts = this.#makePosts();
    this.files = this.#makeFiles();
  }

  #makeLinks(readable: Readable): Links {
    const { own, random, peers, trusted, nickname: nick, emit, archiving, unixAt, rooms } = this.#options;
    return new Links({
      ...{ own, random, peers, trusted, allowance: this.#allowance, nick, emit, archiving, unixAt },
      settled: (now, message, settlement) => {
        if (this.#posts.owns(message)) this.#posts.settled(now, message, settlement);
        else this.#deliveries.settled(now, message, settlement);
      },
      delayed: (message, why, destination) => {
        if (!this.#posts.owns(message)) this.#deliveries.delayed(message, why, destination);
      },
      isInRoom: (room) => rooms.has(room),
      files: {
        wants: (fingerprint) => this.files.wants(fingerprint),
        up: (now, fingerprint, takesFiles) => this.files.linkUp(now, fingerprint, takesFiles),
        down: (fingerprint) => this.files.linkDown(fingerprint),
        said: (now, fingerprint, message) => this.files.said(now, fingerprint, message),
      },
      seen: (now, fingerprint, ids) => readable.seen(now, fingerprint, ids),
      up: (now, fingerprint) => this.#deliveries.linkUp(now, fingerprint),
    });
  }

  #makeDeliveries(readable: Readable): Deliveries {
    const { settings, peers, unixAt, emit, archiving, isLasting, nickname, kept, trusted } = this.#options;
    return new Deliveries({
      ...{ peers, unixAt, emit, archiving, readable, isLasting, legacy: settings.legacy, nickname },
      isKnown: (name) =>
        kept.names.has(foldNickname(name)) || trusted.find({ kind: "peer", name }) !== undefined,
      isUp: (fingerprint) => this.#links.isUp(fingerprint),
      submit: (now, to, message) => this.#links.submit(now, to, message),
    });
  }

  #makePosts(): RoomPosts {
    const { peers, unixAt, archiving, isLasting, rooms, trusted } = this.#options;
    return new RoomPosts({
      ...{ peers, unixAt, archiving, isLasting, rooms },
      isBlocked: (fingerprint) => trusted.isBlocked(fingerprint),
      submit: (now, to, message) => this.#links.submit(now, to, message),
      tell: (notice) => this.#tell(notice),
    });
  }

  #makeFiles(): Files {
    const { settings, random, unixAt, peers, trusted, archiving, kept, emit } = this.#options;
    return new Files({
      ...{ random, unixAt, peers, trusted, allowance: this.#allowance, archiving, kept: kept.transfers },
      settings: settings.files ?? { accept: "ask", acceptBytes: 0 },
      ask: (request) => emit({ type: "file", request }),
      tell: (transfer, change) => this.#tell({ type: "file", transfer, change }),
      say: (to, message) => this.#links.file(to, message),
      seek: (now, to) => this.#links.seek(now, to),
    });
  }

  /** What the last process left goes on. */
  restore(now: Millis): void {
    const { waiting, posts, untold } = this.#options.kept;
    this.#deliveries.restore(now, waiting);
    this.#posts.restore(now, posts);
    for (const { fingerprint, messageId } of untold) this.#links.markRead(now, fingerprint, [messageId]);
  }

  /** To a nickname, ADDRESS:PORT or #ROOM; "delivered" or "undelivered" with the returned id follows. */
  send(
    now: Millis,
    to: string,
    text: string,
    options: SendOptions,
    id = drawMessageId(this.#options.random, this.#options.unixAt(now)),
  ): MessageId {
    const room = parseRoom(to);
    if (room === undefined) this.#deliveries.send(now, id, to, text, options);
    else this.#posts.send(now, id, room, text, options);
    return id;
  }

  /** The user has seen these of `from`'s messages. */
  markRead(now: Millis, from: string, messageIds: readonly MessageId[]): void {
    const { archiving, trusted, peers } = this.#options;
    const room = parseRoom(from);
    const conversation = room === undefined ? conversationWith(from) : (`#${room}` as const);
    archiving.put(now, { type: "read-here", conversation, messageIds });
    // In a room nobody is told who has read what: it would be a message from each to each.
    if (room !== undefined) return;
    const pinned = trusted.find({ kind: "peer", name: from })?.fingerprint;
    const key = peers.find(from)?.fingerprint ?? pinned;
    if (key !== undefined && messageIds.length > 0) this.#links.markRead(now, key, messageIds);
  }

  /** The user is writing to `to`, or has stopped. */
  typing(to: string, active: boolean): void {
    const key = this.#options.peers.find(to)?.fingerprint;
    if (key !== undefined) this.#links.typing(key, active);
  }

  /** Whether a message by mp1 from there is to be confirmed, and so stored; it counts if it is. */
  takesLegacy(now: Millis, address: string, { text }: ChatMessage): boolean {
    return this.#allowance.takesMessage(now, address, text);
  }

  /** Messages on their way. */
  get pending(): number {
    return this.#deliveries.pending + this.#posts.pending;
  }

  handle(now: Millis, event: CorrespondenceEvent): void {
    switch (event.type) {
      case "message":
        // With mp1 switched off nobody listens for it; what comes all the same is nobody's word.
        if (this.#options.settings.legacy) this.#arrivals.received(now, event.address, event.message);
        break;
      case "transmitted":
        this.#deliveries.transmitted(now, event.transmission, event.outcome);
        break;
      case "file":
        this.files.handle(now, event.event);
        break;
      case "tls-opened":
        this.#links.opened(now, event);
        break;
      default:
        this.#links.handle(now, event);
    }
  }

  /** Bytes of a connection with a peer. */
  received(now: Millis, connection: number, bytes: Uint8Array): Progress {
    return this.#links.received(now, connection, bytes);
  }

  /** What came and has been stored in this call is acknowledged. */
  acknowledge(now: Millis): void {
    this.#links.acknowledge(now);
  }

  /** Somebody has come or gone, or is another one. */
  rosterChanged(now: Millis): void {
    this.#deliveries.rosterChanged(now);
    this.#links.judgeAnew(now);
    this.files.rosterChanged(now);
    this.#arrivals.rosterChanged(now);
  }

  /** Whoever was kept although the registry does not know of them is not kept any more. */
  rosterSettled(now: Millis): void {
    this.#deliveries.rosterChanged(now);
  }

  /** Other keys are trusted, or others are not to be heard. */
  trustChanged(now: Millis): void {
    this.#links.judgeAnew(now);
    this.#deliveries.rosterChanged(now);
    this.files.rosterChanged(now);
  }

  /** Shows what was taken, gives up what is not confirmed, and says good-bye to those whom we are connected with. */
  leave(now: Millis): void {
    this.#arrivals.flush(now);
    this.files.leave();
    // Before the links give up what is under way on them: it goes on after a restart.
    this.#posts.leave(now);
    this.#links.leave(now);
    this.#deliveries.leave(now);
  }

  advance(now: Millis): void {
    for (const part of this.#timed()) part.advance(now);
  }

  nextDeadline(): Millis | undefined {
    const next = Math.min(...this.#timed().map((part) => part.nextDeadline() ?? Infinity));
    return next === Infinity ? undefined : next;
  }

  #timed() {
    return [this.#links, this.#deliveries, this.#arrivals, this.files];
  }

  #tell(notice: ChatNotice): void {
    this.#options.emit({ type: "notice", notice });
  }
}
