import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { BOUNDS } from "../../src/chat/bounds.ts";
import { parseRoom } from "../../src/chat/commands.ts";
import type { ChatNotice } from "../../src/chat/notices.ts";
import { POST_MILLIS } from "../../src/chat/room-posts.ts";
import { MAX_ROOMS, type RoomName } from "../../src/wire/mp2-values.ts";
import { ChatNet } from "./chat-net.ts";
import { ADAM, EVE, entry, key, Mp2Client, OLA, type Person } from "./mp2-client.ts";

const LAB = "lab" as RoomName;
const TEA = "tea" as RoomName;

/** Adam, Ola and Eve; those of `inLab` are in the room and listed so. */
function lan(inLab = [ADAM, OLA, EVE]): ChatNet {
  const net = new ChatNet([ADAM, OLA, EVE]);
  for (const person of inLab) {
    assert.ok(net.node(person).client.join(0, LAB));
    for (const other of net.nodes) if (other.person !== person) other.put(entry(person, { rooms: [LAB] }));
  }
  return net;
}

function received(node: Mp2Client): readonly string[] {
  return node
    .notices()
    .flatMap((notice) =>
      notice.type === "received"
        ? [`${notice.message.room ?? "-"} ${notice.message.from}: ${notice.message.text}`]
        : [],
    );
}

function only<Type extends ChatNotice["type"]>(node: Mp2Client, type: Type) {
  return node.notices().filter((notice) => notice.type === type) as Extract<ChatNotice, { type: Type }>[];
}

test("what is said in a room reaches each of the others once, in order with what is said to them alone", () => {
  const net = lan();
  const [adam, ola, eve] = [net.node(ADAM), net.node(OLA), net.node(EVE)];
  const messageId = adam.client.send(0, "#LAB", "one");
  adam.client.send(0, "ola", "two");
  adam.client.send(0, "#lab", "three");
  net.pass(200);
  assert.deepEqual(received(ola), ["lab adam: one", "- adam: two", "lab adam: three"]);
  assert.deepEqual(received(eve), ["lab adam: one", "lab adam: three"]);
  const [first] = only(adam, "room-delivered");
  assert.deepEqual(
    [first?.messageId, first?.room, first?.text, [...(first?.reached ?? [])].sort()],
    [messageId, "lab", "one", ["eve", "ola"]],
  );
  assert.equal(adam.client.pending, 0);
});

test("who is not in the room gets nothing, and shows nothing of one that it has left", () => {
  const net = lan([ADAM, OLA]);
  const [adam, ola, eve] = [net.node(ADAM), net.node(OLA), net.node(EVE)];
  // Adam has not heard of it yet.
  assert.ok(ola.client.part(0, LAB));
  adam.client.send(0, "#lab", "one");
  net.pass(200);
  assert.deepEqual([received(ola), received(eve)], [[], []]);
  assert.equal(only(adam, "room-delivered").length, 1, "acknowledged all the same");
});

test("why nothing was said", () => {
  const net = lan([ADAM]);
  const adam = net.node(ADAM);
  adam.client.send(0, "#tea", "hello");
  adam.client.send(0, "#lab", "hello");
  adam.client.send(0, "#lab", "  ");
  net.node(OLA).client.join(0, LAB);
  adam.put(entry(OLA, { rooms: [LAB] }));
  adam.client.send(0, "#lab", "x".repeat(16_385));
  const whys = only(adam, "room-undelivered").map(({ why }) => why);
  assert.deepEqual(whys, ["not-in-room", "nobody-there", "empty", "too-long"]);
});

test("a member who was lost gets it when it is back, one who left does not; after an hour it is told", () => {
  const net = lan();
  const [adam, ola, eve] = [net.node(ADAM), net.node(OLA), net.node(EVE)];
  adam.put(entry(OLA, { rooms: [LAB], state: "offline", reason: "lost" }));
  adam.put(entry(EVE, { rooms: [LAB], state: "offline", reason: "left" }));
  net.mayConnect = () => false;
  adam.client.send(0, "#lab", "one");
  net.pass(5_000);
  net.mayConnect = () => true;
  adam.put(entry(OLA, { rooms: [LAB] }));
  net.pass(10_000);
  assert.deepEqual([received(ola), received(eve)], [["lab adam: one"], []]);
  net.mayConnect = () => false;
  for (const wire of net.open) net.cut(wire);
  adam.client.send(net.now, "#lab", "two");
  net.pass(POST_MILLIS);
  const [told] = only(adam, "room-undelivered");
  assert.deepEqual([told?.text, told?.why, told?.missed], ["two", "not-reached", ["ola"]]);
  assert.equal(adam.client.pending, 0);
});

