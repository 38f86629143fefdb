import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Seals } from "../../src/base/seal.ts";
import { encodeUtf8 } from "../../src/base/text.ts";
import { MP2_PPID, PRESENCE_TO_CLIENT, STREAMS } from "../../src/wire/mp2-presence.ts";
import { until } from "../lab/command.ts";
import type { LanHost } from "../lab/netns.ts";
import { Scope } from "../support/until.ts";
import { Chat } from "./chat.ts";
import { type Actor, Scene } from "./scene.ts";
import { answersTo, forgedAfter, isSctp, sctpData, tsnOf } from "./sctp.ts";
import type { Capture, Forger, Packet } from "./wire.ts";

/**
 * Rosters that the registry has not sent, to a real client: by somebody who sees all packets, so that tag, sequence
 * numbers and checksum are right and the client's SCTP takes them for the registry's.
 */

const scope = new Scope();
let scene: Scene;
let home: LanHost;
let friends: Actor;
let chat: Chat;
let capture: Capture;
let forger: Forger;

const FAKE = "Fake-Entry";
const MP1_PPID = 0;

before(async () => {
  scene = await Scene.open(scope);
  home = await scene.host("home");
  const enemy = await scene.host("attacker");
  [friends, capture, forger] = await Promise.all([
    scene.actor("friends"),
    scene.capture(home),
    scene.forger(enemy),
  ]);
  chat = await Chat.online(scope, home, { nick: "ola", port: scene.port });
  await friends.do("join", "first");
  await chat.shows(/first is online/);
});

after(() => scope.end());

/** The last packet with a message that the registry has sent to the client. */
async function lastPush(): Promise<Packet> {
  const pushes = (await capture.packets()).filter(
    (packet) =>
      packet.from === scene.registry.address &&
      isSctp(packet, scene.encapsulationPort) &&
      sctpData(packet).length > 0,
  );
  const last = pushes.at(-1);
  assert.ok(last, "a push was overheard");
  return last;
}

/** Sends it as the registry's next message; resolves with what the client's SCTP made of it. */
async function inject(packet: Packet, bytes: Uint8Array, ppid: number): Promise<"taken" | "aborted"> {
  const [source = 0, target = 0] = packet.ports ?? [];
  const forged = forgedAfter(Buffer.from(packet.data, "hex"), bytes, ppid);
  const seen = (await capture.packets()).length;
  await forger.send({ from: [scene.registry.address, source], to: [home.address, target], data: [forged] });
  return until("the client's SCTP has judged it", async () => {
    const answers = (await capture.packets())
      .slice(seen)
      .filter(({ from, ports }) => from === home.address && ports?.[0] === target)
      .map((answer) => answersTo(answer, tsnOf(forged)));
    return answers.find((answer) => answer !== undefined);
  });
}

const entry = {
  nick: FAKE,
  fingerprint: "ab".repeat(32),
  address: "10.98.0.66",
  port: 50_066,
  kind: "mp2",
  state: "online",
  lastSeen: Date.now(),
  session: "cd".repeat(16),
};
type Delta = Parameters<typeof PRESENCE_TO_CLIENT.encode>[0];

/** What leads from the client's state to one with the fake entry. */
async function delta(): Promise<Uint8Array> {
  const { epoch, seq } = await scene.lineage();
  return PRESENCE_TO_CLIENT.encode({
    type: "delta",
    epoch,
    seq: seq + 1,
    changes: [{ type: "put", entry }],
  } as unknown as Delta);
}

let joined = 0;

/** Somebody comes, and the client is told. */
async function somebodyComes(): Promise<void> {
  const before = await lastPush();
  joined += 1;
  await friends.do("join", `friend${joined}`);
  const told = async () => ((await lastPush()).data === before.data ? undefined : true);
  await until("the client is told", told);
}

/** The client lists who is there, and not the fake. */
async function hearsTheTruth(): Promise<void> {
  await somebodyComes();
  await chat.lists(new RegExp(`friend${joined} +10\\.`));
  assert.doesNotMatch(chat.text, new RegExp(FAKE));
}

/**
 * The client has given that association up and come back by another one, on which it is told: whoever can forge such
 * packets can end an association, and nothing more.
 */
async function comesBack(times: number, forge: () => Promise<unknown>): Promise<void> {
  await until(
    "ola is back",
    async () => {
      if (scene.daemon.matching(/ola online from/).length > times) return true;
      // Where the registry has said more meanwhile, the forged number is one that has come already: once more.
      await forge();
      return undefined;
    },
    20_000,
    1_000,
  );
  await somebodyComes();
}

test("a forged delta with a foreign tag, which is all that a blind attacker can send: ignored", async () => {
  const push = await lastPush();
  const bytes = Buffer.from(push.data, "hex");
  bytes.writeUInt32BE((bytes.readUInt32BE(4) ^ 0x5555_5555) >>> 0, 4);
  const [source = 0, target = 0] = push.ports ?? [];
  const data = [forgedAfter(bytes, await delta(), MP2_PPID)];
  await forger.send({ from: [scene.registry.address, source], to: [home.address, target], data, times: 10 });
  await hearsTheTruth();
  assert.equal(chat.text.match(/online as/g)?.length, 1);
});

const key = (fill: number): Uint8Array => Buffer.alloc(32, fill);
const CLIENTS = [{ ip: "10.98.0.66", port: 50_066, nickname: FAKE, online: true }];

const FORGERIES: Readonly<Record<string, () => Promise<readonly [Uint8Array | undefined, number]>>> = {
  "a delta in plain": async () => [await delta(), MP2_PPID],
  "a delta sealed with another client's keys": async () => {
    const seals = new Seals("registry", { toClient: key(1), toRegistry: key(2) }, 1_000);
    return [seals.seal(STREAMS.deltas, await delta()), MP2_PPID];
  },
  "the registry's last message again": async () => {
    const [message] = sctpData(await lastPush()).slice(-1);
    return [Buffer.from(message?.data ?? "", "hex"), MP2_PPID];
  },
  "a roster of mp1": async () => [encodeUtf8(JSON.stringify({ clients: CLIENTS })), MP1_PPID],
};

for (const [what, forgery] of Object.entries(FORGERIES)) {
  test(`${what}, as the registry's next message: the association ends, the client comes back`, async () => {
    const times = scene.daemon.matching(/ola online from/).length;
    await comesBack(times, async () => {
      const [bytes, ppid] = await forgery();
      assert.ok(bytes);
      await inject(await lastPush(), bytes, ppid);
    });
    assert.doesNotMatch(chat.text, new RegExp(FAKE));
  });
}

test("after all that the client shows who is there, and nobody else", hearsTheTruth);
