/** What all associations share: probes, memory, and what strangers may cost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Holder, KeepBudget, SendBudget } from "../../src/sctp/budgets.ts";
import * as encode from "../../src/sctp/encode.ts";
import { Gate } from "../../src/sctp/gate.ts";
import { DEFAULT_SCTP_SETTINGS, HEARTBEATS_PER_SECOND, type SctpSettings } from "../../src/sctp/index.ts";
import { Crowd } from "../../src/sctp/liveness/crowd.ts";
import { Supervision } from "../../src/sctp/liveness/supervision.ts";
import { associated, Network } from "./pair.ts";
import { askCookie, associate, data, INIT, OUR_TSN, Target } from "./target.ts";
import { packet } from "./wire.ts";

const SECOND = 1_000;
const ONLY_ANSWERS = { heartbeatMillis: 100_000, lostAfterMillis: 1_000_000 };

test("heartbeats stretch by themselves: 1 s up to 5,000 peers, 10 s at 50,000", () => {
  const crowd = new Crowd();
  const at: number[] = [];
  for (let peers = 1; peers <= 50_000; peers += 1) {
    crowd.join(DEFAULT_SCTP_SETTINGS);
    if ([1, 5_000, 10_000, 50_000].includes(peers)) {
      const { heartbeatMillis, lostAfterMillis } = crowd.stretched(DEFAULT_SCTP_SETTINGS);
      at.push(Math.round(heartbeatMillis), Math.round(lostAfterMillis));
      assert.ok((1_000 * peers) / heartbeatMillis <= HEARTBEATS_PER_SECOND * 1.0001);
    }
  }
  assert.deepEqual(at, [1_000, 2_800, 1_000, 2_800, 2_000, 3_800, 10_000, 11_800]);
  for (let peers = 50_000; peers > 0; peers -= 1) crowd.leave(DEFAULT_SCTP_SETTINGS);
  assert.deepEqual(crowd.stretched(DEFAULT_SCTP_SETTINGS).heartbeatMillis, 1_000);
});

/** The times after the last sign at which a silent peer is probed, and at which it is lost. */
function silence(suspectSpacing: number, limits = DEFAULT_SCTP_SETTINGS) {
  const supervision = new Supervision(0, limits, 1);
  const timing = { ...limits, answerWithin: limits.heartbeatMillis / 5, suspectSpacing };
  const probes: number[] = [];
  for (;;) {
    const at = supervision.nextLook;
    const verdict = supervision.look(at, timing);
    if (verdict === "lost") return { probes, lost: at };
    if (verdict !== "wait") probes.push(at);
  }
}

test("a silent peer gets 24 probes, each with time to be answered, before it is lost at 2.8 s", () => {
  const { probes, lost } = silence(0);
  assert.equal(lost, 2_800);
  assert.ok(probes.length >= 24, `${probes.length} probes`);
  assert.ok((probes.at(-1) ?? 0) <= 2_600.001, `the last at ${probes.at(-1)}`);
});

test("when thousands are silent, probes are spaced out; none is lost with fewer than 20", () => {
  const crowd = new Crowd();
  const took = [1_200, 2_500, 5_000, 20_000].map((suspects) => {
    while (crowd.suspects < suspects) crowd.suspected();
    const { probes, lost } = silence(crowd.suspectSpacing);
    assert.ok(probes.length >= 20, `${probes.length} probes for each of ${suspects}`);
    assert.ok(lost - (probes.at(-1) ?? 0) >= 200, "the last probe has its time");
    return Math.round(lost);
  });
  assert.deepEqual(took.slice(0, 2), [2_800, 3_650]);
  assert.ok((took[2] ?? Infinity) <= 6_200 && (took[3] ?? Infinity) <= 20_500, `${took} ms`);
});

test("limits too short for all that still give 20 probes, 20 ms apart", () => {
  const { probes, lost } = silence(0, {
    ...DEFAULT_SCTP_SETTINGS,
    heartbeatMillis: 50,
    lostAfterMillis: 100,
  });
  assert.ok(probes.length >= 20 && lost >= 100);
  for (const [index, at] of probes.entries()) {
    assert.ok(index < 2 || at - (probes[index - 1] ?? 0) >= 20 - 1e-6, `${probes.join()}`);
  }
});

test("limits for one association alone", () => {
  const network = new Network(1);
  const server = network.host("10.0.0.1");
  const clients = ["10.0.0.2", "10.0.0.3"].map((address) => network.host(address, ONLY_ANSWERS));
  for (const client of clients) network.connect(client, server);
  network.runFor(5 * SECOND);
  const [slow, fast] = server.of("up").map((event) => event.id);
  assert.ok(slow !== undefined && fast !== undefined);
  server.endpoint.watch(network.now, fast, { heartbeatMillis: 100, lostAfterMillis: 500 });
  server.endpoint.watch(network.now, slow, { heartbeatMillis: 10_000, lostAfterMillis: 30_000 });
  network.drain(server);
  assert.equal(server.endpoint.status(fast)?.liveness.lostAfterMillis, 500);
  network.runFor(20 * SECOND);
  assert.equal(server.of("lost").length, 0);
  for (const client of clients) client.cut = true;
  network.runFor(501);
  assert.deepEqual(
    server.of("lost").map((event) => event.id),
    [fast],
  );
  // Back to the endpoint's own: what was silence enough by them is asked after first.
  server.endpoint.watch(network.now, slow, undefined);
  network.drain(server);
  network.runFor(2_900);
  assert.deepEqual(
    server.of("lost").map((event) => event.id),
    [fast, slow],
  );
  assert.throws(() => server.endpoint.watch(network.now, slow, { heartbeatMillis: 5, lostAfterMillis: 5 }), {
    name: "MisuseError",
  });
});

