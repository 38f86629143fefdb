import type { Server, Socket } from "node:net";
import type { Clock, Random } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { RegistryOutput } from "../registry/output.ts";
import { Registry } from "../registry/registry.ts";
import type { AssociationId, AssociationStatus, SctpCounters, SctpSettings } from "../sctp/api.ts";
import { createSctpEndpoint } from "../sctp/index.ts";
import { Alarm } from "./alarm.ts";
import { DialBacks } from "./dial-backs.ts";
import { DiscoverySocket } from "./discovery-socket.ts";
import { SctpDriver } from "./sctp-driver.ts";
import { RawIp } from "./sctp-raw.ts";
import { UdpEncapsulation } from "./sctp-udp.ts";
import { SelfCheck } from "./self-check.ts";
import { closeTcp, listenTcp } from "./tcp.ts";

export interface RegistryNetwork {
  readonly interfaces: readonly string[];
  readonly port: number;
  readonly encapsulationPort: number;
  readonly legacy: boolean;
}

export interface RegistryShellOptions {
  readonly network: RegistryNetwork;
  readonly sctp: SctpSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  /** The counts of `registry.counts` have changed. */
  readonly onCounts: () => void;
}

/** Connections to the TCP port are only ever looked at by people and scanners. */
const MAX_VISITORS = 16;
const VISITOR_MILLIS = 2_000;
/** How long clients have to agree to the end of their associations. */
const FAREWELL_MILLIS = 1_000;

/**
 * Runs the registry core on real sockets: bound in the order UDP, TCP, SCTP; torn down in reverse. Holds no decision of
 * the protocol.
 */
export class RegistryShell {
  readonly registry: Registry;
  readonly #options: RegistryShellOptions;
  readonly #sctp: SctpDriver;
  readonly #dials: DialBacks;
  readonly #alarm: Alarm;
  readonly #selfCheck: SelfCheck;
  #discovery: DiscoverySocket | undefined;
  #tcp: Server | undefined;
  #encapsulation: UdpEncapsulation | undefined;
  readonly #visitors = new Set<Socket>();
  #farewell: (() => void) | undefined;
  #working = false;

