import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { errorCode } from "../base/errors.ts";
import { KeyedBuckets, type Rate } from "../base/tokens.ts";
import type { Identity } from "./identity.ts";
import { type OnOpen, type OnStream, TlsChannel } from "./tls-channel.ts";
import { type PeerFault, provenPeer, type TlsTimes, tlsParameters } from "./tls-settings.ts";

export interface AcceptLimits {
  /** Connections in all, with or without a handshake. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Handshakes under way; beyond it the oldest gives way, so that silent ones cannot keep others out. */
  readonly handshakes: number;
  /** New connections of one address: each costs about 1 ms of computing. */
  readonly rate: Rate;
  /** Addresses whose rate is remembered. */
  readonly addresses: number;
}

export const DEFAULT_ACCEPT_LIMITS: AcceptLimits = {
  connections: 512,
  // A host that many share, all of them in one room of ours. Those who are not known are bounded by the core.
  connectionsPerAddress: 128,
  handshakes: 64,
  rate: { perSecond: 20, burst: 40 },
  addresses: 1_024,
};

export type Refusal =
  | PeerFault
  | "too-many"
  | "too-many-of-address"
  | "too-often"
  | "gave-way"
  | "handshake-too-slow"
  | "handshake-failed";

export interface AcceptorOptions {
  readonly identity: Identity;
  /** ALPN protocols, the preferred first. */
  readonly protocols: readonly string[];
  readonly times: TlsTimes;
  readonly limits: AcceptLimits;
  readonly clock: Clock;
  readonly onOpen: OnOpen;
  /** Protocols whose connections are no messages: their sockets are handed over as they are. */
  readonly streams?: { readonly protocols: readonly string[]; readonly onOpen: OnStream };
  /** For logs and counters; `code` says what OpenSSL or the system said. */
  readonly onRefused: (address: string, refusal: Refusal, code?: string) => void;
}

/**
 * The TLS server for TCP connections that somebody else's listener accepted. A listener may look at the first byte
 * before it hands a connection over, if it puts it back (`unshift`).
 */
export class TlsAcceptor {
  readonly #options: AcceptorOptions;
  readonly #server: Server;
  readonly #rates: KeyedBuckets;
  readonly #connections = new Set<Socket>();
  readonly #perAddress = new Map<string, number>();
  /** Connections without a finished handshake by {@link wayOf}, the oldest first. */
  readonly #handshakes = new Map<string, Handshake>();

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#rates = new KeyedBuckets(options.limits.rate, options.limits.addresses);
    this.#server = createServer({
      ...tlsParameters(options.identity),
      ALPNProtocols: [...options.protocols, ...(options.streams?.protocols ?? [])],
      requestCert: true,
      handshakeTimeout: options.times.handshakeMillis,
    });
    this.#server.on("secureConnection", (socket) => this.#secured(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#failed(socket, error));
  }

  /** Connections now, those in a handshake among them. */
  get size(): number {
    return this.#connections.size;
  }

  get handshakes(): number {
    return this.#handshakes.size;
  }

  /** Takes the connection over, also to close it. */
  accept(socket: Socket): void {
    socket.on("error", () => {});
    const address = addressOf(socket);
    const refusal = this.#refusal(address);
    if (refusal !== undefined) {
      socket.destroy();
      this.#options.onRefused(address, refusal);
      return;
    }
    if (this.#handshakes.size >= this.#options.limits.handshakes) this.#dropOldestHandshake();
    this.#keep(socket, address);
    this.#server.emit("connection", socket);
  }

  /** Breaks off all connections, also those that have opened. */
  close(): void {
    for (const socket of [...this.#connections]) socket.destroy();
  }

  #refusal(address: string): Refusal | undefined {
    const { limits, clock } = this.#options;
    if (address === "" || this.#connections.size >= limits.connections) return "too-many";
    if ((this.#perAddress.get(address) ?? 0) >= limits.connectionsPerAddress) return "too-many-of-address";
    return this.#rates.take(address, clock.now()) ? undefined : "too-often";
  }

  #keep(socket: Socket, address: string): void {
    const way = wayOf(socket);
    this.#connections.add(socket);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    this.#handshakes.set(way, { socket, address });
    socket.on("close", () => {
      this.#connections.delete(socket);
      const others = (this.#perAddress.get(address) ?? 1) - 1;
      if (others === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, others);
      if (this.#handshakes.get(way)?.socket === socket) this.#refuse(way, "handshake-failed");
    });
  }

  #dropOldestHandshake(): void {
    const [way] = this.#handshakes.keys();
    if (way !== undefined) this.#refuse(way, "gave-way");
  }

  #secured(socket: TLSSocket): void {
    const { identity, protocols, streams, times, onOpen } = this.#options;
    const way = wayOf(socket);
    socket.on("error", () => {});
    if (!this.#handshakes.has(way)) {
      socket.destroy();
      return;
    }
    const peer = provenPeer(socket, [...protocols, ...(streams?.protocols ?? [])], identity.fingerprint);
    if ("fault" in peer) {
      this.#refuse(way, peer.fault);
      return;
    }
    this.#handshakes.delete(way);
    if (streams?.protocols.includes(peer.protocol) === true) streams.onOpen(socket, peer.fingerprint);
    else new TlsChannel(socket, peer, { isServer: true, times, onOpen });
  }

  #failed(socket: TLSSocket, error: Error): void {
    const code = errorCode(error);
    const isSlow = code === "ERR_TLS_HANDSHAKE_TIMEOUT";
    this.#refuse(wayOf(socket), isSlow ? "handshake-too-slow" : "handshake-failed", code);
    socket.destroy();
  }

  #refuse(way: string, refusal: Refusal, code?: string): void {
    const handshake = this.#handshakes.get(way);
    if (handshake === undefined) return;
    this.#handshakes.delete(way);
    handshake.socket.destroy();
    this.#options.onRefused(handshake.address, refusal, code);
  }
}

interface Handshake {
  readonly socket: Socket;
  readonly address: string;
}

/** What tells a connection from all others at one time; the TLS server's events name no more of it. */
function wayOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** Without a zone, and IPv4 as such, so that each host counts once; "" of a connection that is gone already. */
function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? "").replace(/%.*$/s, "").replace(/^::ffff:(?=\d+\.)/i, "");
}
