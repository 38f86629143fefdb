import type { Server, Socket } from "node:net";
import { closeTcp, listenTcp } from "./tcp.ts";

/** Connections to the TCP port are only ever looked at by people and scanners. */
const MAX_VISITORS = 16;
const VISITOR_MILLIS = 2_000;

/**
 * The registry's TCP port. Nothing is served on it: it is held so that no second registry starts beside this one, and
 * says what it is (docs/decisions/0004-tcp-port-is-held.md).
 */
export class Visitors {
  readonly #greeting: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(greeting: string) {
    this.#greeting = greeting;
  }

  /** Errors: {@link SystemError} when the port cannot be bound. */
  static async open(options: {
    readonly port: number;
    readonly greeting: string;
    readonly onError: (error: Error) => void;
  }): Promise<Visitors> {
    const visitors = new Visitors(options.greeting);
    visitors.#server = await listenTcp({
      address: "0.0.0.0",
      port: options.port,
      purpose: "the registry",
      maxConnections: MAX_VISITORS,
      onConnection: (socket) => visitors.#greet(socket),
      onError: options.onError,
    });
    return visitors;
  }

  get listens(): boolean {
    return this.#server?.listening === true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server !== undefined) await closeTcp(this.#server);
  }

  #greet(socket: Socket): void {
    this.#sockets.add(socket);
    // Not the socket's own idle limit, which a visitor that keeps talking never reaches.
    const limit = setTimeout(() => socket.destroy(), VISITOR_MILLIS);
    socket.on("close", () => {
      clearTimeout(limit);
      this.#sockets.delete(socket);
    });
    socket.on("error", () => socket.destroy());
    socket.resume();
    socket.end(this.#greeting);
  }
}
