import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { DEFAULT_LIMITS } from "../../src/registry/limits.ts";
import { encodeHello } from "../../src/wire/mp1-discovery.ts";
import { DATAGRAM_BYTES, DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";
import { until } from "../lab/command.ts";
import type { LanHost } from "../lab/netns.ts";
import { Scope } from "../support/until.ts";
import { type Actor, Scene } from "./scene.ts";
import { type Capture, type End, type Forger, isSyn, type Packet, UDP } from "./wire.ts";

/** Discovery with lies about who asks: what leaves the registry, packet by packet. */

const scope = new Scope();
let scene: Scene;
let victim: LanHost;
let bystander: Actor;
let attacker: Actor;
let forger: Forger;
let capture: Capture;
let bystanders = 0;

const VICTIMS_PORT = 50_001;
/** The victim's, too: each test has one whose rate is not used up. */
const MORE = ["10.98.0.77", "10.98.0.78", "10.98.0.79"] as const;
const HELLO = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: randomBytes(16) as unknown as Nonce });

before(async () => {
  scene = await Scene.open(scope);
  victim = await scene.host("victim");
  await scene.alsoAt(victim, MORE);
  const attackers = await scene.host("attacker");
  [bystander, attacker] = await Promise.all([scene.actor("bystander"), scene.actorOn(attackers)]);
  [forger, capture] = await Promise.all([scene.forger(attackers), scene.capture()]);
});

after(() => scope.end());

function registry(address = scene.registry.address): End {
  return [address, scene.port];
}

/** What has left towards `address` since `from`; a whole join of somebody else came after all that caused it. */
async function since(from: readonly Packet[], address: string): Promise<readonly Packet[]> {
  bystanders += 1;
  await bystander.do("join", `bystander${bystanders}`);
  return (await capture.packets()).slice(from.length).filter(({ to }) => to === address);
}

/** Asserts that there is no connection among them; returns what discovery has sent. */
function datagramsOf(packets: readonly Packet[]): readonly Packet[] {
  assert.deepEqual(packets.filter(isSyn), [], "the registry opened a connection");
  return packets.filter(({ protocol }) => protocol === UDP);
}

for (const family of ["IPv4", "IPv6"] as const) {
  test(`hellos forged with a victim's address (${family}): one cookie each, no larger, and nothing else`, async () => {
    const [target, own] =
      family === "IPv4"
        ? [victim.address, scene.registry.address]
        : [victim.ipv6Address, scene.registry.ipv6Address];
    const forged = { from: [target, VICTIMS_PORT] as const, to: registry(own), data: [HELLO] };
    // Where the victim is on the link is found out first: until then answers to strangers may get lost.
    await until("the victim's neighbour entry", async () => {
      const before = await capture.packets();
      await forger.send({ ...forged, times: 1 });
      return (await since(before, target)).length > 0 ? true : undefined;
    });
    const start = await capture.packets();
    const sent = await forger.send({ ...forged, times: 40 });
    const left = await since(start, target);
    const cookies = datagramsOf(left);
    assert.equal(cookies.length, sent);
    const hellos = (await capture.packets()).slice(start.length).filter(({ from }) => from === target);
    const helloLength = hellos.find(({ protocol }) => protocol === UDP)?.length ?? 0;
    for (const { data, length, ports } of cookies) {
      const decoded = DISCOVERY_TO_CLIENT.decode(Buffer.from(data, "hex"));
      assert.equal(decoded.ok && decoded.value.type, "cookie");
      assert.ok(length <= helloLength, `${length} bytes for ${helloLength}`);
      assert.deepEqual(ports, [scene.port, VICTIMS_PORT]);
    }
  });
}

test("a victim that is made to ask for ever: its address gets no more than its share of cookies", async () => {
  const start = await capture.packets();
  const sent = await forger.send({
    from: [victim.address, VICTIMS_PORT],
    to: registry(),
    data: [HELLO],
    times: 3_000,
    perSecond: 1_500,
  });
  const cookies = datagramsOf(await since(start, victim.address));
  assert.equal(sent, 3_000);
  // All this takes less than 6 s.
  const { burst, perSecond } = DEFAULT_LIMITS.mp2DatagramsPerAddress;
  const share = burst + 6 * perSecond;
  assert.ok(share < sent, "more is asked for than its share");
  assert.ok(cookies.length > 0 && cookies.length <= share, `${cookies.length} cookies`);
});

