import type { Clock, Random, UnixMillis } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { type Attention, type Call, callOf } from "../chat/alerts.ts";
import type { ArchiveReader } from "../chat/archive.ts";
import type { Transfer, TransferAction } from "../chat/files/transfer.ts";
import type { ChatSnapshot } from "../chat/notices.ts";
import type { PinSubject, Pins } from "../chat/pins.ts";
import type { Restricted, RestrictionLevel } from "../chat/restrictions.ts";
import type { SendOptions, SessionNotice } from "../chat/session.ts";
import type { PresenceSettings } from "../chat/settings.ts";
import type { HeldSession } from "../control/chat-server.ts";
import type { Profile } from "../io/profile.ts";
import type { MessageId, RoomName, StatusText } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { Alerts } from "./alerts.ts";
import { Heard, type Received } from "./heard.ts";
import { OwnAttention } from "./own-attention.ts";
import type { Found, OpenShell } from "./presence-place.ts";
import { Resumption } from "./resumption.ts";
import { Sending } from "./sending.ts";
import { Whereabouts } from "./whereabouts.ts";

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
 * The user's presence, held by this program or by another one. Which of them does changes nothing for whoever uses it:
 * {@link Whereabouts} knows, and here commands go where it says, and notices come from there.
 */
export class Presence implements HeldSession {
  readonly #options: PresenceOptions;
  readonly #listeners = new Set<(notice: SessionNotice) => void>();
  readonly #sending: Sending;
  readonly #heard: Heard;
  readonly #whereabouts: Whereabouts;
  readonly #resumption: Resumption;
  readonly #alerts: Alerts;
  readonly #attention: OwnAttention;

