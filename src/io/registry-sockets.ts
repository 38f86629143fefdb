import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Source } from "../registry/discovery.ts";
import { DiscoverySocket } from "./discovery-socket.ts";
import type { PacketSink, SctpDriver } from "./sctp-driver.ts";
import { RawIp } from "./sctp-raw.ts";
import { UdpEncapsulation } from "./sctp-udp.ts";
import type { SelfCheck } from "./self-check.ts";
import { Visitors } from "./visitors.ts";

/** What of the configuration needs the sockets to be opened anew. */
export interface RegistryNetwork {
  readonly interfaces: readonly string[];
  readonly port: number;
  readonly encapsulationPort: number;
  readonly legacy: boolean;
}

export interface RegistrySocketsOptions {
  readonly network: RegistryNetwork;
  readonly version: string;
  readonly selfCheck: SelfCheck;
  /** Gets the transports, and closes them. */
  readonly sctp: SctpDriver;
  readonly log: Log;
  readonly onDatagram: (source: Source, bytes: Uint8Array) => void;
  readonly onPacket: PacketSink;
  /** Interfaces have come or gone. */
  readonly onInterfaces: () => void;
}

/** Everything that a registry binds: TCP first, since that alone keeps out a second registry on the same ports. */
export class RegistrySockets {
  readonly #options: RegistrySocketsOptions;
  #visitors: Visitors | undefined;
  #discovery: DiscoverySocket | undefined;
  #encapsulation: UdpEncapsulation | undefined;

  private constructor(options: RegistrySocketsOptions) {
    this.#options = options;
  }

  /** Errors: {@link SystemError} naming what could not be bound; then of ours nothing stays bound. */
  static async open(options: RegistrySocketsOptions): Promise<RegistrySockets> {
    const sockets = new RegistrySockets(options);
    try {
      await sockets.#bind();
    } catch (error) {
      await sockets.close();
      throw error;
    }
    return sockets;
  }

  get discovery(): DiscoverySocket | undefined {
    return this.#discovery;
  }

  /** Whether every socket still answers. */
  async answer(): Promise<boolean> {
    const { selfCheck } = this.#options;
    const [discovery, encapsulation] = [this.#discovery, this.#encapsulation];
    if (discovery === undefined || encapsulation === undefined) return false;
    const checks = await Promise.all([
      selfCheck.answers((bytes) => discovery.sendToSelf(bytes)),
      selfCheck.answers((bytes) => encapsulation.sendToSelf(bytes)),
    ]);
    return checks.every(Boolean) && this.#visitors?.listens === true;
  }

  /** No newcomers from here on: the first step of the way down. */
  async closeDiscovery(): Promise<void> {
    const discovery = this.#discovery;
    this.#discovery = undefined;
    await discovery?.close();
  }

  async close(): Promise<void> {
    await this.closeDiscovery();
    await this.#visitors?.close();
  }

  async #bind(): Promise<void> {
    const { network, version, selfCheck, sctp, onDatagram, onInterfaces, onPacket } = this.#options;
    const { intercept } = selfCheck;
    this.#visitors = await Visitors.open({
      port: network.port,
      greeting: `multiproto ${version} registry; clients find it by UDP, see multiproto-chat --help\n`,
      onError: this.#warn("TCP"),
    });
    this.#discovery = await DiscoverySocket.open({
      interfaces: network.interfaces,
      port: network.port,
      intercept,
      onDatagram,
      onChange: onInterfaces,
      onError: this.#warn("UDP discovery"),
    });
    this.#encapsulation = await UdpEncapsulation.open({
      address: "0.0.0.0",
      ipv6Address: "::",
      port: network.encapsulationPort,
      sink: onPacket,
      intercept,
      isPublic: true,
    });
    sctp.attach(this.#encapsulation);
    if (network.legacy) await this.#openRawIp();
  }

  /** Raw IP is for original clients only, so the registry runs without it, and says so. */
  async #openRawIp(): Promise<void> {
    try {
      const { sctp, onPacket } = this.#options;
      sctp.attach(await RawIp.open({ sink: onPacket, onError: this.#warn("SCTP on raw IP") }));
    } catch (error) {
      const help = "original clients cannot join (grant CAP_NET_RAW, or set legacy = false)";
      this.#options.log.write({ level: "warn", text: `${errorText(error)}: ${help}` });
    }
  }

  #warn(what: string): (error: Error) => void {
    return (error) =>
      this.#options.log.write({ level: "warn", text: `${what}: ${errorText(error)}`, limit: what });
  }
}
