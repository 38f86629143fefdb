/** The decoder alone, given packets made from real ones: it never throws, never takes long, and never hands on a lie. */
import assert from "node:assert/strict";
import { decodePacket } from "../../src/sctp/decode/packet.ts";
import { CallTimer, fuzz, type Round } from "./fuzz.ts";
import { mutate } from "./mutate.ts";
import { associated, Network } from "./pair.ts";
import { SeededRandom } from "./random.ts";
import { SiegePeer } from "./siege-peer.ts";
import { PORT } from "./wire.ts";
import { PacketWriter } from "./writer.ts";

const PACKETS_A_ROUND = 2_000;
/** A packet of 64 KiB holds no more of anything than this: chunks, blocks, causes, parameters. */
const MOST_OF_ANYTHING = 16_384;

/** Every packet of a whole life: set-up, data both ways over loss, heartbeats, shutdown; then an abort. */
function record(seed: number): Uint8Array[] {
  const network = new Network(seed, { loss: 0.1, duplication: 0, delay: [1, 30] });
  const recorded: Uint8Array[] = [];
  network.filter = (_, bytes) => recorded.push(bytes) > 0;
  const { client, server, clientId, serverId } = associated(network);
  for (const size of [1, 100, 5_000]) {
    client.endpoint.send(network.now, clientId, 1, 7, new Uint8Array(size));
    server.endpoint.send(network.now, serverId, 2, 8, new Uint8Array(size));
  }
  network.drain(client);
  network.drain(server);
  network.runFor(3_000);
  client.endpoint.close(network.now, clientId);
  network.drain(client);
  network.runFor(30_000);
  const id = network.connect(server, client);
  network.runFor(1_000);
  server.endpoint.abort(network.now, id, "over");
  network.drain(server);
  return recorded;
}

class Decoding implements Round {
  packets = 0;
  readonly timer = new CallTimer();
  readonly #random: SeededRandom;
  readonly #corpus: Uint8Array[];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#corpus = record(seed);
    const path = { via: "udp", address: "10.0.0.9", outerPort: 4_000, local: "" } as const;
    const peer = new SiegePeer(path, 80, seed);
    const writer = new PacketWriter();
    for (let count = 0; count < 100; count += 1) {
      this.#corpus.push(Uint8Array.from(peer.writeChunks(writer, this.#random.below(2 ** 32))));
    }
  }

  run(): void {
    while (this.packets < PACKETS_A_ROUND) this.#decode(mutate(this.#any(), this.#any(), this.#random));
  }

  #any(): Uint8Array {
    return this.#corpus[this.#random.below(this.#corpus.length)] ?? new Uint8Array(0);
  }

  #decode(bytes: Uint8Array): void {
    const before = bytes[8];
    this.packets += 1;
    this.timer.begin();
    const decoded = decodePacket(bytes, PORT);
    this.timer.end();
    assert.equal(bytes[8], before, "the packet was touched");
    if (typeof decoded !== "string") assertSound(decoded, bytes);
    // It came back into the corpus while it is worth something.
    if (typeof decoded !== "string" && this.#random.oneIn(20) && bytes.length < 2_000) {
      this.#corpus[this.#random.below(this.#corpus.length)] = bytes;
    }
  }
}

/** Numbers are 32-bit, bytes lie within the packet, and there is no more of anything than fits. */
function assertSound(value: unknown, packet: Uint8Array): void {
  if (typeof value === "number") assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 32);
  else if (value instanceof Uint8Array) {
    const begin = value.byteOffset - packet.byteOffset;
    const inside = value.buffer === packet.buffer && begin >= 0 && begin + value.length <= packet.length;
    assert.ok(inside || value.length === 0, "bytes from outside the packet");
  } else if (typeof value === "object" && value !== null) {
    const inner = Object.values(value);
    assert.ok(inner.length <= MOST_OF_ANYTHING);
    for (const each of inner) assertSound(each, packet);
  }
}

fuzz("the decoder", (seed) => new Decoding(seed));