test("full is followed by writable, once there is room", () => {
  const network = new Network(1);
  const { client, server, clientId } = associated(network, { maxQueuedBytes: 10_000 });
  server.cut = true;
  const bytes = new Uint8Array(1_000);
  while (client.endpoint.send(network.now, clientId, 0, 0, bytes) === "queued");
  network.drain(client);
  network.runFor(100);
  assert.equal(client.of("writable").length, 0);
  server.cut = false;
  assert.ok(network.runFor(5 * SECOND, () => client.of("writable").length > 0));
  assert.equal(client.endpoint.send(network.now, clientId, 0, 0, bytes), "queued");
  network.runFor(5 * SECOND);
  assert.equal(client.of("writable").length, 1, "told once");
});

test("memory is bounded for all together; who was refused hears when others give way", () => {
  const network = new Network(1);
  const limits = { maxHeldBytes: 200_000, maxQueuedBytes: 150_000 };
  const server = network.host("10.0.0.1", limits);
  const clients = ["10.0.0.2", "10.0.0.3"].map((address) => network.host(address));
  for (const client of clients) network.connect(client, server);
  network.runFor(SECOND);
  const [one, two] = server.of("up").map((event) => event.id);
  assert.ok(one !== undefined && two !== undefined);
  for (const client of clients) client.cut = true;
  const bytes = new Uint8Array(10_000);
  const fill = (id: number): number => {
    let queued = 0;
    while (server.endpoint.send(network.now, id, 0, 0, bytes) === "queued") queued += 1;
    return queued;
  };
  assert.equal(fill(one), 14);
  assert.equal(fill(two), 5, "the rest of what all may hold");
  network.drain(server);
  server.endpoint.abort(network.now, one, "gives way");
  network.drain(server);
  assert.deepEqual(
    server.of("writable").map((event) => event.id),
    [two],
  );
  assert.equal(fill(two), 9);
});

test("a flood of INITs and strangers costs little and starves nobody who is associated", () => {
  const target = new Target();
  const { tag } = associate(target);
  const random = (limit: number): number => Math.floor((target.now * 7_919) % limit);
  let answers = 0;
  for (let millis = 0; millis < 10 * SECOND; millis += 10) {
    for (let packet = 0; packet < 500; packet += 1) {
      const address = `10.${packet % 200}.${random(250)}.${packet % 250}`;
      const path = { ...target.path, address };
      const chunk = packet % 5 === 0 ? encode.encodeSack(1, 1, [], []) : INIT;
      answers += target.hit(packet % 5 === 0 ? 77 + packet : 0, chunk, path).length;
    }
    // The peer answers what it is asked.
    for (const sent of target.pass(10)) {
      for (const chunk of sent.packet.chunks) {
        if (chunk.type === "heartbeat") target.hit(tag, encode.encodeHeartbeatAck(chunk.info));
      }
    }
  }
  assert.deepEqual(target.kinds(), ["up"]);
  assert.ok(target.count("init-limited") > 300_000, `${target.count("init-limited")} turned away`);
  assert.ok(target.count("stranger-limited") > 80_000);
  // INITs: 20,000 at once and 500 a second; strangers: 1,000 and 1,000.
  assert.ok(answers <= 20_000 + 5_000 + 1_000 + 10_000, `${answers} answers`);
});

test("COOKIE ECHOs that are worth nothing are looked at a limited number of times", () => {
  const target = new Target();
  const { tag, cookie } = askCookie(target);
  const forged = cookie.slice();
  forged[40] = (forged[40] ?? 0) ^ 1;
  for (let packet = 0; packet < 21_000; packet += 1) target.hit(tag, encode.encodeCookieEcho(forged));
  assert.ok(target.count("bad-cookie") <= 20_000);
  assert.ok(target.count("cookie-limited") >= 1_000);
});

test("§3.3.2.1.4: an INIT that names a host is refused with ABORT", () => {
  const target = new Target();
  const init = Buffer.concat([INIT, Buffer.from("000b0008686f7374", "hex")]);
  init.writeUInt16BE(init.length, 2);
  const [answer] = target.hit(0, init);
  const abort = answer?.packet.chunks[0];
  assert.ok(abort?.type === "abort" && abort.causes[0]?.code === encode.CAUSE.unresolvableAddress);
});

