import type { Clock, Millis, Random, UnixMillis } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { Attention } from "../chat/alerts.ts";
import type { Transfer, TransferAction } from "../chat/files/transfer.ts";
import type { ChatSnapshot, ReceivedMessage } from "../chat/notices.ts";
import type { PinSubject, Pins } from "../chat/pins.ts";
import type { Restricted, RestrictionLevel } from "../chat/restrictions.ts";
import type { SendOptions, SessionNotice } from "../chat/session.ts";
import type { PresenceSettings } from "../chat/settings.ts";
import type { ChatMethodName, ChatRequestOf } from "../control/chat-methods.ts";
import type { HeldSession } from "../control/chat-server.ts";
import { MAX_TEXT_LENGTH } from "../control/chat-values.ts";
import { ConnectionError } from "../control/request-client.ts";
import type { ServedClient } from "../control/request-server.ts";
import type { Profile } from "../io/profile.ts";
import {
  drawMessageId,
  MAX_ROOMS,
  type MessageId,
  type RoomName,
  type StatusText,
} from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { Alerts } from "./alerts.ts";
import { closeFound, type Found, type OpenShell, PlaceFinder } from "./presence-place.ts";

/** Before others take over: the confirmation of what came just now goes out, and whoever leaves for the same reason leaves. */
const HANDOVER_MILLIS: Millis = 100;
/** That keys are pressed is told the holder no more often. */
const ATTENTION_MILLIS: Millis = 10_000;
/** After a takeover the former snapshot is shown until we are registered, but for so long at most. */
const RESUME_MILLIS: Millis = 8_000;

export interface PresenceOptions {
  readonly profile: Profile;
  readonly socketPath: string;
  /** For when this program is the first; whoever holds the presence already has settings of its own. */
  readonly settings: PresenceSettings;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  /** For messages that come while this program holds the presence: of all programs one hears each. */
  readonly onMessage?: (message: ReceivedMessage) => void;
  /** Likewise, for those that call for the user's attention. */
  readonly onAlert?: (message: ReceivedMessage) => void;
  readonly openShell: OpenShell;
}

/**
 * Where the presence is, seen from here:
 *
 *     attached ── holder gone ──> seeking ── slot was free ──> holding
 *        ^                           │
 *        └────── another was faster ─┘
 *
 * "ended" is reached from everywhere: by leaving, by the end of the presence, or when it cannot be had.
 */
type Place = Found | { readonly type: "seeking" } | { readonly type: "ended" };

/** Sent, and neither delivered nor given up: a new holder is told again. */
interface Unsettled {
  readonly to: string;
  readonly text: string;
  readonly options: SendOptions;
  readonly at: Millis;
}

/** What the user had before the holder ended. */
interface Former {
  readonly snapshot: ChatSnapshot;
  readonly pins: Pins;
}

/** Messages of other programs that wait until we are registered after a takeover; beyond that they go at once. */
const MAX_DEFERRED = 10_000;

/**
 * The user's presence, held by this program or by another one. Which of them does changes nothing for whoever uses it.
 */
export class Presence implements HeldSession {
  readonly #options: PresenceOptions;
  readonly #listeners = new Set<(notice: SessionNotice) => void>();
  readonly #unsettled = new Map<MessageId, Unsettled>();
  readonly #finder: PlaceFinder;
  readonly #alerts: Alerts<ServedClient>;
  /** As the holder was told last. */
  #attention: (Attention & { readonly at: Millis }) | undefined;
  #place: Place = { type: "seeking" };
  #settings: PresenceSettings;
  #fingerprint: Fingerprint;
  /** Shown for a while after a takeover. */
  #former: Former | undefined;
  /** From a takeover on until we are registered, what is sent waits here: before that nobody is known. */
  #deferred: Map<MessageId, () => void> | undefined;
  /** Files that the holder has not been heard of yet. */
  readonly #offering = new Map<MessageId, { readonly to: string; readonly path: string }>();
  /** Of other programs, under way: what comes again from one that was cut off is not sent again. */
  readonly #foreign = new Set<MessageId>();
  #wasOnline = false;
  #isLeaving = false;
  #closing: Promise<void> | undefined;

