import type { RemoteInfo, Socket } from "node:dgram";
import type { Source } from "../registry/discovery.ts";
import { MP1_GROUP } from "../wire/mp1-discovery.ts";
import { isOnLink, type UsableInterface, usableInterfaces } from "./interfaces.ts";
import { bindUdp, closeUdp } from "./udp.ts";

/** A new interface (Wi-Fi, a cable) is listened on within this. */
const LOOK_MILLIS = 5_000;

export interface DiscoveryOptions {
  /** Names of the interfaces to serve; empty: all. */
  readonly interfaces: readonly string[];
  readonly port: number;
  readonly onDatagram: (source: Source, bytes: Uint8Array) => void;
  /** May take a datagram first (the self-check). */
  readonly intercept: (bytes: Uint8Array) => boolean;
  readonly onError: (error: Error) => void;
}

/**
 * The registry's ears on the discovery port: the multicast group and unicast, on all interfaces by one socket, or on
 * the chosen ones by one socket each plus one for the group.
 */
export class DiscoverySocket {
  readonly #options: DiscoveryOptions;
  readonly #unicast: Socket[] = [];
  #group: Socket | undefined;
  #joined = new Set<string>();
  #look: NodeJS.Timeout | undefined;

  private constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** Errors: {@link SystemError} when the port cannot be bound or a named interface does not exist. */
  static async open(options: DiscoveryOptions): Promise<DiscoverySocket> {
    const opened = new DiscoverySocket(options);
    try {
      if (options.interfaces.length === 0) opened.#group = await opened.#bind("0.0.0.0", () => true);
      else await opened.#bindChosen(usableInterfaces(options.interfaces));
    } catch (error) {
      await opened.close();
      throw error;
    }
    opened.#joinGroups();
    opened.#look = setInterval(() => opened.#joinGroups(), LOOK_MILLIS).unref();
    return opened;
  }

  /** Names of the interfaces whose group has been joined. */
  get interfaces(): readonly string[] {
    return [...new Set([...this.#joined].map((joined) => joined.split(" ")[0] ?? ""))];
  }

  /** Sends bytes to ourselves; false when this host cannot (no loopback), which says nothing about the socket. */
  sendToSelf(bytes: Uint8Array): Promise<boolean> {
    const socket = this.#unicast[0] ?? this.#group;
    if (socket === undefined) return Promise.resolve(false);
    const { address, port } = socket.address();
    return new Promise((resolve) => {
      socket.send(bytes, port, address === "0.0.0.0" ? "127.0.0.1" : address, (error) =>
        resolve(error === null),
      );
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#look);
    const sockets = [...this.#unicast.splice(0), ...(this.#group === undefined ? [] : [this.#group])];
    this.#group = undefined;
    await Promise.all(sockets.map(closeUdp));
  }

  async #bindChosen(chosen: readonly UsableInterface[]): Promise<void> {
    for (const { address } of chosen) this.#unicast.push(await this.#bind(address, () => true));
    // Bound to the group's own address this one hears the group on every interface, so the source decides.
    this.#group = await this.#bind(MP1_GROUP, ({ address }) =>
      chosen.some((local) => isOnLink(address, local)),
    );
  }

  #bind(address: string, accepts: (source: Source) => boolean): Promise<Socket> {
    const onDatagram = (bytes: Uint8Array, from: RemoteInfo): void => {
      if (this.#options.intercept(bytes) || !accepts(from)) return;
      this.#options.onDatagram({ address: from.address, port: from.port }, bytes);
    };
    const { port, onError } = this.#options;
    return bindUdp({ address, port, purpose: "discovery", onDatagram, onError });
  }

  /** Joins the group on interfaces that are new, and forgets those that are gone. */
  #joinGroups(): void {
    const present = new Set<string>();
    for (const { name, address } of this.#currentInterfaces()) {
      const label = `${name} ${address}`;
      present.add(label);
      if (this.#joined.has(label)) continue;
      try {
        this.#group?.addMembership(MP1_GROUP, address);
      } catch (error) {
        // Joined already under another address of the same interface, or the interface has just gone.
        if (!(error instanceof Error)) throw error;
      }
    }
    this.#joined = present;
  }

  #currentInterfaces(): readonly UsableInterface[] {
    try {
      return usableInterfaces(this.#options.interfaces);
    } catch (error) {
      if (this.#joined.size > 0)
        this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      return [];
    }
  }
}