test("an address that asks while all INITs are used up keeps its share for later", () => {
  const gate = new Gate(0);
  const init = packet(0, INIT);
  const tries = (now: number, address: string, count: number): number => {
    let taken = 0;
    for (let index = 0; index < count; index += 1) {
      if (gate.turnsAway(now, address, init, () => false) === undefined) taken += 1;
    }
    return taken;
  };
  for (const address of ["a", "b", "c", "d"]) assert.equal(tries(0, address, 5_000), 5_000);
  assert.equal(tries(0, "e", 5_000), 0);
  assert.equal(tries(3 * SECOND, "e", 1_500), 1_500);
});

/** Two associations of one endpoint, from two addresses; the tags under which it knows them. */
function two(settings: Partial<SctpSettings>) {
  const target = new Target({ ...ONLY_ANSWERS, ...settings });
  const paths = [target.path, { ...target.path, address: "10.0.0.10" }] as const;
  const [one, other] = paths.map((path) => {
    const { tag, cookie } = askCookie(target, path);
    target.hit(tag, encode.encodeCookieEcho(cookie), path);
    return tag;
  });
  assert.ok(one !== undefined && other !== undefined);
  return { target, one, other, paths };
}

test("who was refused for the others' sake hears of room as soon as one ends, by a packet or by time", () => {
  for (const how of ["a packet", "time"]) {
    const { target, one } = two({ maxHeldBytes: 200_000, maxQueuedBytes: 150_000 });
    for (const id of [1, 2]) {
      while (target.endpoint.send(target.now, id, 0, 0, new Uint8Array(10_000)) === "queued");
    }
    target.drain();
    if (how === "a packet") target.hit(one, encode.encodeAbort(false, undefined));
    else {
      target.endpoint.watch(target.now, 1, { heartbeatMillis: 50, lostAfterMillis: 100 });
      target.pass(700);
    }
    assert.deepEqual(target.kinds().slice(-2), ["lost", "writable"], how);
  }
});

test("with all room taken, the peer that makes us keep most is told so and goes", () => {
  const { target, one, other, paths } = two({ maxHeldBytes: 140_000 });
  const begun = (index: number) =>
    data(OUR_TSN + index, { begins: index === 0, ends: false, bytes: new Uint8Array(600) });
  for (let index = 0; index < 100; index += 1) target.hit(one, begun(index), paths[0]);
  const answers = Array.from({ length: 100 }, (_, index) => target.hit(other, begun(index), paths[1])).flat();
  assert.deepEqual(target.kinds(), ["up", "up", "lost"]);
  const lost = target.events.at(-1);
  assert.ok(lost?.type === "lost" && lost.id === 1 && lost.reason === "overload");
  const abort = answers.find((answer) => answer.path === paths[0])?.packet.chunks[0];
  assert.ok(abort?.type === "abort" && abort.causes[0]?.code === encode.CAUSE.outOfResource);
});

test("room is made by whoever keeps most of those who have kept longest, never by the one who asks", () => {
  const evicted: string[] = [];
  const budget = new KeepBudget(100);
  const keep = (name: string, bytes: number): Holder => {
    const holder: Holder = {
      evict: () => {
        evicted.push(name);
        budget.set(holder, 0);
      },
    };
    budget.set(holder, bytes);
    return holder;
  };
  keep("little", 20);
  const most = keep("most", 50);
  keep("some", 30);
  assert.equal(budget.makeRoom(most, 1), false);
  assert.deepEqual(evicted, []);
  const newcomer: Holder = { evict: () => assert.fail("it keeps nothing") };
  assert.equal(budget.makeRoom(newcomer, 60), true);
  assert.deepEqual(evicted.splice(0), ["most", "some"]);
  // Sixteen are looked at, so that many holders cost little.
  for (let index = 2; index <= 16; index += 1) keep(`number ${index}`, 2);
  keep("the seventeenth", 50);
  assert.equal(budget.makeRoom(newcomer, 10), true);
  assert.deepEqual(evicted, ["little"]);
});

test("who waits for room is called once a quarter is free", () => {
  const budget = new SendBudget(100);
  let called = 0;
  budget.waits({ othersGaveWay: () => (called += 1) });
  budget.add(80);
  budget.callWaiters();
  assert.equal(called, 0);
  budget.add(-5);
  budget.callWaiters();
  budget.callWaiters();
  assert.equal(called, 1);
});

test("probes of a suspect are as far apart as the number of suspects asks", () => {
  const { probes } = silence(100);
  for (const [index, at] of probes.entries()) {
    if (index >= 2) assert.ok(at - (probes[index - 1] ?? 0) >= 100, probes.join());
  }
});

test("new limits count from now: a silence that was allowed before is asked after for the whole of the new time", () => {
  const supervision = new Supervision(0, { heartbeatMillis: 10_000, lostAfterMillis: 40_000 }, 1);
  const timing = { ...DEFAULT_SCTP_SETTINGS, answerWithin: 200, suspectSpacing: 0 };
  supervision.reconsider(9_000, timing);
  for (;;) {
    const at = supervision.nextLook;
    if (supervision.look(at, timing) !== "lost") continue;
    // As if it had been heard one heartbeat ago.
    assert.equal(at, 9_000 + 2_800 - 1_000);
    return;
  }
});