test("hellos that would be answered with more than they are get no answer", async () => {
  const start = await capture.packets();
  // Right in all but its length: its padding's own length stands at 27.
  const short = Buffer.from(HELLO.subarray(0, 29 + 256));
  short.writeUInt16BE(256, 27);
  const data = [short, HELLO.subarray(0, 100), HELLO.subarray(0, DATAGRAM_BYTES - 1), HELLO.subarray(0, 4)];
  const other: End = [MORE[0], VICTIMS_PORT];
  await forger.send({ from: other, to: registry(), data, times: 5 });
  assert.deepEqual(datagramsOf(await since(start, other[0])), []);
});

test("joins with invented cookies: no connection, no answer, counted", async () => {
  const [start, counted] = [await capture.packets(), await scene.counter("datagram-bad-cookie")];
  await attacker.do("bind", "invented", 50_100);
  const join = Buffer.from(await attacker.do("cookie", "invented"), "hex");
  const from: End = [MORE[1], VICTIMS_PORT];
  const data = Array.from({ length: 30 }, () => {
    const forged = Buffer.from(join);
    // The cookie comes last; what is before it stays a join to this very registry.
    randomBytes(16).copy(forged, forged.length - 16);
    return forged;
  });
  await forger.send({ from, to: registry(), data });
  assert.deepEqual(datagramsOf(await since(start, from[0])), []);
  assert.equal((await scene.counter("datagram-bad-cookie")) - counted, 30);
});

test("a cookie that was given to the attacker is worth nothing for a victim or for another port", async () => {
  const [start, counted] = [await capture.packets(), await scene.counter("datagram-bad-cookie")];
  await attacker.do("bind", "own", 50_101);
  const join = Buffer.from(await attacker.do("cookie", "own"), "hex");
  const target = MORE[2];
  await forger.send({ from: [target, 50_101], to: registry(), data: [join] });
  await forger.send({ from: [attacker.host.address, 50_102], to: registry(), data: [join] });
  const atVictim = await since(start, target);
  assert.deepEqual(datagramsOf(atVictim), []);
  const all = (await capture.packets()).slice(start.length);
  assert.deepEqual(
    all.filter((packet) => isSyn(packet) && packet.to === attacker.host.address),
    [],
  );
  assert.equal((await scene.counter("datagram-bad-cookie")) - counted, 2);
  // The very same bytes from where they belong do what they are for.
  await attacker.do("send", "own", join.toString("hex"));
  assert.equal(await attacker.do("blocked", "own"), "refused");
  const dials = (await capture.packets()).slice(start.length).filter(isSyn);
  assert.deepEqual(
    dials.filter(({ to }) => to === attacker.host.address).map(({ ports }) => ports?.[1]),
    [50_101],
  );
});

test("a join that was overheard and is sent again brings no second connection", async () => {
  const start = await capture.packets();
  const { port } = await attacker.do("join", "member");
  const { address } = attacker.host;
  const isJoin = ({ from, ports, data }: Packet): boolean =>
    from === address &&
    ports?.[1] === scene.port &&
    Buffer.from(data, "hex").subarray(4, 7).equals(JOIN_HEAD);
  const joins = (await capture.packets()).slice(start.length).filter(isJoin);
  assert.ok(joins.length > 0, "the join was overheard");
  const counted = await scene.counter("datagram-bad-cookie");
  const data = joins.map((join) => Buffer.from(join.data, "hex"));
  await forger.send({ from: [address, port], to: registry(), data, times: 5 });
  const dials = (await since(start, address)).filter(isSyn);
  assert.equal(dials.length, 1);
  assert.equal((await scene.counter("datagram-bad-cookie")) - counted, 5 * joins.length);
  assert.equal(await attacker.do("isAttached", "member"), true);
});

/** A map of four with key 0 = 3. */
const JOIN_HEAD = Buffer.from("a40003", "hex");

test("without legacy, nothing but a proven join makes the registry connect", async (context) => {
  const strict = await Scene.open(context, "legacy = false");
  const attackers = await strict.host("attacker");
  const target = await strict.host("victim");
  const [wire, forge, good] = await Promise.all([
    strict.capture(),
    strict.forger(attackers),
    strict.actor("good"),
  ]);
  const data = [encodeHello({ client: "original" }), encodeHello({ client: "own" }), HELLO];
  await forge.send({
    from: [target.address, VICTIMS_PORT],
    to: [strict.registry.address, strict.port],
    data,
    times: 3,
  });
  await good.do("join", "good");
  const packets = await wire.packets();
  assert.deepEqual(
    packets.filter((packet) => isSyn(packet) && packet.to === target.address),
    [],
  );
  assert.equal(packets.filter((packet) => isSyn(packet) && packet.to === good.host.address).length, 1);
});
