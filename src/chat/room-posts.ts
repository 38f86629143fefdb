import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { type MessageId, parseMessageText, type RoomName } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { KeptPost, PostMember } from "./archive.ts";
import type { Archiving } from "./archiving.ts";
import { BOUNDS } from "./bounds.ts";
import { parseRoom } from "./commands.ts";
import type { Settlement } from "./contact.ts";
import type { KnownPeers } from "./known-peers.ts";
import type { ChatNotice, RoomUndeliveredReason } from "./notices.ts";
import type { Outgoing } from "./outbox.ts";
import { isMember, type Rooms } from "./rooms.ts";
import type { SendOptions } from "./session.ts";

/** A member who was lost may come back so late and still get what was said meanwhile. */
export const POST_MILLIS: Millis = 3_600_000;

interface Post {
  readonly messageId: MessageId;
  readonly room: RoomName;
  readonly text: string;
  /** Given up then. */
  readonly until: Millis;
  /** Members, until they are written to. */
  unsaid: readonly Nickname[];
  /** Who has it, who will not get it, and how many are still to be told. */
  readonly reached: Nickname[];
  readonly missed: Nickname[];
  left: number;
  /** On disk: it outlives us. */
  isKept: boolean;
}

export interface RoomPostsOptions {
  readonly peers: KnownPeers;
  readonly rooms: Rooms;
  readonly archiving: Archiving;
  /** What is archived outlives this process. */
  readonly isLasting: boolean;
  readonly unixAt: (at: Millis) => UnixMillis;
  /** Who is gets nothing from us. */
  readonly isBlocked: (fingerprint: Fingerprint) => boolean;
  /** To one member; {@link RoomPosts.settled} follows with the same object. */
  readonly submit: (now: Millis, to: Fingerprint, message: Outgoing) => void;
  readonly tell: (notice: ChatNotice) => void;
}

/**
 * What we say in rooms: to each member by the link that we have with it, so in order with all else that it gets. Whom it
 * has not reached when we end gets it after a restart, under the same id.
 */
export class RoomPosts {
  readonly #options: RoomPostsOptions;
  /** What each member is sent, until that is settled. */
  readonly #parts = new Map<Outgoing, PostMember & { readonly post: Post }>();
  /** Not settled for everybody. */
  readonly #posts = new Map<MessageId, Post>();
  /** Members that all of them are still for. */
  #left = 0;

  constructor(options: RoomPostsOptions) {
    this.#options = options;
  }

  /** Posts that are not settled for everybody. */
  get pending(): number {
    return this.#posts.size;
  }

  owns(message: Outgoing): boolean {
    return this.#parts.has(message);
  }

  /** Says `text` in `room`; "room-delivered" or "room-undelivered" with the id follows. */
  send(now: Millis, messageId: MessageId, room: RoomName, text: string, { reply }: SendOptions): void {
    // Another program of the user asks again, since the one that it had asked has ended.
    if (this.#posts.has(messageId)) return;
    const { peers, unixAt, archiving, tell, isBlocked } = this.#options;
    const members = [...peers.entries()]
      .filter((peer) => isMember(peer, room))
      .filter(({ fingerprint }) => !isBlocked(fingerprint));
    const parsed = parseMessageText(text.toWellFormed());
    const why = this.#obstacle(room, text, members.length);
    if (why !== undefined || parsed === undefined) {
      tell({ type: "room-undelivered", messageId, room, text, why: why ?? "too-long", missed: [] });
      return;
    }
    const time = Math.floor(unixAt(now));
    const post = newPost({ messageId, room, text, until: now + POST_MILLIS }, members);
    this.#add(post);
    const about = { messageId, time, text: parsed, room, ...(reply !== undefined && { reply }) };
    const record = { messageId, conversation: `#${room}`, to: `#${room}`, text, reply, time } as const;
    const said = members.map(({ fingerprint, nickname }) => ({ fingerprint, nickname }));
    const message = { ...record, until: time + POST_MILLIS, members: said };
    // Nothing is said before it is on disk, or known that it cannot be. That may be told twice.
    archiving.put(now, { type: "sent", message }, (at, outcome) => {
      if (this.#posts.get(messageId) !== post) return;
      post.isKept = outcome === "stored";
      if (post.unsaid.length === 0) return;
      // Said in an earlier life, and whom it reached is not known to whoever asks again.
      if (outcome === "known") this.#giveUp(at, post);
      else this.#say(at, post, said, about);
    });
  }

  /** What the last process left: to those who have not confirmed it. */
  restore(now: Millis, kept: readonly KeptPost[]): void {
    const wall = this.#options.unixAt(now);
    for (const { messageId, to, text, reply, time, until, left, reached } of kept) {
      const room = parseRoom(to);
      const parsed = parseMessageText(text.toWellFormed());
      if (room === undefined || parsed === undefined) continue;
      const post = newPost({ messageId, room, text, until: now + until - wall }, left);
      post.reached.push(...reached.map(({ nickname }) => nickname));
      post.isKept = true;
      this.#add(post);
      const about = { messageId, time, text: parsed, room, ...(reply !== undefined && { reply }) };
      if (until <= wall || left.length === 0) this.#giveUp(now, post);
      else this.#say(now, post, left, about);
    }
  }

  #add(post: Post): void {
    this.#posts.set(post.messageId, post);
    this.#left += post.left;
  }

  #say(
    now: Millis,
    post: Post,
    members: readonly PostMember[],
    about: Omit<Outgoing, "until" | "waits">,
  ): void {
    post.unsaid = [];
    for (const { fingerprint, nickname } of members) {
      const part: Outgoing = { ...about, until: post.until, waits: true };
      this.#parts.set(part, { post, nickname, fingerprint });
      this.#options.submit(now, fingerprint, part);
    }
  }

