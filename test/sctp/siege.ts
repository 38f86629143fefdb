import assert from "node:assert/strict";
import { noCounts } from "../../src/sctp/counters.ts";
import { decodePacket } from "../../src/sctp/decode/packet.ts";
import {
  type AssociationId,
  createSctpEndpoint,
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEndpoint,
  type SctpEvent,
  type SctpSettings,
} from "../../src/sctp/index.ts";
import { CallTimer, type Round } from "./fuzz.ts";
import { SeededRandom } from "./random.ts";
import { SiegePeer } from "./siege-peer.ts";
import { PORT } from "./wire.ts";
import { PacketWriter } from "./writer.ts";

/** What one call may make an endpoint send and tell: a full window and a full queue in the smallest pieces. */
const TRANSMITS_A_CALL = 1_000;
const EVENTS_A_CALL = 10_000;
/** After this long without a word from anybody everything is over. */
const REST_MILLIS = 600_000;

const PATHS: readonly Path[] = [
  { via: "udp", address: "10.0.0.9", outerPort: 4_000, local: "" },
  { via: "udp", address: "10.0.0.9", outerPort: 4_001, local: "" },
  { via: "raw", address: "fd00::9", outerPort: 0, local: "fd00::1" },
];

/** One endpoint, and several who do to it what they can. */
export class Siege implements Round {
  packets = 0;
  readonly timer = new CallTimer();
  readonly endpoint: SctpEndpoint;
  readonly #settings: SctpSettings;
  readonly #random: SeededRandom;
  readonly #writer = new PacketWriter();
  readonly #peers: readonly [SiegePeer, ...SiegePeer[]];
  /** Who was ever where: late answers go to where somebody was. */
  readonly #residents = new Map<string, SiegePeer>();
  /** Associations begun, and those among them that are over. */
  readonly #ids: AssociationId[] = [];
  readonly #over = new Set<AssociationId>();
  readonly #recorded: Uint8Array[] = [];
  readonly #length: number;
  #now = 1_000;

  constructor(seed: number, length: number) {
    this.#length = length;
    this.#random = new SeededRandom(seed);
    const malice = [1, 5, 50][seed % 3] ?? 1;
    const [first, ...others] = PATHS.map((path, index) => new SiegePeer(path, malice, seed * 31 + index));
    assert.ok(first !== undefined);
    this.#peers = [first, ...others];
    for (const peer of this.#peers) this.#residents.set(nameOf(peer.path), peer);
    this.#settings = this.#drawSettings();
    this.endpoint = createSctpEndpoint({
      localPort: PORT,
      settings: this.#settings,
      random: new SeededRandom(seed + 1),
      now: this.#now,
    });
  }

  #drawSettings(): SctpSettings {
    const random = this.#random;
    return {
      ...DEFAULT_SCTP_SETTINGS,
      maxAssociations: random.pick([2, 20_000]),
      maxMessageBytes: random.pick([2_000, 65_536]),
      maxQueuedBytes: random.pick([3_000, 262_144]),
      maxHeldBytes: random.pick([131_072, 67_108_864]),
    };
  }

