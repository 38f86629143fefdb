import type { RemoteInfo, Socket } from "node:dgram";
import { errorText } from "../base/errors.ts";
import { MP2_GROUP_IPV4, MP2_GROUP_IPV6 } from "../wire/mp2-values.ts";
import type { Link } from "./interfaces.ts";
import { bindUdp, closeUdp } from "./udp.ts";

export interface GroupsOptions {
  /** The registry's. */
  readonly port: number;
  readonly onDatagram: (bytes: Uint8Array, from: RemoteInfo) => void;
}

/**
 * Hears what registries tell the groups of mp2. Each socket is bound to a group's own address, so that it never takes
 * what was sent to a registry on this machine, and shares the port with all programs that listen as it does.
 *
 * What cannot be heard is not missed: announcements only make a client ask sooner.
 */
export class GroupListener {
  readonly #options: GroupsOptions;
  /** By interface; "" is the one of IPv4, which serves all interfaces. */
  readonly #sockets = new Map<string, Promise<Socket | undefined>>();
  #joined: ReadonlySet<string> = new Set();
  #isClosed = false;

  constructor(options: GroupsOptions) {
    this.#options = options;
  }

  /** Listens on these interfaces from now on. */
  async follow(links: readonly Link[]): Promise<void> {
    const wanted = new Set(links.filter(({ ipv6 }) => ipv6.length > 0).map(({ name }) => name));
    for (const name of [...this.#sockets.keys()]) if (name !== "" && !wanted.has(name)) this.#close(name);
    await Promise.all([this.#joinIpv4(links), ...[...wanted].map((name) => this.#joinIpv6(name))]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#sockets.keys()].map((name) => this.#close(name)));
  }

  async #joinIpv4(links: readonly Link[]): Promise<void> {
    const socket = await this.#open("", MP2_GROUP_IPV4);
    if (socket === undefined || this.#isClosed) return;
    const addresses = new Set(links.flatMap(({ ipv4 }) => ipv4.map(({ address }) => address)));
    for (const address of addresses) if (!this.#joined.has(address)) join(socket, MP2_GROUP_IPV4, address);
    this.#joined = addresses;
  }

  async #joinIpv6(name: string): Promise<void> {
    const isNew = !this.#sockets.has(name);
    const socket = await this.#open(name, `${MP2_GROUP_IPV6}%${name}`);
    if (socket !== undefined && isNew && !this.#isClosed) join(socket, MP2_GROUP_IPV6, `::%${name}`);
  }

  /** Tried again at the next look where it does not work now. */
  async #open(name: string, address: string): Promise<Socket | undefined> {
    const { port, onDatagram } = this.#options;
    const opening =
      this.#sockets.get(name) ??
      bindUdp({ address, port, purpose: "announcements", onDatagram, reuseAddr: true }).catch(
        () => undefined,
      );
    this.#sockets.set(name, opening);
    const socket = await opening;
    if (socket === undefined) this.#sockets.delete(name);
    return socket;
  }

  async #close(name: string): Promise<void> {
    const opening = this.#sockets.get(name);
    this.#sockets.delete(name);
    const socket = await opening;
    if (socket !== undefined) await closeUdp(socket);
  }
}

function join(socket: Socket, group: string, on: string): void {
  try {
    socket.addMembership(group, on);
  } catch (error) {
    // Joined already under another address of the same interface, or the interface has just gone.
    if (!(error instanceof Error)) throw new Error(errorText(error));
  }
}
