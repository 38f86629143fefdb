/**
 * Endpoints on a virtual clock, joined by a network that loses, doubles, delays and reorders packets as its seed
 * says, that can be parted and healed, and whose hosts can be cut off, frozen, moved and started anew. Every run can
 * be repeated from its seed.
 */
import {
  createSctpEndpoint,
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEndpoint,
  type SctpEvent,
  type SctpSettings,
} from "../../src/sctp/index.ts";
import { Schedule } from "./heap.ts";
import { SeededRandom, WrappingRandom } from "./random.ts";
import { PORT } from "./wire.ts";

export { PORT } from "./wire.ts";

export interface Conditions {
  /** Shares of packets, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** One-way delay in ms, uniform; packets overtake each other within it. */
  readonly delay: readonly [number, number];
}

export const PERFECT: Conditions = { loss: 0, duplication: 0, delay: [0.1, 0.1] };

const OUTER_PORT = 9_899;

export class Host {
  /** Where its packets come from and go to; see `Network.move`. */
  address: string;
  readonly endpoint: SctpEndpoint;
  readonly lostAfterMillis: number;
  readonly events: SctpEvent[] = [];
  /** Called with each event as it happens. */
  onEvent: (event: SctpEvent) => void = () => {};
  /** A cut host neither sends nor receives. */
  cut = false;
  /** When the last packet from an address was taken. */
  readonly heard = new Map<string, number>();
  /** The earliest wake-up that the network has noted for it. */
  noted: number | undefined;
  /** What happens to it while it is frozen waits here. */
  readonly waiting: Happening[] = [];
  readonly #thaw: (host: Host) => void;
  #frozen = false;

  constructor(address: string, endpoint: SctpEndpoint, lostAfterMillis: number, thaw: (host: Host) => void) {
    this.address = address;
    this.endpoint = endpoint;
    this.lostAfterMillis = lostAfterMillis;
    this.#thaw = thaw;
  }

  /** A frozen host's process does not run: packets wait for it. */
  get frozen(): boolean {
    return this.#frozen;
  }

  set frozen(frozen: boolean) {
    this.#frozen = frozen;
    if (!frozen) this.#thaw(this);
  }

  of<T extends SctpEvent["type"]>(type: T): Extract<SctpEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<SctpEvent, { type: T }> => event.type === type);
  }
}

interface Flying {
  readonly type: "packet";
  readonly to: string;
  readonly from: string;
  readonly bytes: Uint8Array;
}

type Happening =
  | Flying
  | { readonly type: "deadline"; readonly to: Host }
  | { readonly type: "act"; readonly act: () => void };

export class Network {
  now = 1_000_000;
  conditions: Conditions;
  /** Sees each packet before it is sent; false drops it. */
  filter: (from: Host, bytes: Uint8Array) => boolean = () => true;
  packets = 0;
  /** Hosts made from now on begin with TSNs that wrap soon, every second time. */
  wrapping = false;
  readonly #random: SeededRandom;
  readonly #hosts = new Map<string, Host>();
  readonly #schedule = new Schedule<Happening>();
  /** Directions that nothing gets through: "from to". */
  readonly #parted = new Set<string>();
  #flying = 0;

  constructor(seed: number, conditions: Conditions = PERFECT) {
    this.#random = new SeededRandom(seed);
    this.conditions = conditions;
  }

