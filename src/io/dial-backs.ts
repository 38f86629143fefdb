import { connect, type Socket } from "node:net";
import { errorCode } from "../base/errors.ts";
import type { DialId } from "../registry/output.ts";
import type { DialEnd } from "../registry/settings.ts";
import { isNoDescriptors } from "./descriptors.ts";

/** A client that sends more than this on one dial-back is cut off; a nickname has at most 128 bytes. */
const MAX_BYTES = 4_096;

/** What became of a dial-back's connection. */
export interface DialEvents {
  connected(dial: DialId): void;
  data(dial: DialId, bytes: Uint8Array): void;
  closed(dial: DialId, how: DialEnd): void;
}

/**
 * The registry's TCP connections to clients that said hello, each from an ephemeral port. How many there are and how
 * long each may take is the core's to say.
 */
export class DialBacks {
  readonly #events: DialEvents;
  readonly #sockets = new Map<DialId, Socket>();

  constructor(events: DialEvents) {
    this.#events = events;
  }

  dial(dial: DialId, address: string, port: number): void {
    const socket = connect({ host: address, port, noDelay: true });
    this.#sockets.set(dial, socket);
    let bytesRead = 0;
    let how: DialEnd = "ended";
    socket.on("connect", () => this.#events.connected(dial));
    socket.on("data", (bytes: Buffer) => {
      bytesRead += bytes.length;
      // The core says why it refuses what is too long; then there is nothing more to hear.
      this.#events.data(dial, bytes);
      if (bytesRead > MAX_BYTES) socket.destroy();
    });
    socket.on("error", (error) => {
      const code = errorCode(error);
      if (code === "ECONNREFUSED") how = "refused";
      else if (isNoDescriptors(code)) how = "no-descriptors";
    });
    socket.on("close", () => {
      if (this.#sockets.delete(dial)) this.#events.closed(dial, how);
    });
  }

  answer(dial: DialId, bytes: Uint8Array): void {
    this.#sockets.get(dial)?.end(bytes);
  }

  hangUp(dial: DialId): void {
    const socket = this.#sockets.get(dial);
    this.#sockets.delete(dial);
    socket?.destroy();
  }

  close(): void {
    for (const dial of [...this.#sockets.keys()]) this.hangUp(dial);
  }
}
