import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MP2_PPID, PRESENCE_TO_REGISTRY } from "../../src/wire/mp2-presence.ts";
import { Scope } from "../support/until.ts";
import { type Actor, Scene } from "./scene.ts";
import { isSctp, type SctpData, sctpData } from "./sctp.ts";
import type { Capture, Forger, Packet } from "./wire.ts";

/** A member's association, and somebody who has recorded all of it. */

const scope = new Scope();
let scene: Scene;
let home: Actor;
let attacker: Actor;
let forger: Forger;
let capture: Capture;
let memberPort: number;
let attackers = 0;

/** RFC 9260 §3.3.9: the association's registry side gives a stranger this long. */
const STRANGER_MILLIS = 5_000;
const MARGIN_MILLIS = 2_500;

before(async () => {
  scene = await Scene.open(scope);
  const enemy = await scene.host("attacker");
  [home, attacker] = await Promise.all([scene.actor("home"), scene.actorOn(enemy)]);
  [forger, capture] = await Promise.all([scene.forger(enemy), scene.capture()]);
  memberPort = (await home.do("join", "member")).port;
  await home.do("status", "member", "at work");
  await home.do("join", "friend");
  await home.do("sees", "friend", "member", "away", "at work");
});

after(() => scope.end());

/** What the member has sent on its association so far: the first message is its attach. */
async function recorded(): Promise<{
  readonly packets: readonly Packet[];
  readonly messages: readonly SctpData[];
}> {
  const ofMember = (packet: Packet): boolean =>
    packet.from === home.host.address &&
    isSctp(packet, scene.encapsulationPort) &&
    // SCTP's own ports come first in what UDP carries.
    Buffer.from(packet.data, "hex").readUInt16BE(0) === memberPort;
  const packets = (await capture.packets()).filter(ofMember);
  return { packets, messages: packets.flatMap(sctpData) };
}

async function enemy(): Promise<string> {
  attackers += 1;
  return `enemy${attackers}`;
}

/** The member is in the session in which it was, and is told of what happens. */
async function memberStays(session: string | undefined): Promise<void> {
  await home.do("join", await enemy());
  await home.do("sees", "member", `enemy${attackers}`, "online");
  assert.equal(await home.do("isAttached", "member"), true);
  assert.equal((await scene.client("member"))?.state, "online");
  assert.equal(await memberSession(), session);
}

/** The member's session as others see it. */
async function memberSession(): Promise<string | undefined> {
  return (await home.do("sees", "friend", "member", "away")).session;
}

for (const which of ["attach", "status"] as const) {
  test(`a member's ${which}, brought by another key's client: that client is cut off, the member stays`, async () => {
    const { messages } = await recorded();
    const [message] = which === "attach" ? messages : messages.slice(1);
    assert.ok(message, "overheard");
    const [before, faults, name] = [
      await memberSession(),
      await scene.counter("presence-faults"),
      await enemy(),
    ];
    await attacker.do("open", name);
    assert.equal((await attacker.do("register", name, name)).type, "registered");
    await attacker.do("associate", name);
    const lost = attacker.do("loses", name);
    await attacker.do("tellRaw", name, message.stream, message.ppid, message.data);
    await lost;
    assert.equal((await scene.counter("presence-faults")) - faults, 1);
    assert.equal((await scene.client(name))?.state, "offline");
    await memberStays(before);
  });
}

test("a member's attach from an association without registration: nobody is let in, the member stays", async () => {
  const { messages } = await recorded();
  const [attach] = messages;
  assert.ok(attach, "overheard");
  const [before, name] = [await memberSession(), await enemy()];
  await attacker.do("open", name);
  await attacker.do("associate", name);
  const lost = attacker.do("loses", name);
  await attacker.do("tellRaw", name, attach.stream, attach.ppid, attach.data);
  const { millis } = await lost;
  assert.ok(millis < STRANGER_MILLIS + MARGIN_MILLIS, `${millis} ms`);
  assert.equal(await scene.client(name), undefined);
  await memberStays(before);
});

test("every packet that a member has sent, sent again from its address: the member stays", async () => {
  const { packets } = await recorded();
  assert.ok(packets.length >= 4, `${packets.length} packets overheard`);
  const [before, faults] = [await memberSession(), await scene.counter("presence-faults")];
  const [{ ports } = { ports: null }] = packets;
  const data = packets.map((packet) => Buffer.from(packet.data, "hex"));
  const from = [home.host.address, ports?.[0] ?? 0] as const;
  await forger.send({ from, to: [scene.registry.address, scene.encapsulationPort], data, times: 5 });
  await memberStays(before);
  assert.equal(await scene.counter("presence-faults"), faults);
});

test("a member's packets from another address, and from another port of its own: the member stays", async () => {
  const { packets } = await recorded();
  const before = await memberSession();
  const data = packets.map((packet) => Buffer.from(packet.data, "hex"));
  for (const from of [
    [attacker.host.address, 40_000],
    [home.host.address, 40_001],
  ] as const)
    await forger.send({ from, to: [scene.registry.address, scene.encapsulationPort], data, times: 5 });
  await memberStays(before);
});

test("its own attach again, within the member's association: the session ends and everybody is told", async () => {
  const name = await enemy();
  await attacker.do("join", name);
  const attach = await recordedOf(name);
  assert.ok(attach, "overheard");
  const faults = await scene.counter("presence-faults");
  const lost = attacker.do("loses", name);
  await attacker.do("tellRaw", name, attach.stream, attach.ppid, attach.data);
  await lost;
  assert.equal((await scene.counter("presence-faults")) - faults, 1);
  await home.do("sees", "friend", name, "offline");
});

/** The first message that a client of the attacker's has sent. */
async function recordedOf(name: string): Promise<SctpData | undefined> {
  const port = (await scene.client(name))?.port;
  const packets = (await capture.packets()).filter(
    (packet) =>
      packet.from === attacker.host.address &&
      isSctp(packet, scene.encapsulationPort) &&
      Buffer.from(packet.data, "hex").readUInt16BE(0) === port,
  );
  return packets.flatMap(sctpData)[0];
}

test("a registered client whose first message is no attach, or names another session, is cut off", async () => {
  const session = "00".repeat(16);
  const other = PRESENCE_TO_REGISTRY.encode({
    type: "attach",
    session,
    epoch: "00".repeat(8),
    seq: 0,
  } as Parameters<typeof PRESENCE_TO_REGISTRY.encode>[0]);
  const leave = PRESENCE_TO_REGISTRY.encode({ type: "leave" });
  for (const message of [other, leave]) {
    const [faults, name] = [await scene.counter("presence-faults"), await enemy()];
    await attacker.do("open", name);
    await attacker.do("register", name, name);
    await attacker.do("associate", name);
    const lost = attacker.do("loses", name);
    const sealed = await attacker.do("seal", name, 0, Buffer.from(message).toString("hex"));
    await attacker.do("tellRaw", name, 0, MP2_PPID, sealed);
    await lost;
    assert.equal((await scene.counter("presence-faults")) - faults, 1);
  }
});

test("somebody on the member's own host who takes its SCTP port does not end its association", async () => {
  const before = await memberSession();
  await home.do("stranger", memberPort);
  await memberStays(before);
});
