import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK } from "../../src/sctp/encode.ts";
import { associated, type Host, Network, PERFECT, PORT } from "./pair.ts";

const SECOND = 1_000;
const kinds = (host: Host): string[] => host.events.map((event) => event.type);
const bytes = (length: number, value = 7): Uint8Array => new Uint8Array(length).fill(value);

function send(network: Network, host: Host, id: number, stream: number, message: Uint8Array): void {
  assert.equal(host.endpoint.send(network.now, id, stream, 0, message), "queued");
  network.drain(host);
}

function close(network: Network, host: Host, id: number): void {
  host.endpoint.close(network.now, id);
  network.drain(host);
}

/** First chunk type of a packet. */
const chunkType = (packet: Uint8Array): number => packet[12] ?? -1;

test("each side can begin, and both agree", () => {
  const network = new Network(1);
  const { client, server, clientId, serverId } = associated(network);
  assert.equal(client.of("up")[0]?.initiatedBy, "us");
  assert.equal(server.of("up")[0]?.initiatedBy, "peer");
  assert.equal(server.of("up")[0]?.remotePort, PORT);
  send(network, client, clientId, 0, bytes(1));
  send(network, server, serverId, 3, bytes(65_536));
  network.runFor(SECOND);
  assert.equal(server.of("message")[0]?.bytes.length, 1);
  assert.equal(client.of("message")[0]?.bytes.length, 65_536);
  assert.equal(client.of("message")[0]?.stream, 3);
  assert.equal(client.endpoint.status(clientId)?.queuedBytes, 0);
});

for (const type of [1, 2, 10, 11]) {
  test(`set-up survives the loss of its chunk ${type}`, () => {
    const network = new Network(1);
    let lost = 0;
    network.filter = (_, packet) => chunkType(packet) !== type || ++lost > 2;
    const { client, clientId, server } = associated(network);
    send(network, client, clientId, 0, bytes(10));
    network.runFor(5 * SECOND);
    assert.equal(server.of("message").length, 1);
    assert.ok(lost >= 3);
    assert.equal(server.of("up").length, 1);
  });
}

test("nobody there: unreachable after the last INIT, and nothing left", () => {
  const network = new Network(1);
  const client = network.host("10.0.0.2");
  const silent = network.host("10.0.0.1");
  silent.cut = true;
  network.connect(client, silent);
  network.runFor(60 * SECOND);
  assert.equal(client.of("lost")[0]?.reason, "unreachable");
  assert.ok(network.isQuiet());
});

test("INITs that cross make one association on each side", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const network = new Network(seed, { loss: 0.1, duplication: 0.1, delay: [1, 30] });
    const one = network.host("10.0.0.1");
    const two = network.host("10.0.0.2");
    const oneId = network.connect(one, two);
    const twoId = network.connect(two, one);
    send(network, one, oneId, 0, bytes(3, 1));
    send(network, two, twoId, 0, bytes(3, 2));
    network.runFor(10 * SECOND);
    for (const host of [one, two]) {
      assert.equal(host.of("up").length, 1, `seed ${seed}: ${kinds(host)}`);
      assert.equal(host.of("message").length, 1, `seed ${seed}: ${kinds(host)}`);
      assert.equal(host.of("lost").length, 0);
    }
  }
});

test("a peer that starts anew is restarted under the same id", () => {
  const network = new Network(1);
  const { client, server, serverId } = associated(network);
  send(network, server, serverId, 0, bytes(5));
  network.runFor(SECOND);
  // The same address with a new process behind it.
  const reborn = network.host(client.address);
  const id = network.connect(reborn, server);
  network.runFor(SECOND);
  assert.deepEqual(kinds(server), ["up", "restarted"]);
  assert.equal(reborn.of("up").length, 1);
  send(network, reborn, id, 0, bytes(6));
  send(network, server, serverId, 0, bytes(7));
  network.runFor(SECOND);
  assert.equal(server.of("message")[0]?.bytes.length, 6);
  assert.equal(reborn.of("message")[0]?.bytes.length, 7);
  close(network, reborn, id);
  network.runFor(SECOND);
  assert.deepEqual(kinds(server), ["up", "restarted", "message", "closed"]);
});

test("SHUTDOWN waits for data, from either side, over loss, and both sides close", () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const network = new Network(seed);
    const { client, server, clientId, serverId } = associated(network);
    network.conditions = { loss: 0.2, duplication: 0.1, delay: [1, 20] };
    send(network, client, clientId, 0, bytes(40_000));
    send(network, server, serverId, 0, bytes(40_000));
    const who = seed % 3;
    if (who !== 0) close(network, client, clientId);
    if (who !== 1) close(network, server, serverId);
    assert.equal(
      client.endpoint.send(network.now, clientId, 0, 0, bytes(1)),
      who === 0 ? "queued" : "no-association",
    );
    network.runFor(100 * SECOND);
    for (const host of [client, server]) {
      assert.equal(host.of("closed").length, 1, `seed ${seed}: ${kinds(host)}`);
      assert.equal(host.of("message")[0]?.bytes.length, 40_000, `seed ${seed}`);
    }
    assert.ok(network.isQuiet(), `seed ${seed}`);
  }
});

