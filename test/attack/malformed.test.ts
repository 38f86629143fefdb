import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import { MP2_PPID, PRESENCE_TO_REGISTRY } from "../../src/wire/mp2-presence.ts";
import { REGISTRATION_TO_REGISTRY } from "../../src/wire/mp2-registration.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";
import { Scope } from "../support/until.ts";
import { Chat } from "./chat.ts";
import { type Actor, Scene } from "./scene.ts";
import { type Capture, type Forger, UDP } from "./wire.ts";

/** What is no message: cut short, too long, too deep, too slow; on every channel of the registry's and the client's. */

const scope = new Scope();
let scene: Scene;
let friend: Actor;
let attacker: Actor;
let forger: Forger;
let capture: Capture;
let chat: Chat;
let chatAt: { readonly address: string; readonly port: number };
let tries = 0;

/** So many datagrams one address may send at once. */
const PART = 150;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
/** An array in an array, and so on. */
const DEEP = Buffer.concat([Buffer.from("a10081", "hex"), Buffer.alloc(3_000, 0x81)]);
const REGISTER = REGISTRATION_TO_REGISTRY.encode({
  type: "register",
  nick: "intruder",
  capabilities: new Set(),
  away: false,
} as unknown as Parameters<typeof REGISTRATION_TO_REGISTRY.encode>[0]);
const STATUS = PRESENCE_TO_REGISTRY.encode({ type: "status", away: true });
/** 10 s for a registration; the rest for a machine with other work. */
const SLOW_MILLIS = 14_000;

before(async () => {
  scene = await Scene.open(scope);
  const [enemy, home] = [await scene.host("attacker"), await scene.host("home")];
  [friend, attacker] = await Promise.all([scene.actor("friend"), scene.actorOn(enemy)]);
  [forger, capture, chat] = await Promise.all([
    scene.forger(enemy),
    scene.capture(),
    Chat.online(scope, home, { nick: "ola", port: scene.port }),
  ]);
  await friend.do("join", "friend");
  chatAt = { address: home.address, port: (await scene.client("ola"))?.port ?? 0 };
});

after(() => scope.end());

async function name(): Promise<string> {
  tries += 1;
  return `try${tries}`;
}

test("datagrams: each prefix of a hello and of a join, longer ones, random ones: no answer, each counted", async () => {
  const nonce = randomBytes(16) as unknown as Nonce;
  const hello = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce });
  const fingerprint = await scene.fingerprint();
  const cookie = randomBytes(23);
  const join = DISCOVERY_TO_REGISTRY.encode({
    type: "join",
    nonce,
    fingerprint,
    cookie,
  } as unknown as Parameters<typeof DISCOVERY_TO_REGISTRY.encode>[0]);
  const prefixes = [hello, join].flatMap((whole) =>
    Array.from({ length: whole.length - 4 }, (_, index) => whole.subarray(0, 4 + index)),
  );
  const longer = [hello, join].flatMap((whole) => [
    Buffer.concat([whole, Buffer.of(0)]),
    Buffer.concat([whole, Buffer.alloc(1_400 - whole.length)]),
  ]);
  const random = Array.from({ length: 200 }, () => Buffer.concat([hello.subarray(0, 4), randomBytes(60)]));
  const data = [...prefixes, ...longer, ...random];
  const parts = Array.from({ length: Math.ceil(data.length / PART) }, (_, index) =>
    data.slice(PART * index, PART * (index + 1)),
  );
  const sources = parts.map((_, index) => `10.98.0.${60 + index}`);
  await scene.alsoAt(attacker.host, sources);
  const counted = async (): Promise<number> =>
    (await scene.counter("datagram-malformed")) + (await scene.counter("datagram-not-for-us"));
  const [start, before] = [(await capture.packets()).length, await counted()];
  for (const [index, part] of parts.entries()) {
    const from = [sources[index] ?? "", 45_000] as const;
    // A burst would overflow the registry's receive buffer, and be lost uncounted.
    await forger.send({ from, to: [scene.registry.address, scene.port], data: part, perSecond: 600 });
  }
  await friend.do("join", await name());
  const answers = (await capture.packets())
    .slice(start)
    .filter(({ protocol, ports }) => protocol === UDP && ports?.[0] === scene.port && ports[1] === 45_000);
  assert.deepEqual(answers, []);
  assert.equal((await counted()) - before, data.length);
});

