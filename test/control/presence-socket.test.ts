import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { Attention } from "../../src/chat/alerts.ts";
import type { Transfer } from "../../src/chat/files/transfer.ts";
import type { ChatSnapshot, Peer } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import type { SendOptions, SessionNotice } from "../../src/chat/session.ts";
import type { PresenceSettings } from "../../src/chat/settings.ts";
import type { TrustedChange } from "../../src/chat/trust.ts";
import { askHolder, PresenceLink } from "../../src/control/chat-client.ts";
import { CHAT_METHODS } from "../../src/control/chat-methods.ts";
import { parseNotice } from "../../src/control/chat-notices.ts";
import { type HeldSession, PresenceServer } from "../../src/control/chat-server.ts";
import type { ServerLimits } from "../../src/control/request-server.ts";
import { PinFile } from "../../src/io/pin-file.ts";
import { changeTrustedKeys } from "../../src/service/trust-keys.ts";
import type { MessageId, RoomName } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import { FINGERPRINT } from "./fake-control.ts";
import { RawClient, realClock, soon, temporaryDirectory } from "./harness.ts";

/** The socket of a presence: what crosses it, and what a program that is broken or hostile cannot do there. */

const OWN = FINGERPRINT as Fingerprint;
const ID = "00112233445566778899aabbccddeeff" as MessageId;

const SETTINGS: PresenceSettings = {
  nickname: "adam" as Nickname,
  whenTaken: "ask",
  legacy: true,
  registries: [{ typed: "here", host: "10.0.0.1", port: 10_001 }],
  interfaces: ["eth0"],
  port: 10_001,
  encapsulationPort: 9_899,
  autoAwayMillis: 600_000,
  alerts: { bell: true, notify: "all" },
};

function peer(nickname: string, change: Partial<Peer> = {}): Peer {
  return {
    nickname: nickname as Nickname,
    address: "10.0.0.5",
    port: 51_234,
    state: "online",
    online: true,
    reason: undefined,
    lastSeen: 5,
    status: "at lunch \u001b[2J",
    fingerprint: OWN,
    rooms: [],
    kind: "mp2",
    trust: "pinned",
    restriction: undefined,
    ...change,
  };
}

/** A presence without a network. */
class FakeSession implements HeldSession {
  readonly calls: unknown[] = [];
  snapshot: ChatSnapshot = {
    nickname: "adam" as Nickname,
    registry: undefined,
    registryLostAt: undefined,
    away: false,
    isIdle: false,
    quietUntil: undefined,
    status: undefined,
    rooms: ["office" as RoomName],
    roster: [peer("ola"), peer("eva", { online: false, state: "offline", reason: "left" })],
  };
  pins = Pins.none.accept({ kind: "peer", name: "ola" }, OWN, 7);
  readonly fingerprint = OWN;
  readonly pending = 3;
  onNotice = () => () => {};
  start = () => {};
  send = (to: string, text: string, options?: SendOptions, id?: MessageId): MessageId => {
    this.calls.push(["send", to, text, options, id]);
    return id ?? ID;
  };
  rename = (nickname: Nickname) => this.#called(["rename", nickname], true);
  setStatus = (...rest: unknown[]) => this.#called(["setStatus", ...rest], undefined);
  join = (room: RoomName) => this.#called(["join", room], true);
  part = (room: RoomName) => this.#called(["part", room], false);
  markRead = (...rest: unknown[]) => this.#called(["markRead", ...rest], undefined);
  typing = (...rest: unknown[]) => this.#called(["typing", ...rest], undefined);
  accept = (...rest: unknown[]) => this.#called(["accept", ...rest], undefined);
  attend = (...rest: unknown[]) => this.#called(["attend", ...rest], undefined);
  setQuiet = (...rest: unknown[]) => this.#called(["setQuiet", ...rest], undefined);
  restrict = (...rest: unknown[]) => this.#called(["restrict", ...rest], undefined);
  forget = (...rest: unknown[]) => this.#called(["forget", ...rest], undefined);
  leave = () => {};
  files: readonly Transfer[] = [];
  sendFile = (...[to, path, id]: [string, string, MessageId?]): MessageId =>
    this.#called(["sendFile", to, path, id], id ?? ID);
  changeFile = (...rest: unknown[]) => this.#called(["changeFile", ...rest], undefined);

