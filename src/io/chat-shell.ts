import type { Clock, Millis, Random, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { Attention } from "../chat/alerts.ts";
import type { ArchiveStore } from "../chat/archive.ts";
import { ChatClient } from "../chat/client.ts";
import type { ChatEvent, ChatOutput, Progress } from "../chat/events.ts";
import type { IncomingStream } from "../chat/files/requests.ts";
import type { Transfer, TransferAction } from "../chat/files/transfer.ts";
import type { ChatSnapshot } from "../chat/notices.ts";
import type { PinSubject, Pins } from "../chat/pins.ts";
import type { Restricted, RestrictionLevel } from "../chat/restrictions.ts";
import type { ChatSession, SendOptions, SessionNotice } from "../chat/session.ts";
import type { ChatSettings } from "../chat/settings.ts";
import type { SctpEndpoint } from "../sctp/api.ts";
import type { ChatMessage } from "../wire/mp1-chat.ts";
import type { MessageId, RoomName, StatusText } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { Alarm } from "./alarm.ts";
import { GatheredChanges } from "./chat-archive.ts";
import type { RegistryPlace } from "./chat-hello.ts";
import { ChatNetwork } from "./chat-network.ts";
import { KeptPins } from "./chat-pins.ts";
import type { Identity } from "./identity.ts";
import type { PinFile } from "./pin-file.ts";

export interface ChatShellOptions {
  readonly settings: ChatSettings;
  readonly registry: RegistryPlace;
  /** Names of the interfaces to use; empty: all that look like a LAN. */
  readonly interfaces: readonly string[];
  /** The registry's port, also for registries of mp1, which do not say it; theirs for SCTP in UDP. */
  readonly registryPort: number;
  readonly encapsulationPort: number;
  readonly identity: Identity;
  readonly pins: PinFile;
  /** What was said; the caller closes it. */
  readonly archive: ArchiveStore;
  /** Where files go that come. */
  readonly downloads: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the SCTP endpoint with our port as its source port. */
  readonly createEndpoint: (localPort: number) => SctpEndpoint;
}

/** Runs the chat core on real sockets. */
export class ChatShell implements ChatSession {
  readonly #options: ChatShellOptions;
  readonly #client: ChatClient;
  readonly #network: ChatNetwork;
  readonly #pins: KeptPins;
  readonly #alarm: Alarm;
  readonly #changes: GatheredChanges;
  readonly #listeners = new Set<(notice: SessionNotice) => void>();
  readonly #changeListeners = new Set<() => void>();
  #pumping = false;
  #pumpAsked = false;
  #closed = false;

  private constructor(options: ChatShellOptions, open: { network: ChatNetwork; pins: KeptPins }) {
    const { clock, settings, random, identity } = options;
    this.#options = options;
    this.#network = open.network;
    this.#pins = open.pins;
    this.#changes = new GatheredChanges({
      archive: options.archive,
      onTrouble: (text) => this.tell({ type: "trouble", text }),
    });
    this.#client = new ChatClient({
      kept: options.archive.load(),
      isLasting: options.archive.isLasting,
      settings,
      random,
      identity: { fingerprint: identity.fingerprint },
      pins: open.pins.pins,
      unixAt: (at) => Math.round(clock.wall() + at - clock.now()),
    });
    this.#alarm = new Alarm(clock, () => this.#run((client, now) => client.advance(now)));
  }

  /**
   * Binds everything. Errors: {@link SystemError} when a port cannot be bound, an interface is not there, or the trusted
   * keys cannot be read.
   */
  static async open(options: ChatShellOptions): Promise<ChatShell> {
    // Nothing comes before the shell has been made: sockets are read in later turns of the event loop.
    const opened: { shell?: ChatShell } = {};
    const pins = new KeptPins({
      file: options.pins,
      onPins: (changed) => opened.shell?.handle({ type: "pins", pins: changed }),
      onTrouble: (text) => opened.shell?.tell({ type: "trouble", text }),
    });
    try {
      const network = await ChatNetwork.open({
        ...options,
        legacy: options.settings.legacy,
        onEvent: (event) => opened.shell?.handle(event),
        received: (connection, bytes) =>
          opened.shell?.received(connection, bytes) ?? { messages: 0, pending: 0 },
        onTrouble: (text) => opened.shell?.tell({ type: "trouble", text }),
        takesLegacy: (address, message) => opened.shell?.takesLegacy(address, message) === true,
        expectsFile: (from) => opened.shell?.expectsFile(from) === true,
        fileArrives: (from, id, offset) => opened.shell?.fileArrives(from, id, offset),
      });
      opened.shell = new ChatShell(options, { network, pins });
      return opened.shell;
    } catch (error) {
      pins.close();
      throw error;
    }
  }

  /** P, as the listing has it. */
  get port(): number {
    return this.#network.port;
  }

  get fingerprint(): Fingerprint {
    return this.#options.identity.fingerprint;
  }

  get pins(): Pins {
    return this.#pins.pins;
  }

  get snapshot(): ChatSnapshot {
    return this.#client.snapshot();
  }

  get pending(): number {
    return this.#client.pending;
  }

  onNotice(listener: (notice: SessionNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** After whatever may have changed the snapshot. */
  onChange(listener: () => void): void {
    this.#changeListeners.add(listener);
  }

  start(): void {
    this.#run((client, now) => client.start(now));
  }

  /** `id`: chosen by another process. */
  send(to: string, text: string, options?: SendOptions, id?: MessageId): MessageId {
    return this.#run((client, now) => client.send(now, to, text, options, id));
  }

  rename(nickname: Nickname): boolean {
    return this.#run((client, now) => client.rename(now, nickname));
  }

  setStatus(away: boolean, status: StatusText | undefined): void {
    this.#run((client, now) => client.setStatus(now, away, status));
  }

  join(room: RoomName): boolean {
    return this.#run((client, now) => client.join(now, room));
  }

  part(room: RoomName): boolean {
    return this.#run((client, now) => client.part(now, room));
  }

  markRead(from: string, messageIds: readonly MessageId[]): void {
    this.#run((client, now) => client.markRead(now, from, messageIds));
  }

  /** What is on a screen matters to whoever calls the user, not to the core. */
  attend({ isActive }: Attention): void {
    if (isActive) this.#run((client, now) => client.active(now));
  }

  setQuiet(until: UnixMillis | undefined): void {
    this.#run((client, now) => client.setQuiet(now, until));
  }

  typing(to: string, active: boolean): void {
    this.#run((client, now) => client.typing(now, to, active));
  }

  get files(): readonly Transfer[] {
    return this.#client.files;
  }

  /** `id`: chosen by another process. */
  sendFile(to: string, path: string, id?: MessageId): MessageId {
    return this.#run((client, now) => client.sendFile(now, to, path, id));
  }

  changeFile(id: MessageId, action: TransferAction): void {
    this.#run((client, now) => client.changeFile(now, id, action));
  }

  accept(subject: PinSubject, fingerprint: Fingerprint): void {
    this.#run((client, now) => client.accept(now, subject, fingerprint));
  }

  forget(subject: PinSubject): void {
    this.#run((client, now) => client.forget(now, subject));
  }

  restrict(who: Restricted, level: RestrictionLevel | undefined): void {
    this.#run((client, now) => client.restrict(now, who, level));
  }

  leave(): void {
    this.#run((client, now) => client.leave(now));
  }

  /** Closes everything at once; {@link leave} first. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#alarm.clear();
    this.#pins.close();
    await this.#network.close();
  }

  /** For the network: something has happened. */
  private handle(event: ChatEvent): void {
    // Other programs' changes, where the system cannot watch the file.
    if (event.type === "network-changed") this.#pins.refresh();
    this.#run((client, now) => client.handle(now, event));
  }

  /** For the network: bytes of a TLS connection. */
  private received(connection: number, bytes: Uint8Array): Progress {
    return this.#run((client, now) => client.received(now, connection, bytes));
  }

  private takesLegacy(address: string, message: ChatMessage): boolean {
    return this.#run((client, now) => client.takesLegacy(now, address, message));
  }

  private expectsFile(from: Fingerprint): boolean {
    return this.#client.expectsFile(from);
  }

  /** For the network: a connection has brought the first words of a file. */
  private fileArrives(from: Fingerprint, id: MessageId, offset: number): IncomingStream | undefined {
    return this.#run((client, now) => client.fileArrives(now, from, id, offset));
  }

  private tell(notice: SessionNotice): void {
    for (const listener of this.#listeners) listener(notice);
  }

  #run<Result>(action: (client: ChatClient, now: Millis) => Result): Result {
    const result = action(this.#client, this.#options.clock.now());
    this.#pumpSoon();
    return result;
  }

  /** Once for all that happens until then: many messages in a row leave together. */
  #pumpSoon(): void {
    if (this.#pumpAsked) return;
    this.#pumpAsked = true;
    queueMicrotask(() => {
      this.#pumpAsked = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    try {
      this.#performAll();
      for (let event = this.#changes.store(); event !== undefined; event = this.#changes.store()) {
        this.#client.handle(this.#options.clock.now(), event);
        this.#performAll();
      }
    } finally {
      this.#pumping = false;
    }
    if (this.#closed) return;
    this.#alarm.set(this.#client.nextDeadline());
    for (const listener of this.#changeListeners) listener();
  }

  #performAll(): void {
    for (let out = this.#client.poll(); out !== undefined; out = this.#client.poll()) this.#perform(out);
  }

  #perform(out: ChatOutput): void {
    if (out.type === "notice") this.tell(out.notice);
    else if (out.type === "archive") this.#changes.add(out);
    else if (out.type === "pin") this.#pins.change(out.change);
    else this.#network.perform(out);
  }
}
