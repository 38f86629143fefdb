import type { Millis, Random, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { CHAT, type Msg } from "../wire/mp2-chat.ts";
import type { FileMessage } from "../wire/mp2-files.ts";
import { encodeFrame } from "../wire/mp2-frames.ts";
import type { MessageId, RoomName } from "../wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import type { Allowance } from "./allowance.ts";
import { conversationWith } from "./archive.ts";
import type { Archiving } from "./archiving.ts";
import { BOUNDS } from "./bounds.ts";
import { Contact, type ContactHost, type Settlement } from "./contact.ts";
import type { ChatEvent, ChatOutput, Progress, TlsOpened } from "./events.ts";
import type { KnownPeers } from "./known-peers.ts";
import type { ChatNotice, ReceivedMessage, StoredAt } from "./notices.ts";
import type { Outgoing } from "./outbox.ts";
import type { Speaker, Verdict } from "./speaker.ts";
import type { Trusted } from "./trust.ts";

export interface LinksOptions {
  /** Our key. */
  readonly own: Fingerprint;
  readonly random: Random;
  readonly peers: KnownPeers;
  readonly trusted: Trusted;
  readonly allowance: Allowance;
  readonly nick: () => Nickname;
  readonly emit: (output: ChatOutput) => void;
  readonly settled: (now: Millis, message: Outgoing, settlement: Settlement) => void;
  readonly isInRoom: (room: RoomName) => boolean;
  readonly archiving: Archiving;
  readonly unixAt: (at: Millis) => UnixMillis;
  readonly delayed: ContactHost["delayed"];
  readonly seen: ContactHost["seen"];
  readonly files: ContactHost["files"];
  /** A link with that key has come up. */
  readonly up: (now: Millis, fingerprint: Fingerprint) => void;
}

/** Chat over mp2: which connection belongs to whom, who is taken, and what they say. */
export class Links {
  readonly #options: LinksOptions;
  readonly #host: ContactHost;
  readonly #contacts = new Map<Fingerprint, Contact>();
  readonly #connections = new Map<number, Contact>();
  /** Messages that are being stored, by their sender's key and id: they are acknowledged then. */
  readonly #storing = new Set<string>();
  /** Stored, to be acknowledged together. */
  readonly #stored = new Map<Contact, MessageId[]>();
  /** They have sent too much, and go once all before it is acknowledged. */
  readonly #overdrawn = new Set<Contact>();
  /** Keys that were new, until their first message is shown. */
  readonly #strangers = new Set<Fingerprint>();
  #dials = 0;

  constructor(options: LinksOptions) {
    this.#options = options;
    const { own, random, nick, emit, settled, delayed, seen, files, peers, archiving } = options;
    this.#host = {
      ...{ own, random, nick, emit, settled, delayed, seen, files },
      readTold: (now, fingerprint, messageIds) =>
        archiving.put(now, { type: "read-told", fingerprint, messageIds }),
      find: (fingerprint) => peers.holderOf(fingerprint),
      nextConnection: (contact) => this.#number(contact),
      forget: (connection) => this.#connections.delete(connection),
      judge: (now, speaker) => this.#judge(now, speaker),
      up: (now, speaker) => {
        this.#up(now, speaker);
        options.up(now, speaker.fingerprint);
      },
      said: (now, speaker, message) => this.#said(now, speaker, message),
      typed: ({ fingerprint, nick: name }, active) => {
        if (options.trusted.restrictionOf(name, fingerprint) !== undefined) return;
        const from = peers.holderOf(fingerprint)?.nickname ?? name;
        this.#tell({ type: "typing", from, active });
      },
    };
  }

  /** Connections now, those that are being dialled among them. */
  get size(): number {
    return this.#connections.size;
  }

  /** What is kept in all. */
  get held(): number {
    return this.#contacts.size + this.#connections.size + this.#storing.size + this.#strangers.size;
  }

  /** To whoever has that key; `settled` follows. */
  submit(now: Millis, to: Fingerprint, message: Outgoing): void {
    this.#contact(to).submit(now, message);
    this.#tidy();
  }

  /** Makes a connection for it if there is none, and tries that once. */
  markRead(now: Millis, from: Fingerprint, ids: readonly MessageId[]): void {
    if (this.#options.trusted.isBlocked(from)) return;
    this.#contact(from).markRead(now, ids);
    this.#tidy();
  }

  isUp(fingerprint: Fingerprint): boolean {
    return this.#contacts.get(fingerprint)?.isUp === true;
  }

  /** What has been stored in this call is acknowledged. */
  acknowledge(now: Millis): void {
    for (const [contact, ids] of this.#stored) contact.acknowledge(ids);
    this.#stored.clear();
    for (const contact of this.#overdrawn) {
      if (this.#isStoring(contact.fingerprint)) continue;
      this.#overdrawn.delete(contact);
      contact.turnAway(now, "quota");
    }
    this.#tidy();
  }

  /** False where no link is up with somebody who takes files. */
  file(to: Fingerprint, message: FileMessage): boolean {
    return this.#contacts.get(to)?.file(message) === true;
  }

  /** Makes a connection for what is to be said about files, as soon as it can be. */
  seek(now: Millis, to: Fingerprint): void {
    this.#contact(to).seek(now);
    this.#tidy();
  }

  typing(to: Fingerprint, active: boolean): void {
    this.#contacts.get(to)?.typing(active);
  }

  opened(now: Millis, event: TlsOpened): void {
    const { connection, initiative, fingerprint, address } = event;
    if (initiative === "ours") this.#connections.get(connection)?.answered(now, connection);
    else if (!this.#options.trusted.isBlocked(fingerprint) && this.#makeRoom(now)) {
      const contact = this.#contact(fingerprint);
      this.#connections.set(connection, contact);
      contact.called(now, connection, address);
    } else {
      const busy = encodeFrame(CHAT.encode({ type: "close", reason: "busy" }));
      this.#options.emit({ type: "tls-send", connection, bytes: busy });
      this.#options.emit({ type: "tls-end", connection });
    }
    this.#tidy();
  }

  received(now: Millis, connection: number, bytes: Uint8Array): Progress {
    const progress = this.#connections.get(connection)?.received(now, connection, bytes);
    this.#tidy();
    return progress ?? { messages: 0, pending: 0 };
  }

  handle(now: Millis, event: Extract<ChatEvent, { type: "tls-ended" | "tls-closed" | "tls-failed" }>): void {
    const contact = this.#connections.get(event.connection);
    if (event.type === "tls-failed") contact?.failed(now, event.connection, event.failure);
    else contact?.ended(now, event.connection);
    this.#tidy();
  }

  /** Roster or pins have changed. */
  judgeAnew(now: Millis): void {
    for (const contact of [...this.#contacts.values()]) {
      if (this.#options.trusted.isBlocked(contact.fingerprint)) contact.block(now);
      else contact.judgeAnew(now);
    }
    this.#tidy();
  }

  leave(now: Millis): void {
    for (const contact of [...this.#contacts.values()]) contact.leave(now);
    this.#tidy();
  }

  nextDeadline(): Millis | undefined {
    let next = Infinity;
    for (const contact of this.#contacts.values()) next = Math.min(next, contact.nextDeadline() ?? Infinity);
    return next === Infinity ? undefined : next;
  }

  advance(now: Millis): void {
    for (const contact of [...this.#contacts.values()]) {
      if ((contact.nextDeadline() ?? Infinity) <= now) contact.advance(now);
    }
    this.#tidy();
  }

  #contact(fingerprint: Fingerprint): Contact {
    const contact = this.#contacts.get(fingerprint) ?? new Contact(this.#host, fingerprint);
    this.#contacts.set(fingerprint, contact);
    return contact;
  }

  #number(contact: Contact): number | undefined {
    if (this.#connections.size >= BOUNDS.links) return undefined;
    this.#dials += 1;
    this.#connections.set(-this.#dials, contact);
    return -this.#dials;
  }

  /** Whether one more connection of theirs may be; a link without anything under way gives way. */
  #makeRoom(now: Millis): boolean {
    let unaccepted = 0;
    for (const contact of this.#contacts.values()) unaccepted += contact.unaccepted;
    if (unaccepted >= BOUNDS.unacceptedLinks) return false;
    if (this.#connections.size < BOUNDS.links) return true;
    return [...this.#contacts.values()].some((contact) => contact.makeRoom(now));
  }

  #tidy(): void {
    for (const [fingerprint, contact] of this.#contacts) {
      if (!contact.isIdle) continue;
      this.#contacts.delete(fingerprint);
      this.#overdrawn.delete(contact);
    }
  }

  /** Its fingerprint must be the roster's for its name, and the pinned one. */
  #judge(now: Millis, { fingerprint, nick, address }: Speaker): Verdict {
    if (this.#options.trusted.isBlocked(fingerprint)) return "busy";
    const peer = this.#options.peers.holderOf(fingerprint);
    if (peer?.trust === "changed") {
      const subject = { kind: "peer", name: peer.nickname } as const;
      this.#options.trusted.contradicted(now, { subject, address, offered: fingerprint, proved: true });
      return "untrusted";
    }
    const isListed = peer !== undefined && foldNickname(peer.nickname) === foldNickname(nick);
    return isListed ? "welcome" : "wait";
  }

  #up(now: Millis, { fingerprint, nick }: Speaker): void {
    const subject = { kind: "peer", name: nick } as const;
    if (this.#options.trusted.judge(subject, fingerprint) !== "new") return;
    this.#options.trusted.meet(now, subject, fingerprint);
    if (this.#strangers.size < BOUNDS.rememberedPeers) this.#strangers.add(fingerprint);
  }

  #said(now: Millis, speaker: Speaker, { id, time, text, reply, room }: Msg): void {
    const { fingerprint, address } = speaker;
    const key = `${fingerprint} ${id}`;
    if (this.#storing.has(key)) return;
    // We may have left it before the sender heard of that.
    if (room !== undefined && !this.#options.isInRoom(room)) {
      this.#contacts.get(fingerprint)?.acknowledge([id]);
      return;
    }
    if (this.#storing.size >= BOUNDS.unstoredIncoming) {
      this.#contacts.get(fingerprint)?.turnAway(now, "busy");
      return;
    }
    if (!this.#isWithinAllowance(now, fingerprint, text)) return;
    const from = this.#options.peers.holderOf(fingerprint)?.nickname ?? speaker.nick;
    // Who has taken another name since is met under that.
    this.#up(now, { ...speaker, nick: from });
    const trust = this.#options.trusted.judge({ kind: "peer", name: from }, fingerprint);
    const isNew = this.#strangers.delete(fingerprint) || trust === "new";
    const standing = isNew || trust === "unverified" || trust === "changed" ? "new" : trust;
    const message = { from, address, text, standing, messageId: id, time, fingerprint } as const;
    const about = { ...(reply !== undefined && { reply }), ...(room !== undefined && { room }) };
    const isIgnored = this.#options.trusted.restrictionOf(from, fingerprint) !== undefined;
    this.#storing.add(key);
    this.#store(now, { ...message, ...about }, isIgnored, (isNew_, stored) => {
      this.#storing.delete(key);
      if (!isNew_) this.#options.allowance.wasKnown(fingerprint, text);
      if (isNew_ && !isIgnored) this.#tell({ type: "received", message: { ...message, ...about }, stored });
      const contact = this.#contacts.get(fingerprint);
      if (contact === undefined) return;
      const ids = this.#stored.get(contact);
      if (ids === undefined) this.#stored.set(contact, [id]);
      else ids.push(id);
    });
  }

  /**
   * Whoever sends too much is turned away once all that it sent before is acknowledged: else that would come again each
   * time, in place of what is new.
   */
  #isWithinAllowance(now: Millis, fingerprint: Fingerprint, text: string): boolean {
    const contact = this.#contacts.get(fingerprint);
    if (contact === undefined || this.#overdrawn.has(contact)) return false;
    if (this.#options.allowance.takesMessage(now, fingerprint, text)) return true;
    if (this.#isStoring(fingerprint)) this.#overdrawn.add(contact);
    else contact.turnAway(now, "quota");
    return false;
  }

  #isStoring(fingerprint: Fingerprint): boolean {
    return [...this.#storing].some((key) => key.startsWith(fingerprint));
  }

  /** Stored before it is shown and acknowledged; what was stored before is acknowledged only. */
  #store(
    now: Millis,
    message: ReceivedMessage,
    isIgnored: boolean,
    done: (isNew: boolean, stored: StoredAt | undefined) => void,
  ): void {
    const conversation =
      message.room === undefined ? conversationWith(message.from) : (`#${message.room}` as const);
    const at = Math.floor(this.#options.unixAt(now));
    this.#options.archiving.put(
      now,
      { type: "received", message: { conversation, message, at, isIgnored } },
      (_, outcome, seq) => {
        if (outcome !== "failed") done(outcome === "stored", seq === undefined ? undefined : { seq, at });
      },
    );
  }

  #tell(notice: ChatNotice): void {
    this.#options.emit({ type: "notice", notice });
  }
}
