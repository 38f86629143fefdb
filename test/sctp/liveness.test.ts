/** Who is there and who is not, for a server with hundreds of clients, on a virtual clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCTP_SETTINGS, type SctpSettings, WATCHED_SCTP_SETTINGS } from "../../src/sctp/index.ts";
import { type Host, Network } from "./pair.ts";
import { SeededRandom } from "./random.ts";

const SECOND = 1_000;
const MINUTES = Number(process.env.LIVENESS_MINUTES ?? 24);

const ROUGH = { loss: 0.2, duplication: 0, delay: [0.2, 4] } as const;
const CLEAN = { loss: 0, duplication: 0, delay: [0.2, 4] } as const;

/** It answers and never asks: all that is heard of it is what the server asks for. */
const ONLY_ANSWERS = { heartbeatMillis: 1e6, lostAfterMillis: 1e7 };

/** A server and so many clients, all associated, some time ago. */
function crowd(seed: number, count: number, settings: Partial<SctpSettings>) {
  const network = new Network(seed, CLEAN);
  const server = network.host("10.0.0.1");
  const clients = Array.from({ length: count }, (_, index) => {
    const client = network.host(`10.0.${1 + (index >> 8)}.${index & 0xff}`, settings);
    network.connect(client, server);
    return client;
  });
  network.runFor(5 * SECOND);
  assert.equal(server.of("up").length, count);
  return { network, server, clients };
}

const lost = (host: Host): number => host.of("lost").length;

function idOf(server: Host, client: Host): number {
  const up = server.of("up").find((event) => event.path.address === client.address);
  assert.ok(up !== undefined);
  return up.id;
}

for (const [name, settings, share] of [
  ["clients that only answer", ONLY_ANSWERS, 0.5],
  ["clients that watch the server too", WATCHED_SCTP_SETTINGS, 0.5],
] as const) {
  test(`20% loss both ways: nobody is lost, ${name}`, (context) => {
    const clientCount = 300;
    const { network, server, clients } = crowd(7, clientCount, settings);
    network.conditions = ROUGH;
    const seconds = MINUTES * 60 * share;
    network.runFor(seconds * SECOND);
    assert.equal(lost(server), 0);
    for (const client of clients) assert.equal(lost(client), 0);
    assert.ok(server.of("suspect").length > clientCount, "the loss was real");
    const hours = (clientCount * seconds) / 3_600;
    context.diagnostic(`${hours} association-hours, ${server.of("suspect").length} times suspect`);
  });
}

test("over 20% loss, whoever vanishes is lost in time after its last sign of life", (context) => {
  const { network, server, clients } = crowd(8, 200, ONLY_ANSWERS);
  network.conditions = ROUGH;
  const random = new SeededRandom(9);
  let longest = 0;
  for (const client of clients) {
    const id = idOf(server, client);
    network.at(network.now + random.below(30 * SECOND), () => {
      client.cut = true;
    });
    const onEvent = server.onEvent;
    server.onEvent = (event) => {
      onEvent(event);
      if (event.type !== "lost" || event.id !== id) return;
      assert.ok(client.cut, "lost though it was there");
      longest = Math.max(longest, network.now - (server.heard.get(client.address) ?? 0));
    };
  }
  network.runFor(40 * SECOND);
  assert.equal(lost(server), 200);
  const { lostAfterMillis } = DEFAULT_SCTP_SETTINGS;
  context.diagnostic(`at most ${Math.round(longest)} of ${lostAfterMillis} ms after the last packet`);
  assert.ok(longest <= lostAfterMillis + 1, `${longest} ms`);
});

/** RTO.Max and the limits of T3 would end a stop of 60 s with data on the way: that peer has reason to give up. */
const STOPS: readonly [seconds: number, waits: "data" | "heartbeats"][] = [
  [2, "data"],
  [5, "data"],
  [60, "heartbeats"],
];

for (const [seconds, waits] of STOPS) {
  for (const first of ["sockets", "timers"] as const) {
    test(`a stop of ${seconds} s with ${waits} waiting, ${first} first: nobody is lost`, () => {
      const patient = { heartbeatMillis: 10 * SECOND, lostAfterMillis: 200 * SECOND };
      const { network, server, clients } = crowd(10 + seconds, 100, patient);
      network.runFor(10 * SECOND);
      server.frozen = true;
      // On the way when it stops, and arriving while it does.
      if (waits === "data") for (const client of clients) say(network, client);
      network.runFor(seconds * SECOND);
      if (first === "timers") {
        server.endpoint.advance(network.now);
        network.drain(server);
      }
      server.frozen = false;
      network.runFor(30 * SECOND);
      assert.equal(lost(server), 0);
      assert.equal(clients.filter((client) => lost(client) > 0).length, 0);
      if (waits === "data") assert.equal(server.of("message").length, clients.length);
      assert.equal(server.of("suspect").length, server.of("recovered").length, "each suspicion ended");
    });
  }
}

function say(network: Network, client: Host): void {
  const id = client.of("up")[0]?.id ?? 0;
  assert.equal(client.endpoint.send(network.now, id, 0, 0, Uint8Array.of(1)), "queued");
  network.drain(client);
}

test("a machine that was suspended for 60 s, both ends on it: nobody is lost", () => {
  const { network, server, clients } = crowd(11, 50, {});
  for (const host of [server, ...clients]) host.frozen = true;
  network.runFor(60 * SECOND);
  for (const host of [server, ...clients]) host.frozen = false;
  network.runFor(10 * SECOND);
  for (const host of [server, ...clients]) assert.equal(lost(host), 0);
});

test("stops in a row, and in between somebody really vanishes", () => {
  const { network, server, clients } = crowd(12, 50, ONLY_ANSWERS);
  for (let stop = 0; stop < 10; stop += 1) {
    const [victim] = clients.splice(stop, 1);
    assert.ok(victim !== undefined);
    victim.cut = true;
    server.frozen = true;
    network.runFor(5 * SECOND);
    server.frozen = false;
    network.runFor(DEFAULT_SCTP_SETTINGS.lostAfterMillis + SECOND);
    assert.equal(lost(server), stop + 1, `stop ${stop}`);
  }
});