  run(): void {
    while (this.packets < this.#length) this.#act();
    this.#pass(REST_MILLIS);
    assert.equal(this.endpoint.nextDeadline(), undefined, "a timer is left");
    for (const id of this.#ids) assert.equal(this.endpoint.status(id), undefined, "an association is left");
    // Names of counters are ours, never the peers' to choose.
    assert.deepEqual(Object.keys(this.endpoint.counters()), Object.keys(noCounts()));
  }

  #act(): void {
    const random = this.#random;
    const dice = random.below(100);
    const peer = random.pick(this.#peers);
    if (dice < 8) this.#useAssociation();
    else if (dice < 16) this.#pass(random.below(random.oneIn(10) ? 10_000 : 300));
    else if (dice < 17) this.#stall();
    else if (dice < 20) this.#handshake(peer);
    else if (dice < 22) this.#replay();
    else if (dice < 23) this.#move(peer);
    else this.#hit(peer);
  }

  /** What its user may do. */
  #useAssociation(): void {
    const random = this.#random;
    const dice = random.below(16);
    const id = this.#ids[Math.max(0, this.#ids.length - 1 - random.below(4))];
    this.timer.begin();
    if (dice < 3 || id === undefined) {
      this.#ids.push(this.endpoint.connect(this.#now, random.pick(this.#peers).path, PORT));
    } else if (dice < 13) this.#send(id);
    else if (dice === 13) this.endpoint.close(this.#now, id);
    else if (dice === 14) this.#watchOrProbe(id);
    else if (random.oneIn(3)) this.endpoint.abort(this.#now, id, "enough");
    else this.endpoint.configure({ ...this.#settings, heartbeatMillis: 100 + random.below(900) });
    this.timer.end();
    this.#drain();
  }

  #watchOrProbe(id: AssociationId): void {
    if (this.#random.oneIn(2)) this.endpoint.probe(this.#now, id);
    else {
      const heartbeatMillis = 200 + this.#random.below(2_000);
      this.endpoint.watch(this.#now, id, { heartbeatMillis, lostAfterMillis: 3 * heartbeatMillis });
    }
  }

  #send(id: AssociationId): void {
    const random = this.#random;
    const size = 1 + random.below(random.oneIn(8) ? 20_000 : 300);
    this.endpoint.send(this.#now, id, random.below(18), 0, new Uint8Array(size));
    const queued = this.endpoint.status(id)?.queuedBytes ?? 0;
    const { maxQueuedBytes, maxMessageBytes } = this.#settings;
    assert.ok(queued <= Math.max(maxQueuedBytes, maxMessageBytes + 100), `${queued} bytes queued`);
  }

  /** An honest beginning, so that the rest happens inside an association. */
  #handshake(peer: SiegePeer): void {
    this.#give(peer.path, peer.writeInit(this.#writer));
    this.#give(peer.path, peer.writeCookieEcho(this.#writer));
  }

  /** Chunks under the right tag, mostly; now and then from where another peer is, or with another's tag. */
  #hit(peer: SiegePeer): void {
    const random = this.#random;
    const tags = [peer.theirTag, peer.ourTag, random.pick(this.#peers).theirTag, random.below(2 ** 32), 0];
    const tag = random.oneIn(15) ? (tags[random.below(tags.length)] ?? 0) : peer.theirTag;
    const path = random.oneIn(25) ? random.pick(this.#peers).path : peer.path;
    const packet = peer.writeChunks(this.#writer, tag);
    if (random.oneIn(200)) this.#record(packet);
    this.#give(path, random.oneIn(50) ? packet.subarray(0, random.below(packet.length + 1)) : packet);
  }

  #record(packet: Uint8Array): void {
    this.#recorded[this.#random.below(16)] = Uint8Array.from(packet);
  }

  /** It goes on from elsewhere: a NAT's new port, or another network. */
  #move(peer: SiegePeer): void {
    const random = this.#random;
    const { path } = peer;
    if (!random.oneIn(4) || path.via === "raw") return;
    const address = random.oneIn(2) ? path.address : `10.0.${random.below(4)}.${random.below(250)}`;
    const elsewhere = { ...path, address, outerPort: 5_000 + random.below(1_000) };
    if (this.#residents.has(nameOf(elsewhere))) return;
    peer.moveTo(elsewhere);
    this.#residents.set(nameOf(elsewhere), peer);
  }

  /** What was seen once comes again, perhaps from elsewhere. */
  #replay(): void {
    const packet = this.#recorded[this.#random.below(16)];
    if (packet !== undefined) this.#give(this.#random.pick(this.#peers).path, packet);
  }

  #give(path: Path, packet: Uint8Array): void {
    this.packets += 1;
    this.timer.begin();
    this.endpoint.receive(this.#now, path, packet);
    this.timer.end();
    this.#drain();
  }

  #drain(): void {
    const { endpoint } = this;
    let transmits = 0;
    for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit()) {
      transmits += 1;
      const sent = decodePacket(out.bytes, PORT);
      assert.ok(typeof sent !== "string", `we sent what we would refuse: ${sent}`);
      const peer = this.#residents.get(nameOf(out.path));
      assert.ok(peer !== undefined, `sent to ${nameOf(out.path)}, which never spoke`);
      for (const chunk of sent.chunks) peer.learn(chunk);
    }
    assert.ok(transmits <= TRANSMITS_A_CALL, `${transmits} packets sent in one call`);
    let events = 0;
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      events += 1;
      this.#take(event);
    }
    assert.ok(events <= EVENTS_A_CALL, `${events} events in one call`);
  }

  #take(event: SctpEvent): void {
    assert.ok(!this.#over.has(event.id), `${event.type} after the end`);
    if (event.type === "up" && event.initiatedBy === "peer") this.#ids.push(event.id);
    if (event.type === "closed" || event.type === "lost") this.#over.add(event.id);
    const { maxMessageBytes } = this.#settings;
    if (event.type === "message") assert.ok(event.bytes.length <= maxMessageBytes, "a message too long");
  }

  /** The process does not run for a while. */
  #stall(): void {
    this.#now += 400 + this.#random.below(20_000);
  }

  #pass(millis: number): void {
    const until = this.#now + millis;
    for (let steps = 0; ; steps += 1) {
      assert.ok(steps < 20_000, "timers that never rest");
      const at = this.endpoint.nextDeadline();
      if (at === undefined || at > until) break;
      this.#now = Math.max(this.#now, at);
      this.timer.begin();
      this.endpoint.advance(this.#now);
      this.timer.end();
      this.#drain();
    }
    this.#now = Math.max(this.#now, until);
  }
}

function nameOf({ via, address, outerPort }: Path): string {
  return `${via} ${address} ${outerPort}`;
}
