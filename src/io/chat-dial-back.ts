import type { Socket } from "node:net";
import type { ChatEvent } from "../chat/events.ts";
import { OWN_ROSTER_BYTES } from "../wire/mp1-roster.ts";

const MAX_CONNECTIONS = 8;

/** The call-backs of registries of mp1. Which one is answered, when it is given up: the core's. */
export class LegacyDialBacks {
  readonly #onEvent: (event: ChatEvent) => void;
  readonly #connections = new Map<number, Socket>();
  #numbers = 0;

  constructor(onEvent: (event: ChatEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Takes over a connection that has sent nothing. */
  accept(socket: Socket): void {
    if (this.#connections.size >= MAX_CONNECTIONS || socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    this.#numbers += 1;
    const connection = this.#numbers;
    this.#connections.set(connection, socket);
    const chunks: Buffer[] = [];
    let size = 0;
    let isWhole = false;
    socket.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > OWN_ROSTER_BYTES) socket.destroy();
      else chunks.push(chunk);
    });
    socket.on("end", () => {
      isWhole = true;
      this.#onEvent({ type: "dial-back-answer", connection, bytes: Buffer.concat(chunks) });
    });
    socket.on("close", () => {
      this.#connections.delete(connection);
      if (!isWhole) this.#onEvent({ type: "dial-back-failed", connection });
    });
    this.#onEvent({ type: "dialed-back", connection, address: socket.remoteAddress });
  }

  /** Writes, then gathers the answer up to its end. */
  answer(connection: number, bytes: Uint8Array): void {
    this.#connections.get(connection)?.write(bytes);
  }

  close(connection: number): void {
    this.#connections.get(connection)?.destroy();
    this.#connections.delete(connection);
  }

  closeAll(): void {
    for (const connection of [...this.#connections.keys()]) this.close(connection);
  }
}
