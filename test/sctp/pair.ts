/**
 * Endpoints on a virtual clock, joined by a network that loses, doubles, delays and reorders packets as its seed
 * says. Every run can be repeated from its seed.
 */
import {
  createSctpEndpoint,
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEndpoint,
  type SctpEvent,
  type SctpSettings,
} from "../../src/sctp/index.ts";
import { SeededRandom } from "./random.ts";

export interface Conditions {
  /** Shares of packets, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** One-way delay in ms, uniform; packets overtake each other within it. */
  readonly delay: readonly [number, number];
}

export const PERFECT: Conditions = { loss: 0, duplication: 0, delay: [0.1, 0.1] };

interface Flying {
  readonly at: number;
  readonly to: Host;
  readonly from: string;
  readonly bytes: Uint8Array;
}

export const PORT = 10_001;

export class Host {
  readonly address: string;
  readonly endpoint: SctpEndpoint;
  readonly events: SctpEvent[] = [];
  /** Called with each event as it happens. */
  onEvent: (event: SctpEvent) => void = () => {};
  /** A cut host neither sends nor receives. */
  cut = false;
  /** A frozen host's process does not run: packets wait for it. */
  frozen = false;

  constructor(address: string, endpoint: SctpEndpoint) {
    this.address = address;
    this.endpoint = endpoint;
  }

  of<T extends SctpEvent["type"]>(type: T): Extract<SctpEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<SctpEvent, { type: T }> => event.type === type);
  }
}

export class Network {
  now = 1_000_000;
  conditions: Conditions;
  /** Sees each packet before it is sent; false drops it. */
  filter: (from: Host, bytes: Uint8Array) => boolean = () => true;
  packets = 0;
  readonly #random: SeededRandom;
  readonly #hosts = new Map<string, Host>();
  #flying: Flying[] = [];

  constructor(seed: number, conditions: Conditions = PERFECT) {
    this.#random = new SeededRandom(seed);
    this.conditions = conditions;
  }

  host(address: string, settings: Partial<SctpSettings> = {}): Host {
    const random = new SeededRandom(this.#random.below(2 ** 32));
    const all = { ...DEFAULT_SCTP_SETTINGS, ...settings };
    const endpoint = createSctpEndpoint({ localPort: PORT, settings: all, random, now: this.now });
    const host = new Host(address, endpoint);
    this.#hosts.set(address, host);
    return host;
  }

  path(to: Host): Path {
    return { via: "udp", address: to.address, outerPort: 9_899, local: "" };
  }

  connect(from: Host, to: Host): number {
    const id = from.endpoint.connect(this.now, this.path(to), PORT);
    this.drain(from);
    return id;
  }

  /** Takes out what a call into `host` produced. */
  drain(host: Host): void {
    for (let out = host.endpoint.pollTransmit(); out !== undefined; out = host.endpoint.pollTransmit()) {
      this.packets += 1;
      this.#send(host, out.path.address, out.bytes);
    }
    for (let event = host.endpoint.pollEvent(); event !== undefined; event = host.endpoint.pollEvent()) {
      host.events.push(event);
      host.onEvent(event);
    }
  }

  #send(from: Host, address: string, bytes: Uint8Array): void {
    const to = this.#hosts.get(address);
    if (to === undefined || from.cut || to.cut || !this.filter(from, bytes)) return;
    const copies = this.#random.unit() < this.conditions.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.#random.unit() < this.conditions.loss) continue;
      const [least, most] = this.conditions.delay;
      const at = this.now + least + this.#random.unit() * (most - least);
      this.#flying.push({ at, to, from: from.address, bytes });
    }
  }

  /** Lets time pass until `until`, or until nothing is left to happen; true when `done` came true before. */
  run(until: number, done: () => boolean = () => false): boolean {
    while (!done()) {
      const next = this.#next();
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until);
        return false;
      }
      this.now = Math.max(this.now, next.at);
      next.act();
    }
    return true;
  }

  runFor(millis: number, done?: () => boolean): boolean {
    return this.run(this.now + millis, done);
  }

  /** Whether any timer or packet is pending. */
  isQuiet(): boolean {
    return this.#next() === undefined;
  }

  #next(): { at: number; act: () => void } | undefined {
    let best: { at: number; act: () => void } | undefined;
    for (const host of this.#hosts.values()) {
      if (host.frozen) continue;
      const at = host.endpoint.nextDeadline();
      if (at === undefined || (best !== undefined && best.at <= at)) continue;
      best = {
        at,
        act: () => {
          host.endpoint.advance(this.now);
          this.drain(host);
        },
      };
    }
    let packet: Flying | undefined;
    for (const flying of this.#flying) {
      if (!flying.to.frozen && (packet === undefined || flying.at < packet.at)) packet = flying;
    }
    if (packet === undefined || (best !== undefined && best.at <= packet.at)) return best;
    const arriving = packet;
    return { at: arriving.at, act: () => this.#arrive(arriving) };
  }

  #arrive(flying: Flying): void {
    this.#flying = this.#flying.filter((other) => other !== flying);
    if (flying.to.cut) return;
    const path: Path = { via: "udp", address: flying.from, outerPort: 9_899, local: "" };
    flying.to.endpoint.receive(this.now, path, flying.bytes);
    this.drain(flying.to);
  }
}

/** Two hosts with an association between them. */
export function associated(network: Network, settings: Partial<SctpSettings> = {}) {
  const client = network.host("10.0.0.2", settings);
  const server = network.host("10.0.0.1", settings);
  const clientId = network.connect(client, server);
  if (!network.runFor(30_000, () => client.of("up").length > 0 && server.of("up").length > 0)) {
    throw new Error("the association did not come up");
  }
  const serverId = server.of("up")[0]?.id ?? 0;
  return { client, server, clientId, serverId };
}
