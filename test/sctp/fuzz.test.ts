/**
 * Packets of the right structure with wrong contents, against endpoints in every state: nothing throws, nothing
 * hangs, and in the end every association is over. A failure names its seed; FUZZ_SEED=n repeats that round,
 * FUZZ_ROUNDS=n makes a longer run.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Chunk } from "../../src/sctp/decode/chunks.ts";
import { decodePacket } from "../../src/sctp/decode/packet.ts";
import * as encode from "../../src/sctp/encode.ts";
import {
  createSctpEndpoint,
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEndpoint,
} from "../../src/sctp/index.ts";
import { packet } from "./hex.ts";
import { PORT } from "./pair.ts";
import { SeededRandom } from "./random.ts";

const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 400);
const PACKETS_A_ROUND = 500;
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000);

/** Knows what an attacker with a full view of the traffic knows, and uses it. */
class Attacker {
  now = 1_000;
  packets = 0;
  readonly random: SeededRandom;
  readonly endpoint: SctpEndpoint;
  readonly #path: Path = { via: "udp", address: "10.0.0.9", outerPort: 4_000, local: "" };
  readonly #ids: number[] = [];
  readonly #cookies: Uint8Array[] = [new Uint8Array(51)];
  readonly #infos: Uint8Array[] = [new Uint8Array(12)];
  #theirTag = 1;
  #theirTsn = 1;
  /** What it has acknowledged. */
  #acknowledged = 0;
  #ourTag = 2;
  #ourTsn = 100;
  /** Honest DATA made and not yet sent: taken out in any order. */
  #honest: Buffer[] = [];
  #ssn: number[] = [];
  /** How often, in percent, it breaks a rule: a polite round gets deeper. */
  readonly #malice: number;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.#malice = [1, 5, 50][seed % 3] ?? 1;
    this.endpoint = createSctpEndpoint({
      localPort: PORT,
      settings: DEFAULT_SCTP_SETTINGS,
      random: new SeededRandom(seed + 1),
      now: this.now,
    });
  }

  round(): void {
    while (this.packets < PACKETS_A_ROUND) this.#act();
    // Whatever was begun comes to an end by itself.
    this.pass(600_000);
    assert.equal(this.endpoint.nextDeadline(), undefined, "a timer is left");
    for (const id of this.#ids) assert.equal(this.endpoint.status(id), undefined, "an association is left");
  }

  #act(): void {
    const dice = this.random.below(100);
    if (dice < 3) this.#ids.push(this.endpoint.connect(this.now, this.#path, PORT));
    else if (dice < 8) this.#withAssociation((id) => this.#send(id));
    else if (dice < 9) this.#withAssociation((id) => this.endpoint.close(this.now, id));
    else if (dice < 10) this.#withAssociation((id) => this.endpoint.probe(this.now, id));
    else if (dice < 18) this.pass(this.random.below(this.random.below(10) === 0 ? 10_000 : 300));
    else if (dice < 22) this.#handshake();
    else this.#hit(this.random.below(30) === 0 ? this.random.below(2 ** 32) : this.#theirTag, this.#chunks());
    this.drain();
  }

  #withAssociation(act: (id: number) => void): void {
    const id = this.#ids[this.random.below(this.#ids.length)];
    if (id !== undefined) act(id);
  }

  #send(id: number): void {
    const bytes = new Uint8Array(1 + this.random.below(5_000));
    this.endpoint.send(this.now, id, this.random.below(16), 0, bytes);
  }

  /** An honest beginning, so that the rest happens inside an association. */
  #handshake(): void {
    this.#ourTag = 1 + this.random.below(2 ** 32 - 1);
    this.#ourTsn = this.random.below(2 ** 32);
    this.#honest = [];
    this.#ssn = [];
    this.#hit(0, encode.encodeInit(this.#initFields()));
    this.drain();
    this.#hit(this.#theirTag, encode.encodeCookieEcho(this.#last(this.#cookies)));
  }

  #initFields(): encode.InitFields {
    return {
      tag: this.#ourTag,
      window: this.random.below(4) === 0 ? 0 : 100_000,
      outboundStreams: 1 + this.random.below(20),
      inboundStreams: 1 + this.random.below(20),
      initialTsn: this.#ourTsn,
    };
  }

  #last(list: readonly Uint8Array[]): Uint8Array {
    return list.at(-1) ?? new Uint8Array(0);
  }

  #hit(tag: number, chunks: Uint8Array): void {
    this.packets += 1;
    this.endpoint.receive(this.now, this.#path, this.#spoil(packet(tag, chunks)));
  }

  /** Now and then the frame itself is broken. */
  #spoil(bytes: Uint8Array): Uint8Array {
    if (this.random.below(50) !== 0) return bytes;
    return bytes.subarray(0, this.random.below(bytes.length + 1));
  }

  #chunks(): Uint8Array {
    const count = 1 + this.random.below(this.random.below(5) === 0 ? 12 : 2);
    return Buffer.concat(Array.from({ length: count }, () => this.#mutated(this.#chunk())));
  }

  /** One byte of a chunk changed, its length sometimes, most often nothing. */
  #mutated(chunk: Buffer): Buffer {
    const dice = this.#isEvil() ? this.random.below(10) : 9;
    if (dice === 0 && chunk.length > 0) chunk[this.random.below(chunk.length)] = this.random.below(256);
    if (dice === 1) chunk.writeUInt16BE(this.random.below(chunk.length + 8), 2);
    if (dice === 2 && chunk.length >= 8)
      chunk.writeUInt16BE(this.random.below(12), 2 + 4 * this.random.below(chunk.length / 4 - 1));
    return chunk;
  }

  #isEvil(): boolean {
    return this.random.below(100) < this.#malice;
  }

  #near(tsn: number): number {
    const spans = [1, 4, 100, 10_000, 2 ** 32];
    const span = spans[this.random.below(spans.length)] ?? 1;
    return (tsn + this.random.below(span) - Math.floor(span / 4)) >>> 0;
  }

  #chunk(): Buffer {
    const { random } = this;
    if (!this.#isEvil()) return random.below(2) === 0 ? this.#honestData() : this.#honestSack();
    const builders: readonly (() => Buffer)[] = [
      () => this.#data(),
      () => this.#data(),
      () => this.#data(),
      () => this.#sack(),
      () => this.#sack(),
      () => encode.encodeHeartbeat(random.bytes(random.below(64))),
      () => encode.encodeHeartbeatAck(this.#last(this.#infos)),
      () => (random.below(5) === 0 ? encode.encodeShutdown(this.#near(this.#theirTsn)) : this.#data()),
      () => (random.below(5) === 0 ? encode.encodeShutdownAck() : this.#sack()),
      () => (random.below(9) === 0 ? encode.encodeAbort(random.below(2) === 0, undefined) : this.#data()),
      () => encode.encodeError({ code: random.below(14), bytes: random.bytes(random.below(12)) }),
      () => encode.encodeCookieEcho(this.#cookies[random.below(this.#cookies.length)] ?? new Uint8Array(3)),
      () => encode.encodeCookieAck(),
      () => encode.encodeShutdownComplete(random.below(2) === 0),
      () => encode.encodeInit(this.#initFields()),
      () =>
        encode.encodeInitAck(this.#initFields(), random.bytes(random.below(80)), [
          Uint8Array.of(0xc0, 0, 0, 4),
        ]),
      () => Buffer.from([random.below(256), random.below(256), 0, 4]),
    ];
    return Buffer.from(builders[random.below(builders.length)]?.() ?? []);
  }

  /** Whole and fragmented messages in several streams, some lost, all out of order. */
  #honestData(): Buffer {
    const { random } = this;
    while (this.#honest.length < 12) {
      const stream = random.below(16);
      const ssn = this.#ssn[stream] ?? 0;
      const parts = random.below(4) === 0 ? 1 + random.below(8) : 1;
      for (let part = 0; part < parts; part += 1) {
        const bytes = new Uint8Array(1 + random.below(1_100));
        const [begins, ends] = [part === 0, part === parts - 1];
        const chunk = encode.encodeData({ tsn: this.#ourTsn, stream, ssn, ppid: 0, begins, ends, bytes });
        this.#honest.push(chunk);
        this.#ourTsn = (this.#ourTsn + 1) >>> 0;
      }
      this.#ssn[stream] = (ssn + 1) & 0xffff;
    }
    const index = random.below(6);
    const [chunk] = random.below(10) === 0 ? this.#honest.slice(index) : this.#honest.splice(index, 1);
    return Buffer.from(chunk ?? []);
  }

  #honestSack(): Buffer {
    const { random } = this;
    const outstanding = (this.#theirTsn - this.#acknowledged) | 0;
    if (outstanding > 0 && random.below(3) === 0) {
      this.#acknowledged = (this.#acknowledged + random.below(outstanding + 1)) >>> 0;
    }
    const left = (this.#theirTsn - this.#acknowledged) | 0;
    const gaps: encode.GapBlock[] = [];
    for (let start = 2 + random.below(3); start <= Math.min(left, 500); start += 2 + random.below(5)) {
      gaps.push({ start, end: start });
    }
    return encode.encodeSack(this.#acknowledged, 60_000, gaps, []);
  }

  #data(): Buffer {
    const { random } = this;
    if (random.below(3) > 0) this.#ourTsn = (this.#ourTsn + 1) >>> 0;
    return encode.encodeData({
      tsn: random.below(2) === 0 ? this.#ourTsn : this.#near(this.#ourTsn),
      stream: random.below(18),
      ssn: random.below(3),
      ppid: 0,
      begins: random.below(5) > 0,
      ends: random.below(5) > 0,
      bytes: new Uint8Array(random.below(20) === 0 ? 0 : 1 + random.below(1_100)),
    });
  }

  #sack(): Buffer {
    const { random } = this;
    const gaps = Array.from({ length: random.below(random.below(9) === 0 ? 300 : 3) }, () => {
      const start = random.below(random.below(2) === 0 ? 40 : 65_536);
      return { start, end: Math.min(65_535, start + random.below(20)) };
    });
    if (random.below(2) === 0) gaps.sort((left, right) => left.start - right.start);
    return encode.encodeSack(this.#near(this.#theirTsn), random.below(2 ** 17), gaps, [random.below(9)]);
  }

  drain(): void {
    for (let out = this.endpoint.pollTransmit(); out !== undefined; out = this.endpoint.pollTransmit()) {
      const sent = decodePacket(out.bytes, PORT);
      assert.ok(typeof sent !== "string", `we sent what we would refuse: ${sent}`);
      for (const chunk of sent.chunks) this.#learn(chunk);
    }
    for (let event = this.endpoint.pollEvent(); event !== undefined; event = this.endpoint.pollEvent()) {
      if (event.type === "up") this.#ids.push(event.id);
    }
  }

  #learn(chunk: Chunk): void {
    if (chunk.type === "init" || chunk.type === "init-ack") {
      this.#theirTag = chunk.tag;
      this.#theirTsn = (chunk.initialTsn - 1) >>> 0;
      this.#acknowledged = this.#theirTsn;
      if (chunk.cookie !== undefined) this.#cookies.push(Uint8Array.from(chunk.cookie));
    } else if (chunk.type === "data") {
      if (((chunk.tsn - this.#theirTsn) | 0) > 0) this.#theirTsn = chunk.tsn;
    } else if (chunk.type === "heartbeat") this.#infos.push(Uint8Array.from(chunk.info));
  }

  pass(millis: number): void {
    const until = this.now + millis;
    for (let steps = 0; ; steps += 1) {
      assert.ok(steps < 20_000, "timers that never rest");
      const at = this.endpoint.nextDeadline();
      if (at === undefined || at > until) break;
      this.now = Math.max(this.now, at);
      this.endpoint.advance(this.now);
      this.drain();
    }
    this.now = until;
  }
}

test(`${ROUNDS * PACKETS_A_ROUND} packets from seed ${FIRST_SEED}`, () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed += 1) {
    const attacker = new Attacker(seed);
    const started = performance.now();
    try {
      attacker.round();
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_ROUNDS=1, packet ${attacker.packets}`, { cause: error });
    }
    const took = performance.now() - started;
    assert.ok(took < 10_000, `FUZZ_SEED=${seed}: ${Math.round(took)} ms for one round`);
  }
});
