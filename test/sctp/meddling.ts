import assert from "node:assert/strict";
import { decodePacket } from "../../src/sctp/decode/packet.ts";
import {
  createSctpEndpoint,
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEndpoint,
} from "../../src/sctp/index.ts";
import { CallTimer, type Round } from "./fuzz.ts";
import { mutate } from "./mutate.ts";
import { SeededRandom } from "./random.ts";
import { PORT } from "./wire.ts";

const ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as const;
/** Where a NAT may put the endpoints instead; each is somebody's for as long as it lasts. */
const ELSEWHERE = ["10.0.9.1", "10.0.9.2", "10.0.9.3"] as const;
const FLYING = 200;
const RECORDED = 64;
const REST_MILLIS = 600_000;

interface Flying {
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

/**
 * Three honest endpoints that talk to each other, and somebody in the middle who sees all and loses, repeats,
 * reorders, changes, misdirects and replays their packets, checksums put right again.
 */
export class Meddling implements Round {
  packets = 0;
  readonly timer = new CallTimer();
  readonly #random: SeededRandom;
  readonly #endpoints = new Map<string, SctpEndpoint>();
  /** By every address that leads to it. */
  readonly #residents = new Map<string, SctpEndpoint>();
  /** Where what an endpoint sends seems to come from. */
  readonly #outer = new Map<SctpEndpoint, string>();
  readonly #ids: { readonly endpoint: SctpEndpoint; readonly id: number }[] = [];
  readonly #over = new Map<SctpEndpoint, Set<number>>();
  #flying: Flying[] = [];
  readonly #recorded: Uint8Array[] = [];
  readonly #length: number;
  /** One packet in so many is meddled with. */
  readonly #rarity: number;
  #now = 1_000;

