import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { type MessageId, parseMessageText, type RoomName } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { Archiving } from "./archiving.ts";
import { BOUNDS } from "./bounds.ts";
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
  /** Members who have it, who will not get it, and how many are still to be told. */
  /** Members, until they are written to. */
  unsaid: readonly Nickname[];
  readonly reached: Nickname[];
  readonly missed: Nickname[];
  left: number;
}

export interface RoomPostsOptions {
  readonly peers: KnownPeers;
  readonly rooms: Rooms;
  readonly archiving: Archiving;
  readonly unixAt: (at: Millis) => UnixMillis;
  /** To one member; {@link RoomPosts.settled} follows with the same object. */
  readonly submit: (now: Millis, to: Fingerprint, message: Outgoing) => void;
  readonly tell: (notice: ChatNotice) => void;
}

/** What we say in rooms: to each member by the link that we have with it, so in order with all else that it gets. */
export class RoomPosts {
  readonly #options: RoomPostsOptions;
  /** What each member is sent, until that is settled. */
  readonly #parts = new Map<Outgoing, { readonly post: Post; readonly nickname: Nickname }>();
  /** Not settled for everybody. */
  readonly #posts = new Set<Post>();

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
    const { peers, unixAt, archiving, submit, tell } = this.#options;
    const members = [...peers.entries()].filter((peer) => isMember(peer, room));
    const parsed = parseMessageText(text.toWellFormed());
    const why = this.#obstacle(room, text, members.length);
    if (why !== undefined || parsed === undefined) {
      tell({ type: "room-undelivered", messageId, room, text, why: why ?? "too-long", missed: [] });
      return;
    }
    const unsaid = members.map(({ nickname }) => nickname);
    const post: Post = { messageId, room, text, unsaid, reached: [], missed: [], left: members.length };
    this.#posts.add(post);
    const time = Math.floor(unixAt(now));
    const record = { messageId, conversation: `#${room}`, to: `#${room}`, text, reply, time } as const;
    let isSaid = false;
    const message = { ...record, until: time + POST_MILLIS };
    // Nothing is said before it is on disk, or known that it cannot be.
    archiving.put(now, { type: "sent", message }, (at, outcome) => {
      if (outcome !== "known" && !isSaid && this.#posts.has(post)) say(at);
      isSaid = true;
    });
    const about = { messageId, time, text: parsed, room, ...(reply !== undefined && { reply }) };
    const say = (at: Millis): void => {
      post.unsaid = [];
      for (const { fingerprint, nickname } of members) {
        const part: Outgoing = { ...about, until: at + POST_MILLIS, waits: true };
        this.#parts.set(part, { post, nickname });
        submit(at, fingerprint, part);
      }
    };
  }

  #obstacle(room: RoomName, text: string, members: number): RoomUndeliveredReason | undefined {
    if (!this.#options.rooms.has(room)) return "not-in-room";
    if (text.trim() === "") return "empty";
    if (members === 0) return "nobody-there";
    return this.#posts.size >= BOUNDS.queued ? "queue-full" : undefined;
  }

  settled(now: Millis, message: Outgoing, settlement: Settlement): void {
    const part = this.#parts.get(message);
    if (part === undefined) return;
    this.#parts.delete(message);
    const { post, nickname } = part;
    (settlement.type === "delivered" ? post.reached : post.missed).push(nickname);
    post.left -= 1;
    if (post.left === 0) this.#finish(now, post);
  }

  /** Gives up all that is left: it is told whom it did not reach. */
  leave(now: Millis): void {
    for (const { post, nickname } of this.#parts.values()) post.missed.push(nickname);
    for (const post of this.#posts) post.missed.push(...post.unsaid);
    this.#parts.clear();
    for (const post of [...this.#posts]) this.#finish(now, post);
  }

  #finish(now: Millis, post: Post): void {
    this.#posts.delete(post);
    const { messageId, room, text, reached, missed } = post;
    const about = { messageId, room, text };
    if (missed.length === 0)
      this.#options.archiving.put(now, { type: "delivered", messageId, fingerprint: undefined });
    else this.#options.archiving.put(now, { type: "failed", messageId, why: "not-confirmed" });
    if (missed.length === 0) this.#options.tell({ type: "room-delivered", ...about, reached });
    else this.#options.tell({ type: "room-undelivered", ...about, why: "not-reached", missed });
  }
}