  private constructor(options: RegistryShellOptions) {
    this.#options = options;
    const { clock, random, network } = options;
    const now = clock.now();
    this.registry = new Registry({ settings: { legacy: network.legacy }, now });
    const endpoint = createSctpEndpoint({ localPort: network.port, settings: options.sctp, random, now });
    this.#sctp = new SctpDriver({
      endpoint,
      clock,
      onEvent: (event) => {
        this.#do(() => this.registry.sctpEvent(clock.now(), event));
        if (event.type === "closed" || event.type === "lost") this.#farewell?.();
      },
    });
    this.#dials = new DialBacks({
      connected: (dial) => this.#do(() => this.registry.dialConnected(clock.now(), dial)),
      data: (dial, bytes) => this.#do(() => this.registry.dialData(clock.now(), dial, bytes)),
      closed: (dial, refused) => this.#do(() => this.registry.dialClosed(clock.now(), dial, refused)),
    });
    this.#alarm = new Alarm(clock, () => this.#do(() => this.registry.advance(clock.now())));
    this.#selfCheck = new SelfCheck(random);
  }

  /** Binds everything. Errors: {@link SystemError} naming what could not be bound; then nothing stays bound. */
  static async open(options: RegistryShellOptions): Promise<RegistryShell> {
    const shell = new RegistryShell(options);
    try {
      await shell.#bind();
    } catch (error) {
      await shell.#release();
      throw error;
    }
    return shell;
  }

  /** Whether SCTP on raw IP is served, which original clients need. */
  get servesRawIp(): boolean {
    return this.#sctp.has("raw");
  }

  get interfaces(): readonly string[] {
    return this.#discovery?.interfaces ?? [];
  }

  association(id: AssociationId): AssociationStatus | undefined {
    return this.#sctp.status(id);
  }

  get sctpCounters(): SctpCounters {
    return this.#sctp.counters();
  }

  configure(legacy: boolean, sctp: SctpSettings): void {
    this.registry.configure({ legacy });
    this.#sctp.configure(sctp);
  }

  /** Whether every socket still answers: the ground for telling the watchdog so. */
  async answers(): Promise<boolean> {
    const [discovery, encapsulation] = [this.#discovery, this.#encapsulation];
    if (discovery === undefined || encapsulation === undefined) return false;
    const checks = await Promise.all([
      this.#selfCheck.answers((bytes) => discovery.sendToSelf(bytes)),
      this.#selfCheck.answers((bytes) => encapsulation.sendToSelf(bytes)),
    ]);
    return checks.every(Boolean) && this.#tcp?.listening === true;
  }

  /** Tells the clients, waits a moment for their assent, and lets go of everything. */
  async close(): Promise<void> {
    await this.#discovery?.close();
    this.#do(() => this.registry.stop());
    await this.#clientsGone();
    await this.#release();
  }

  async #bind(): Promise<void> {
    const { network, log } = this.#options;
    const warn = (what: string) => (error: Error) =>
      log.write({ level: "warn", text: `${what}: ${errorText(error)}`, limit: what });
    this.#discovery = await DiscoverySocket.open({
      interfaces: network.interfaces,
      port: network.port,
      intercept: this.#selfCheck.intercept,
      onDatagram: (source, bytes) =>
        this.#do(() => this.registry.datagram(this.#options.clock.now(), source, bytes)),
      onChange: () => {},
      onError: warn("UDP discovery"),
    });
    this.#tcp = await listenTcp({
      address: "0.0.0.0",
      port: network.port,
      purpose: "the registry",
      maxConnections: MAX_VISITORS,
      onConnection: (socket) => this.#greet(socket),
      onError: warn("TCP"),
    });
    this.#encapsulation = await UdpEncapsulation.open({
      address: "0.0.0.0",
      port: network.encapsulationPort,
      sink: this.#sctp.receive,
      intercept: this.#selfCheck.intercept,
    });
    this.#sctp.attach(this.#encapsulation);
    if (network.legacy) await this.#openRawIp(warn("SCTP on raw IP"));
  }

  /** Raw IP is for original clients only, so the registry runs without it, and says so. */
  async #openRawIp(onError: (error: Error) => void): Promise<void> {
    try {
      this.#sctp.attach(await RawIp.open({ sink: this.#sctp.receive, onError }));
    } catch (error) {
      const help = "original clients cannot join (grant CAP_NET_RAW, or set legacy = false)";
      this.#options.log.write({ level: "warn", text: `${errorText(error)}: ${help}` });
    }
  }

  /** Nothing is served on this port yet; it is held so that no second registry starts, and says what it is. */
  #greet(socket: Socket): void {
    this.#visitors.add(socket);
    // Not the socket's own idle limit, which a visitor that keeps talking never reaches.
    const limit = setTimeout(() => socket.destroy(), VISITOR_MILLIS);
    socket.on("close", () => {
      clearTimeout(limit);
      this.#visitors.delete(socket);
    });
    socket.on("error", () => socket.destroy());
    socket.resume();
    socket.end(
      `multiproto ${this.#options.version} registry; clients find it by UDP, see multiproto-chat --help\n`,
    );
  }

  async #clientsGone(): Promise<void> {
    if (this.registry.counts.online === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FAREWELL_MILLIS);
      this.#farewell = () => {
        if (this.registry.counts.online > 0) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #release(): Promise<void> {
    this.#alarm.clear();
    this.#dials.close();
    await this.#discovery?.close();
    for (const visitor of this.#visitors) visitor.destroy();
    if (this.#tcp !== undefined) await closeTcp(this.#tcp);
    await this.#sctp.close();
  }

  /** Gives the core an input and does what it asks for, until it asks for nothing more. */
  #do(input: () => void): void {
    input();
    if (this.#working) return;
    this.#working = true;
    try {
      for (
        let outputs = this.registry.takeOutputs();
        outputs.length > 0;
        outputs = this.registry.takeOutputs()
      ) {
        for (const output of outputs) this.#perform(output);
      }
    } finally {
      this.#working = false;
    }
    this.#alarm.set(this.registry.nextDeadline());
  }

  #perform(output: RegistryOutput): void {
    switch (output.type) {
      case "dial":
        this.#dials.dial(output.dial, output.address, output.port);
        break;
      case "answer":
        this.#dials.answer(output.dial, output.bytes);
        break;
      case "hang-up":
        this.#dials.hangUp(output.dial);
        break;
      case "push":
        if (this.#sctp.send(output.association, 0, 0, output.bytes) === "full") {
          this.registry.pushRefused(this.#options.clock.now(), output.association);
        }
        break;
      case "probe":
        this.#sctp.probe(output.association);
        break;
      case "shutdown":
        this.#sctp.shutdown(output.association);
        break;
      case "abort":
        this.#sctp.abort(output.association, output.reason);
        break;
      case "log":
        this.#options.log.write(output.entry);
        break;
      case "counts":
        this.#options.onCounts();
        break;
    }
  }
}