const FRAMES: Readonly<Record<string, Uint8Array>> = {
  "a frame of 4 GiB": Buffer.from("ffffffff", "hex"),
  "a frame that is too long by one": Buffer.from("00001001", "hex"),
  "an empty frame": Buffer.alloc(4),
  "a message cut short": encodeFrame(REGISTER.subarray(0, REGISTER.length - 1)),
  "a message and one byte": encodeFrame(Buffer.concat([REGISTER, Buffer.of(0)])),
  "3,000 arrays deep": encodeFrame(DEEP),
  "a text of 2^63 bytes": encodeFrame(Buffer.from("a2001101 7bffffffffffffffff".replaceAll(" ", ""), "hex")),
  "two messages": Buffer.concat([encodeFrame(REGISTER), encodeFrame(REGISTER)]),
  "500 kB": Buffer.alloc(500_000, 0x61),
};

test("a dial-back's frames: every wrong one ends the connection at once, and lists nobody", async () => {
  for (const [what, bytes] of Object.entries(FRAMES)) {
    const client = await name();
    await attacker.do("open", client);
    await attacker.do("challenge", client);
    const over = attacker.do("hungUp", client, 5_000);
    await attacker.do("write", client, hex(bytes));
    const { millis } = await over;
    assert.ok(millis < 2_000, `${what}: ${millis} ms`);
    await attacker.do("vanish", client);
  }
  assert.equal(await scene.client("intruder"), undefined);
});

test("a dial-back that says nothing, or a byte now and then: given up in time", async () => {
  const waits = ["", hex(encodeFrame(REGISTER))].map(async (bytes) => {
    const client = await name();
    await attacker.do("open", client);
    await attacker.do("challenge", client);
    if (bytes !== "") await attacker.do("drip", client, bytes, 900);
    return attacker.do("hungUp", client, SLOW_MILLIS);
  });
  await friend.do("join", await name());
  await Promise.all(waits);
  assert.equal(await scene.client("intruder"), undefined);
});

const MESSAGES: Readonly<Record<string, { readonly text: Uint8Array; readonly stream?: number }>> = {
  "cut short": { text: STATUS.subarray(0, STATUS.length - 1) },
  "too long by a byte": { text: Buffer.concat([STATUS, Buffer.of(0)]) },
  "of no bytes": { text: Buffer.alloc(0) },
  "3,000 arrays deep": { text: DEEP },
  "longer than a client's may be": { text: Buffer.alloc(4_097, 0xa1) },
  "a registry's own": { text: Buffer.from("a10020", "hex") },
};

test("sealed presence: every wrong message ends its session, is counted, and touches nobody else", async () => {
  for (const [what, { text, stream = 0 }] of Object.entries(MESSAGES)) {
    const client = await name();
    await attacker.do("join", client);
    const faults = await scene.counter("presence-faults");
    const lost = attacker.do("loses", client);
    await attacker.do(
      "tellRaw",
      client,
      stream,
      MP2_PPID,
      await attacker.do("seal", client, stream, hex(text)),
    );
    await lost;
    assert.equal((await scene.counter("presence-faults")) - faults, 1, what);
  }
  assert.equal(await friend.do("isAttached", "friend"), true);
});

test("unsealed presence: no seal, half a seal, another stream, another protocol's number, 60,000 bytes", async () => {
  const wrong = [
    [0, MP2_PPID, STATUS],
    [0, MP2_PPID, randomBytes(23)],
    [0, MP2_PPID, randomBytes(60_000)],
    [3, MP2_PPID, randomBytes(64)],
    [15, MP2_PPID, randomBytes(64)],
    [0, 0, Buffer.from("0")],
    [0, 0x6d70_3202, randomBytes(64)],
  ] as const;
  for (const [stream, ppid, bytes] of wrong) {
    const client = await name();
    await attacker.do("join", client);
    const faults = await scene.counter("presence-faults");
    const lost = attacker.do("loses", client);
    await attacker.do("tellRaw", client, stream, ppid, hex(bytes));
    await lost;
    assert.equal((await scene.counter("presence-faults")) - faults, 1, `stream ${stream}, ${ppid}`);
  }
  assert.equal(await friend.do("isAttached", "friend"), true);
});

test("the client's port: wrong frames of a peer, and of somebody who calls back unasked", async () => {
  for (const as of ["peer", "registry"] as const) {
    // Of an unknown peer it waits half a second for the roster: not all of them.
    for (const [what, bytes] of Object.entries(FRAMES).slice(1, 4)) {
      const { heard } = await attacker.do("dialRaw", chatAt, as, hex(bytes));
      assert.deepEqual(
        heard.filter((type) => type !== "greeting" && type !== "close"),
        [],
        `${as}: ${what}`,
      );
    }
  }
  chat.type("list");
  await chat.shows(/friend +10\./);
});
