import type { Clock, Millis, Random, UnixMillis } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { type Attention, type Call, callerOf, callOf } from "../chat/alerts.ts";
import type { ArchiveReader } from "../chat/archive.ts";
import type { Transfer, TransferAction } from "../chat/files/transfer.ts";
import type { ChatSnapshot } from "../chat/notices.ts";
import type { PinSubject, Pins } from "../chat/pins.ts";
import type { Restricted, RestrictionLevel } from "../chat/restrictions.ts";
import type { SendOptions, SessionNotice } from "../chat/session.ts";
import type { PresenceSettings } from "../chat/settings.ts";
import type { HeldSession } from "../control/chat-server.ts";
import type { ServedClient } from "../control/request-server.ts";
import type { Profile } from "../io/profile.ts";
import type { MessageId, RoomName, StatusText } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { Alerts } from "./alerts.ts";
import { Heard, type Received } from "./heard.ts";
import { closeFound, type Found, type OpenShell, PlaceFinder } from "./presence-place.ts";
import { type PresenceCommands, RemoteCommands } from "./remote-commands.ts";
import { Sending } from "./sending.ts";

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
  /** Of what was said, beside whoever holds it; undefined where it cannot be read. */
  readonly openArchive: () => ArchiveReader | undefined;
  /** For messages that come while this program holds the presence: of all programs one hears each. */
  readonly onMessage?: (notice: Received) => void;
  /** Likewise, for what calls for the user's attention. */
  readonly onAlert?: (call: Call) => void;
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

/** What the user had before the holder ended. */
interface Former {
  readonly snapshot: ChatSnapshot;
  readonly pins: Pins;
}

/**
 * The user's presence, held by this program or by another one. Which of them does changes nothing for whoever uses it.
 */
export class Presence implements HeldSession {
  readonly #options: PresenceOptions;
  readonly #listeners = new Set<(notice: SessionNotice) => void>();
  readonly #sending: Sending;
  readonly #heard: Heard;
  readonly #finder: PlaceFinder;
  readonly #alerts: Alerts<ServedClient>;
  /** As the holder was told last. */
  #attention: (Attention & { readonly at: Millis }) | undefined;
  #place: Place = { type: "seeking" };
  /** Of whoever holds the presence; undefined while nobody does. */
  #commands: PresenceCommands | undefined;
  #settings: PresenceSettings;
  #fingerprint: Fingerprint;
  /** Shown for a while after a takeover. */
  #former: Former | undefined;
  #wasOnline = false;
  #isLeaving = false;
  #closing: Promise<void> | undefined;

