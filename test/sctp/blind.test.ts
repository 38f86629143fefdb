/**
 * An attacker off the path: it knows who talks to whom and forges packets from each to the other, but sees none and so
 * knows no tag (RFC 9260 §12.2.4). Whatever it sends, from before the set-up until after the end, must change nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Course, Ledger } from "./ledger.ts";
import { type Host, Network } from "./pair.ts";
import { SeededRandom } from "./random.ts";
import { SiegePeer } from "./siege-peer.ts";
import { PacketWriter } from "./writer.ts";

const SEEDS = 40;
const MESSAGES = 30;
const TALK_MILLIS = 3_000;
/** Below what one address may cost (INIT_RATE_PER_ADDRESS): that a flood can delay a set-up is another matter. */
const FORGED_EVERY_MILLIS = 3;

/** Forges packets of every kind in both directions for as long as the talk lasts. */
function attack(network: Network, hosts: readonly [Host, Host], random: SeededRandom): void {
  const path = { via: "udp", address: "", outerPort: 0, local: "" } as const;
  const forger = new SiegePeer(path, 90, random.below(2 ** 32));
  const writer = new PacketWriter();
  const end = network.now + TALK_MILLIS + 2_000;
  const forge = (): void => {
    const [to, from] = random.oneIn(2) ? hosts : [hosts[1], hosts[0]];
    const tag = random.pick([0, 1, random.below(2 ** 32), random.below(2 ** 32)]);
    const isInit = random.oneIn(4);
    const bytes = isInit ? forger.writeInit(writer) : forger.writeChunks(writer, tag);
    network.forge(from, to, Uint8Array.from(bytes));
    if (network.now < end) network.at(network.now + random.unit() * 2 * FORGED_EVERY_MILLIS, forge);
  };
  network.at(network.now, forge);
}

/** Sends its messages, from before it is up until shortly before the end. */
function talk(network: Network, host: Host, ledger: Ledger, random: SeededRandom): () => Course | undefined {
  let course: Course | undefined;
  let current = 0;
  host.onEvent = (event) => {
    if (course === undefined) current = event.id;
    course ??= new Course(host.address, ledger);
    assert.equal(event.id, current, "an association that nobody asked for");
    course.take(event);
  };
  for (let number = 0; number < MESSAGES; number += 1) {
    network.at(network.now + random.below(TALK_MILLIS), () => {
      if (course === undefined) return;
      const { ppid, stream, bytes } = ledger.draw(random);
      const result = host.endpoint.send(network.now, current, stream, ppid, bytes);
      if (result === "queued") ledger.sent(course.session, stream, bytes);
      network.drain(host);
    });
  }
  return () => course;
}

test(`${SEEDS} seeds: forged packets by the thousand, and no association is harmed`, (context) => {
  let [packets, delivered] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const random = new SeededRandom(seed);
    const network = new Network(seed, { loss: random.pick([0, 0.1]), duplication: 0, delay: [1, 20] });
    const client = network.host("10.0.0.2");
    const server = network.host("10.0.0.1");
    const ledger = new Ledger();
    const courses = [client, server].map((host) => talk(network, host, ledger, random));
    attack(network, [client, server], random);
    // Some time into the attack, so that the set-up is under it too.
    network.at(network.now + random.below(200), () => {
      const id = network.connect(client, server);
      network.at(network.now + TALK_MILLIS, () => {
        client.endpoint.close(network.now, id);
        network.drain(client);
      });
    });
    network.runFor(60_000);
    for (const course of courses) {
      assert.equal(course()?.ending, "closed", `seed ${seed}: ${course()?.detail}`);
    }
    assert.ok(network.isQuiet(), `seed ${seed}: a timer is left`);
    assert.equal(client.of("up").length + server.of("up").length, 2, `seed ${seed}`);
    delivered += ledger.delivered;
    packets += Object.values(server.endpoint.counters()).reduce((sum, count) => sum + count, 0);
  }
  context.diagnostic(`${packets} times counted, ${delivered} messages`);
});
