import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encodeInit, encodePacket } from "../../src/sctp/encode.ts";
import { DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";
import { until } from "../lab/command.ts";
import { Scope } from "../support/until.ts";
import { type Actor, Scene } from "./scene.ts";
import type { Forger } from "./wire.ts";

/** Too many, too slow, too often: whoever is not the attacker gets in all the same, and the registry stays small. */

const scope = new Scope();
let scene: Scene;
let newcomers: Actor;
let attacker: Actor;
let forger: Forger;
let joined = 0;

/** What a newcomer may be made to wait. */
const JOIN_MILLIS = 2_000;
/** What the attacks may cost the registry at most. */
const GROWTH_MEBIBYTES = 64;
const HELLO = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: Buffer.alloc(16, 7) as unknown as Nonce });

before(async () => {
  scene = await Scene.open(scope);
  const enemy = await scene.host("attacker");
  [newcomers, attacker] = await Promise.all([scene.actor("newcomers"), scene.actorOn(enemy)]);
  forger = await scene.forger(enemy);
  // The first of all pays for what is loaded lazily.
  await newcomers.do("join", "first");
});

after(() => scope.end());

/** In milliseconds. */
async function newcomer(): Promise<number> {
  joined += 1;
  return Math.round((await newcomers.do("join", `newcomer${joined}`)).millis);
}

async function newcomerGetsIn(): Promise<number> {
  const millis = await newcomer();
  assert.ok(millis < JOIN_MILLIS, `${millis} ms`);
  return millis;
}

/** Five, one after the other: one whose datagram was lost in the flood asks again, but most need not. */
async function newcomersGetIn(): Promise<string> {
  const waits: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) waits.push(await newcomer());
  const median = waits.toSorted((left, right) => left - right)[2] ?? Infinity;
  assert.ok(median < JOIN_MILLIS, `${waits} ms`);
  return `newcomers in ${waits} ms`;
}

/** Runs `attack` and says what it has cost: resident memory at its worst, as seen after each step of it. */
async function costing(attack: (look: () => void) => Promise<void>): Promise<number> {
  const before = scene.daemon.residentMebibytes;
  let worst = before;
  const look = (): void => {
    worst = Math.max(worst, scene.daemon.residentMebibytes);
  };
  await attack(look);
  look();
  assert.ok(worst - before < GROWTH_MEBIBYTES, `from ${before} to ${worst} MiB`);
  return worst - before;
}

test("1,000 connections from one address to the registry's TCP port", async (context) => {
  const files = scene.openFiles;
  const grown = await costing(async () => {
    const opening = attacker.do("connections", 1_000, scene.port);
    const millis = await newcomerGetsIn();
    await opening;
    // 16 visitors, each for 2 s.
    assert.ok(scene.openFiles - files < 40, `${scene.openFiles - files} files more`);
    const ended = Math.round(await attacker.do("connectionsEnd", 20_000));
    context.diagnostic(`a newcomer in ${millis} ms, all connections over ${ended} ms after they were open`);
  });
  const greets = async () =>
    (await newcomers.do("visit", scene.port)).startsWith("multiproto ") ? true : undefined;
  await until("the registry greets a visitor again", greets, 5_000);
  context.diagnostic(`${Math.round(grown)} MiB`);
});

test("100 clients of one address that accept the dial-back and never speak", async (context) => {
  const grown = await costing(async (look) => {
    // Below what the kernel gives to connections.
    await attacker.do("silentClients", 100, 20_000);
    const holds = async () => ((await scene.pending()) >= 64 ? true : undefined);
    await until("they hold all that one address may hold", holds);
    look();
    const millis = await newcomerGetsIn();
    context.diagnostic(`a newcomer in ${millis} ms`);
  });
  context.diagnostic(`${Math.round(grown)} MiB`);
});

test("a flood of hellos from one address", async (context) => {
  await costing(async () => {
    const from = [attacker.host.address, 52_500] as const;
    const to = [scene.registry.address, scene.port] as const;
    const flood = forger.send({ from, to, data: [HELLO], times: 15_000, perSecond: 5_000 });
    context.diagnostic(`${await newcomersGetIn()}; ${await flood} hellos`);
  });
});

test("a flood of joins from one address, forged cookies and old ones", async (context) => {
  await attacker.do("bind", "old", 52_600);
  const join = Buffer.from(await attacker.do("cookie", "old"), "hex");
  const forged = Buffer.from(join);
  forged.fill(0x77, forged.length - 16);
  await costing(async () => {
    const from = [attacker.host.address, 52_600] as const;
    const to = [scene.registry.address, scene.port] as const;
    const data = [forged, join];
    const flood = forger.send({ from, to, data, times: 7_500, ports: 1_000, perSecond: 5_000 });
    context.diagnostic(`${await newcomersGetIn()}; ${await flood} joins`);
  });
});

test("60 clients of one address that register all at once, again and again", async (context) => {
  await costing(async (look) => {
    const storm = Promise.all(Array.from({ length: 60 }, (_, index) => attacker.do("join", `storm${index}`)));
    const waits = [await newcomerGetsIn(), await newcomerGetsIn(), await newcomerGetsIn()];
    await storm;
    look();
    context.diagnostic(`newcomers in ${waits} ms`);
  });
});

test("64 silent clients at each of six addresses of the attacker's", async (context) => {
  const addresses = Array.from({ length: 6 }, (_, index) => `10.98.0.${30 + index}`);
  await scene.alsoAt(attacker.host, addresses);
  await costing(async () => {
    for (const address of addresses) await attacker.do("silentClients", 64, 21_000, address);
    context.diagnostic(`newcomer in ${await newcomerGetsIn()} ms`);
  });
});

test("a flood of SCTP INITs from 60,000 addresses: who is online stays, and it is over when it is over", async (context) => {
  await newcomers.do("join", "resident");
  const online = async () => ["online", "suspect"].includes((await scene.client("resident"))?.state ?? "");
  assert.ok(await online());
  const told = (text: RegExp) => scene.daemon.lines.find((line) => text.test(line));
  const grown = await costing(async () => {
    const init = encodeInit({ tag: 7, window: 65_536, outboundStreams: 1, inboundStreams: 1, initialTsn: 7 });
    const packet = encodePacket(5_000, scene.port, 0, [init]);
    const to = [scene.registry.address, scene.encapsulationPort] as const;
    const flood = {
      from: ["198.18.0.1", 40_000] as const,
      to,
      data: [packet],
      times: 240_000,
      sources: 60_000,
    };
    const sent = forger.send(flood, 60_000);
    await until("it is told", () => told(/flood of SCTP INITs .*inits-per-second=\d{4,}/), 20_000);
    assert.ok(await online());
    context.diagnostic(`${await sent} INITs; ${told(/inits-per-second/)}`);
  });
  // What came before the kernel left it out is read first, on a busy machine for seconds.
  await until("its end is told", () => told(/flood of SCTP INITs is over/), 30_000);
  assert.ok(await online());
  context.diagnostic(`a newcomer in ${await newcomerGetsIn()} ms, ${Math.round(grown)} MiB`);
});
