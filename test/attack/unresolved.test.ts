import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";
import { Scope } from "../support/until.ts";
import { type Actor, Scene } from "./scene.ts";
import { isSctp } from "./sctp.ts";
import type { Forger, Packet } from "./wire.ts";

/**
 * Forged addresses on the registry's own link at which nobody is. What is answered to them waits for ARP, three seconds
 * long, in the sending socket's buffer, which holds some 270 packets.
 */

const scope = new Scope();
let scene: Scene;
let home: Actor;
let forger: Forger;
let init: Uint8Array;

const NOBODY = "10.98.0.40";
const NOBODIES = 200;
/** RFC 9260 §3.3.2. */
const INIT = 1;
/** A member that is not heard is lost after less than this. */
const FLOOD_SECONDS = 6;
const JOIN_MILLIS = 2_000;

before(async () => {
  scene = await Scene.open(scope);
  const capture = await scene.capture();
  home = await scene.actor("home");
  forger = await scene.forger(await scene.host("attacker"));
  await home.do("join", "member");
  await home.do("join", "friend");
  const isInit = (packet: Packet): boolean =>
    isSctp(packet, scene.encapsulationPort) && Buffer.from(packet.data, "hex")[12] === INIT;
  const packet = (await capture.packets()).find(isInit);
  assert.ok(packet, "an INIT to imitate");
  init = Buffer.from(packet.data, "hex");
  await capture.stop();
});

after(() => scope.end());

test("INITs from where nobody is: nobody who is there is lost", async () => {
  const perSecond = 1_000;
  const times = FLOOD_SECONDS * perSecond;
  const to = [scene.registry.address, scene.encapsulationPort] as const;
  await forger.send({ from: [NOBODY, 40_000], to, data: [init], times, sources: NOBODIES, perSecond });
  assert.deepEqual((await scene.clients()).map(({ nickname, state }) => `${nickname} ${state}`).toSorted(), [
    "friend online",
    "member online",
  ]);
  await home.do("status", "member", "still here");
  await home.do("sees", "friend", "member", "away", "still here");
});

test("INITs from where nobody is: a newcomer gets in", async (context) => {
  const to = [scene.registry.address, scene.encapsulationPort] as const;
  const [times, perSecond] = [3_000, 1_000];
  const flood = forger.send({
    from: [NOBODY, 40_000],
    to,
    data: [init],
    times,
    sources: NOBODIES,
    perSecond,
  });
  const { millis } = await home.do("join", "newcomer");
  await flood;
  context.diagnostic(`${Math.round(millis)} ms`);
  assert.ok(millis < JOIN_MILLIS, `${Math.round(millis)} ms`);
});

test("hellos from where nobody is: a newcomer gets in, during them and after", async (context) => {
  const data = [
    DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: Buffer.alloc(16, 7) as unknown as Nonce }),
  ];
  const to = [scene.registry.address, scene.port] as const;
  const [times, perSecond] = [3_000, 1_000];
  const flood = forger.send({ from: [NOBODY, 40_000], to, data, times, sources: NOBODIES, perSecond });
  const during = await home.do("join", "during");
  await flood;
  const afterwards = await home.do("join", "afterwards");
  context.diagnostic(`during ${Math.round(during.millis)} ms, after ${Math.round(afterwards.millis)} ms`);
  assert.ok(during.millis < JOIN_MILLIS, `${Math.round(during.millis)} ms`);
  assert.ok(afterwards.millis < JOIN_MILLIS, `${Math.round(afterwards.millis)} ms`);
});