  #called<Value>(call: unknown, answer: Value): Value {
    this.calls.push(call);
    return answer;
  }
}

interface Rig {
  readonly path: string;
  readonly session: FakeSession;
  readonly server: PresenceServer;
  readonly quits: number[];
  readonly attentions: (Attention | undefined)[];
  raw(): Promise<RawClient>;
  attach(onNotice?: (notice: SessionNotice) => void): Promise<PresenceLink>;
}

async function rig(context: TestContext, limits: Partial<ServerLimits> = {}): Promise<Rig> {
  const path = join(temporaryDirectory(context), "chat.sock");
  const session = new FakeSession();
  const quits: number[] = [];
  const attentions: (Attention | undefined)[] = [];
  const server = await PresenceServer.open({
    ...{ path, session, limits, clock: realClock, version: "1.2.3", pid: 4711 },
    standing: () => session.snapshot,
    settings: () => SETTINGS,
    told: () => 4_711,
    onAttention: (_, attention) => attentions.push(attention),
    onQuit: () => quits.push(1),
  });
  context.after(() => server.close());
  return {
    ...{ path, session, server, quits, attentions },
    async raw() {
      const client = new RawClient(path);
      context.after(() => client.socket.destroy());
      await soon("connecting", client.connected);
      return client;
    },
    async attach(onNotice = () => {}) {
      const options = { path, version: "1.2.3", clock: realClock, onNotice, onClosed: () => {} };
      const link = await soon("attaching", PresenceLink.attach(options));
      context.after(() => link.close());
      return link;
    },
  };
}

