import type { Socket } from "node:net";
import type { Millis } from "../base/clock.ts";

/** RFC 8446 §5.1: the record of a ClientHello is a handshake record. */
const TLS_HANDSHAKE = 0x16;

/**
 * An original registry connects and waits for the nickname. A TLS client's hello follows its connection at once; 150 ms
 * are far more than a LAN needs, and a person does not notice them.
 */
export const SILENCE_MILLIS: Millis = 150;
/** A TLS client whose first segment was lost sends it again after 200 ms, 600 ms and 1.4 s (RFC 6298, as Linux does). */
const FIRST_BYTE_MILLIS: Millis = 2_000;

/** Connections that have sent nothing yet; beyond it the oldest gives way, so that silent ones keep nobody out. */
const MAX_SILENT = 64;
/** Of one address; several clients on one host share one. */
const MAX_SILENT_OF_ADDRESS = 8;

export interface FirstByteOptions {
  /** Its first byte is TLS's, and has been put back. */
  readonly onTls: (socket: Socket) => void;
  /** It is silent, and a registry of mp1 would be. */
  readonly onSilent: (socket: Socket) => void;
  /** Whether a registry of mp1 may be calling now. */
  readonly expectsSilence: () => boolean;
}

interface Waiting {
  readonly address: string;
  readonly drop: () => void;
}

/** Sorts the connections to TCP P by their first byte. What is neither TLS nor awaited is dropped. */
export class FirstByte {
  readonly #options: FirstByteOptions;
  /** Connections that have not sent anything, the oldest first. */
  readonly #waiting = new Map<Socket, Waiting>();

  constructor(options: FirstByteOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Takes a new connection over. */
  readonly accept = (socket: Socket): void => {
    socket.on("error", () => {});
    const address = socket.remoteAddress;
    if (address === undefined || this.#countOf(address) >= MAX_SILENT_OF_ADDRESS) {
      socket.destroy();
      return;
    }
    if (this.#waiting.size >= MAX_SILENT) this.#dropOldest();
    this.#wait(socket, address);
  };

  /** Drops all that wait. */
  close(): void {
    for (const { drop } of [...this.#waiting.values()]) drop();
  }

  #wait(socket: Socket, address: string): void {
    const settle = (): void => {
      clearTimeout(silence);
      clearTimeout(giveUp);
      socket.removeListener("readable", readable);
      socket.removeListener("close", settle);
      this.#waiting.delete(socket);
    };
    const drop = (): void => {
      settle();
      socket.destroy();
    };
    const readable = (): void => {
      const first: Buffer | null = socket.read(1);
      if (first === null || first[0] !== TLS_HANDSHAKE) drop();
      else {
        settle();
        socket.unshift(first);
        this.#options.onTls(socket);
      }
    };
    const silence = setTimeout(() => {
      if (!this.#options.expectsSilence()) return;
      settle();
      this.#options.onSilent(socket);
      // Whoever listened to "readable" has to ask for the flow of "data".
      socket.resume();
    }, SILENCE_MILLIS);
    const giveUp = setTimeout(drop, FIRST_BYTE_MILLIS);
    this.#waiting.set(socket, { address, drop });
    socket.on("close", settle);
    socket.on("readable", readable);
  }

  #countOf(address: string): number {
    let count = 0;
    for (const waiting of this.#waiting.values()) if (waiting.address === address) count += 1;
    return count;
  }

  #dropOldest(): void {
    const [oldest] = this.#waiting.values();
    oldest?.drop();
  }
}
