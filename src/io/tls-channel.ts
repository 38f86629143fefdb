import type { TLSSocket } from "node:tls";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { ProvenPeer, TlsTimes } from "./tls-settings.ts";

/** How far a core has come with the bytes it was given. */
export interface Progress {
  /** Messages completed by these bytes. */
  readonly messages: number;
  /** Bytes of one that is not complete yet. */
  readonly pending: number;
}

/** What a core hears of its connection. */
export interface ChannelEvents {
  received(bytes: Uint8Array): Progress;
  /**
   * The peer sends nothing more, but may still read (half-close, RFC 8446 §6.1); end in your turn. A FIN that somebody
   * forged looks the same, so a protocol needs last messages that say so.
   */
  ended(): void;
  /** Exactly once, at last; nothing is called after it. */
  closed(cause: CloseCause): void;
}

export type CloseCause =
  /** Both sides ended in order. */
  | "ended"
  /** We broke it off. */
  | "destroyed"
  /** A message did not become complete in time. */
  | "message-too-slow"
  /** The peer does not read: too many bytes, or for too long. */
  | "unread"
  /** One side had ended, and the other did not in time. */
  | "lingering"
  /** The peer or the network broke it off, a record was forged, or a TLS server refused our certificate. */
  | "failed";

/** Two keys of 32 bytes, equal on both sides with the roles exchanged. */
export interface DirectionKeys {
  readonly sending: Uint8Array;
  readonly receiving: Uint8Array;
}

const KEY_BYTES = 32;

/** Makes what hears of a channel once it is known who is there. So no byte reaches anybody before. */
export type OnOpen = (channel: TlsChannel) => ChannelEvents;

/** Takes over a connection whose peer has proved its key. */
export type OnStream = (socket: TLSSocket, fingerprint: Fingerprint) => void;

/**
 * One connection whose peer has proved its key. Bytes in, bytes out; whose key is welcome and what the bytes mean is
 * the core's business.
 */
export class TlsChannel {
  readonly address: string;
  /** The peer's TCP port. */
  readonly port: number;
  readonly fingerprint: Fingerprint;
  readonly protocol: string;
  readonly #socket: TLSSocket;
  readonly #times: TlsTimes;
  readonly #isServer: boolean;
  readonly #events: ChannelEvents;
  #cause: CloseCause | undefined;
  #hasFailed = false;
  #unsent = 0;
  #isGathering = false;
  #messageTimer: NodeJS.Timeout | undefined;
  #unreadTimer: NodeJS.Timeout | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;

  /** Of a socket whose handshake is done; `onOpen` is called before this returns. */
  constructor(
    socket: TLSSocket,
    peer: ProvenPeer,
    options: { readonly isServer: boolean; readonly times: TlsTimes; readonly onOpen: OnOpen },
  ) {
    this.#socket = socket;
    this.address = socket.remoteAddress ?? "";
    this.port = socket.remotePort ?? 0;
    this.fingerprint = peer.fingerprint;
    this.protocol = peer.protocol;
    this.#isServer = options.isServer;
    this.#times = options.times;
    socket.setNoDelay(true);
    // Only from here on: who ends within the handshake is gone, and its place should be free at once.
    socket.allowHalfOpen = true;
    this.#events = options.onOpen(this);
    socket.on("data", (bytes: Buffer) => this.#received(bytes));
    socket.on("end", () => this.#ended());
    socket.on("error", () => {
      this.#hasFailed = true;
      // After a forged record Node reports the error, yet leaves the socket of a TLS server open.
      socket.destroy();
    });
    socket.on("close", () => this.#closed());
  }

  /**
   * Sends, in order. False when the channel is closing; beyond the bound of waiting bytes it is destroyed. `taken`: called
   * when the kernel has it and all before it, if that comes to pass.
   */
  send(bytes: Uint8Array, taken?: () => void): boolean {
    if (this.#cause !== undefined || !this.#socket.writable) return false;
    if (this.#socket.writableLength + bytes.length > this.#times.maxQueuedBytes) {
      this.#destroy("unread");
      return false;
    }
    this.#gather();
    this.#unsent += 1;
    if (this.#unsent === 1) this.#watchReading();
    this.#socket.write(bytes, (error) => {
      this.#sent();
      if (!error && this.#cause === undefined) taken?.();
    });
    return true;
  }

  /** Nothing more from us: what was sent still goes out, then close_notify, and the peer has a moment to end, too. */
  end(): void {
    if (this.#cause !== undefined) return;
    this.#release();
    this.#socket.end();
    this.#lingerTimer ??= setTimeout(() => this.#destroy("lingering"), this.#times.lingerMillis);
  }

  /** Breaks it off at once. */
  destroy(): void {
    this.#destroy("destroyed");
  }

  /**
   * Keys for what travels beside this connection, from the TLS exporter (RFC 8446 §7.5). Only its two ends can compute
   * them. `purpose` goes into the label; another one gives other keys. RFC 5705 §4: labels that begin with EXPERIMENTAL
   * need no registration.
   */
  exportKeys(purpose: string): DirectionKeys {
    const key = (from: string) =>
      this.#socket.exportKeyingMaterial(
        KEY_BYTES,
        `EXPERIMENTAL multiproto ${this.protocol} ${purpose} from TLS ${from}`,
        Buffer.alloc(0),
      );
    const [client, server] = [key("client"), key("server")];
    return this.#isServer ? { sending: server, receiving: client } : { sending: client, receiving: server };
  }

  /** What is sent in one turn leaves as one write, so in as few TLS records as hold it. */
  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#socket.cork();
    process.nextTick(() => this.#release());
  }

  #release(): void {
    if (!this.#isGathering) return;
    this.#isGathering = false;
    this.#socket.uncork();
  }

  #received(bytes: Buffer): void {
    if (this.#cause !== undefined) return;
    const { messages, pending } = this.#events.received(bytes);
    if (messages > 0 || pending === 0) {
      clearTimeout(this.#messageTimer);
      this.#messageTimer = undefined;
    }
    if (pending > 0 && this.#cause === undefined)
      this.#messageTimer ??= setTimeout(() => this.#destroy("message-too-slow"), this.#times.messageMillis);
  }

  #ended(): void {
    clearTimeout(this.#messageTimer);
    if (this.#cause !== undefined) return;
    this.#lingerTimer ??= setTimeout(() => this.#destroy("lingering"), this.#times.lingerMillis);
    this.#events.ended();
  }

  #sent(): void {
    this.#unsent -= 1;
    clearTimeout(this.#unreadTimer);
    if (this.#unsent > 0 && this.#cause === undefined) this.#watchReading();
  }

  #watchReading(): void {
    this.#unreadTimer = setTimeout(() => this.#destroy("unread"), this.#times.unreadMillis);
  }

  #destroy(cause: CloseCause): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#release();
    this.#socket.destroy();
  }

  #closed(): void {
    for (const timer of [this.#messageTimer, this.#unreadTimer, this.#lingerTimer]) clearTimeout(timer);
    const cause = this.#cause ?? (this.#hasFailed ? "failed" : "ended");
    this.#cause = cause;
    this.#events.closed(cause);
  }
}