/** Until the holder's latest is here: pushes come before the reply to what is asked after them. */
async function settled(link: PresenceLink): Promise<void> {
  await link.request("holder", undefined);
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("the method table is sorted by name", () => {
  const names = Object.keys(CHAT_METHODS);
  assert.deepEqual(names, names.toSorted());
});

test("whoever attaches has everything: who we are, who is there, whom we trust; the socket is its owner's alone", async (context) => {
  const { attach, session, path } = await rig(context);
  session.snapshot = { ...session.snapshot, registryLostAt: realClock.now() - 5_000 };
  const link = await attach();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(link.report, { pid: 4711, settings: SETTINGS, fingerprint: OWN, told: 4_711 });
  const { registryLostAt = 0, ...rest } = link.snapshot;
  const { registryLostAt: _, ...expected } = session.snapshot;
  assert.deepEqual(plain(rest), plain(expected));
  const ago = realClock.now() - registryLostAt;
  assert.ok(ago >= 4_900 && ago < 60_000, `${ago}`);
  assert.deepEqual(link.pins.list(), session.pins.list());
});

test("every method reaches the session as it was meant", async (context) => {
  const { attentions, attach, session, quits } = await rig(context);
  const link = await attach();
  const subject = { kind: "peer", name: "ola" } as const;
  await link.request("send", {
    messageId: ID,
    to: "ola",
    text: "hi\f\u0000",
    waitMillis: 5,
    reply: ID,
  });
  assert.equal(await link.request("rename", { nickname: "bob" as Nickname }), true);
  await link.request("set-status", { away: true, status: undefined });
  await link.request("mark-read", { from: "ola", ids: [ID] });
  assert.equal(await link.request("join", { room: "office" as RoomName }), true);
  assert.equal(await link.request("part", { room: "office" as RoomName }), false);
  await link.request("typing", { to: "ola", active: true });
  await link.request("accept", { subject, fingerprint: OWN });
  await link.request("forget", { subject });
  await link.request("set-quiet", { until: 5 });
  const attention = { conversation: "@ola", isFocused: true, isActive: false } as const;
  await link.request("attend", attention);
  assert.deepEqual(attentions, [attention]);
  const who = { name: "eve", fingerprint: OWN };
  await link.request("restrict", { who, level: "blocked" });
  await link.request("restrict", { who, level: undefined });
  await link.request("send-file", { id: ID, to: "ola", path: "/tmp/a b" });
  await link.request("change-file", { id: ID, action: "accept" });
  assert.deepEqual(session.calls, [
    ["send", "ola", "hi\f\u0000", { waitMillis: 5, reply: ID }, ID],
    ["rename", "bob"],
    ["setStatus", true, undefined],
    ["markRead", "ola", [ID]],
    ["join", "office"],
    ["part", "office"],
    ["typing", "ola", true],
    ["accept", subject, OWN],
    ["forget", subject],
    ["setQuiet", 5],
    ["restrict", who, "blocked"],
    ["restrict", who, undefined],
    ["sendFile", "ola", "/tmp/a b", ID],
    ["changeFile", ID, "accept"],
  ]);
  await link.request("quit", undefined);
  assert.equal(quits.length, 1);
});

test("files that there are come with the rest, and change by notices; of those that are over the last stay", async (context) => {
  const { attach, session, server } = await rig(context);
  const file = (number: number, state: Transfer["state"]): Transfer => ({
    ...{
      id: number.toString(16).padStart(32, "0") as MessageId,
      direction: "in",
      peer: "ola",
      fingerprint: OWN,
    },
    ...{ name: "a.txt", size: 2 ** 53 - 1, time: number, path: "/in/a.txt", why: "there", state },
    ...{ bytes: 5, bytesPerSecond: 1.5 },
  });
  session.files = Array.from({ length: 45 }, (_, index) => file(index, "running"));
  const link = await attach();
  assert.deepEqual(plain(link.files), plain(session.files));
  server.tell({ type: "file", transfer: file(3, "paused"), change: "paused" });
  for (let number = 100; number < 300; number += 1)
    server.tell({ type: "file", transfer: file(number, "done"), change: "done" });
  await settled(link);
  assert.equal(link.files.find(({ time }) => time === 3)?.state, "paused");
  const over = link.files.filter(({ state }) => state === "done");
  assert.equal(over.length, 50);
  assert.equal(over.at(-1)?.time, 299);
});

test("changes come to all who are attached, before the notice that is about them", async (context) => {
  const { attach, session, server } = await rig(context);
  const seen: unknown[] = [];
  const link = await attach((notice) =>
    seen.push([notice.type, link.snapshot.roster.map(({ nickname }) => nickname)]),
  );
  const other = await attach();
  session.snapshot = { ...session.snapshot, roster: [peer("ola", { trust: "verified" }), peer("zoe")] };
  server.changed();
  server.tell({ type: "presence", online: ["zoe" as Nickname], offline: [] });
  await Promise.all([settled(link), settled(other)]);
  assert.deepEqual(seen, [["presence", ["ola", "zoe"]]]);
  assert.equal(other.snapshot.roster[0]?.trust, "verified");
  session.pins = Pins.none;
  server.changed();
  await soon(
    "the change",
    until(() => link.pins.list().length === 0),
  );
});

test("a roster of 10,000 and thousands of pins cross in pieces", async (context) => {
  const { attach, session } = await rig(context);
  const roster = Array.from({ length: 10_000 }, (_, index) => peer(`p${String(index).padStart(5, "0")}`));
  session.snapshot = { ...session.snapshot, roster };
  const shunned = Array.from({ length: 1_000 }, (_, index) => ({
    name: `s${index}`,
    fingerprint: undefined,
  }));
  const pins = Array.from({ length: 4_000 }, (_, index) => ({ kind: "peer" as const, name: `p${index}` }));
  const met = pins.reduce((all, subject) => all.meet(subject, OWN, 1), Pins.none);
  session.pins = shunned.reduce((all, who) => all.restrict(who, "ignored", 1), met);
  const link = await attach();
  assert.equal(link.snapshot.roster.length, 10_000);
  assert.deepEqual(link.pins.list(), session.pins.list());
  const namesOf = (all: Pins): readonly string[] => all.restrictions.list().map(({ name }) => name);
  assert.deepEqual(namesOf(link.pins), namesOf(session.pins));
});

test("another version is refused with what to do; status and quit work all the same", async (context) => {
  const { path, quits } = await rig(context);
  const options = { path, version: "9.9.9", clock: realClock, onNotice: () => {}, onClosed: () => {} };
  await assert.rejects(PresenceLink.attach(options), {
    code: "other-version",
    message: /multiproto-chat 1\.2\.3 \(process 4711\) holds your presence, and this is 9\.9\.9 \(.*quit\)/,
  });
  const holder = await askHolder(path, "holder");
  assert.deepEqual([holder.version, holder.attached, holder.pending], ["1.2.3", 0, 3]);
  await askHolder(path, "quit");
  assert.equal(quits.length, 1);
});

test("nothing is done for who has not attached, nor for requests that are none", async (context) => {
  const { raw, session } = await rig(context);
  const sender = await raw();
  const wrong: readonly [string, unknown][] = [
    ["send", { messageId: ID, to: "ola", text: "hi" }],
    ["rename", { nickname: "bob" }],
    ["send", { messageId: "short", to: "ola", text: "hi" }],
    ["send", { messageId: ID, to: "ola", text: "x".repeat(65_537) }],
    ["rename", { nickname: "a b" }],
    ["mark-read", { from: "ola", ids: Array(2_000).fill(ID) }],
    ["accept", { subject: { kind: "peer", name: "ola" }, fingerprint: "nonsense" }],
    ["set-status", { away: "yes" }],
  ];
  for (const [id, [method, params]] of wrong.entries()) {
    sender.send({ id: id + 1, method, params });
    const reply = (await sender.reply()) as { error?: { code: string } };
    assert.equal(reply.error?.code, "bad-request", method);
  }
  assert.deepEqual(session.calls, []);
});

test("who attaches and does not read is dropped, and the others are told everything", async (context) => {
  const { raw, attach, server } = await rig(context, { replyBytes: 600_000, stalledMillis: 50 });
  const stuck = await raw();
  stuck.send({ id: 1, method: "attach", params: { version: "1.2.3" } });
  await soon(
    "attaching",
    until(() => server.attached === 1),
  );
  stuck.socket.pause();
  let told = 0;
  const link = await attach(() => (told += 1));
  const text = "x".repeat(16_000);
  for (let round = 0; round < 200; round += 1) {
    server.tell({ type: "delivered", messageId: ID, to: "ola", text });
    if (round % 10 === 9) await settled(link);
  }
  await soon(
    "the drop",
    until(() => server.attached === 1),
  );
  assert.equal(told, 200);
});

test("who connects and does not attach is closed; who has attached may be silent", async (context) => {
  const { raw, attach, server } = await rig(context, { idleMillis: 50 });
  const link = await attach();
  const silent = await raw();
  await soon("being closed", silent.closed);
  assert.equal(server.attached, 1);
  await settled(link);
});

test("a flood of requests drops its sender and nobody else; the client itself never floods", async (context) => {
  const { raw, attach, server, session } = await rig(context, { requestsPerSecond: 400 });
  const link = await attach();
  const attacker = await raw();
  attacker.socket.write(
    `${JSON.stringify({ type: "request", data: { id: 1, method: "holder" } })}\f`.repeat(2_000),
  );
  await soon("being dropped", attacker.closed);
  const sends = Array.from({ length: 600 }, (_, index) =>
    link.request("send", {
      ...{ messageId: ID, to: "ola", text: String(index) },
      ...{ waitMillis: undefined, reply: undefined },
    }),
  );
  await soon("all of them", Promise.all(sends));
  assert.deepEqual(
    session.calls.map((call) => Number((call as string[])[2])),
    Array.from({ length: 600 }, (_, index) => index),
  );
  assert.equal(server.attached, 1);
});

test("more than 32 programs at once are turned away", async (context) => {
  const { raw } = await rig(context);
  for (let count = 0; count < 32; count += 1) await raw();
  const extra = await raw();
  await soon("being closed", extra.closed);
});

test("closing ends what is attached and removes the socket", async (context) => {
  const { path, server, session } = await rig(context);
  let ended: () => void = () => {};
  const over = new Promise<void>((resolve) => (ended = resolve));
  const options = { path, version: "1.2.3", clock: realClock, onNotice: () => {}, onClosed: () => ended() };
  const link = await PresenceLink.attach(options);
  await server.close();
  await soon("the end", over);
  assert.equal(link.endedBy?.reason, "closed");
  assert.equal(link.snapshot.nickname, session.snapshot.nickname);
  assert.equal(existsSync(path), false);
});

const STANDING = {
  protocol: "mp2",
  address: "10.0.0.1",
  realm: "office",
  fingerprint: OWN,
  trust: "pinned",
} as const;

const NOTICES: readonly SessionNotice[] = [
  { type: "searching" },
  { type: "search-hint", waitedMillis: 10_000.5, unverified: "pinned" },
  { type: "online", nickname: "adam" as Nickname, registry: "10.0.0.1", standing: STANDING, again: true },
  {
    type: "refused",
    nickname: "adam" as Nickname,
    refusal: { code: "nickname-taken", text: "taken", suggestion: "adam~2", holderFingerprint: OWN },
    next: "ask",
  },
  { type: "registry-lost", registry: "10.0.0.1", how: "lost" },
  { type: "other-registry", registry: "10.0.0.1", address: "10.0.0.7", realm: "annex", fingerprint: OWN },
  { type: "typing", from: "ola" as Nickname, active: true },
  { type: "waiting", messageId: ID, to: "ola", text: "hi", why: "offline" } as SessionNotice,
  { type: "presence-moved", here: false },
];

test("notices cross as they are; what is none does not", () => {
  for (const notice of NOTICES) assert.deepEqual(parseNotice(plain(notice), "notice"), notice);
  for (const wrong of [
    {},
    { type: "nonsense" },
    { type: "toString" },
    { type: "ended", reason: "x" },
    7,
    null,
  ])
    assert.throws(() => parseNotice(wrong, "notice"), { name: "ShapeError" });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

test("the user's other programs change trusted keys by the holder, and in the files where there is none or another version", async (context) => {
  const { path, session, server } = await rig(context);
  const pins = new PinFile(join(temporaryDirectory(context), "trusted-keys"));
  const subject = { kind: "peer", name: "ola" } as const;
  const who = { name: "ola", fingerprint: OWN };
  const seen: (readonly unknown[])[] = [];
  const choose = (before: Pins): readonly TrustedChange[] => {
    seen.push(before.list().map(({ name }) => name));
    return [
      { type: "accept", subject, fingerprint: OWN, at: 1 },
      { type: "restrict", who, level: "ignored", at: 1 },
      { type: "forget", subject: { kind: "peer", name: "eva" } },
    ];
  };
  const options = { pins, socketPath: path, version: "1.2.3", clock: realClock };
  await soon("changing", changeTrustedKeys(options, choose));
  assert.deepEqual(session.calls, [
    ["accept", subject, OWN],
    ["restrict", who, "ignored"],
    ["forget", { kind: "peer", name: "eva" }],
  ]);
  assert.deepEqual(pins.read().list(), [], "the holder writes them, and nobody else");
  await soon("changing", changeTrustedKeys({ ...options, version: "1.2.4" }, choose));
  assert.equal(pins.read().find(subject)?.by, "user");
  pins.update(() => Pins.none);
  await server.close();
  await soon("changing", changeTrustedKeys(options, choose));
  assert.equal(pins.read().find(subject)?.by, "user");
  assert.equal(pins.read().restrictions.of(who), "ignored");
  assert.deepEqual([session.calls.length, seen], [3, [["ola"], [], []]]);
});