test("who leaves is told that its last words in a room wait for the others, and is in that room the next time", () => {
  const net = lan();
  net.mayConnect = () => false;
  const adam = net.node(ADAM);
  const messageId = adam.client.send(0, "#lab", "bye");
  adam.drain();
  adam.client.leave(net.now);
  const [told] = only(adam, "waiting");
  assert.deepEqual([told?.messageId, told?.to, told?.why], [messageId, "#lab", "left"]);
  const { rooms, posts } = adam.archive.load();
  assert.deepEqual(rooms, [LAB]);
  assert.deepEqual(
    posts.map(({ text, reached, left }) => [
      text,
      reached.length,
      left.map(({ nickname }) => nickname).sort(),
    ]),
    [["bye", 0, ["eve", "ola"]]],
  );
});

test("what would not outlive us is not kept: whom it did not reach is told", () => {
  const net = lan();
  net.mayConnect = () => false;
  const adam = net.node(ADAM);
  adam.archive.failWith("the disk is full");
  adam.client.send(0, "#lab", "bye");
  net.pass(100);
  adam.client.leave(net.now);
  const [told] = only(adam, "room-undelivered");
  assert.deepEqual([told?.text, [...(told?.missed ?? [])].sort()], ["bye", ["eve", "ola"]]);
});

test("after a restart we are where we were, and what was said goes to those who do not have it, once and in order", () => {
  const net = lan();
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  net.mayConnect = (from, to) => ![from, to].includes(EVE);
  const ids = ["one", "two"].map((text) => adam.client.send(net.now, "#lab", text));
  net.pass(2_000);
  assert.deepEqual(received(ola), ["lab adam: one", "lab adam: two"]);
  // Killed: nothing is told, nothing said to anybody.
  const next = new Mp2Client({ person: ADAM, archive: adam.archive });
  next.client.start(0);
  next.pass(0);
  assert.deepEqual(next.client.snapshot().rooms, [LAB]);
  assert.equal(next.client.pending, 2);
  next.joinRegistry([
    entry(ADAM, { rooms: [LAB] }),
    entry(OLA, { rooms: [LAB] }),
    entry(EVE, { rooms: [LAB] }),
  ]);
  assert.deepEqual(
    next.take("tls-dial").map(({ fingerprint }) => fingerprint),
    [EVE.key],
    "Ola has both",
  );
  assert.deepEqual(
    adam.archive.load().posts.map(({ messageId, left }) => [messageId, left.map(({ nickname }) => nickname)]),
    ids.map((id) => [id, ["eve"]]),
  );
  // Asked for again by another program of the user: it is under way already.
  next.client.send(next.now, "#lab", "one", {}, ids[0]);
  assert.equal(next.client.pending, 2);
});

test("after a restart that comes too late, whom it did not reach is told", () => {
  const net = lan();
  net.mayConnect = () => false;
  const adam = net.node(ADAM);
  adam.client.send(net.now, "#lab", "one");
  net.pass(100);
  const next = new Mp2Client({ person: ADAM, archive: adam.archive });
  next.now = POST_MILLIS + 1;
  next.client.start(next.now);
  next.drain();
  assert.deepEqual(
    only(next, "room-undelivered").map(({ text, missed }) => [text, [...missed].sort()]),
    [["one", ["eve", "ola"]]],
  );
  assert.deepEqual(adam.archive.load().posts, []);
});

test("a room that was left stays left; rooms of the settings come first", () => {
  const adam = new Mp2Client().online();
  adam.client.join(adam.now, LAB);
  adam.client.join(adam.now, TEA);
  adam.client.part(adam.now, LAB);
  adam.drain();
  const next = new Mp2Client({ archive: adam.archive, rooms: ["den" as RoomName] }).online();
  assert.deepEqual(next.client.snapshot().rooms, ["den", TEA]);
});

test("who comes to a room and who leaves it is told, together, and of our own rooms only", () => {
  const adam = new Mp2Client().online(entry(OLA), entry(EVE));
  adam.client.join(adam.now, LAB);
  adam.notices();
  adam.put(entry(OLA, { rooms: [LAB, TEA] }));
  adam.put(entry(EVE, { rooms: [LAB] }));
  adam.pass(1_000);
  adam.put(entry(EVE, { rooms: [TEA] }));
  adam.put(entry(OLA, { rooms: [LAB], state: "offline", reason: "left" }));
  adam.pass(1_000);
  assert.deepEqual(
    only(adam, "room").map(({ change }) => [change.room, [...change.joined].sort(), [...change.left].sort()]),
    [
      ["lab", ["eve", "ola"], []],
      ["lab", [], ["eve", "ola"]],
    ],
  );
  assert.deepEqual(adam.client.snapshot().rooms, [LAB]);
});

test("the registry is told of rooms, away and status together, and of rooms at registration", () => {
  const adam = new Mp2Client({ rooms: [TEA] }).online();
  adam.client.join(adam.now, LAB);
  adam.client.setStatus(adam.now, true, undefined);
  adam.client.part(adam.now, TEA);
  adam.client.part(adam.now, LAB);
  assert.deepEqual(adam.fromClient(), [
    { type: "status", away: false, rooms: [LAB, TEA] },
    { type: "status", away: true, rooms: [LAB, TEA] },
    { type: "status", away: true, rooms: [LAB] },
    { type: "status", away: true },
  ]);
});

