import type { Clock, Millis, Random } from "../base/clock.ts";
import { MisuseError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { AdminCommand, AdminResult } from "../registry/admin.ts";
import { floodLine } from "../registry/lines.ts";
import type { DialId, RegistryOutput } from "../registry/output.ts";
import { Registry } from "../registry/registry.ts";
import type { Farewell, RegistrySettings, Strain } from "../registry/settings.ts";
import type { RosterKeeper } from "../roster/keeper.ts";
import type { Ledger } from "../roster/ledger.ts";
import type { AssociationId, AssociationStatus, SctpCounters, SctpEvent, SctpSettings } from "../sctp/api.ts";
import { createSctpEndpoint } from "../sctp/index.ts";
import { Alarm } from "./alarm.ts";
import { DialBacks } from "./dial-backs.ts";
import type { Identity } from "./identity.ts";
import type { Link } from "./interfaces.ts";
import { registryIdentity } from "./registry-identity.ts";
import { type RegistryNetwork, RegistrySockets } from "./registry-sockets.ts";
import { SctpDriver } from "./sctp-driver.ts";
import { SelfCheck } from "./self-check.ts";
import { TlsDialBacks } from "./tls-dial-backs.ts";

/** Who the registry is, and what it must not forget. */
export interface RegistryState {
  readonly identity: Identity;
  readonly ledger: Ledger;
  /** … and what the next one goes on with, if it can. */
  readonly keeper?: RosterKeeper;
}

export interface RegistryShellOptions {
  readonly network: RegistryNetwork;
  readonly settings: RegistrySettings;
  readonly sctp: SctpSettings;
  /** Called when the ports are bound, so by one registry of those that want them. */
  readonly openState: () => Promise<RegistryState>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  /** The counts of `registry.counts` have changed. */
  readonly onCounts: () => void;
  /** The number of the published roster, `registry.published`, has changed. */
  readonly onPublished: () => void;
}

/** How long clients have to agree to the end of their associations. */
const FAREWELL_MILLIS = 1_000;

/** The core, and the connections that act under its identity. */
interface Running {
  readonly registry: Registry;
  readonly tls: TlsDialBacks;
}

/**
 * Runs the registry core on real sockets: bound, then the state opened, then served; torn down in reverse. Holds no
 * decision of the protocol.
 */
export class RegistryShell {
  readonly #options: RegistryShellOptions;
  readonly #sctp: SctpDriver;
  readonly #dials: DialBacks;
  readonly #alarm: Alarm;
  readonly #selfCheck: SelfCheck;
  #sockets: RegistrySockets | undefined;
  /** Until then what comes in is as lost as it was before the ports were bound. */
  #running: Running | undefined;
  #farewell: (() => void) | undefined;
  #working = false;
  #published: Registry["published"] | undefined;

  private constructor(options: RegistryShellOptions) {
    this.#options = options;
    const { clock, random, network } = options;
    const endpoint = createSctpEndpoint({
      localPort: network.port,
      settings: options.sctp,
      random,
      now: clock.now(),
    });
    this.#sctp = new SctpDriver({
      ...{ endpoint, clock },
      onEvent: (event) => this.#sctpEvent(event),
      onInitPressure: (pressure) => options.log.write(floodLine(pressure, network.encapsulationPort)),
    });
    this.#dials = new DialBacks({
      connected: (dial) => this.#do((registry, now) => registry.dialConnected(now, dial)),
      data: (dial, bytes) => this.#do((registry, now) => registry.dialData(now, dial, bytes)),
      closed: (dial, how) => this.#do((registry, now) => registry.dialClosed(now, dial, how)),
    });
    this.#alarm = new Alarm(clock, () => this.#do((registry, now) => registry.advance(now)));
    this.#selfCheck = new SelfCheck(random);
  }

  /**
   * Binds everything, opens the state, and serves. Errors: {@link SystemError} naming what could not be bound, or what
   * opening the state throws; then nothing stays bound.
   */
  static async open(options: RegistryShellOptions): Promise<RegistryShell> {
    const shell = new RegistryShell(options);
    try {
      await shell.#bind();
      shell.#begin(await options.openState());
    } catch (error) {
      await shell.#release();
      throw error;
    }
    return shell;
  }

  get registry(): Registry {
    if (this.#running === undefined) throw new MisuseError("the registry does not run yet");
    return this.#running.registry;
  }

  /** Whether SCTP on raw IP is served, which original clients need. */
  get servesRawIp(): boolean {
    return this.#sctp.has("raw");
  }

  /** The interfaces that are served, as of the last look (within 5 s). */
  get links(): readonly Link[] {
    return this.#sockets?.discovery?.links ?? [];
  }

  association(id: AssociationId): AssociationStatus | undefined {
    return this.#sctp.status(id);
  }

  get sctpCounters(): SctpCounters {
    return this.#sctp.counters();
  }

  configure(settings: RegistrySettings, sctp: SctpSettings): void {
    this.#do((registry) => registry.configure(settings));
    this.#sctp.configure(sctp);
  }

  /** From now on nobody gets in who is not here yet, for this reason; undefined: all do again. */
  limit(strain: Strain | undefined): void {
    this.#do((registry) => registry.limit(strain));
  }

  /** What an admin wants; resolves when it is durable, or with why it was not done. */
  command(command: AdminCommand): Promise<AdminResult> {
    return new Promise((resolve) => {
      this.#do((registry, now) => registry.command(now, command, resolve));
    });
  }

  /** Whether every socket still answers: the ground for telling the watchdog so. */
  async answers(): Promise<boolean> {
    return (await this.#sockets?.answer()) === true;
  }

  /** Tells the clients, waits a moment for their assent, and lets go of everything. */
  async close(farewell: Farewell): Promise<void> {
    this.#do((registry, now) => registry.stop(now, farewell));
    await this.#sockets?.closeDiscovery();
    await this.#clientsGone();
    await this.#release();
  }

  async #bind(): Promise<void> {
    const { network, version, log } = this.#options;
    this.#sockets = await RegistrySockets.open({
      network,
      version,
      log,
      selfCheck: this.#selfCheck,
      sctp: this.#sctp,
      onDatagram: (source, bytes) => this.#do((registry, now) => registry.datagram(now, source, bytes)),
      onPacket: (path, bytes, isBurst) => {
        if (this.#running !== undefined) this.#sctp.receive(path, bytes, isBurst);
      },
      onInterfaces: () => this.#do((registry, now) => registry.announce(now)),
    });
  }

  #begin({ identity, ledger, keeper }: RegistryState): void {
    const { clock, random, network, settings } = this.#options;
    const reach = {
      sctpPort: network.port,
      encapsulationPort: network.encapsulationPort,
      rawIp: this.servesRawIp,
    };
    const registry = new Registry({
      now: clock.now(),
      random,
      settings,
      ledger,
      ...(keeper === undefined ? {} : { keeper }),
      reach,
      identity: registryIdentity(identity),
      unixAt: (at) => Math.max(0, Math.round(clock.wall() - (clock.now() - at))),
    });
    this.#running = { registry, tls: this.#tlsDialBacks(identity) };
    this.#do(() => {});
  }

  #tlsDialBacks(identity: Identity): TlsDialBacks {
    const nothing = { messages: 0, pending: 0 };
    return new TlsDialBacks(identity, {
      opened: (dial, peer) => this.#do((registry, now) => registry.tlsOpened(now, dial, peer)),
      received: (dial, bytes) =>
        this.#do((registry, now) => registry.tlsReceived(now, dial, bytes)) ?? nothing,
      taken: (dial) => this.#do((registry, now) => registry.tlsTaken(now, dial)),
      ended: (dial) => this.#do((registry, now) => registry.tlsEnded(now, dial)),
      closed: (dial) => this.#do((registry, now) => registry.tlsClosed(now, dial)),
      failed: (dial, failure) => this.#do((registry, now) => registry.tlsFailed(now, dial, failure)),
    });
  }

  #sctpEvent(event: SctpEvent): void {
    this.#do((registry, now) => registry.sctpEvent(now, event));
    if (event.type === "closed" || event.type === "lost") this.#farewell?.();
  }

  async #clientsGone(): Promise<void> {
    const isEmpty = (): boolean => (this.#running?.registry.counts.online ?? 0) === 0;
    if (isEmpty()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FAREWELL_MILLIS);
      this.#farewell = () => {
        if (!isEmpty()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #release(): Promise<void> {
    this.#alarm.clear();
    this.#dials.close();
    this.#running?.tls.close();
    this.#running = undefined;
    await this.#sockets?.close();
    await this.#sctp.close();
  }

  /** Gives the core an input and does what it asks for, until it asks for nothing more. */
  #do<Result>(input: (registry: Registry, now: Millis) => Result): Result | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    const { registry } = running;
    const result = input(registry, this.#options.clock.now());
    if (this.#working) return result;
    this.#working = true;
    try {
      for (let outputs = registry.takeOutputs(); outputs.length > 0; outputs = registry.takeOutputs()) {
        for (const output of outputs) this.#perform(output, running);
      }
    } finally {
      this.#working = false;
    }
    this.#alarm.set(registry.nextDeadline());
    const { published } = registry;
    if (published.seq !== this.#published?.seq || published.epoch !== this.#published.epoch) {
      this.#published = published;
      this.#options.onPublished();
    }
    return result;
  }

  #perform(output: RegistryOutput, { registry, tls }: Running): void {
    switch (output.type) {
      case "dial":
        this.#dials.dial(output.dial, output.address, output.port);
        break;
      case "answer":
        this.#dials.answer(output.dial, output.bytes);
        break;
      case "dial-tls":
        tls.dial(output.dial, output.address, output.port);
        break;
      case "tls-send":
        tls.send(output.dial, output.bytes, output.awaited);
        break;
      case "tls-end":
        tls.end(output.dial);
        break;
      case "hang-up":
        this.#hangUp(output.dial, tls);
        break;
      case "push":
        if (this.#sctp.send(output.association, 0, 0, output.bytes) === "full")
          registry.pushRefused(this.#options.clock.now(), output.association);
        break;
      case "send":
        if (this.#sctp.send(output.association, output.stream, output.ppid, output.bytes) === "full")
          registry.sendRefused(this.#options.clock.now(), output.association);
        break;
      case "datagram":
        this.#sockets?.discovery?.send(output.to, output.bytes);
        break;
      case "announce":
        this.#sockets?.discovery?.announce(output.bytes);
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

  #hangUp(dial: DialId, tls: TlsDialBacks): void {
    this.#dials.hangUp(dial);
    tls.hangUp(dial);
  }
}
