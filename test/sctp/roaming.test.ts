/** Two endpoints talk over a network that loses, and the one, the other or both change their addresses meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Course, Ledger } from "./ledger.ts";
import { associated, type Host, Network } from "./pair.ts";
import { SeededRandom } from "./random.ts";

const SEEDS = 60;
const MESSAGES = 60;
const TALK_MILLIS = 20_000;

/** Sends its messages over the whole of the time. */
function talk(network: Network, host: Host, id: number, ledger: Ledger, random: SeededRandom): Course {
  const course = new Course(host.address, ledger);
  course.up = true;
  host.onEvent = (event) => course.take(event);
  for (let number = 0; number < MESSAGES; number += 1) {
    network.at(network.now + random.below(TALK_MILLIS), () => {
      const { ppid, stream, bytes } = ledger.draw(random);
      const result = host.endpoint.send(network.now, id, stream, ppid, bytes);
      if (result === "queued") ledger.sent(course.session, stream, bytes);
      network.drain(host);
    });
  }
  return course;
}

test(`${SEEDS} seeds: every message arrives once and in order, whoever moves, and nobody is lost`, (context) => {
  let [moved, delivered] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const random = new SeededRandom(seed);
    const network = new Network(seed);
    const { client, server, clientId, serverId } = associated(network);
    network.conditions = { loss: random.pick([0, 0.05, 0.1]), duplication: 0.05, delay: [1, 30] };
    const ledger = new Ledger();
    const courses = [
      talk(network, client, clientId, ledger, random),
      talk(network, server, serverId, ledger, random),
    ];
    const movers = random.pick([[client], [server], [client, server]]);
    for (let move = 1; move <= 4; move += 1) {
      const who = movers[move % movers.length] ?? client;
      // Apart, so that each has found the other again before the next move.
      network.at(network.now + 4_000 * move, () =>
        network.move(who, `10.${move}.0.${who === client ? 2 : 1}`),
      );
    }
    network.runFor(TALK_MILLIS + 10_000);
    for (const course of courses) assert.equal(course.ending, undefined, `seed ${seed}: ${course.detail}`);
    assert.equal(ledger.delivered, ledger.count, `seed ${seed}`);
    for (const [here, there, id] of [
      [client, server, clientId],
      [server, client, serverId],
    ] as const) {
      assert.equal(here.endpoint.status(id)?.path.address, there.address, `seed ${seed}`);
    }
    moved += client.of("moved").length + server.of("moved").length;
    delivered += ledger.delivered;
  }
  context.diagnostic(`${moved} moves, ${delivered} messages`);
  assert.ok(moved >= 2 * SEEDS, `${moved} moves`);
});

test("both move at the same moment and cannot find each other: both are told", () => {
  const network = new Network(1);
  const { client, server } = associated(network);
  network.move(client, "10.1.0.2");
  network.move(server, "10.1.0.1");
  network.runFor(10_000);
  assert.equal(client.of("lost")[0]?.reason, "timeout");
  assert.equal(server.of("lost")[0]?.reason, "timeout");
  assert.ok(network.isQuiet());
});