  /** A host at the address; one that was there before is gone as a process is that was killed. */
  host(address: string, settings: Partial<SctpSettings> = {}): Host {
    const seed = this.#random.below(2 ** 32);
    const random = this.wrapping ? new WrappingRandom(seed) : new SeededRandom(seed);
    const all = { ...DEFAULT_SCTP_SETTINGS, ...settings };
    const endpoint = createSctpEndpoint({ localPort: PORT, settings: all, random, now: this.now });
    const host = new Host(address, endpoint, all.lostAfterMillis, (thawed) => this.#thaw(thawed));
    // What waited in a killed process's sockets is gone with it.
    for (const what of this.#hosts.get(address)?.waiting.splice(0) ?? []) {
      if (what.type === "packet") this.#flying -= 1;
    }
    this.#hosts.set(address, host);
    return host;
  }

  /** The host goes on under another address, as a laptop does between two networks. */
  move(host: Host, address: string): void {
    this.#hosts.delete(host.address);
    host.address = address;
    this.#hosts.set(address, host);
  }

  /** Nothing gets from one to the other any more; packets on the way still arrive. */
  part(from: Host, to: Host): void {
    this.#parted.add(`${from.address} ${to.address}`);
  }

  heal(): void {
    this.#parted.clear();
  }

  path(to: Host): Path {
    return { via: "udp", address: to.address, outerPort: OUTER_PORT, local: "" };
  }

  connect(from: Host, to: Host): number {
    const id = from.endpoint.connect(this.now, this.path(to), PORT);
    this.drain(from);
    return id;
  }

  /** A packet that seems to come from an address, and does not. */
  forge(from: Host, to: Host, bytes: Uint8Array): void {
    this.#flying += 1;
    this.#schedule.push(this.now, { type: "packet", to: to.address, from: from.address, bytes });
  }

  /** Something of the test's own happens then. */
  at(time: number, act: () => void): void {
    this.#schedule.push(time, { type: "act", act });
  }

  /** Takes out what a call into `host` produced. */
  drain(host: Host): void {
    const { endpoint } = host;
    for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit()) {
      this.packets += 1;
      this.#send(host, out.path.address, out.bytes);
    }
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      host.events.push(event);
      host.onEvent(event);
    }
    this.#note(host);
  }

  /** Wakes the host no later than it asks; an older, earlier wake-up finds nothing to do. */
  #note(host: Host): void {
    const at = host.endpoint.nextDeadline();
    if (at === undefined || (host.noted !== undefined && host.noted <= at)) return;
    host.noted = at;
    this.#schedule.push(at, { type: "deadline", to: host });
  }

  #send(from: Host, address: string, bytes: Uint8Array): void {
    const to = this.#hosts.get(address);
    if (to === undefined || from.cut || to.cut || !this.#isThere(from) || !this.filter(from, bytes)) return;
    if (this.#parted.size > 0 && this.#parted.has(`${from.address} ${address}`)) return;
    const { loss, duplication, delay } = this.conditions;
    const copies = this.#random.unit() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.#random.unit() < loss) continue;
      const at = this.now + delay[0] + this.#random.unit() * (delay[1] - delay[0]);
      this.#flying += 1;
      this.#schedule.push(at, { type: "packet", to: address, from: from.address, bytes });
    }
  }

  /** Lets time pass until `until`, or until nothing is left to happen; true when `done` came true before. */
  run(until: number, done: () => boolean = () => false): boolean {
    while (!done()) {
      const next = this.#schedule.first();
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until);
        return false;
      }
      this.#schedule.shift();
      this.now = Math.max(this.now, next.at);
      this.#happen(next.item);
    }
    return true;
  }

  runFor(millis: number, done?: () => boolean): boolean {
    return this.run(this.now + millis, done);
  }

  /** Whether nothing is pending: no timer, no packet. */
  isQuiet(): boolean {
    if (this.#flying > 0) return false;
    for (const host of this.#hosts.values()) {
      if (!host.frozen && host.endpoint.nextDeadline() !== undefined) return false;
    }
    return true;
  }

  #happen(what: Happening): void {
    if (what.type === "act") {
      what.act();
      return;
    }
    // A packet for a process that is gone reaches the one that has its address now; a timer dies with its process.
    const host = what.type === "packet" ? this.#hosts.get(what.to) : what.to;
    if (host?.frozen === true) host.waiting.push(what);
    else if (what.type === "packet") this.#arrive(host, what);
    else if (host !== undefined && this.#isThere(host)) this.#wake(host);
  }

  #isThere(host: Host): boolean {
    return this.#hosts.get(host.address) === host;
  }

  #wake(host: Host): void {
    host.noted = undefined;
    const at = host.endpoint.nextDeadline();
    if (at !== undefined && at <= this.now) host.endpoint.advance(this.now);
    this.drain(host);
  }

  #arrive(host: Host | undefined, { from, bytes }: Flying): void {
    this.#flying -= 1;
    if (host === undefined || host.cut) return;
    host.heard.set(from, this.now);
    // As by a transport that uses its memory again: nothing may be kept of it.
    const buffer = Uint8Array.from(bytes);
    host.endpoint.receive(this.now, { via: "udp", address: from, outerPort: OUTER_PORT, local: "" }, buffer);
    buffer.fill(0xee);
    this.drain(host);
  }

  /** It finds its timers due and its sockets full, in the order in which both came. */
  #thaw(host: Host): void {
    for (const what of host.waiting.splice(0)) this.#schedule.push(this.now, what);
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