  #obstacle(room: RoomName, text: string, members: number): RoomUndeliveredReason | undefined {
    if (!this.#options.rooms.has(room)) return "not-in-room";
    if (text.trim() === "") return "empty";
    if (members === 0) return "nobody-there";
    const isFull = this.#posts.size >= BOUNDS.queued || this.#left + members > BOUNDS.unsettledPosts;
    return isFull ? "queue-full" : undefined;
  }

  settled(now: Millis, message: Outgoing, settlement: Settlement): void {
    const part = this.#parts.get(message);
    if (part === undefined) return;
    this.#parts.delete(message);
    const { post, nickname, fingerprint } = part;
    const isReached = settlement.type === "delivered";
    (isReached ? post.reached : post.missed).push(nickname);
    post.left -= 1;
    this.#left -= 1;
    if (post.left === 0) this.#finish(now, post);
    else if (isReached)
      this.#options.archiving.put(now, { type: "reached", messageId: post.messageId, fingerprint });
  }

  /** What is on disk goes on after a restart; of the rest it is told whom it did not reach. */
  leave(now: Millis): void {
    const { isLasting, tell } = this.#options;
    const posts = [...this.#posts.values()];
    for (const { post, nickname } of this.#parts.values()) post.missed.push(nickname);
    this.#parts.clear();
    for (const post of posts) {
      const { messageId, room, text } = post;
      if (!isLasting || !post.isKept) this.#giveUp(now, post);
      else {
        this.#posts.delete(messageId);
        this.#left -= post.left;
        tell({ type: "waiting", messageId, to: `#${room}`, text, why: "left", destination: undefined });
      }
    }
  }

  /** Of one that is not said, or whose parts are given up. */
  #giveUp(now: Millis, post: Post): void {
    post.missed.push(...post.unsaid);
    this.#left -= post.left;
    this.#finish(now, post);
  }

  #finish(now: Millis, post: Post): void {
    this.#posts.delete(post.messageId);
    const { messageId, room, text, reached, missed } = post;
    const about = { messageId, room, text };
    const { archiving, tell } = this.#options;
    if (missed.length === 0) {
      archiving.put(now, { type: "delivered", messageId, fingerprint: undefined });
      tell({ type: "room-delivered", ...about, reached });
    } else {
      archiving.put(now, { type: "failed", messageId, why: "not-confirmed" });
      tell({ type: "room-undelivered", ...about, why: "not-reached", missed });
    }
  }
}

function newPost(
  about: Pick<Post, "messageId" | "room" | "text" | "until">,
  members: readonly PostMember[],
): Post {
  const unsaid = members.map(({ nickname }) => nickname);
  return { ...about, unsaid, reached: [], missed: [], left: members.length, isKept: false };
}