  constructor(seed: number, length: number) {
    this.#length = length;
    this.#random = new SeededRandom(seed);
    this.#rarity = [2, 6, 30][seed % 3] ?? 6;
    for (const [index, address] of ADDRESSES.entries()) {
      const random = new SeededRandom(seed * 17 + index);
      const settings = { ...DEFAULT_SCTP_SETTINGS, maxMessageBytes: this.#random.pick([4_000, 65_536]) };
      const endpoint = createSctpEndpoint({ localPort: PORT, settings, random, now: this.#now });
      this.#endpoints.set(address, endpoint);
      this.#residents.set(address, endpoint);
      this.#outer.set(endpoint, address);
      this.#over.set(endpoint, new Set());
    }
  }

  run(): void {
    while (this.packets < this.#length) this.#act();
    // From now on nothing gets through.
    this.#flying = [];
    this.#pass(REST_MILLIS);
    for (const endpoint of this.#endpoints.values()) {
      assert.equal(endpoint.nextDeadline(), undefined, "a timer is left");
    }
    for (const { endpoint, id } of this.#ids) assert.equal(endpoint.status(id), undefined, "one is left");
  }

  #act(): void {
    const dice = this.#random.below(100);
    if (this.#flying.length === 0 || dice < 6) this.#use();
    else if (dice < 7) this.#move();
    else if (dice < 10) this.#pass(this.#random.below(this.#random.oneIn(8) ? 3_000 : 200));
    else this.#deliver();
  }

  #use(): void {
    const random = this.#random;
    const from = random.pick(ADDRESSES);
    const endpoint = this.#endpointAt(from);
    const known = this.#ids[Math.max(0, this.#ids.length - 1 - random.below(8))];
    const dice = random.below(40);
    if (dice < 4 || known === undefined) {
      const path: Path = { via: "udp", address: random.pick(ADDRESSES), outerPort: 9_899, local: "" };
      this.#ids.push({ endpoint, id: endpoint.connect(this.#now, path, PORT) });
      this.#drain(endpoint);
      return;
    }
    const { id } = known;
    if (dice < 36) {
      const bytes = new Uint8Array(1 + random.below(random.oneIn(6) ? 6_000 : 100));
      known.endpoint.send(this.#now, id, random.below(16), 0, bytes);
    } else if (dice < 38) known.endpoint.probe(this.#now, id);
    else if (dice < 39) known.endpoint.close(this.#now, id);
    else if (random.oneIn(3)) known.endpoint.abort(this.#now, id, "");
    this.#drainAll();
  }

  /** A NAT gives an endpoint another address, and perhaps forgets the former one. */
  #move(): void {
    const random = this.#random;
    if (!random.oneIn(6)) return;
    const home = random.pick(ADDRESSES);
    const endpoint = this.#endpointAt(home);
    const address = random.oneIn(3) ? home : random.pick(ELSEWHERE);
    const former = this.#outer.get(endpoint);
    if (former !== undefined && random.oneIn(2)) this.#residents.delete(former);
    this.#residents.set(address, endpoint);
    this.#outer.set(endpoint, address);
  }

  #endpointAt(address: string): SctpEndpoint {
    const endpoint = this.#endpoints.get(address);
    assert.ok(endpoint !== undefined);
    return endpoint;
  }

  /** Any packet on the way, or one from long ago, as it is or changed, to where it should go or elsewhere. */
  #deliver(): void {
    const random = this.#random;
    const index = random.oneIn(4) ? random.below(this.#flying.length) : 0;
    const flying = random.oneIn(20) ? this.#flying[index] : this.#flying.splice(index, 1)[0];
    if (flying === undefined || random.oneIn(25)) return;
    let { from, to, bytes } = flying;
    if (random.oneIn(40)) this.#recorded[random.below(RECORDED)] = bytes;
    if (random.oneIn(this.#rarity)) {
      const dice = random.below(10);
      if (dice === 0) from = random.pick(ELSEWHERE);
      else if (dice === 1) from = random.pick(ADDRESSES);
      else if (dice === 2) to = random.pick(ADDRESSES);
      else if (dice === 3) bytes = this.#recorded[random.below(RECORDED)] ?? bytes;
      else bytes = mutate(bytes, this.#recorded[random.below(RECORDED)], random);
    }
    this.#give(from, to, bytes);
  }

  #give(from: string, to: string, bytes: Uint8Array): void {
    // What is sent to where somebody seemed to be comes to nobody.
    const endpoint = this.#residents.get(to);
    if (endpoint === undefined) return;
    this.packets += 1;
    this.timer.begin();
    endpoint.receive(this.#now, { via: "udp", address: from, outerPort: 9_899, local: "" }, bytes);
    this.timer.end();
    this.#drain(endpoint);
  }

  #drainAll(): void {
    for (const endpoint of this.#endpoints.values()) this.#drain(endpoint);
  }

  #drain(endpoint: SctpEndpoint): void {
    for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit()) {
      // A changed source port is answered as it came.
      const port = Buffer.from(out.bytes.buffer, out.bytes.byteOffset).readUInt16BE(2);
      assert.equal(typeof decodePacket(out.bytes, port), "object", "we sent what we would refuse");
      if (port === PORT && this.#flying.length < FLYING) {
        this.#flying.push({ from: this.#outer.get(endpoint) ?? "", to: out.path.address, bytes: out.bytes });
      }
    }
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      const over = this.#over.get(endpoint);
      assert.ok(over !== undefined && !over.has(event.id), `${event.type} after the end`);
      if (event.type === "up") this.#ids.push({ endpoint, id: event.id });
      if (event.type === "closed" || event.type === "lost") over.add(event.id);
    }
  }

  #pass(millis: number): void {
    const until = this.#now + millis;
    for (let steps = 0; ; steps += 1) {
      assert.ok(steps < 50_000, "timers that never rest");
      const due = this.#nextDue();
      if (due === undefined || due.at > until) break;
      this.#now = Math.max(this.#now, due.at);
      this.timer.begin();
      due.endpoint.advance(this.#now);
      this.timer.end();
      this.#drain(due.endpoint);
    }
    this.#now = Math.max(this.#now, until);
  }

  #nextDue(): { endpoint: SctpEndpoint; at: number } | undefined {
    let due: { endpoint: SctpEndpoint; at: number } | undefined;
    for (const endpoint of this.#endpoints.values()) {
      const at = endpoint.nextDeadline();
      if (at !== undefined && (due === undefined || at < due.at)) due = { endpoint, at };
    }
    return due;
  }
}