  private constructor(options: PresenceOptions) {
    this.#options = options;
    const { clock, random, openArchive } = options;
    const held = () => this.#whereabouts.held;
    this.#whereabouts = this.#whereaboutsFor(options);
    this.#sending = new Sending({
      ...{ clock, random, commands: () => this.#whereabouts.commands },
      hear: (notice) => this.#hear(notice),
    });
    this.#resumption = new Resumption({ sending: this.#sending, held });
    this.#heard = new Heard({
      openArchive,
      missed: (notice) => this.#missed(notice),
      trouble: (text) => this.trouble(text),
    });
    this.#alerts = new Alerts({
      ...{ clock, held },
      settings: () => this.settings.alerts,
      nickname: () => this.snapshot.nickname,
      isQuiet: () => this.snapshot.quietUntil !== undefined,
      notify: (call) => options.onAlert?.(call),
      tell: (notice) => this.#tell(notice),
    });
    this.#attention = new OwnAttention({
      clock,
      isIdle: () => this.snapshot.isIdle,
      tell: (attention) => {
        if (this.isHolder) this.#alerts.attend("here", attention);
        else this.#whereabouts.commands?.attend(attention);
      },
    });
  }

  #whereaboutsFor(options: PresenceOptions): Whereabouts {
    return new Whereabouts({
      ...options,
      session: this,
      nickname: () => this.snapshot.nickname,
      told: () => this.#heard.through,
      onNotice: (notice) => this.#hear(notice),
      onAttention: (client, attention) => this.#alerts.attend(client, attention),
      onTrouble: (text) => this.trouble(text),
      onLost: () => this.#lost(),
      onFound: (found) => this.#found(found),
      onMoved: (found) => this.#moved(found),
      onLeft: () => this.#left(),
      onFailed: (error) => this.#failed(error),
    });
  }

  /**
   * Attaches to the program that holds the presence, or holds it from now on. Errors: {@link SystemError} when neither
   * can be, ControlError "other-version".
   */
  static async open(options: PresenceOptions): Promise<Presence> {
    const presence = new Presence(options);
    await presence.#whereabouts.open();
    return presence;
  }

  /** Of the presence, whoever began it. */
  get settings(): PresenceSettings {
    return this.#whereabouts.settings;
  }

  /** Whether this program is the one that others see. */
  get isHolder(): boolean {
    return this.#whereabouts.held !== undefined;
  }

  get snapshot(): ChatSnapshot {
    const shown = this.#resumption.former ?? this.#whereabouts.view;
    if (shown === undefined) throw new Error("unreachable: without a holder there is what was before");
    return shown.snapshot;
  }

  get pins(): Pins {
    const shown = this.#whereabouts.view ?? this.#resumption.former;
    return shown?.pins ?? this.#options.profile.pins.read();
  }

  get fingerprint(): Fingerprint {
    return this.#whereabouts.fingerprint;
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
    const { held } = this.#whereabouts;
    if (held !== undefined) {
      held.shell.start();
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
    return this.#whereabouts.commands?.rename(nickname) ?? false;
  }

  setStatus(away: boolean, status: StatusText | undefined): void {
    this.#whereabouts.commands?.setStatus(away, status);
  }

  setQuiet(until: UnixMillis | undefined): void {
    this.#whereabouts.commands?.setQuiet(until);
  }

  join(room: RoomName): boolean {
    return this.#whereabouts.commands?.join(room) ?? true;
  }

  part(room: RoomName): boolean {
    return this.#whereabouts.commands?.part(room) ?? this.snapshot.rooms.includes(room);
  }

  markRead(from: string, ids: readonly MessageId[]): void {
    this.#whereabouts.commands?.markRead(from, ids);
  }

  typing(to: string, active: boolean): void {
    this.#whereabouts.commands?.typing(to, active);
  }

  accept(subject: PinSubject, fingerprint: Fingerprint): void {
    this.#whereabouts.commands?.accept(subject, fingerprint);
  }

  forget(subject: PinSubject): void {
    this.#whereabouts.commands?.forget(subject);
  }

  restrict(who: Restricted, level: RestrictionLevel | undefined): void {
    this.#whereabouts.commands?.restrict(who, level);
  }

  get files(): readonly Transfer[] {
    return this.#whereabouts.view?.files ?? [];
  }

  sendFile(to: string, path: string, id?: MessageId): MessageId {
    return this.#sending.sendFile(to, path, id);
  }

  changeFile(id: MessageId, action: TransferAction): void {
    this.#whereabouts.commands?.changeFile(id, action);
  }

  attend(attention: Attention): void {
    this.#attention.attend(attention);
  }

  /** What a person has to know of this program's surroundings. */
  trouble(text: string): void {
    this.#tell({ type: "trouble", text });
  }

  /** Ends this program's part. The presence itself only when nobody else is attached. */
  leave(): void {
    this.#whereabouts.leave();
  }

  /** Ends the presence for all programs; "ended" follows. */
  quit(): void {
    this.#whereabouts.commands?.leave();
  }

  /** Closes everything at once; {@link leave} first. Whoever is attached takes the presence over. */
  close(): Promise<void> {
    this.#resumption.keep(this.#whereabouts.view);
    return this.#whereabouts.close();
  }

  /** The holder has ended, and the next is looked for. */
  #lost(): void {
    this.#resumption.keep(this.#whereabouts.view);
    this.#sending.defer();
    this.#heard.holderEnded();
  }

  /** There is a holder, the first or the next. */
  #found({ told }: Found): void {
    this.#attention.again();
    this.#heard.holderFound(told);
  }

  #moved(found: Found): void {
    this.#tell({ type: "presence-moved", here: found.type === "holding" });
    if (found.type === "holding") this.#resumption.here(found.shell);
    else this.#resumption.elsewhere();
  }

  #left(): void {
    for (const notice of this.#sending.leave()) this.#tell(notice);
    void this.close();
    queueMicrotask(() => this.#tell({ type: "ended", reason: "left", text: undefined }));
  }

  #failed(error: unknown): void {
    void this.close();
    this.#tell({ type: "trouble", text: errorText(error) });
    this.#tell({ type: "ended", reason: "failed", text: undefined });
  }

  /** A notice of the core or of the holder. */
  #hear(notice: SessionNotice): void {
    const shown = this.#resumption.shown(notice);
    if (shown === undefined) return;
    this.#sending.heard(shown);
    if (shown.type === "received") this.#heard.received(shown);
    const { held } = this.#whereabouts;
    if (held !== undefined) {
      held.server.tell(shown);
      this.#call(shown);
    }
    if (shown.type === "ended") void this.close();
    this.#tell(shown);
  }

  /** Stored by a holder that told nobody: the others read it themselves. */
  #missed(notice: Received): void {
    if (this.#whereabouts.isEnded) return;
    if (this.isHolder) this.#call(notice);
    this.#tell(notice);
  }

  /** What the holder does with what came, beside telling of it. */
  #call(notice: SessionNotice): void {
    if (notice.type === "received") this.#options.onMessage?.(notice);
    const call = callOf(notice);
    if (call !== undefined) this.#alerts.called(call);
  }

  #tell(notice: SessionNotice): void {
    for (const listener of [...this.#listeners]) listener(notice);
  }
}
