import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatNotice } from "../../src/chat/notices.ts";
import { MAX_RESTRICTIONS, Restrictions } from "../../src/chat/restrictions.ts";
import type { RoomName } from "../../src/wire/mp2-values.ts";
import { ChatNet } from "./chat-net.ts";
import { ADAM, EVE, entry, key, Mp2Client, OLA, UNIX } from "./mp2-client.ts";
import { nickname, OLA as OLD_OLA, VirtualClient } from "./virtual-client.ts";

const OLAS = { name: "ola", fingerprint: OLA.key };

function lan(): ChatNet {
  return new ChatNet([ADAM, OLA, EVE]);
}

function of<Type extends ChatNotice["type"]>(notices: readonly ChatNotice[], type: Type) {
  return notices.filter((notice) => notice.type === type) as Extract<ChatNotice, { type: Type }>[];
}

function texts(node: Mp2Client): readonly string[] {
  return of(node.notices(), "received").map(({ message }) => message.text);
}

/** In the archive, ignored ones too. */
function stored(node: Mp2Client): readonly string[] {
  return node.archive
    .page(undefined, { limit: 99, withIgnored: true })
    .map(({ text, state }) => `${text} ${state}`);
}

test("who is ignored is stored, confirmed and marked, and nothing of it is told; after that it is heard again", () => {
  const net = lan();
  const [adam, ola, eve] = [net.node(ADAM), net.node(OLA), net.node(EVE)];
  const lab = "lab" as RoomName;
  for (const person of [ADAM, OLA]) net.node(person).client.join(0, lab);
  ola.put(entry(ADAM, { rooms: [lab] }));
  adam.client.restrict(0, OLAS, "ignored");
  ola.client.send(0, "adam", "one");
  ola.client.send(0, "#lab", "two");
  ola.client.typing(0, "adam", true);
  eve.client.send(0, "adam", "from eve");
  net.pass(300);
  const notices = adam.notices();
  assert.deepEqual(
    of(notices, "received").map(({ message }) => message.text),
    ["from eve"],
  );
  assert.deepEqual(of(notices, "typing"), []);
  assert.deepEqual(
    of(notices, "restricted").map(({ name, fingerprint, level }) => [name, fingerprint, level]),
    [["ola", OLA.key, "ignored"]],
  );
  assert.deepEqual(stored(adam).toSorted(), ["from eve unread", "one ignored", "two ignored"]);
  assert.deepEqual(
    adam.archive.conversations().map(({ key: of_, unread }) => [of_, unread]),
    [["@eve", 1]],
  );
  assert.deepEqual(adam.archive.page("@ola", { limit: 9 }), []);
  assert.deepEqual(adam.archive.search("one", { limit: 9 }), []);
  assert.equal(ola.client.pending, 0, "confirmed, as by anybody");
  assert.equal(
    adam.client.snapshot().roster.find(({ nickname }) => nickname === "ola")?.restriction,
    "ignored",
  );
  assert.equal(adam.client.snapshot().roster.find(({ nickname }) => nickname === "ola")?.online, true);
  adam.client.send(net.now, "ola", "to ola");
  adam.client.restrict(net.now, OLAS, undefined);
  ola.client.send(net.now, "adam", "three");
  net.pass(300);
  assert.deepEqual(texts(adam), ["three"]);
  assert.deepEqual(texts(ola), ["to ola"], "ignoring is one way");
});

test("who is blocked learns that we are busy and no more; what it says comes when it is not blocked any more, in order", () => {
  const net = lan();
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.restrict(0, OLAS, "blocked");
  for (const text of ["one", "two"]) ola.client.send(0, "adam", text);
  net.pass(20_000);
  assert.deepEqual([texts(adam), stored(adam)], [[], []]);
  assert.deepEqual(net.open, []);
  ola.client.send(net.now, "adam", "now", { waitMillis: 0 });
  net.pass(20_000);
  const [failed] = of(ola.notices(), "undelivered");
  assert.deepEqual([failed?.message.text, failed?.message.why], ["now", "busy-there"]);
  adam.client.restrict(net.now, OLAS, undefined);
  net.pass(120_000);
  assert.deepEqual(texts(adam), ["one", "two"]);
});

test("nothing goes to who is blocked: a letter waits and says why, a script is refused, a room goes on without it", () => {
  const net = lan();
  const [adam, ola, eve] = [net.node(ADAM), net.node(OLA), net.node(EVE)];
  const lab = "lab" as RoomName;
  for (const node of net.nodes) {
    node.client.join(0, lab);
    for (const person of [ADAM, OLA, EVE])
      if (person !== node.person) node.put(entry(person, { rooms: [lab] }));
  }
  adam.client.restrict(0, OLAS, "blocked");
  adam.client.send(0, "ola", "letter");
  adam.client.send(0, "ola", "script", { waitMillis: 0 });
  adam.client.send(0, "#lab", "all");
  net.pass(1_000);
  const notices = adam.notices();
  assert.deepEqual(
    of(notices, "waiting").map(({ text, why }) => [text, why]),
    [["letter", "blocked-here"]],
  );
  assert.deepEqual(
    of(notices, "undelivered").map(({ message }) => [message.text, message.why]),
    [["script", "blocked-here"]],
  );
  assert.deepEqual(
    of(notices, "room-delivered").map(({ reached }) => reached),
    [["eve"]],
  );
  assert.deepEqual([texts(ola), texts(eve)], [[], ["all"]]);
  adam.client.restrict(net.now, OLAS, undefined);
  net.pass(5_000);
  assert.deepEqual(texts(ola), ["letter"]);
});

