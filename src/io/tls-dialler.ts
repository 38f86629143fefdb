import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { errorCode } from "../base/errors.ts";
import type { Identity } from "./identity.ts";
import { type OnOpen, type OnStream, TlsChannel } from "./tls-channel.ts";
import { type PeerFault, provenPeer, type TlsTimes, tlsParameters } from "./tls-settings.ts";

/** Why there is no channel. */
export type DialFailure =
  | PeerFault
  /** Its machine said no at once: nobody listens, or a firewall that says so. */
  | "refused"
  | "too-slow"
  /** The network, or a handshake that either side broke off. */
  | "failed";

export interface Dialling {
  /** An IP address, never a name. */
  readonly address: string;
  readonly port: number;
  /** The one ALPN protocol that is offered. */
  readonly protocol: string;
  /**
   * The peer has proved its key. It has not yet seen ours: if that is not welcome, the channel closes as `failed`.
   */
  readonly onOpen: OnOpen | { readonly stream: OnStream };
  /**
   * Exactly once, unless the channel opened or the attempt was cancelled. `code`: the system's, or "". `isConnected`:
   * TCP came up, so what failed is TLS.
   */
  readonly onFailed: (failure: DialFailure, code: string, isConnected: boolean) => void;
}

/**
 * TCP connections as TLS client: whoever connects by TCP is the client of TLS, on dial-backs, too. How many there are
 * is for the core to say that asks for them.
 */
export class TlsDialler {
  readonly #identity: Identity;
  readonly #times: TlsTimes;
  readonly #context: SecureContext;
  readonly #sockets = new Set<TLSSocket>();

  constructor(options: { readonly identity: Identity; readonly times: TlsTimes }) {
    this.#identity = options.identity;
    this.#times = options.times;
    // Made once: to read key and certificate anew would cost 0.3 ms each time, a sixth of a handshake.
    this.#context = createSecureContext(tlsParameters(options.identity));
  }

  /** Attempts and connections that are not closed. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Returns what cancels the attempt; once the channel is open, or has failed, that does nothing. */
  dial(dialling: Dialling): () => void {
    const { address, port, protocol } = dialling;
    const socket = connect({
      host: address,
      port,
      secureContext: this.#context,
      ALPNProtocols: [protocol],
      rejectUnauthorized: false,
    });
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    return this.#shakeHands(socket, dialling);
  }

  /** Breaks off all attempts and connections. */
  close(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  #shakeHands(socket: TLSSocket, { protocol, onOpen, onFailed }: Dialling): () => void {
    let isSettled = false;
    let isConnected = false;
    const settle = (): boolean => {
      clearTimeout(timer);
      const isFirst = !isSettled;
      isSettled = true;
      return isFirst;
    };
    const fail = (failure: DialFailure, code = ""): void => {
      this.#drop(socket);
      if (settle()) onFailed(failure, code, isConnected);
    };
    const timer = setTimeout(() => fail("too-slow"), this.#times.handshakeMillis);
    socket.on("connect", () => {
      isConnected = true;
    });
    socket.on("error", (error) => {
      const code = errorCode(error);
      fail(code === "ECONNREFUSED" ? "refused" : "failed", code);
    });
    socket.on("close", () => fail("failed"));
    socket.on("secureConnect", () => {
      const peer = provenPeer(socket, [protocol], this.#identity.fingerprint);
      if ("fault" in peer) fail(peer.fault);
      else if (!settle()) return;
      else if (typeof onOpen === "object") onOpen.stream(socket, peer.fingerprint);
      else new TlsChannel(socket, peer, { isServer: false, times: this.#times, onOpen });
    });
    return () => {
      if (settle()) this.#drop(socket);
    };
  }

  #drop(socket: TLSSocket): void {
    this.#sockets.delete(socket);
    socket.destroy();
  }
}
