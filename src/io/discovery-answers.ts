import type { Socket } from "node:dgram";
import { AnswerSockets } from "./answer-sockets.ts";

/**
 * By which strangers on our links are answered, by the address of ours that each link has. Bound to that address and
 * not to all, so they hear no group, and each datagram comes once.
 */
export class DiscoveryAnswers {
  readonly #bind: (address: string) => Promise<Socket>;
  readonly #byAddress = new Map<string, AnswerSockets>();
  #closed = false;

  /** `bind`: to that address of ours. */
  constructor(bind: (address: string) => Promise<Socket>) {
    this.#bind = bind;
  }

  /** The addresses are these now. One that cannot be bound yet (RFC 4862 §5.4: tentative) is tried again next time. */
  async follow(addresses: readonly string[]): Promise<void> {
    for (const [address, sockets] of [...this.#byAddress]) {
      if (addresses.includes(address)) continue;
      this.#byAddress.delete(address);
      await sockets.close();
    }
    for (const address of addresses) {
      if (this.#byAddress.has(address) || this.#closed) continue;
      try {
        const sockets = await AnswerSockets.open(() => this.#bind(address));
        if (this.#closed) await sockets.close();
        else this.#byAddress.set(address, sockets);
      } catch {
        // Until then its link is answered by the socket that hears.
      }
    }
  }

  at(address: string | undefined): AnswerSockets | undefined {
    return address === undefined ? undefined : this.#byAddress.get(address);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#byAddress.values()];
    this.#byAddress.clear();
    await Promise.all(all.map((sockets) => sockets.close()));
  }
}
