import type { Clock, Random } from "../base/clock.ts";
import type { ChatEvent, ChatOutput, Progress } from "../chat/events.ts";
import type { SctpEndpoint } from "../sctp/api.ts";
import type { ChatMessage } from "../wire/mp1-chat.ts";
import { ChatChannels } from "./chat-channels.ts";
import { LegacyDialBacks } from "./chat-dial-back.ts";
import { ChatDiscovery, datagram } from "./chat-discovery.ts";
import type { RegistryPlace } from "./chat-hello.ts";
import { PeerConnections } from "./chat-peers.ts";
import { bindChatPorts, type ChatPorts, closeChatPorts } from "./chat-ports.ts";
import { PresenceLink } from "./chat-presence.ts";
import { FileShell, type FileShellOptions } from "./file-shell.ts";
import { FirstByte } from "./first-byte.ts";
import type { Identity } from "./identity.ts";
import type { OnStream } from "./tls-channel.ts";
import { inZone, zoneOf } from "./zones.ts";

export interface ChatNetworkOptions {
  readonly registry: RegistryPlace;
  readonly interfaces: readonly string[];
  readonly registryPort: number;
  readonly encapsulationPort: number;
  readonly legacy: boolean;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly random: Random;
  readonly createEndpoint: (localPort: number) => SctpEndpoint;
  readonly onEvent: (event: ChatEvent) => void;
  /** Bytes of a TLS connection. */
  readonly received: (connection: number, bytes: Uint8Array) => Progress;
  /** Where files go that come. */
  readonly downloads: string;
  /** What a person has to know. */
  readonly onTrouble: (text: string) => void;
  /** Whether a message by mp1 is to be confirmed. */
  readonly takesLegacy: (address: string, message: ChatMessage) => boolean;
  readonly expectsFile: FileShellOptions["expects"];
  readonly fileArrives: FileShellOptions["arrives"];
}

/** What the network does for the core: everything but telling the user and keeping pins. */
export type NetworkOutput = Exclude<ChatOutput, { type: "notice" } | { type: "pin" } | { type: "archive" }>;

/** All sockets of one client, behind the core's outputs and events. */
export class ChatNetwork {
  readonly #options: ChatNetworkOptions;
  readonly #ports: ChatPorts;
  readonly #presence: PresenceLink;
  readonly #discovery: ChatDiscovery;
  readonly #channels: ChatChannels;
  readonly #files: FileShell;
  readonly #dialBacks: LegacyDialBacks;
  readonly #firstByte: FirstByte;
  readonly #peers: PeerConnections;
  /** Of the registry's address: where link-local addresses of its roster are. */
  #zone: string | undefined;

  private constructor(options: ChatNetworkOptions, ports: ChatPorts, presence: PresenceLink) {
    const { clock, identity, received, onEvent } = options;
    this.#options = options;
    this.#ports = ports;
    this.#presence = presence;
    const onFile: OnStream = (socket, from) => this.#files.accept(socket, from);
    this.#channels = new ChatChannels({ identity, clock, onEvent, received, onFile });
    this.#files = new FileShell({
      folder: options.downloads,
      dial: (to, ...then) => this.#channels.dialFile({ ...to, address: this.#onLink(to.address) }, ...then),
      onEvent: (event) => onEvent({ type: "file", event }),
      onTrouble: options.onTrouble,
      expects: options.expectsFile,
      arrives: options.fileArrives,
    });
    this.#dialBacks = new LegacyDialBacks(onEvent);
    this.#discovery = new ChatDiscovery({
      sockets: ports.discovery,
      place: options.registry,
      only: options.interfaces,
      port: options.registryPort,
      clock,
      onEvent: (event) => this.#discovered(event),
    });
    this.#firstByte = new FirstByte({
      onTls: (socket) => this.#channels.accept(socket),
      onSilent: (socket) => this.#dialBacks.accept(socket),
      expectsSilence: () => options.legacy && this.#discovery.isLegacyAsked,
    });
    for (const server of ports.listeners) server.on("connection", this.#firstByte.accept);
    this.#peers = new PeerConnections({
      server: ports.legacyChat,
      clock,
      takes: options.takesLegacy,
      onMessage: (address, message) => onEvent({ type: "message", address, message }),
    });
  }

  /** Errors: {@link SystemError} when a port cannot be bound or a chosen interface is not there. */
  static async open(options: ChatNetworkOptions): Promise<ChatNetwork> {
    const { random, legacy, onEvent } = options;
    const ports = await bindChatPorts({
      random,
      legacy,
      onDatagram: (bytes, from) => onEvent(datagram(from, bytes)),
    });
    let presence: PresenceLink | undefined;
    try {
      presence = await PresenceLink.open({ ...options, endpoint: options.createEndpoint(ports.port) });
      return new ChatNetwork(options, ports, presence);
    } catch (error) {
      await Promise.all([closeChatPorts(ports), presence?.close()]);
      throw error;
    }
  }

  /** P. */
  get port(): number {
    return this.#ports.port;
  }

  perform(out: NetworkOutput): void {
    switch (out.type) {
      case "hello":
        this.#discovery.hello(out);
        return;
      case "datagram":
        this.#discovery.datagram(out);
        return;
      case "answer-dial-back":
        this.#dialBacks.answer(out.connection, out.bytes);
        return;
      case "close-dial-back":
        this.#dialBacks.close(out.connection);
        return;
      case "tls-dial":
        this.#channels.dial({ ...out, address: this.#onLink(out.address) });
        return;
      case "tls-send":
        this.#channels.send(out.connection, out.bytes);
        return;
      case "tls-end":
        this.#channels.end(out.connection);
        return;
      case "tls-destroy":
        this.#channels.destroy(out.connection);
        return;
      case "transmit":
        this.#transmit(out);
        return;
      case "file":
        this.#files.perform(out.request);
        return;
      default:
        this.#performPresence(out);
    }
  }

  /** Closes everything at once. */
  async close(): Promise<void> {
    this.#firstByte.close();
    this.#files.close();
    this.#channels.close();
    this.#dialBacks.closeAll();
    this.#peers.closeAll();
    await Promise.all([this.#discovery.close(), closeChatPorts(this.#ports), this.#presence.close()]);
  }

  #performPresence(
    out: Extract<
      NetworkOutput,
      { type: "associate" } | { type: "association-send" } | { type: "dissociate" } | { type: "abandon" }
    >,
  ): void {
    switch (out.type) {
      case "associate":
        this.#zone = zoneOf(out.address) ?? this.#zone;
        this.#presence.associate({ ...out, address: this.#onLink(out.address) });
        return;
      case "association-send":
        this.#presence.send(out);
        return;
      case "dissociate":
        this.#presence.dissociate(out.association);
        return;
      case "abandon":
        this.#presence.abandon(out.association);
    }
  }

  #transmit(out: Extract<NetworkOutput, { type: "transmit" }>): void {
    const { transmission, address, port, bytes } = out;
    this.#peers.transmit(address, port, bytes, (outcome) => {
      this.#options.onEvent({ type: "transmitted", transmission, outcome });
    });
  }

  #discovered(event: ChatEvent): void {
    // The way to the registry may be another one now, or none.
    if (event.type === "network-changed") this.#presence.probe();
    this.#options.onEvent(event);
  }

  /** Rosters have addresses without a zone, which is a name of each machine's own (RFC 4007 §11.2). */
  #onLink(address: string): string {
    return inZone(address, this.#zone ?? this.#discovery.links.find(({ ipv6 }) => ipv6.length > 0)?.name);
  }
}