  private constructor(options: PresenceOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#fingerprint = "" as Fingerprint;
    this.#sending = new Sending({
      ...{ clock: options.clock, random: options.random, commands: () => this.#commands },
      hear: (notice) => this.#hear(notice),
    });
    this.#heard = new Heard({
      openArchive: options.openArchive,
      missed: (notice) => this.#missed(notice),
      trouble: (text) => this.trouble(text),
    });
    this.#alerts = new Alerts({
      clock: options.clock,
      settings: () => this.#settings.alerts,
      nickname: () => this.snapshot.nickname,
      isQuiet: () => this.snapshot.quietUntil !== undefined,
      notify: (call) => options.onAlert?.(call),
      ring: (face, call) => this.#ring(face, { type: "ring", from: callerOf(call) }),
    });
    this.#finder = new PlaceFinder({
      ...options,
      session: this,
      settings: () => this.#settings,
      nickname: () => this.snapshot.nickname,
      onNotice: (notice) => this.#hear(notice),
      onAttention: (client, attention) => this.#attended(client, attention),
      told: () => this.#heard.through,
      onClosed: () => this.#lookAtLink(),
    });
  }

  /**
   * Attaches to the program that holds the presence, or holds it from now on. Errors: {@link SystemError} when neither
   * can be, ControlError "other-version".
   */
  static async open(options: PresenceOptions): Promise<Presence> {
    const presence = new Presence(options);
    const found = await presence.#finder.find();
    presence.#arrive(found);
    presence.#heard.holderFound(found.told);
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
    return this.#sending.pending;
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
    return this.#sending.send(to, text, options, id);
  }

  rename(nickname: Nickname): boolean {
    return this.#commands?.rename(nickname) ?? false;
  }

  setStatus(away: boolean, status: StatusText | undefined): void {
    this.#commands?.setStatus(away, status);
  }

  setQuiet(until: UnixMillis | undefined): void {
    this.#commands?.setQuiet(until);
  }

  join(room: RoomName): boolean {
    return this.#commands?.join(room) ?? true;
  }

  part(room: RoomName): boolean {
    return this.#commands?.part(room) ?? this.snapshot.rooms.includes(room);
  }

  markRead(from: string, ids: readonly MessageId[]): void {
    this.#commands?.markRead(from, ids);
  }

  typing(to: string, active: boolean): void {
    this.#commands?.typing(to, active);
  }

  accept(subject: PinSubject, fingerprint: Fingerprint): void {
    this.#commands?.accept(subject, fingerprint);
  }

  forget(subject: PinSubject): void {
    this.#commands?.forget(subject);
  }

  restrict(who: Restricted, level: RestrictionLevel | undefined): void {
    this.#commands?.restrict(who, level);
  }

  get files(): readonly Transfer[] {
    if (this.#place.type === "holding") return this.#place.shell.files;
    return this.#place.type === "attached" ? this.#place.link.files : [];
  }

  sendFile(to: string, path: string, id?: MessageId): MessageId {
    return this.#sending.sendFile(to, path, id);
  }

  changeFile(id: MessageId, action: TransferAction): void {
    this.#commands?.changeFile(id, action);
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
    else this.#commands?.attend(attention);
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
    for (const notice of this.#sending.leave()) this.#tell(notice);
    void this.close();
    queueMicrotask(() => this.#tell({ type: "ended", reason: "left", text: undefined }));
  }

  /** Ends the presence for all programs; "ended" follows. */
  quit(): void {
    this.#commands?.leave();
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
    this.#commands = undefined;
    if (place.type === "attached" || place.type === "holding") await closeFound(place);
  }

  #arrive(found: Found): void {
    this.#place = found;
    if (found.type === "holding") {
      this.#commands = found.shell;
      this.#fingerprint = found.shell.fingerprint;
    } else {
      this.#commands = new RemoteCommands(found.link, (text) => this.trouble(text));
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
    this.#sending.defer();
    this.#heard.holderEnded();
    const nickname = this.#former?.snapshot.nickname ?? this.#settings.nickname;
    this.#settings = { ...this.#settings, nickname, whenTaken: "suggestion" };
    this.#place = { type: "seeking" };
    this.#commands = undefined;
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
    this.#heard.holderFound(found.told);
    // What was missed may have been all that a script waited for.
    if (this.#isLeaving) return;
    this.#tell({ type: "presence-moved", here: found.type === "holding" });
    if (found.type === "attached") {
      this.#former = undefined;
      this.#sending.again();
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

  /** A notice of the core or of the holder. */
  #hear(notice: SessionNotice): void {
    const shown = this.#resuming(notice);
    if (shown === undefined) return;
    this.#sending.heard(shown);
    if (shown.type === "online") this.#wasOnline = true;
    if (shown.type === "received") this.#heard.received(shown);
    if (this.#place.type === "holding") {
      this.#place.server.tell(shown);
      this.#call(shown);
    }
    if (shown.type === "ended") void this.close();
    this.#tell(shown);
  }

  /** Stored by a holder that told nobody: the others read it themselves. */
  #missed(notice: Received): void {
    if (this.#place.type === "ended") return;
    if (this.#place.type === "holding") this.#call(notice);
    this.#tell(notice);
  }

  /** What the holder does with what came, beside telling of it. */
  #call(notice: SessionNotice): void {
    if (notice.type === "received") this.#options.onMessage?.(notice);
    const call = callOf(notice);
    if (call !== undefined) this.#alerts.called(call);
  }

  /** After a takeover nobody has to hear that we search and are online: they have been told before. */
  #resuming(notice: SessionNotice): SessionNotice | undefined {
    if (!this.#sending.isDeferring || this.#place.type !== "holding") return notice;
    if (notice.type === "searching") return undefined;
    if (notice.type !== "online") return notice;
    const isNews = !this.#wasOnline || this.#former?.snapshot.nickname !== notice.nickname;
    this.#forgetFormer();
    queueMicrotask(() => this.#sending.again());
    return isNews ? { ...notice, again: this.#wasOnline } : undefined;
  }

  #tell(notice: SessionNotice): void {
    for (const listener of [...this.#listeners]) listener(notice);
  }
}
