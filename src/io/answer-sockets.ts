import type { Socket } from "node:dgram";
import { closeUdp } from "./udp.ts";
import type { Datagram } from "./udp-batch.ts";

/**
 * Sockets beside another on its port, by which strangers are answered. Whoever forges addresses of our own link at
 * which nobody is makes our answers wait for ARP, 3 s each (`man 7 arp`: mcast_solicit), in the buffer of the socket that
 * sent them, which by default holds some 270 (`net.core.wmem_default`). By the one socket, everybody who is there would
 * wait for that, too, and be lost.
 */
const COUNT = 16;

export class AnswerSockets {
  readonly all: readonly Socket[];
  #next = 0;

  private constructor(sockets: readonly Socket[]) {
    this.all = sockets;
  }

  /** `bind` makes one of them; what comes in by it is for the caller to take. */
  static async open(bind: () => Promise<Socket>): Promise<AnswerSockets> {
    const sockets: Socket[] = [];
    try {
      while (sockets.length < COUNT) sockets.push(await bind());
    } catch (error) {
      await Promise.all(sockets.map(closeUdp));
      throw error;
    }
    return new AnswerSockets(sockets);
  }

  /** Sends by the next one whose buffer has room; where none has, the answer is lost. */
  send({ bytes, address, port }: Datagram): void {
    for (let tried = 0; tried < COUNT; tried += 1) {
      const socket = this.all[this.#next];
      this.#next = (this.#next + 1) % COUNT;
      if (socket === undefined || socket.getSendQueueCount() > 0) continue;
      socket.send(bytes, port, address);
      return;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(closeUdp));
  }
}
