import type { RemoteInfo, Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import type { Source } from "../registry/discovery.ts";
import { MP1_GROUP } from "../wire/mp1-discovery.ts";
import { MP2_GROUP_IPV4, MP2_GROUP_IPV6 } from "../wire/mp2-values.ts";
import { DiscoveryAnswers } from "./discovery-answers.ts";
import { isOnLink, type Link } from "./interfaces.ts";
import { LinkWatch } from "./link-watch.ts";
import { bindUdp, closeUdp, NO_IPV6, receiveBursts } from "./udp.ts";

const IPV4_GROUPS = [MP1_GROUP, MP2_GROUP_IPV4];
const EVERY_IPV4 = "0.0.0.0";
const EVERY_IPV6 = "::";
/** RFC 4291 §2.5.1: interface identifiers are 64 bits long. */
const SUBNET_MASK = "ffff:ffff:ffff:ffff::";

export interface DiscoveryOptions {
  /** Names of the interfaces to serve; empty: all. */
  readonly interfaces: readonly string[];
  readonly port: number;
  readonly onDatagram: (source: Source, bytes: Uint8Array) => void;
  /** May take a datagram first (the self-check). */
  readonly intercept: (bytes: Uint8Array) => boolean;
  /** Interfaces have come or gone, and those that are there are listened on. */
  readonly onChange: () => void;
  readonly onError: (error: Error) => void;
  /** How often interfaces are looked at; other than the default in tests. */
  readonly lookMillis?: number;
}

/** A socket that is bound to one address: ours, everybody's, or a group's. */
interface Ear {
  readonly socket: Socket;
  readonly isGroup: boolean;
}

/**
 * The registry's ears and voice on the discovery port: its groups and unicast, IPv4 and IPv6. On all interfaces by one
 * socket a family; on chosen ones by one socket for each of their addresses and one for each group. Interfaces may come
 * and go.
 */
export class DiscoverySocket {
  readonly #options: DiscoveryOptions;
  readonly #watch: LinkWatch;
  /** By the address that each is bound to. */
  readonly #ears = new Map<string, Ear>();
  readonly #answers = new DiscoveryAnswers((address) => this.#bind(address, this.#hearsAs(address)));
  #heardLast: { readonly source: string; readonly ear: Ear } | undefined;
  #opening = false;
  #closed = false;

  private constructor(options: DiscoveryOptions) {
    this.#options = options;
    const every = options.lookMillis === undefined ? {} : { everyMillis: options.lookMillis };
    this.#watch = new LinkWatch({
      ...every,
      only: options.interfaces,
      onLook: (_links, changed) => void this.#follow(changed),
      onError: options.onError,
    });
  }

  /** Errors: {@link SystemError} when the port cannot be bound or a named interface does not exist. */
  static async open(options: DiscoveryOptions): Promise<DiscoverySocket> {
    const opened = new DiscoverySocket(options);
    try {
      await opened.#openMissing((error) => {
        throw error;
      });
    } catch (error) {
      await opened.close();
      throw error;
    }
    opened.#joinGroups();
    await opened.#followAnswers();
    return opened;
  }

  /** Names of the interfaces that are served. */
  get links(): readonly Link[] {
    return this.#watch.links;
  }

  get servesIpv6(): boolean {
    return [...this.#ears.keys()].some(isIPv6);
  }

  /** Sends to one address, from its link or from the socket that heard it. A failure is a lost datagram. */
  send({ address, port }: Source, bytes: Uint8Array): void {
    if (port === 0) return;
    const answers = this.#hasChoiceTowards(address)
      ? undefined
      : this.#answers.at(this.#localTowards(address));
    if (answers !== undefined) answers.send({ bytes, port, address });
    else this.#earTowards(address, port)?.socket.send(bytes, port, address);
  }

  /** Sends to mp2's groups on every interface served. A failure is a lost datagram. */
  announce(bytes: Uint8Array): void {
    for (const { name, loopback, ipv4, ipv6 } of this.#watch.links) {
      const failed = (error: unknown): void => {
        if (error === null || loopback) return;
        const why = error instanceof Error ? errorText(error) : String(error);
        this.#options.onError(new Error(`no announcement on ${name}: ${why}`));
      };
      const [local, local6] = [ipv4[0]?.address, ipv6[0]?.address];
      const ear = this.#earOf(EVERY_IPV4, local);
      const ear6 = this.#earOf(EVERY_IPV6, local6);
      try {
        if (local !== undefined) {
          // Read by the kernel as the datagram leaves, which is at once.
          ear?.socket.setMulticastInterface(local);
          ear?.socket.send(bytes, this.#options.port, MP2_GROUP_IPV4, failed);
        }
        ear6?.socket.send(bytes, this.#options.port, `${MP2_GROUP_IPV6}%${name}`, failed);
      } catch (error) {
        // Its address has just gone.
        failed(error);
      }
    }
  }

  /** Sends bytes to ourselves; false when this host cannot (no loopback), which says nothing about the socket. */
  sendToSelf(bytes: Uint8Array): Promise<boolean> {
    const ear = [...this.#ears.values()].find(({ isGroup }) => !isGroup);
    if (ear === undefined) return Promise.resolve(false);
    const { address, port } = ear.socket.address();
    const loopback: Readonly<Record<string, string>> = { [EVERY_IPV4]: "127.0.0.1", [EVERY_IPV6]: "::1" };
    return new Promise((resolve) => {
      ear.socket.send(bytes, port, loopback[address] ?? address, (error) => resolve(error === null));
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    const ears = [...this.#ears.values()];
    this.#ears.clear();
    await Promise.all([this.#answers.close(), ...ears.map(({ socket }) => closeUdp(socket))]);
  }

  // Which sockets there are

  async #follow(changed: boolean): Promise<void> {
    if (this.#opening || this.#closed) return;
    this.#opening = true;
    try {
      await this.#closeGone();
      await this.#openMissing(this.#options.onError);
      await this.#followAnswers();
    } finally {
      this.#opening = false;
    }
    if (this.#closed) return;
    this.#joinGroups();
    if (changed) this.#options.onChange();
  }

  /** The addresses to be bound to, each with whether it is a group's. */
  #wanted(): ReadonlyMap<string, boolean> {
    if (this.#options.interfaces.length === 0)
      return new Map([EVERY_IPV4, EVERY_IPV6].map((address) => [address, false]));
    const wanted = new Map<string, boolean>(IPV4_GROUPS.map((group) => [group, true]));
    for (const { name, ipv4, ipv6 } of this.#watch.links) {
      for (const { address } of [...ipv4, ...ipv6]) wanted.set(address, false);
      if (ipv6.length > 0) wanted.set(`${MP2_GROUP_IPV6}%${name}`, true);
    }
    return wanted;
  }

  async #openMissing(onError: (error: Error) => void): Promise<void> {
    for (const [address, isGroup] of this.#wanted()) {
      if (this.#ears.has(address) || this.#closed) continue;
      try {
        await this.#open(address, isGroup);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        // No IPv6 on this host; or an address that is not ours yet (RFC 4862 §5.4: tentative) or no longer.
        if (!isIPv6(address) || !NO_IPV6.includes(error.code)) onError(error);
      }
    }
  }

  async #open(address: string, isGroup: boolean): Promise<void> {
    const socket = await this.#bind(address, address);
    if (this.#closed) await closeUdp(socket);
    else this.#ears.set(address, { socket, isGroup });
  }

  async #bind(address: string, hearsAs: string): Promise<Socket> {
    const { port, onError } = this.#options;
    const onDatagram = (bytes: Uint8Array, from: RemoteInfo): void => this.#heard(hearsAs, bytes, from);
    // Shared with clients on this host, which listen to the groups. That no other registry has it, TCP sees to.
    const purpose = "discovery";
    const socket = await bindUdp({ address, port, purpose, onDatagram, onError, reuseAddr: true });
    receiveBursts(socket);
    return socket;
  }

  /** The ear that would have heard what comes to this address of ours. */
  #hearsAs(address: string): string {
    if (this.#options.interfaces.length > 0) return address;
    return isIPv6(address) ? EVERY_IPV6 : EVERY_IPV4;
  }

  #followAnswers(): Promise<void> {
    const addresses = this.#watch.links.flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6]);
    return this.#answers.follow(addresses.map(({ address }) => address));
  }

  async #closeGone(): Promise<void> {
    const wanted = this.#wanted();
    for (const [address, { socket }] of [...this.#ears]) {
      if (wanted.has(address)) continue;
      this.#ears.delete(address);
      await closeUdp(socket);
    }
  }

  /** On every interface, again and again: one that was gone and is back has forgotten us. */
  #joinGroups(): void {
    for (const { name, ipv4, ipv6 } of this.#watch.links) {
      const [local] = ipv4;
      if (local !== undefined) {
        for (const group of IPV4_GROUPS) this.#join(this.#earOf(EVERY_IPV4, group), group, local.address);
      }
      const group = `${MP2_GROUP_IPV6}%${name}`;
      if (ipv6.length > 0) this.#join(this.#earOf(EVERY_IPV6, group), MP2_GROUP_IPV6, `::%${name}`);
    }
  }

  #join(ear: Ear | undefined, group: string, where: string): void {
    try {
      ear?.socket.addMembership(group, where);
    } catch (error) {
      // Joined already, or the interface has just gone.
      if (!["EADDRINUSE", "ENODEV", "EINVAL"].includes(errorCode(error))) {
        this.#options.onError(new Error(`cannot listen to ${group} on ${where}: ${errorText(error)}`));
      }
    }
  }

  // What they hear, and which of them speaks

  #heard(boundTo: string, bytes: Uint8Array, from: RemoteInfo): void {
    const ear = this.#ears.get(boundTo);
    if (ear === undefined || this.#options.intercept(bytes) || this.#isOurs(from)) return;
    // Bound to an IPv4 group's own address, a socket hears it on every interface; so the source decides.
    if (ear.isGroup && !isIPv6(boundTo) && this.#localTowards(from.address) === undefined) return;
    this.#heardLast = { source: `${from.address} ${from.port}`, ear };
    this.#options.onDatagram({ address: from.address, port: from.port }, bytes);
  }

  /** Our own announcements come back to us. */
  #isOurs({ address, port }: RemoteInfo): boolean {
    return (
      port === this.#options.port &&
      this.#watch.links.some(({ ipv4, ipv6 }) =>
        [...ipv4, ...ipv6].some((local) => local.address === address),
      )
    );
  }

  #earTowards(address: string, port: number): Ear | undefined {
    if (this.#heardLast?.source === `${address} ${port}` && !this.#heardLast.ear.isGroup)
      return this.#heardLast.ear;
    const every = isIPv6(address) ? EVERY_IPV6 : EVERY_IPV4;
    const onLink = this.#earOf(every, this.#localTowards(address));
    if (onLink !== undefined) return onLink;
    return [...this.#ears].find(([bound, ear]) => isIPv6(bound) === isIPv6(address) && !ear.isGroup)?.[1];
  }

  /**
   * Whether the kernel has several addresses to speak to `address` from, so that it must choose here as it does for the
   * dial-back: clients take that only from where they were answered. Of IPv4 addresses it takes the first, as we do; of
   * IPv6 it may take one that is beside the prefix of the link (DHCPv6's, /128), or is preferred today.
   */
  #hasChoiceTowards(address: string): boolean {
    if (!isIPv6(address)) return false;
    const locals = this.#watch.links.flatMap(({ ipv6 }) => ipv6);
    return locals.filter((local) => isOnLink(address, { ...local, netmask: SUBNET_MASK })).length > 1;
  }

  /** The address of ours on the link of `address`. */
  #localTowards(address: string): string | undefined {
    const isIpv6 = address.includes(":");
    for (const { ipv4, ipv6 } of this.#watch.links) {
      const local = (isIpv6 ? ipv6 : ipv4).find((own) => isOnLink(address, own));
      if (local !== undefined) return local.address;
    }
    return undefined;
  }

  /** The socket for all of a family where there is one, otherwise the one bound to `address`. */
  #earOf(every: string, address: string | undefined): Ear | undefined {
    return this.#ears.get(every) ?? (address === undefined ? undefined : this.#ears.get(address));
  }
}