test("a connection that is up is closed by the block, and what was under way on it waits", () => {
  const net = lan();
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.send(0, "ola", "hello");
  net.pass(1_000);
  assert.equal(net.open.length, 1);
  net.onSend = (wire) => net.freeze(wire);
  adam.client.send(net.now, "ola", "under way");
  net.pass(1);
  adam.client.restrict(net.now, OLAS, "blocked");
  net.pass(1_000);
  assert.deepEqual(
    of(adam.notices(), "waiting").map(({ text, why }) => [text, why]),
    [["under way", "blocked-here"]],
  );
  assert.deepEqual(texts(ola), ["hello"]);
});

test("it is by key: another name changes nothing, and another key under the name is somebody else", () => {
  const adam = new Mp2Client().online(entry(OLA));
  adam.client.restrict(adam.now, OLAS, "blocked");
  adam.drain();
  adam.put(entry(OLA, { state: "offline", reason: "left" }), entry({ ...OLA, nick: "olga" }));
  const roster = adam.client.snapshot().roster;
  assert.deepEqual(
    roster.map(({ nickname, restriction }) => [nickname, restriction]),
    [
      ["olga", "blocked"],
      ["ola", "blocked"],
    ],
  );
  adam.put(entry({ ...EVE, nick: "ola" }));
  const ola = adam.client.snapshot().roster.find(({ nickname }) => nickname === "ola");
  assert.equal(ola?.restriction, undefined);
});

test("a blocked key that connects again and again is told busy each time, and nothing is kept of it", () => {
  const adam = new Mp2Client().online(entry(OLA));
  adam.client.restrict(adam.now, OLAS, "blocked");
  adam.drain();
  for (let count = 0; count < 1_000; count += 1) {
    adam.connects("mp2-chat", OLA.key, OLA.address);
    assert.deepEqual(adam.take("tls-end").length, 1);
  }
  assert.deepEqual(adam.take("tls-dial"), []);
  assert.deepEqual(stored(adam), []);
});

test("another program of the user did it: told once, and it counts", () => {
  const adam = new Mp2Client().online(entry(OLA));
  const pins = adam.pins.restrict(OLAS, "ignored", UNIX);
  adam.client.handle(adam.now, { type: "pins", pins });
  adam.client.handle(adam.now, { type: "pins", pins });
  assert.equal(of(adam.notices(), "restricted").length, 1);
  assert.equal(adam.client.snapshot().roster[0]?.restriction, "ignored");
  adam.client.handle(adam.now, { type: "pins", pins: pins.restrict(OLAS, undefined, UNIX) });
  assert.deepEqual(
    of(adam.notices(), "restricted").map(({ level }) => level),
    [undefined],
  );
});

test("mp1: by name, whoever says it; who is ignored is stored, who is blocked is not", () => {
  const bench = new VirtualClient();
  bench.online(OLD_OLA);
  const says = (text: string): void =>
    bench.handle({ type: "message", address: OLD_OLA.ip, message: { from: nickname("ola"), text } });
  const who = { name: "OLA", fingerprint: undefined };
  bench.client.restrict(bench.now, who, "ignored");
  says("one");
  bench.client.restrict(bench.now, who, "blocked");
  says("two");
  bench.client.restrict(bench.now, who, undefined);
  says("three");
  bench.pass(1_000);
  const shown = of(bench.notices(), "received").map(({ message }) => message.text);
  assert.deepEqual(shown, ["three"]);
  const all = bench.archive.page(undefined, { limit: 9, withIgnored: true });
  assert.deepEqual(
    all.map(({ text, state }) => `${text} ${state}`),
    ["one ignored", "three unread"],
  );
});

test("mp1, and a disk that fails: who is heard is shown at once, who is ignored never", () => {
  const bench = new VirtualClient();
  bench.online(OLD_OLA);
  bench.client.restrict(bench.now, { name: "ola", fingerprint: undefined }, "ignored");
  bench.archive.failWith("the disk is full");
  const says = (from: string, text: string): void => {
    bench.handle({ type: "message", address: OLD_OLA.ip, message: { from: nickname(from), text } });
    bench.pass(1_000);
  };
  for (const number of [1, 2]) {
    says("ola", `${number}`);
    says("bob", `${number}`);
  }
  assert.deepEqual(
    of(bench.notices(), "received").map(({ message }) => message.from),
    ["bob", "bob"],
  );
});

test("a full list takes nobody else and drops nobody; two of one key are damage", () => {
  const many = Array.from({ length: MAX_RESTRICTIONS }, (_, number) => ({
    ...{ name: `n${number}`, fingerprint: undefined, since: 1 },
    level: "ignored" as const,
  }));
  const full = Restrictions.from(many);
  assert.ok(full !== undefined);
  assert.equal(full.with(OLAS, "blocked", 1), full);
  assert.equal(
    full.with({ name: "N7", fingerprint: undefined }, "blocked", 1).list().length,
    MAX_RESTRICTIONS,
  );
  assert.equal(full.of(OLAS), undefined);
  const two = { ...OLAS, level: "ignored", since: 1 } as const;
  assert.equal(Restrictions.from([two, { ...two, name: "olga" }]), undefined);
  assert.notEqual(Restrictions.from([two, { ...two, fingerprint: key("dd") }]), undefined);
});
