import type { Clock, Millis, Random } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import { ChatClient } from "../chat/client.ts";
import type { ChatEvent, ChatOutput } from "../chat/events.ts";
import type { ChatNotice, ChatSnapshot } from "../chat/notices.ts";
import { Pins } from "../chat/pins.ts";
import type { ChatSettings } from "../chat/settings.ts";
import type { SctpEndpoint } from "../sctp/api.ts";
import type { Nickname } from "../wire/nickname.ts";
import { Alarm } from "./alarm.ts";
import { DialBackListener } from "./chat-dial-back.ts";
import { type RegistryPlace, sendHello } from "./chat-discovery.ts";
import { PeerConnections } from "./chat-peers.ts";
import { bindChatPorts, type ChatPorts, closeChatPorts } from "./chat-ports.ts";
import { PresenceLink } from "./chat-presence.ts";

export interface ChatShellOptions {
  readonly settings: ChatSettings;
  readonly registry: RegistryPlace;
  readonly encapsulationPort: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the SCTP endpoint with our port as its source port. */
  readonly createEndpoint: (localPort: number) => SctpEndpoint;
}

/** Runs the chat core on real sockets. Whoever shows things listens to its notices. */
export class ChatShell {
  readonly #options: ChatShellOptions;
  readonly #client: ChatClient;
  readonly #ports: ChatPorts;
  readonly #dialBacks: DialBackListener;
  readonly #peers: PeerConnections;
  readonly #presence: PresenceLink;
  readonly #alarm: Alarm;
  readonly #listeners = new Set<(notice: ChatNotice) => void>();
  #pumping = false;
  #closed = false;

  private constructor(options: ChatShellOptions, ports: ChatPorts, presence: PresenceLink) {
    const { clock } = options;
    this.#options = options;
    this.#ports = ports;
    this.#presence = presence;
    const unixAt = (at: Millis): number => clock.wall() - clock.now() + at;
    // Nobody's key: it is not shown to anybody as long as nothing here speaks TLS.
    const fingerprint = Buffer.from(options.random.bytes(32)).toString("hex") as Fingerprint;
    this.#client = new ChatClient({ ...options, unixAt, identity: { fingerprint }, pins: Pins.none });
    this.#alarm = new Alarm(clock, () => this.#run((client, now) => client.advance(now)));
    this.#dialBacks = new DialBackListener(ports.registration, (event) => this.#handle(event));
    this.#peers = new PeerConnections({
      server: ports.chat,
      clock,
      onMessage: (address, message) => this.#handle({ type: "message", address, message }),
    });
  }

  /** Binds everything. Errors: {@link SystemError} when a port cannot be bound. */
  static async open(options: ChatShellOptions): Promise<ChatShell> {
    const ports = await bindChatPorts(options.random);
    // Events come only after the shell asked for an association.
    let shell: ChatShell | undefined;
    const presence = await PresenceLink.open({
      endpoint: options.createEndpoint(ports.port),
      clock: options.clock,
      registryPort: options.registry.port,
      encapsulationPort: options.encapsulationPort,
      onEvent: (event) => {
        if (shell !== undefined) shell.#handle(event);
      },
    });
    shell = new ChatShell(options, ports, presence);
    return shell;
  }

  /** P: the listing has it, the chat listener is the one above. */
  get port(): number {
    return this.#ports.port;
  }

  get snapshot(): ChatSnapshot {
    return this.#client.snapshot();
  }

  /** Messages on their way. */
  get pending(): number {
    return this.#client.pending;
  }

  onNotice(listener: (notice: ChatNotice) => void): void {
    this.#listeners.add(listener);
  }

  start(): void {
    this.#run((client, now) => client.start(now));
  }

  /** Sends to a nickname or ADDRESS:PORT; a notice with the returned id follows, never before this returns. */
  send(to: string, text: string, waitMillis: Millis = 0): number {
    return this.#run((client, now) => client.send(now, to, text, waitMillis));
  }

  rename(nickname: Nickname): void {
    this.#run((client, now) => client.rename(now, nickname));
  }

  /** Leaves in good order; the notice "ended" follows within a second. */
  leave(): void {
    this.#run((client, now) => client.leave(now));
  }

  /** Closes everything at once; {@link leave} first. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#alarm.clear();
    this.#dialBacks.closeAll();
    this.#peers.closeAll();
    await Promise.all([closeChatPorts(this.#ports), this.#presence.close()]);
  }

  #handle(event: ChatEvent): void {
    this.#run((client, now) => client.handle(now, event));
  }

  #run<Result>(action: (client: ChatClient, now: Millis) => Result): Result {
    const result = action(this.#client, this.#options.clock.now());
    queueMicrotask(() => this.#pump());
    return result;
  }

  #pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    try {
      for (let out = this.#client.poll(); out !== undefined; out = this.#client.poll()) this.#perform(out);
    } finally {
      this.#pumping = false;
    }
    if (!this.#closed) this.#alarm.set(this.#client.nextDeadline());
  }

  #perform(out: ChatOutput): void {
    switch (out.type) {
      case "hello":
        if (out.protocol === "mp1") void this.#hello(out.bytes);
        return;
      case "answer-dial-back":
        this.#dialBacks.answer(out.connection, out.bytes);
        return;
      case "close-dial-back":
        this.#dialBacks.close(out.connection);
        return;
      case "associate":
        this.#presence.associate(out.association, out.address);
        return;
      case "association-send":
        this.#presence.send(out.association, out.stream, out.ppid, out.bytes);
        return;
      case "dissociate":
        this.#presence.dissociate(out.association);
        return;
      case "abandon":
        this.#presence.abandon(out.association);
        return;
      case "transmit":
        this.#transmit(out);
        return;
      case "notice":
        for (const listener of this.#listeners) listener(out.notice);
    }
  }

  #transmit(out: Extract<ChatOutput, { type: "transmit" }>): void {
    const { transmission, address, port, bytes } = out;
    this.#peers.transmit(address, port, bytes, (outcome) => {
      this.#handle({ type: "transmitted", transmission, outcome });
    });
  }

  async #hello(bytes: Uint8Array): Promise<void> {
    try {
      await sendHello(this.#ports.discovery, this.#options.registry, bytes, (to) => {
        this.#handle({ type: "hello-sent", protocol: "mp1", to });
      });
    } catch (error) {
      if (!this.#closed) this.#handle({ type: "hello-failed", text: errorText(error) });
    }
  }
}
