import assert from "node:assert/strict";
import { test } from "node:test";
import { associated, type Conditions, type Host, Network } from "./pair.ts";
import { SeededRandom } from "./random.ts";

const ROUGH: Conditions = { loss: 0.2, duplication: 0.05, delay: [1, 40] };

interface Sent {
  readonly stream: number;
  readonly ppid: number;
  readonly bytes: Uint8Array;
}

/** Sends every message, waiting while the queue is full, then closes. */
function sendAll(network: Network, host: Host, id: number, messages: readonly Sent[]): void {
  for (const { stream, ppid, bytes } of messages) {
    for (;;) {
      const result = host.endpoint.send(network.now, id, stream, ppid, bytes);
      network.drain(host);
      if (result === "queued") break;
      assert.equal(result, "full");
      network.runFor(50);
    }
  }
}

/** Exactly once, and in order within each stream. */
function assertDelivered(receiver: Host, messages: readonly Sent[], what: string): void {
  const got = receiver.of("message");
  assert.equal(got.length, messages.length, `${what}: count`);
  for (const stream of new Set(messages.map((message) => message.stream))) {
    const expected = messages.filter((message) => message.stream === stream);
    const actual = got.filter((message) => message.stream === stream);
    assert.equal(actual.length, expected.length, `${what}: stream ${stream}`);
    expected.forEach((message, index) => {
      assert.equal(actual[index]?.ppid, message.ppid, `${what}: order in stream ${stream}`);
      assert.deepEqual(Buffer.from(actual[index]?.bytes ?? []), Buffer.from(message.bytes), what);
    });
  }
}

function randomMessages(random: SeededRandom, count: number): Sent[] {
  return Array.from({ length: count }, (_, index) => {
    const long = random.below(10) === 0;
    const bytes = random.bytes(1 + random.below(long ? 65_536 : 300));
    return { stream: random.below(4), ppid: index, bytes };
  });
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`messages both ways, exactly once and in order, over 20% loss (seed ${seed})`, () => {
    const network = new Network(seed, ROUGH);
    const { client, server, clientId, serverId } = associated(network);
    const random = new SeededRandom(seed + 1000);
    const up = randomMessages(random, 40);
    const down = randomMessages(random, 40);
    sendAll(network, client, clientId, up);
    sendAll(network, server, serverId, down);
    client.endpoint.close(network.now, clientId);
    network.drain(client);
    const over = () => client.of("closed").length > 0 && server.of("closed").length > 0;
    network.runFor(120_000, over);
    assert.ok(over(), `both closed; client ${names(client)}, server ${names(server)}`);
    assertDelivered(server, up, "to the server");
    assertDelivered(client, down, "to the client");
    network.runFor(1_000);
    assert.ok(network.isQuiet(), "no timer is left");
  });
}

function names(host: Host): string {
  return host.events
    .filter((event) => event.type !== "message")
    .map((event) => (event.type === "lost" ? `lost ${event.reason} ${event.detail}` : event.type))
    .join(" ");
}

test("20% loss slows data down and stalls nothing: 400 messages each way, never 5 s without one", () => {
  const longest: number[] = [];
  for (let seed = 1; seed <= 30; seed += 1) {
    const network = new Network(seed);
    const { client, server, clientId, serverId } = associated(network);
    network.conditions = { loss: 0.2, duplication: 0, delay: [0.1, 0.4] };
    let last = network.now;
    let pause = 0;
    server.onEvent = (event) => {
      if (event.type !== "message") return;
      pause = Math.max(pause, network.now - last);
      last = network.now;
    };
    const random = new SeededRandom(seed);
    const [up, down] = [randomMessages(random, 400), randomMessages(random, 400)];
    sendAll(network, client, clientId, up);
    sendAll(network, server, serverId, down);
    const all = (): boolean => server.of("message").length === 400 && client.of("message").length === 400;
    assert.ok(network.runFor(300_000, all), `seed ${seed}`);
    longest.push(pause);
  }
  longest.sort((one, other) => one - other);
  const median = longest[15] ?? Infinity;
  assert.ok(median < 1_500 && (longest.at(-1) ?? Infinity) < 5_000, `pauses ${longest.map(Math.round)}`);
});

test("what waits has memory of its own: that of its sender is used for something else meanwhile", () => {
  const network = new Network(9);
  const [client, server] = [network.host("10.0.0.2"), network.host("10.0.0.1")];
  const id = network.connect(client, server);
  // One before the association is up, then more than leave at once.
  const messages = Array.from({ length: 41 }, (_, index) => ({
    ...{ stream: 0, ppid: index },
    bytes: new Uint8Array(1_000).fill(index),
  }));
  for (const [index, { stream, ppid, bytes }] of messages.entries()) {
    const borrowed = Uint8Array.from(bytes);
    assert.equal(client.endpoint.send(network.now, id, stream, ppid, borrowed), "queued");
    borrowed.fill(0xee);
    if (index === 0) network.runFor(1_000, () => client.of("up").length > 0);
  }
  network.drain(client);
  network.runFor(10_000);
  assertDelivered(server, messages, "borrowed");
});
