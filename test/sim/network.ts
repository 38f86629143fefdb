import type { Millis } from "../../src/base/clock.ts";
import type { SeededRandom } from "../sctp/random.ts";
import type { Schedule } from "./schedule.ts";

export interface Place {
  readonly address: string;
  readonly port: number;
}

/** What a host does with a datagram. */
export type TakeDatagram = (from: Place, bytes: Uint8Array) => void;

/** How the network behaves at the moment. */
export interface Weather {
  /** Share of datagrams lost. */
  readonly loss: number;
  /** Share that comes twice. */
  readonly repetition: number;
  /** Each datagram takes up to this long, so they overtake each other. */
  readonly delayMillis: Millis;
}

export const FAIR: Weather = { loss: 0, repetition: 0, delayMillis: 2 };

/** The shortest way between two hosts. */
const LEAST_MILLIS = 0.1;

/** Datagrams between hosts that have an address each: lost, repeated, late, cut off. Groups reach all who have joined. */
export class Network {
  weather: Weather = FAIR;
  /** Datagrams that left any host; what an onlooker would capture. */
  readonly captured = new Set<(from: Place, to: Place, bytes: Uint8Array) => void>();
  readonly #schedule: Schedule;
  readonly #random: SeededRandom;
  readonly #sockets = new Map<string, TakeDatagram>();
  readonly #groups = new Map<string, Set<string>>();
  /** Island of each host that is cut off with others; hosts of one island reach each other. */
  readonly #islands = new Map<string, number>();

  constructor(schedule: Schedule, random: SeededRandom) {
    this.#schedule = schedule;
    this.#random = random;
  }

  bind(place: Place, take: TakeDatagram): void {
    this.#sockets.set(nameOf(place), take);
  }

  release(place: Place): void {
    this.#sockets.delete(nameOf(place));
    for (const members of this.#groups.values()) members.delete(nameOf(place));
  }

  join(group: Place, member: Place): void {
    const members = this.#groups.get(nameOf(group)) ?? new Set();
    this.#groups.set(nameOf(group), members.add(nameOf(member)));
  }

  /** To a host, or to a group: then to each member on its own way. */
  send(from: Place, to: Place, bytes: Uint8Array): void {
    for (const capture of this.captured) capture(from, to, bytes);
    const members = this.#groups.get(nameOf(to));
    if (members === undefined) this.#carry(from, nameOf(to), to.address, bytes);
    else for (const member of members) this.#carry(from, member, addressOf(member), bytes);
  }

  /** Cuts `addresses` off from all others, not from each other. */
  island(number: number, addresses: readonly string[]): void {
    for (const address of addresses) this.#islands.set(address, number);
  }

  heal(): void {
    this.#islands.clear();
  }

  reaches(from: string, to: string): boolean {
    return (this.#islands.get(from) ?? 0) === (this.#islands.get(to) ?? 0);
  }

  #carry(from: Place, socket: string, address: string, bytes: Uint8Array): void {
    const { loss, repetition } = this.weather;
    if (!this.reaches(from.address, address) || this.#chance(loss)) return;
    const copies = this.#chance(repetition) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.#schedule.after(this.delay(), () => this.#sockets.get(socket)?.(from, bytes));
    }
  }

  delay(): Millis {
    return LEAST_MILLIS + (this.weather.delayMillis * this.#random.below(1_000)) / 1_000;
  }

  #chance(share: number): boolean {
    return share > 0 && this.#random.below(1_000_000) < share * 1_000_000;
  }
}

function nameOf({ address, port }: Place): string {
  return `${address} ${port}`;
}

function addressOf(name: string): string {
  return name.split(" ")[0] ?? "";
}
