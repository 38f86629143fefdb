import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCTP_SETTINGS } from "../../src/sctp/index.ts";
import { associated, Network } from "./pair.ts";

const SECOND = 1_000;

/** The peer answers and never asks, as a kernel does for 30 s at a time. */
const ONLY_ANSWERS = { heartbeatMillis: 100_000, lostAfterMillis: 1_000_000 };

test("a peer that vanishes is suspect, then lost in time", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const network = new Network(seed);
    const { client, server } = associated(network);
    network.runFor(10 * SECOND + seed * 137);
    client.cut = true;
    const cut = network.now;
    assert.ok(network.runFor(10 * SECOND, () => server.of("lost").length > 0));
    const took = network.now - cut;
    assert.ok(took >= 1.8 * SECOND && took <= 2.8 * SECOND, `lost after ${took} ms (seed ${seed})`);
    assert.deepEqual(
      server.events.map((event) => event.type),
      ["up", "suspect", "lost"],
    );
    assert.equal(server.of("lost")[0]?.reason, "timeout");
    // The other side, cut off, comes to the same end, and nothing goes on.
    network.runFor(10 * SECOND);
    assert.equal(client.of("lost")[0]?.reason, "timeout");
    assert.ok(network.isQuiet());
  }
});

test("20% loss for an hour loses nobody, even peers that only answer", () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const network = new Network(seed);
    const server = network.host("10.0.0.1");
    const client = network.host("10.0.0.2", ONLY_ANSWERS);
    network.connect(client, server);
    network.runFor(SECOND);
    network.conditions = { loss: 0.2, duplication: 0, delay: [0.2, 2] };
    network.runFor(3_600 * SECOND);
    assert.equal(server.of("lost").length, 0, `seed ${seed}`);
    const suspected = server.of("suspect").length;
    assert.ok(suspected > 100, `the loss was real: ${suspected} times suspect`);
    assert.ok(suspected - server.of("recovered").length <= 1, "each suspicion ended");
  }
});

test("a stop of our own process for 5 s makes nobody suspect or lost", () => {
  const network = new Network(1);
  const server = network.host("10.0.0.1");
  const clients = Array.from({ length: 50 }, (_, index) => {
    const client = network.host(`10.0.1.${index}`, ONLY_ANSWERS);
    network.connect(client, server);
    return client;
  });
  network.runFor(10 * SECOND);
  for (const gap of [5, 60, 7]) {
    server.frozen = true;
    network.runFor(gap * SECOND);
    server.frozen = false;
    network.runFor(3 * SECOND);
  }
  assert.equal(server.of("up").length, 50);
  assert.equal(server.of("suspect").length, 0);
  assert.equal(server.of("lost").length, 0);
  assert.equal(server.endpoint.counters().stalls, 3);
  // And a real loss right after is still found.
  for (const client of clients.slice(0, 10)) client.cut = true;
  network.runFor(4.1 * SECOND);
  assert.equal(server.of("lost").length, 10);
});

test("probe asks at once: recovered within a round trip, or lost in time", () => {
  const network = new Network(1, { loss: 0, duplication: 0, delay: [3, 3] });
  const { client, server, serverId } = associated(network);
  network.runFor(500);
  const asked = network.now;
  server.endpoint.probe(network.now, serverId);
  network.drain(server);
  assert.ok(network.runFor(100, () => server.of("recovered").length > 0));
  assert.ok(network.now - asked <= 7, `${network.now - asked} ms`);
  assert.ok(Math.abs((server.of("recovered")[0]?.rttMillis ?? 0) - 6) < 1);
  client.cut = true;
  server.endpoint.probe(network.now, serverId);
  network.drain(server);
  network.runFor(4 * SECOND);
  assert.equal(server.of("lost").length, 1);
});

test("§9.2: a peer that is leaving, its SHUTDOWN lost, is no proof of life: data and probe bring its end", () => {
  const network = new Network(1);
  const { client, clientId, server, serverId } = associated(network);
  client.cut = true;
  client.endpoint.close(network.now, clientId);
  network.drain(client);
  client.cut = false;
  server.endpoint.send(network.now, serverId, 0, 0, Uint8Array.of(1));
  server.endpoint.probe(network.now, serverId);
  network.drain(server);
  assert.ok(network.runFor(100, () => server.of("closed").length > 0));
  assert.equal(server.of("recovered").length, 0);
});

test("new settings count for running associations", () => {
  const network = new Network(1);
  const { client, server } = associated(network, ONLY_ANSWERS);
  server.endpoint.configure({
    heartbeatMillis: 200,
    lostAfterMillis: 800,
    maxAssociations: 10,
    maxMessageBytes: 1_000,
    maxQueuedBytes: 1_000,
    maxHeldBytes: 10_000,
  });
  network.drain(server);
  network.runFor(5 * SECOND);
  assert.equal(server.of("lost").length, 0);
  client.cut = true;
  network.runFor(801);
  assert.equal(server.of("lost").length, 1);
});

test("shorter settings lose nobody for a silence that was allowed before", () => {
  const network = new Network(1);
  const server = network.host("10.0.0.1", { heartbeatMillis: 10_000, lostAfterMillis: 40_000 });
  const client = network.host("10.0.0.2", ONLY_ANSWERS);
  network.connect(client, server);
  network.runFor(7 * SECOND);
  server.endpoint.configure({ ...DEFAULT_SCTP_SETTINGS, heartbeatMillis: 1_000, lostAfterMillis: 4_000 });
  network.drain(server);
  network.runFor(60 * SECOND);
  assert.deepEqual(
    server.events.map((event) => event.type),
    ["up"],
  );
});

test("a suspect that starts anew is no suspect any more", () => {
  const network = new Network(1);
  const { client, server } = associated(network);
  network.runFor(5 * SECOND);
  client.cut = true;
  assert.ok(network.runFor(10 * SECOND, () => server.of("suspect").length > 0));
  const reborn = network.host(client.address);
  network.connect(reborn, server);
  network.runFor(10 * SECOND);
  assert.deepEqual(
    server.events.map((event) => event.type),
    ["up", "suspect", "recovered", "restarted"],
  );
});

test("an idle association costs about one heartbeat and one answer a second", () => {
  const network = new Network(1);
  const server = network.host("10.0.0.1");
  const client = network.host("10.0.0.2", ONLY_ANSWERS);
  network.connect(client, server);
  network.runFor(SECOND);
  const before = network.packets;
  network.runFor(100 * SECOND);
  const perSecond = (network.packets - before) / 100;
  assert.ok(perSecond >= 2 && perSecond <= 2.5, `${perSecond} packets a second`);
});
