/** Peers that begin messages and never end them: what is kept of them is bounded, and harms nobody else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePacket } from "../../src/sctp/decode/packet.ts";
import { createSctpEndpoint, DEFAULT_SCTP_SETTINGS, type SctpEndpoint } from "../../src/sctp/index.ts";
import { heapUsed } from "./fuzz.ts";
import { Network } from "./pair.ts";
import { SeededRandom } from "./random.ts";
import { PORT } from "./wire.ts";
import { PacketWriter } from "./writer.ts";

const NOW = 1_000_000;
const FIRST_TSN = 1_000;
/** Nobody is lost for not answering heartbeats: these attackers would. */
const PATIENT = { ...DEFAULT_SCTP_SETTINGS, heartbeatMillis: 1e6, lostAfterMillis: 1e7 };
const INTERLEAVES = Uint8Array.of(0x80, 8, 0, 5, 64, 0, 0, 0);
const PLAIN = new Uint8Array(0);

/** Takes out what the endpoint says; the INIT ACK, if there is one. */
function hear(endpoint: SctpEndpoint) {
  let initAck: { tag: number; cookie: Uint8Array } | undefined;
  for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit()) {
    const packet = decodePacket(out.bytes, PORT);
    const chunk = typeof packet === "string" ? undefined : packet.chunks[0];
    if (chunk?.type === "init-ack") initAck = { tag: chunk.tag, cookie: chunk.cookie ?? PLAIN };
  }
  return initAck;
}

/** One more association, with as much of messages that never end as the endpoint will keep. */
function beginAndNeverEnd(endpoint: SctpEndpoint, number: number, interleaves: boolean): void {
  const path = { via: "udp", address: "10.0.9.9", outerPort: 2_000 + number, local: "" } as const;
  const writer = new PacketWriter();
  const give = (): void => endpoint.receive(NOW, path, writer.finish());
  writer.begin(PORT, PORT, 0).init(1, 1 + number, 100_000, 16, FIRST_TSN, interleaves ? INTERLEAVES : PLAIN);
  give();
  const initAck = hear(endpoint);
  assert.ok(initAck !== undefined);
  const { tag, cookie } = initAck;
  writer.begin(PORT, PORT, tag).body(10, 0, cookie);
  give();
  for (let number = 0; number < 9_000; ) {
    writer.begin(PORT, PORT, tag);
    for (const end = number + 50; number < end; number += 1) {
      const tsn = FIRST_TSN + number;
      const fields = { tsn, ends: false, size: 1, fsn: 0 };
      // Fragments of one message, or the beginnings of thousands.
      if (!interleaves) writer.data({ ...fields, stream: 0, ssn: 0, begins: number === 0 });
      else writer.iData({ ...fields, stream: number % 16, ssn: number >> 4, begins: true });
    }
    give();
    hear(endpoint);
  }
}

for (const interleaves of [false, true]) {
  const name = interleaves ? "thousands of I-DATA that begin messages" : "DATA of one byte without end";
  test(`${name}: the heap grows by no more than half as much again as it was told`, (context) => {
    const maxHeldBytes = 8 * 1024 * 1024;
    const settings = { ...PATIENT, maxHeldBytes };
    const random = new SeededRandom(1);
    const endpoint = createSctpEndpoint({ localPort: PORT, settings, random, now: NOW });
    beginAndNeverEnd(endpoint, 0, interleaves);
    const before = heapUsed();
    for (let attacker = 1; attacker <= 40; attacker += 1) beginAndNeverEnd(endpoint, attacker, interleaves);
    const grown = heapUsed() - before;
    // The endpoint is still there, or it would not have been measured.
    assert.equal(typeof endpoint.counters(), "object");
    context.diagnostic(`${Math.round(grown / 1024)} KiB for ${maxHeldBytes / 1024} KiB`);
    assert.ok(grown <= 1.5 * maxHeldBytes, `${grown} bytes`);
  });
}

const LONGEST = 65_536;

for (const interleaves of [false, true]) {
  const how = interleaves ? "I-DATA" : "DATA";
  test(`peers that never end their messages (${how}) keep nobody else from sending and receiving`, () => {
    const network = new Network(1);
    const server = network.host("10.0.0.1", { ...PATIENT, maxHeldBytes: 1_000_000 });
    for (let number = 0; number < 4; number += 1) beginAndNeverEnd(server.endpoint, number, interleaves);
    const client = network.host("10.0.0.2", PATIENT);
    const id = network.connect(client, server);
    network.runFor(1_000);
    const up = server.of("up").find((event) => event.path.address === client.address);
    assert.ok(up !== undefined);
    const send = (endpoint: SctpEndpoint, to: number): string =>
      endpoint.send(network.now, to, 0, 0, new Uint8Array(LONGEST));
    assert.equal(send(server.endpoint, up.id), "queued");
    assert.equal(send(client.endpoint, id), "queued");
    network.drain(server);
    network.drain(client);
    network.runFor(90_000);
    assert.equal(client.of("message").length, 1, "from the server");
    assert.equal(server.of("message").length, 1, "to the server");
  });
}

test("peers that take nothing, their queues full, keep nobody else from being sent to", () => {
  const network = new Network(1);
  const server = network.host("10.0.0.1", { ...PATIENT, maxHeldBytes: 400_000, maxQueuedBytes: 100_000 });
  const full = new Uint8Array(5_000);
  for (let number = 0; number < 8; number += 1) {
    const deaf = network.host(`10.0.1.${number}`, PATIENT);
    network.connect(deaf, server);
    network.runFor(100);
    deaf.cut = true;
    const id = server.of("up").at(-1)?.id ?? 0;
    while (server.endpoint.send(network.now, id, 0, 0, full) === "queued");
    network.drain(server);
  }
  const client = network.host("10.0.0.2", PATIENT);
  network.connect(client, server);
  network.runFor(100);
  const id = server.of("up").at(-1)?.id ?? 0;
  for (let count = 1; count <= 10; count += 1) {
    assert.equal(server.endpoint.send(network.now, id, 0, 0, full), "queued", `message ${count}`);
    network.drain(server);
    network.runFor(500);
    assert.equal(client.of("message").length, count);
  }
});