for (const type of [7, 8, 14]) {
  test(`closing survives the loss of its chunk ${type}`, () => {
    const network = new Network(1);
    const { client, server, clientId } = associated(network);
    let lost = 0;
    network.filter = (_, packet) => chunkType(packet) !== type || ++lost > 2;
    close(network, client, clientId);
    network.runFor(30 * SECOND);
    assert.deepEqual(kinds(client), ["up", "closed"]);
    assert.deepEqual(kinds(server), ["up", "closed"]);
    assert.ok(network.isQuiet());
  });
}

test("closing towards a peer that vanished ends", () => {
  for (const queued of [0, 50_000]) {
    const network = new Network(1);
    const { client, server, clientId } = associated(network);
    server.cut = true;
    if (queued > 0) send(network, client, clientId, 0, bytes(queued));
    close(network, client, clientId);
    network.runFor(60 * SECOND);
    assert.equal(client.of("lost")[0]?.reason, "timeout");
    network.runFor(60 * SECOND);
    assert.ok(network.isQuiet());
  }
});

test("close before the association is up sends what was queued, then closes", () => {
  const network = new Network(1);
  const client = network.host("10.0.0.2");
  const server = network.host("10.0.0.1");
  const id = network.connect(client, server);
  send(network, client, id, 0, bytes(9));
  close(network, client, id);
  network.runFor(5 * SECOND);
  assert.deepEqual(kinds(server), ["up", "message", "closed"]);
  assert.deepEqual(kinds(client), ["up", "closed"]);
});

test("abort is silent here and tells the peer why", () => {
  const network = new Network(1);
  const { client, server, clientId } = associated(network);
  client.endpoint.abort(network.now, clientId, "no more \u001b[31m");
  network.drain(client);
  network.runFor(SECOND);
  assert.deepEqual(kinds(client), ["up"]);
  assert.equal(server.of("lost")[0]?.reason, "aborted");
  assert.equal(server.of("lost")[0]?.detail, "aborted by the user: no more ?[31m");
  assert.equal(client.endpoint.send(network.now, clientId, 0, 0, bytes(1)), "no-association");
});

test("connecting anew replaces the association", () => {
  const network = new Network(1);
  const { client, server } = associated(network);
  network.connect(client, server);
  network.runFor(SECOND);
  assert.deepEqual(kinds(server), ["up", "lost", "up"]);
  assert.deepEqual(kinds(client), ["up", "up"]);
});

test("a full queue says so and opens again; limits and misuse", () => {
  const network = new Network(1);
  const { client, server, clientId } = associated(network, {
    maxQueuedBytes: 10_000,
    maxMessageBytes: 5_000,
  });
  server.cut = true;
  let queued = 0;
  while (client.endpoint.send(network.now, clientId, 0, 0, bytes(1_000)) === "queued") queued += 1;
  assert.equal(queued, 7);
  assert.equal(client.endpoint.send(network.now, clientId, 0, 0, bytes(5_001)), "too-large");
  assert.equal(client.endpoint.send(network.now, clientId, 16, 0, bytes(1)), "no-stream");
  assert.throws(() => client.endpoint.send(network.now, clientId, 0, 0, bytes(0)), { name: "MisuseError" });
  network.drain(client);
  server.cut = false;
  network.runFor(10 * SECOND);
  assert.equal(server.of("message").length, 7);
  assert.equal(client.endpoint.status(clientId)?.queuedBytes, 0);
});

test("a lost packet of one stream does not hold back another stream", () => {
  const network = new Network(1, { ...PERFECT, delay: [5, 5] });
  const { client, server, clientId } = associated(network);
  let data = 0;
  // The first data packet is lost: the beginning of a long message in stream 2.
  network.filter = (_, packet) => chunkType(packet) !== CHUNK.iData || ++data !== 1;
  send(network, client, clientId, 2, bytes(3_000));
  send(network, client, clientId, 1, bytes(10));
  const order = (): number[] => server.of("message").map((message) => message.stream);
  assert.ok(network.runFor(SECOND, () => order().length === 2));
  assert.deepEqual(order(), [1, 2]);
});

test("streams take turns: a short message overtakes a long queue", () => {
  const network = new Network(1, { ...PERFECT, delay: [5, 5] });
  const { client, server, clientId } = associated(network);
  for (let page = 0; page < 20; page += 1) send(network, client, clientId, 2, bytes(10_000));
  send(network, client, clientId, 1, bytes(10));
  network.runFor(5 * SECOND);
  const order = server.of("message").map((message) => message.stream);
  assert.equal(order.length, 21);
  assert.ok(order.indexOf(1) <= 2, `position ${order.indexOf(1)}`);
});

test("a megabyte over a clean path takes few packets and no retransmission", () => {
  const network = new Network(1, { ...PERFECT, delay: [0.5, 0.5] });
  const { client, server, clientId } = associated(network, { maxQueuedBytes: 2_000_000 });
  const before = network.packets;
  for (let index = 0; index < 16; index += 1) send(network, client, clientId, 0, bytes(65_536));
  assert.ok(network.runFor(5 * SECOND, () => server.of("message").length === 16));
  const sent = network.packets - before;
  assert.ok(sent < (1.6 * (16 * 65_536)) / 1_172, `${sent} packets`);
});
