import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { type Fingerprint, isSameFingerprint } from "../base/fingerprint.ts";
import type { SealKeys } from "../base/seal.ts";
import type { ChatEvent, Progress, TlsFailure } from "../chat/events.ts";
import { ALPN_CHAT, ALPN_FILE, ALPN_REGISTRY } from "../wire/mp2-values.ts";
import type { Identity } from "./identity.ts";
import { DEFAULT_ACCEPT_LIMITS, TlsAcceptor } from "./tls-acceptor.ts";
import type { ChannelEvents, OnStream, TlsChannel } from "./tls-channel.ts";
import { type DialFailure, TlsDialler } from "./tls-dialler.ts";
import { DEFAULT_TLS_TIMES } from "./tls-settings.ts";

export interface ChatChannelsOptions {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly onEvent: (event: ChatEvent) => void;
  /** Bytes of a connection that has opened. */
  readonly received: (connection: number, bytes: Uint8Array) => Progress;
  /** Somebody brings a file. */
  readonly onFile: OnStream;
}

/** What the core calls a connection by; see {@link ChatEvent}. */
interface Dialled {
  readonly connection: number;
  /** Without a zone where it is not the link's alone. */
  readonly address: string;
  readonly port: number;
  readonly fingerprint: Fingerprint;
}

/** Who is to get a file. */
export type FileDestination = Omit<Dialled, "connection">;

/** The TLS connections of one client, in both directions, as the core knows them: by numbers. */
export class ChatChannels {
  readonly #options: ChatChannelsOptions;
  readonly #acceptor: TlsAcceptor;
  readonly #dialler: TlsDialler;
  readonly #channels = new Map<number, TlsChannel>();
  /** Cancels those that are being dialled. */
  readonly #dialling = new Map<number, () => void>();
  #accepted = 0;

  constructor(options: ChatChannelsOptions) {
    const { identity, clock, onFile } = options;
    this.#options = options;
    this.#dialler = new TlsDialler({ identity, times: DEFAULT_TLS_TIMES });
    this.#acceptor = new TlsAcceptor({
      identity,
      clock,
      protocols: [ALPN_REGISTRY, ALPN_CHAT],
      times: DEFAULT_TLS_TIMES,
      limits: DEFAULT_ACCEPT_LIMITS,
      onOpen: (channel) => this.#theirs(channel),
      streams: { protocols: [ALPN_FILE], onOpen: onFile },
      onRefused: () => {},
    });
  }

  /** Takes over a connection that begins like TLS. */
  accept(socket: Socket): void {
    this.#acceptor.accept(socket);
  }

  /** "tls-opened" or "tls-failed" follows, unless it is destroyed before. */
  dial(dialled: Dialled): void {
    const { connection, address, port } = dialled;
    const cancel = this.#dialler.dial({
      address,
      port,
      protocol: ALPN_CHAT,
      onOpen: (channel) => this.#ours(channel, dialled),
      onFailed: (failure, code) => {
        this.#dialling.delete(connection);
        this.#failed(connection, tlsFailure(failure, code), code || failure);
      },
    });
    this.#dialling.set(connection, cancel);
  }

  /** A connection for a file, to be taken over; returns what cancels the attempt. */
  dialFile(to: FileDestination, onOpen: (socket: TLSSocket) => void, onFailed: () => void): () => void {
    const { address, port, fingerprint } = to;
    const stream: OnStream = (socket, proved) => {
      if (isSameFingerprint(proved, fingerprint)) onOpen(socket);
      else {
        socket.destroy();
        onFailed();
      }
    };
    return this.#dialler.dial({ address, port, protocol: ALPN_FILE, onOpen: { stream }, onFailed });
  }

  send(connection: number, bytes: Uint8Array): void {
    this.#channels.get(connection)?.send(bytes);
  }

  end(connection: number): void {
    this.#channels.get(connection)?.end();
  }

  destroy(connection: number): void {
    this.#dialling.get(connection)?.();
    this.#dialling.delete(connection);
    this.#channels.get(connection)?.destroy();
  }

  /** Breaks off everything. */
  close(): void {
    this.#acceptor.close();
    this.#dialler.close();
  }

  #theirs(channel: TlsChannel): ChannelEvents {
    this.#accepted += 1;
    return this.#opened(channel, this.#accepted, "theirs", channel.port);
  }

  #ours(channel: TlsChannel, { connection, port, fingerprint }: Dialled): ChannelEvents {
    this.#dialling.delete(connection);
    if (isSameFingerprint(channel.fingerprint, fingerprint))
      return this.#opened(channel, connection, "ours", port);
    channel.destroy();
    this.#failed(connection, "tls", "wrong-key");
    return { received: () => ({ messages: 0, pending: 0 }), ended: () => {}, closed: () => {} };
  }

  #opened(
    channel: TlsChannel,
    connection: number,
    initiative: "ours" | "theirs",
    port: number,
  ): ChannelEvents {
    const { onEvent, received } = this.#options;
    const { address, fingerprint } = channel;
    this.#channels.set(connection, channel);
    const protocol = channel.protocol === ALPN_REGISTRY ? ALPN_REGISTRY : ALPN_CHAT;
    const keys = protocol === ALPN_REGISTRY ? { keys: presenceKeys(channel) } : {};
    onEvent({ type: "tls-opened", connection, initiative, address, port, fingerprint, protocol, ...keys });
    return {
      received: (bytes) => received(connection, bytes),
      ended: () => onEvent({ type: "tls-ended", connection }),
      closed: () => {
        this.#channels.delete(connection);
        onEvent({ type: "tls-closed", connection });
      },
    };
  }

  #failed(connection: number, failure: TlsFailure, code: string): void {
    this.#options.onEvent({ type: "tls-failed", connection, failure, code });
  }
}

/** The registry is the TLS client, so what we send by goes to it. docs/protocol-mp2.md, "Presence". */
function presenceKeys(channel: TlsChannel): SealKeys {
  const { sending, receiving } = channel.exportKeys("presence");
  return { toRegistry: sending, toClient: receiving };
}

const FAILURES: Readonly<Record<string, TlsFailure>> = {
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  EHOSTDOWN: "unreachable",
  ETIMEDOUT: "timeout",
  EMFILE: "system",
  ENFILE: "system",
  ENOBUFS: "system",
  ENOMEM: "system",
  EADDRNOTAVAIL: "system",
  EAFNOSUPPORT: "system",
  EACCES: "system",
  EPERM: "system",
  EINVAL: "system",
};

function tlsFailure(failure: DialFailure, code: string): TlsFailure {
  if (failure === "refused") return "refused";
  if (failure === "too-slow") return "timeout";
  return (failure === "failed" ? FAILURES[code] : undefined) ?? "tls";
}