test("one more room than fits is refused", () => {
  const adam = new Mp2Client().online();
  for (let number = 0; number < MAX_ROOMS; number += 1)
    assert.ok(adam.client.join(0, `room${number}` as RoomName));
  assert.equal(adam.client.join(0, LAB), false);
  assert.ok(adam.client.join(0, "room3" as RoomName), "again is no news");
});

test("a room's name is folded; what can be no room is none", () => {
  assert.equal(parseRoom("#Straße"), "straße");
  assert.equal(parseRoom("#ＬＡＢ"), "lab");
  for (const text of ["lab", "#", "##lab", "#two words", "#\x1b[2J", `#${"x".repeat(33)}`, "#\u202Elab"])
    assert.equal(parseRoom(text), undefined, text);
});

test("a dozen members: everybody gets what everybody says, in each one's order", () => {
  const people: readonly Person[] = Array.from({ length: 12 }, (_, index) => ({
    nick: `member${index}`,
    key: key((index + 16).toString(16)),
    address: `10.0.1.${index}`,
  }));
  const net = new ChatNet(people);
  net.delay = () => net.random.below(20);
  for (const node of net.nodes) {
    node.client.join(0, LAB);
    const others = people.filter((other) => other !== node.person);
    node.put(...others.map((other) => entry(other, { rooms: [LAB] })));
  }
  const texts = ["1", "2", "3"];
  for (const node of net.nodes)
    for (const [at, text] of texts.entries())
      net.later(at * 40 + net.random.below(40), () => void node.client.send(net.now, "#lab", text));
  net.pass(10_000);
  for (const node of net.nodes) {
    assert.equal(node.client.pending, 0);
    const heard = received(node);
    assert.equal(heard.length, texts.length * (people.length - 1));
    for (const { nick } of people.filter((other) => other !== node.person)) {
      const of = heard.filter((line) => line.startsWith(`lab ${nick}: `)).map((line) => line.at(-1));
      assert.deepEqual(of, texts);
    }
  }
});

test("a registry that restarts empties no room", () => {
  const adam = new Mp2Client({ rooms: [LAB] }).online(
    entry(OLA, { rooms: [LAB] }),
    entry(EVE, { rooms: [LAB] }),
  );
  adam.ends("restart");
  adam.pass(1_000);
  adam.joinRegistry([entry(ADAM, { rooms: [LAB] })]);
  adam.pass(1_000);
  adam.put(entry(OLA, { rooms: [LAB] }), entry(EVE, { rooms: [LAB] }));
  adam.pass(20_000);
  assert.deepEqual(only(adam, "room"), []);
});

test("what was read in a room is known here, and told to nobody", () => {
  const net = lan();
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.send(0, "#lab", "one");
  net.pass(200);
  const [got] = only(ola, "received");
  assert.ok(got?.message.messageId !== undefined);
  ola.client.markRead(net.now, "#lab", [got.message.messageId]);
  net.pass(200);
  assert.deepEqual(only(adam, "read"), []);
  assert.deepEqual(
    ola.archive.page("#lab", { limit: 9 }).map(({ state }) => state),
    ["read"],
  );
});

test("a post that is asked for again is said once; when it is over, whom it reached is not known any more", () => {
  const net = lan();
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  const id = adam.client.send(0, "#lab", "one");
  adam.client.send(0, "#lab", "one", {}, id);
  net.pass(200);
  assert.equal(only(adam, "room-delivered").length, 1);
  adam.client.send(net.now, "#lab", "one", {}, id);
  net.pass(200);
  assert.deepEqual(received(ola), ["lab adam: one"]);
  assert.deepEqual(
    only(adam, "room-undelivered").map(({ why, missed }) => [why, [...missed].sort()]),
    [["not-reached", ["eve", "ola"]]],
  );
  assert.equal(adam.client.pending, 0);
});

test("what crowded rooms do not confirm is bounded, and room comes back with what is settled", () => {
  const adam = new Mp2Client({ rooms: [LAB] }).online();
  const crowd = Array.from({ length: 200 }, (_, index) => ({
    nick: `member${index}`,
    key: (index + 1).toString(16).padStart(64, "0") as Fingerprint,
    address: `10.0.1.${index}`,
  }));
  const lost = { rooms: [LAB], state: "offline", reason: "lost" } as const;
  adam.put(...crowd.map((one) => entry(one, lost)));
  const most = BOUNDS.unsettledPosts / crowd.length;
  for (let count = 0; count <= most; count += 1) adam.client.send(adam.now, "#lab", `text ${count}`);
  assert.deepEqual(
    only(adam, "room-undelivered").map(({ text, why }) => [text, why]),
    [[`text ${most}`, "queue-full"]],
  );
  adam.pass(POST_MILLIS);
  assert.equal(adam.client.pending, 0);
});