  private constructor(options: PresenceOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#fingerprint = "" as Fingerprint;
    this.#alerts = new Alerts({
      clock: options.clock,
      settings: () => this.#settings.alerts,
      nickname: () => this.snapshot.nickname,
      isQuiet: () => this.snapshot.quietUntil !== undefined,
      notify: (message) => options.onAlert?.(message),
      ring: (face, { from }) => this.#ring(face, { type: "ring", from }),
    });
    this.#finder = new PlaceFinder({
      ...options,
      session: this,
      settings: () => this.#settings,
      nickname: () => this.snapshot.nickname,
      onNotice: (notice) => this.#hear(notice),
      onAttention: (client, attention) => this.#attended(client, attention),
      onClosed: () => this.#lookAtLink(),
    });
  }

  /**
   * Attaches to the program that holds the presence, or holds it from now on. Errors: {@link SystemError} when neither
   * can be, ControlError "other-version".
   */
  static async open(options: PresenceOptions): Promise<Presence> {
    const presence = new Presence(options);
    presence.#arrive(await presence.#finder.find());
    presence.#lookAtLink();
    return presence;
  }

  /** Of the presence, whoever began it. */
  get settings(): PresenceSettings {
    return this.#settings;
  }

  /** Whether this program is the one that others see. */
  get isHolder(): boolean {
    return this.#place.type === "holding";
  }

  get snapshot(): ChatSnapshot {
    const former = this.#former;
    if (former !== undefined) return former.snapshot;
    if (this.#place.type === "holding") return this.#place.shell.snapshot;
    if (this.#place.type === "attached") return this.#place.link.snapshot;
    throw new Error("unreachable: without a holder there is what was before");
  }

  get pins(): Pins {
    if (this.#place.type === "holding") return this.#place.shell.pins;
    if (this.#place.type === "attached") return this.#place.link.pins;
    return this.#former?.pins ?? this.#options.profile.pins.read();
  }

  get fingerprint(): Fingerprint {
    return this.#fingerprint;
  }

  /** Of this program. */
  get pending(): number {
    return this.#unsettled.size;
  }

  onNotice(listener: (notice: SessionNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Whoever attaches is told what there is as if it happened now. */
  start(): void {
    if (this.#place.type === "holding") {
      this.#place.shell.start();
      return;
    }
    queueMicrotask(() => {
      const { registry, nickname } = this.snapshot;
      if (registry === undefined) this.#tell({ type: "searching" });
      else
        this.#hear({
          type: "online",
          nickname,
          registry: registry.address,
          standing: registry,
          again: false,
        });
    });
  }

  send(to: string, text: string, options: SendOptions = {}, id?: MessageId): MessageId {
    const messageId = id ?? drawMessageId(this.#options.random);
    // Another program's message is that program's to send again.
    if (id !== undefined) {
      if (this.#foreign.has(id)) return id;
      this.#foreign.add(id);
    } else this.#unsettled.set(messageId, { to, text, options, at: this.#options.clock.now() });
    if (text.length > MAX_TEXT_LENGTH || to.length > MAX_TEXT_LENGTH) {
      queueMicrotask(() => this.#hear(tooLong(messageId, to, text)));
      return messageId;
    }
    const submit = () => this.#submit(messageId, to, text, options);
    if (this.#deferred !== undefined && this.#deferred.size < MAX_DEFERRED)
      this.#deferred.set(messageId, submit);
    else submit();
    return messageId;
  }

  rename(nickname: Nickname): boolean {
    if (this.#place.type === "holding") return this.#place.shell.rename(nickname);
    if (this.snapshot.registry?.protocol === "mp1") return false;
    void this.#ask("rename", { nickname }).then((can) => {
      if (can === false) this.#tell({ type: "trouble", text: "the name cannot be changed now" });
    });
    return true;
  }

  setStatus(away: boolean, status: StatusText | undefined): void {
    if (this.#place.type === "holding") this.#place.shell.setStatus(away, status);
    else void this.#ask("set-status", { away, status });
  }

  join(room: RoomName): boolean {
    if (this.#place.type === "holding") return this.#place.shell.join(room);
    void this.#ask("join", { room });
    const { rooms } = this.snapshot;
    return rooms.includes(room) || rooms.length < MAX_ROOMS;
  }

  part(room: RoomName): boolean {
    if (this.#place.type === "holding") return this.#place.shell.part(room);
    void this.#ask("part", { room });
    return this.snapshot.rooms.includes(room);
  }

  get files(): readonly Transfer[] {
    if (this.#place.type === "holding") return this.#place.shell.files;
    return this.#place.type === "attached" ? this.#place.link.files : [];
  }

  sendFile(to: string, path: string, id = drawMessageId(this.#options.random)): MessageId {
    this.#offering.set(id, { to, path });
    // Until we are registered after a takeover nobody is known.
    if (this.#deferred === undefined) this.#submitFile(id, to, path);
    return id;
  }

  changeFile(id: MessageId, action: TransferAction): void {
    if (this.#place.type === "holding") this.#place.shell.changeFile(id, action);
    else void this.#ask("change-file", { id, action });
  }

  markRead(from: string, ids: readonly MessageId[]): void {
    if (this.#place.type === "holding") this.#place.shell.markRead(from, ids);
    else void this.#ask("mark-read", { from, ids });
  }

  attend(attention: Attention): void {
    const now = this.#options.clock.now();
    const before = this.#attention;
    const isSame =
      before?.conversation === attention.conversation && before?.isFocused === attention.isFocused;
    const isRecent = before !== undefined && now - before.at < ATTENTION_MILLIS;
    // At each key it is said; that somebody is at the keyboard need not be.
    if (isSame && (!attention.isActive || (isRecent && !this.snapshot.isIdle))) return;
    this.#attention = { ...attention, at: attention.isActive ? now : (before?.at ?? now) };
    if (this.#place.type === "holding") this.#attended("here", attention);
    else void this.#ask("attend", attention);
  }

  #attended(face: ServedClient | "here", attention: Attention | undefined): void {
    if (attention === undefined) this.#alerts.gone(face);
    else {
      this.#alerts.attend(face, attention);
      if (this.#place.type === "holding") this.#place.shell.attend(attention);
    }
  }

  #ring(face: ServedClient | "here", notice: SessionNotice): void {
    if (face === "here") this.#tell(notice);
    else if (this.#place.type === "holding") this.#place.server.tellOne(face, notice);
  }

  setQuiet(until: UnixMillis | undefined): void {
    if (this.#place.type === "holding") this.#place.shell.setQuiet(until);
    else void this.#ask("set-quiet", { until });
  }

  typing(to: string, active: boolean): void {
    if (this.#place.type === "holding") this.#place.shell.typing(to, active);
    else void this.#ask("typing", { to, active });
  }

  accept(subject: PinSubject, fingerprint: Fingerprint): void {
    if (this.#place.type === "holding") this.#place.shell.accept(subject, fingerprint);
    else void this.#ask("accept", { subject, fingerprint });
  }

  forget(subject: PinSubject): void {
    if (this.#place.type === "holding") this.#place.shell.forget(subject);
    else void this.#ask("forget", { subject });
  }

  restrict(who: Restricted, level: RestrictionLevel | undefined): void {
    if (this.#place.type === "holding") this.#place.shell.restrict(who, level);
    else void this.#ask("restrict", { who, level });
  }

  /** What a person has to know of this program's surroundings. */
  trouble(text: string): void {
    this.#tell({ type: "trouble", text });
  }

  /** Ends this program's part. The presence itself only when nobody else is attached. */
  leave(): void {
    const place = this.#place;
    if (this.#isLeaving || place.type === "ended") return;
    this.#isLeaving = true;
    if (place.type === "holding" && place.server.attached > 0)
      setTimeout(() => this.#leaveNow(), HANDOVER_MILLIS);
    else this.#leaveNow();
  }

  #leaveNow(): void {
    const place = this.#place;
    if (place.type === "ended") return;
    if (place.type === "holding" && place.server.attached === 0) {
      // Whoever comes now finds nobody, and waits for the key.
      void place.server.close();
      place.shell.leave();
      return;
    }
    for (const [messageId, { to, text, options }] of [...this.#unsettled]) {
      const isKept = options.waitMillis === undefined;
      const left = { type: "waiting", messageId, to, text, why: "left", destination: undefined } as const;
      this.#tell(isKept ? left : undelivered(messageId, to, text, "left"));
    }
    this.#unsettled.clear();
    void this.close();
    queueMicrotask(() => this.#tell({ type: "ended", reason: "left", text: undefined }));
  }

  /** Ends the presence for all programs; "ended" follows. */
  quit(): void {
    if (this.#place.type === "holding") this.#place.shell.leave();
    else void this.#ask("quit", undefined);
  }

  /** Closes everything at once; {@link leave} first. Whoever is attached takes the presence over. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const place = this.#place;
    this.#former ??= this.#formerOf(place);
    this.#place = { type: "ended" };
    if (place.type === "attached" || place.type === "holding") await closeFound(place);
  }

  #arrive(found: Found): void {
    this.#place = found;
    if (found.type === "holding") this.#fingerprint = found.shell.fingerprint;
    else {
      this.#settings = found.link.report.settings;
      this.#fingerprint = found.link.report.fingerprint;
    }
  }

  /** It may have ended before we came to use it. */
  #lookAtLink(): void {
    const why = this.#place.type === "attached" ? this.#place.link.endedBy : undefined;
    if (why?.reason === "protocol") this.#fail(why);
    else if (why !== undefined) void this.#takeOver();
  }

  /** The holder has ended: one of those who were attached goes on in its place. */
  async #takeOver(): Promise<void> {
    this.#former ??= this.#formerOf(this.#place);
    this.#deferred ??= new Map();
    const nickname = this.#former?.snapshot.nickname ?? this.#settings.nickname;
    this.#settings = { ...this.#settings, nickname, whenTaken: "suggestion" };
    this.#place = { type: "seeking" };
    try {
      const found = await this.#finder.find();
      if (this.#isSeeking()) this.#resume(found);
      else await closeFound(found);
    } catch (error) {
      if (this.#isSeeking()) this.#fail(error);
    }
  }

  /** Left meanwhile? */
  #isSeeking(): boolean {
    return this.#place.type === "seeking";
  }

  #fail(error: unknown): void {
    void this.close();
    this.#tell({ type: "trouble", text: errorText(error) });
    this.#tell({ type: "ended", reason: "failed", text: undefined });
  }

  #resume(found: Found): void {
    const former = this.#former?.snapshot;
    this.#arrive(found);
    this.#attendAgain();
    this.#tell({ type: "presence-moved", here: found.type === "holding" });
    if (found.type === "attached") {
      this.#former = undefined;
      this.#sendAgain();
      this.#lookAtLink();
      return;
    }
    const { away, isIdle, status, quietUntil, rooms = [] } = former ?? {};
    for (const room of rooms) found.shell.join(room);
    // Who was away by itself will be so again, unless there is a key.
    const isAway = away === true && isIdle !== true;
    if (isAway || status !== undefined) found.shell.setStatus(isAway, status as StatusText);
    if (quietUntil !== undefined) found.shell.setQuiet(quietUntil);
    found.shell.start();
    setTimeout(() => this.#forgetFormer(), RESUME_MILLIS).unref();
  }

  /** A new holder does not know what is on our screen. */
  #attendAgain(): void {
    const attention = this.#attention;
    this.#attention = undefined;
    if (attention !== undefined) this.attend({ ...attention, isActive: false });
  }

  /** What was before does not count any more: we are registered, or it takes too long. */
  #forgetFormer(): void {
    if (this.#place.type !== "holding" || this.#former === undefined) return;
    this.#former = undefined;
    this.#place.server.changed();
  }

  #formerOf(place: Place): Former | undefined {
    if (place.type !== "attached" && place.type !== "holding") return undefined;
    return { snapshot: this.snapshot, pins: this.pins };
  }

  /** All that is not settled, to the new holder. */
  #sendAgain(): void {
    const deferred = [...(this.#deferred ?? [])].filter(([id]) => !this.#unsettled.has(id));
    this.#deferred = undefined;
    for (const [messageId, { to, text, options, at }] of this.#unsettled) {
      const { waitMillis } = options;
      const passed = this.#options.clock.now() - at;
      const left = waitMillis === undefined ? {} : { waitMillis: Math.max(1, waitMillis - passed) };
      this.#submit(messageId, to, text, { ...options, ...left });
    }
    for (const [, submit] of deferred) submit();
    for (const [id, { to, path }] of this.#offering) this.#submitFile(id, to, path);
  }

  #submitFile(id: MessageId, to: string, path: string): void {
    if (this.#place.type === "holding") this.#place.shell.sendFile(to, path, id);
    else void this.#ask("send-file", { id, to, path });
  }

  #submit(messageId: MessageId, to: string, text: string, options: SendOptions): void {
    if (this.#place.type === "holding") this.#place.shell.send(to, text, options, messageId);
    else {
      const { waitMillis, reply } = options;
      void this.#ask("send", { messageId, to, text, waitMillis, reply });
    }
  }

  /** A request to the holder. One that ends before it answers is followed by another holder; nothing else fails. */
  async #ask<Name extends ChatMethodName>(name: Name, params: ChatRequestOf<Name>) {
    if (this.#place.type !== "attached") return undefined;
    try {
      return await this.#place.link.request(name, params);
    } catch (error) {
      if (!(error instanceof ConnectionError && error.reason === "closed"))
        this.#tell({ type: "trouble", text: errorText(error) });
      return undefined;
    }
  }

  /** A notice of the core or of the holder. */
  #hear(notice: SessionNotice): void {
    const shown = this.#resuming(notice);
    if (shown === undefined) return;
    if (shown.type === "delivered" || shown.type === "room-delivered" || shown.type === "room-undelivered")
      this.#settle(shown.messageId);
    else if (shown.type === "undelivered") this.#settle(shown.message.messageId);
    // From here on it is kept by the holder, and by whoever holds after it.
    else if (shown.type === "waiting") this.#settle(shown.messageId);
    else if (shown.type === "file") this.#offering.delete(shown.transfer.id);
    else if (shown.type === "online") this.#wasOnline = true;
    if (this.#place.type === "holding") {
      this.#place.server.tell(shown);
      if (shown.type === "received") {
        this.#options.onMessage?.(shown.message);
        this.#alerts.received(shown.message);
      }
    }
    if (shown.type === "ended") void this.close();
    this.#tell(shown);
  }

  #settle(messageId: MessageId): void {
    this.#unsettled.delete(messageId);
    this.#foreign.delete(messageId);
  }

  /** After a takeover nobody has to hear that we search and are online: they have been told before. */
  #resuming(notice: SessionNotice): SessionNotice | undefined {
    if (this.#deferred === undefined || this.#place.type !== "holding") return notice;
    if (notice.type === "searching") return undefined;
    if (notice.type !== "online") return notice;
    const isNews = !this.#wasOnline || this.#former?.snapshot.nickname !== notice.nickname;
    this.#forgetFormer();
    queueMicrotask(() => this.#sendAgain());
    return isNews ? { ...notice, again: this.#wasOnline } : undefined;
  }

  #tell(notice: SessionNotice): void {
    for (const listener of [...this.#listeners]) listener(notice);
  }
}

function tooLong(messageId: MessageId, to: string, text: string): SessionNotice {
  return undelivered(messageId, to.slice(0, MAX_TEXT_LENGTH), text.slice(0, MAX_TEXT_LENGTH), "too-long");
}

function undelivered(
  messageId: MessageId,
  to: string,
  text: string,
  why: "too-long" | "left",
): SessionNotice {
  const tried = {
    destination: undefined,
    partsDelivered: 0,
    parts: 0,
    uncertain: why === "left",
    waited: false,
  };
  return { type: "undelivered", message: { messageId, to, text, why, ...tried } };
}
