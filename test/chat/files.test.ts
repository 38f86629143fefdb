import assert from "node:assert/strict";
import { test } from "node:test";
import { FILE_BOUNDS } from "../../src/chat/files/transfer.ts";
import { Pins } from "../../src/chat/pins.ts";
import { CHAT } from "../../src/wire/mp2-chat.ts";
import type { OfferedName, TransferId } from "../../src/wire/mp2-files.ts";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import { FileNet } from "./file-net.ts";
import { ADAM, EVE, entry, OLA, type Person, seeded } from "./mp2-client.ts";

/** Files between cores on a virtual clock; disks and connections are test/chat/file-net.ts. */

function changes(net: FileNet, person: Person): readonly string[] {
  return net
    .node(person)
    .notices()
    .flatMap((notice) => (notice.type === "file" && notice.change !== "progress" ? [notice.change] : []));
}

test("offered, accepted, sent, done: once on each side", () => {
  const net = new FileNet([ADAM, OLA]);
  const id = net.send(ADAM, OLA, "/a.txt");
  net.pass(200);
  assert.equal(net.state(ADAM, id), "offered");
  assert.equal(net.state(OLA, id), "offered");
  net.pass(3_600_000);
  assert.equal(net.open.length, 0, "nothing keeps a connection while the user thinks");
  assert.ok(net.dials <= 2, `${net.dials} connections`);
  net.change(OLA, id, "accept");
  net.pass(1_000);
  assert.equal(net.state(ADAM, id), "done");
  assert.equal(net.state(OLA, id), "done");
  assert.deepEqual(net.disk(OLA).folder, [`/in/${id}`]);
  assert.equal(net.disk(OLA).parts.size, 0);
  assert.deepEqual(changes(net, ADAM), ["offered", "accepted", "started", "done"]);
  assert.deepEqual(changes(net, OLA), ["offered", "accepted", "started", "done"]);
});

test("refused, and said so", () => {
  const net = new FileNet([ADAM, OLA]);
  const id = net.send(ADAM, OLA, "/a.txt");
  net.pass(200);
  net.change(OLA, id, "refuse");
  net.pass(200);
  assert.equal(net.state(ADAM, id), "refused declined");
  assert.equal(net.change(OLA, id, "accept"), false);
});

test("paused by either side and gone on with, from where it was", () => {
  const net = new FileNet([ADAM, OLA]);
  const id = net.send(ADAM, OLA, "/a.txt", 100_000);
  net.pass(200);
  net.change(OLA, id, "accept");
  for (const person of [OLA, ADAM]) {
    net.pass(200);
    const other = person === OLA ? ADAM : OLA;
    assert.equal(net.state(person, id), "running");
    net.change(person, id, "pause");
    net.pass(10_000);
    assert.equal(net.state(person, id), "paused here");
    assert.equal(net.state(other, id), "paused there");
    const before = net.disk(OLA).parts.get(id) ?? 0;
    assert.ok(before > 0);
    net.change(person, id, "resume");
    net.pass(100);
    assert.ok((net.disk(OLA).parts.get(id) ?? 0) > before);
  }
  net.pass(2_000);
  assert.equal(net.state(ADAM, id), "done");
  assert.equal(net.disk(OLA).folder.length, 1);
});

test("what was paused stays so over a kill of either side", () => {
  const net = new FileNet([ADAM, OLA]);
  const id = net.send(ADAM, OLA, "/a.txt", 100_000);
  net.pass(200);
  net.change(OLA, id, "accept");
  net.pass(200);
  net.change(OLA, id, "pause");
  net.pass(200);
  net.kill(OLA);
  net.pass(60_000);
  net.kill(ADAM);
  net.pass(60_000);
  assert.equal(net.state(OLA, id), "paused here");
  assert.equal(net.state(ADAM, id), "paused there");
  net.change(OLA, id, "resume");
  net.pass(5_000);
  assert.equal(net.state(ADAM, id), "done");
});

test("cancelled by its sender while the other is away: who accepts it then is told", () => {
  const net = new FileNet([ADAM, OLA]);
  const id = net.send(ADAM, OLA, "/a.txt");
  net.pass(200);
  net.node(ADAM).put(entry(OLA, { state: "offline", reason: "lost" }));
  net.pass(400_000);
  net.change(ADAM, id, "cancel");
  net.pass(1_000);
  net.change(OLA, id, "accept");
  net.pass(5_000);
  assert.equal(net.state(OLA, id), "cancelled there");
  assert.equal(net.disk(OLA).parts.size, 0);
});

test("a file that is offered to somebody offline goes when they are back", () => {
  const net = new FileNet([ADAM, OLA]);
  net.node(ADAM).put(entry(OLA, { state: "offline", reason: "left" }));
  net.pass(10);
  const id = net.send(ADAM, OLA, "/a.txt");
  net.pass(600_000);
  assert.equal(net.state(OLA, id), undefined);
  assert.equal(net.dials, 0);
  net.kill(ADAM);
  net.pass(1_000);
  assert.equal(net.state(OLA, id), "offered");
});

test("whom nothing can be sent to: why", () => {
  const net = new FileNet([ADAM, OLA, EVE]);
  const old = { nick: "per", key: "dd".repeat(32), address: "10.0.0.13" } as Person;
  net.node(ADAM).put(entry(old, { kind: "mp1-own", fingerprint: null } as never));
  net.pass(10);
  for (const [to, why] of [
    ["nobody", "unknown-name"],
    ["per", "not-supported"],
  ] as const) {
    const id = net.node(ADAM).client.sendFile(net.now, to, "/a.txt");
    assert.equal(net.state(ADAM, id), `failed ${why}`);
  }
  const missing = net.node(ADAM).client.sendFile(net.now, "ola", "/none");
  net.pass(100);
  assert.equal(net.state(ADAM, missing), "failed not-found");
  assert.equal(net.node(ADAM).archive.load().transfers.length, 0);
});

test("a file that has changed since it was offered is not sent, and the other side is told", () => {
  const net = new FileNet([ADAM, OLA]);
  const id = net.send(ADAM, OLA, "/a.txt");
  net.pass(200);
  net.disk(ADAM).sources.set("/a.txt", { size: 10_000, stamp: "2" });
  net.change(OLA, id, "accept");
  net.pass(1_000);
  assert.equal(net.state(ADAM, id), "failed changed");
  assert.equal(net.state(OLA, id), "failed changed");
});

test("what is not what was offered fails on both sides, and a part that may be damaged is fetched again once", () => {
  const net = new FileNet([ADAM, OLA]);
  net.isCorrupt = true;
  const whole = net.send(ADAM, OLA, "/a.txt");
  net.pass(200);
  net.change(OLA, whole, "accept");
  net.pass(1_000);
  assert.equal(net.state(OLA, whole), "failed corrupt");
  assert.equal(net.state(ADAM, whole), "failed corrupt");
  assert.deepEqual(net.disk(OLA).folder, []);

  const resumed = net.send(ADAM, OLA, "/b.txt", 50_000);
  net.pass(200);
  net.change(OLA, resumed, "accept");
  net.pass(200);
  net.breakStreams();
  let ends = 0;
  net.onEvent = (_, event) => {
    if (event.type === "ended" && event.how === "corrupt") {
      ends += 1;
      net.isCorrupt = false;
    }
    return true;
  };
  net.pass(10_000);
  assert.equal(ends, 1);
  assert.equal(net.state(OLA, resumed), "done");
});

test("no room: it stays offered, and can be accepted later; a disk that fills pauses it", () => {
  const net = new FileNet([ADAM, OLA]);
  net.disk(OLA).room = 5_000;
  const id = net.send(ADAM, OLA, "/a.txt");
  net.pass(200);
  net.change(OLA, id, "accept");
  net.pass(1_000);
  assert.equal(net.state(OLA, id), "offered disk-full");
  assert.equal(net.state(ADAM, id), "offered");
  net.disk(OLA).room = 10_000;
  net.change(OLA, id, "accept");
  net.pass(50);
  net.disk(OLA).room = 0;
  net.pass(10_000);
  assert.equal(net.state(OLA, id), "paused disk-full");
  assert.equal(net.state(ADAM, id), "paused there");
  net.disk(OLA).room = Infinity;
  net.change(OLA, id, "resume");
  net.pass(1_000);
  assert.equal(net.state(ADAM, id), "done");
});

test("several at once, so many of one peer and in all; the others wait for their turn", () => {
  const net = new FileNet([ADAM, OLA]);
  const ids = Array.from({ length: 6 }, (_, index) => net.send(ADAM, OLA, `/${index}`, 50_000));
  net.pass(200);
  for (const id of ids) net.change(OLA, id, "accept");
  net.pass(200);
  const states = ids.map((id) => net.state(ADAM, id));
  assert.equal(states.filter((state) => state === "running").length, FILE_BOUNDS.runningPerPeer);
  assert.equal(states.filter((state) => state === "waiting").length, 6 - FILE_BOUNDS.runningPerPeer);
  net.pass(5_000);
  assert.deepEqual(new Set(ids.map((id) => net.state(ADAM, id))), new Set(["done"]));
  assert.equal(net.disk(OLA).folder.length, 6);
});

test("more than the other side takes at once are offered again later, and all arrive", () => {
  const net = new FileNet([ADAM, OLA]);
  const ids = Array.from({ length: 48 }, (_, index) => net.send(ADAM, OLA, `/${index}`, 100));
  for (let round = 0; round < 60; round += 1) {
    net.pass(5_000);
    for (const id of ids) net.change(OLA, id, "accept");
  }
  assert.deepEqual(new Set(ids.map((id) => net.state(ADAM, id))), new Set(["done"]));
  assert.equal(net.disk(OLA).folder.length, 48);
});

test("taken without a question: of verified keys; of known ones only after one was taken; never above the size", () => {
  const told = (accept: "verified" | "known", pins: Pins) => {
    const net = new FileNet([ADAM, OLA]);
    const settings = { files: { accept, acceptBytes: 20_000 } };
    net.replace(OLA, settings, pins);
    return net;
  };
  const subject = { kind: "peer", name: "adam" } as const;
  const verified = told("verified", Pins.none.accept(subject, ADAM.key, 1));
  const [small, large] = [verified.send(ADAM, OLA, "/a"), verified.send(ADAM, OLA, "/b", 20_001)];
  verified.pass(2_000);
  assert.equal(verified.state(OLA, small), "done");
  assert.equal(verified.state(OLA, large), "offered");

  const pinned = told("verified", Pins.none.meet(subject, ADAM.key, 1));
  const asked = pinned.send(ADAM, OLA, "/a");
  pinned.pass(2_000);
  assert.equal(pinned.state(OLA, asked), "offered");

  const known = told("known", Pins.none);
  const first = known.send(ADAM, OLA, "/a");
  known.pass(2_000);
  assert.equal(known.state(OLA, first), "offered", "a key that was just met is nobody known");
  known.change(OLA, first, "accept");
  known.pass(2_000);
  const second = known.send(ADAM, OLA, "/b");
  known.pass(2_000);
  assert.equal(known.state(OLA, second), "done");
});

test("of a trusted key so much is taken without a question in a day; then each file is asked about, and told once", () => {
  const net = new FileNet([ADAM, OLA]);
  const subject = { kind: "peer", name: "adam" } as const;
  net.replace(
    OLA,
    {
      files: { accept: "verified", acceptBytes: 20_000 },
      allowances: { messageBytesPerDay: 1_000_000, fileBytesPerDay: 25_000 },
    },
    Pins.none.accept(subject, ADAM.key, 1),
  );
  const ids = [10_000, 10_000, 10_000, 6_000].map((size, index) => net.send(ADAM, OLA, `/${index}`, size));
  net.pass(2_000);
  assert.deepEqual(
    ids.map((id) => net.state(OLA, id)),
    ["done", "done", "offered", "offered"],
  );
  const over = net
    .node(OLA)
    .notices()
    .filter(({ type }) => type === "over-allowance");
  assert.deepEqual(over, [{ type: "over-allowance", from: "adam", of: "files" }]);
  assert.equal(net.change(OLA, ids[2] ?? idOf(0), "accept"), true, "the user may take all that is offered");
  net.pass(2_000);
  assert.equal(net.state(OLA, ids[2] ?? idOf(0)), "done");
  net.pass(86_400_000);
  const tomorrow = net.send(ADAM, OLA, "/tomorrow", 20_000);
  net.pass(2_000);
  assert.equal(net.state(OLA, tomorrow), "done");
});

test("whoever is blocked gets nothing more and brings nothing more; whoever is ignored offers unheard", () => {
  const net = new FileNet([ADAM, OLA]);
  const [ours, theirs] = [net.send(OLA, ADAM, "/a", 500_000), net.send(ADAM, OLA, "/b", 500_000)];
  net.pass(300);
  net.change(ADAM, ours, "accept");
  net.change(OLA, theirs, "accept");
  net.pass(300);
  assert.deepEqual([net.state(OLA, ours), net.state(OLA, theirs)], ["running", "running"]);
  const { client } = net.node(OLA);
  const who = { name: "adam" as never, fingerprint: ADAM.key };
  client.restrict(net.now, who, "blocked");
  net.pass(300);
  assert.deepEqual(
    [net.state(OLA, ours), net.state(OLA, theirs)],
    ["cancelled cancelled", "cancelled cancelled"],
  );
  assert.equal(net.disk(OLA).parts.size, 0);
  const late = net.send(OLA, ADAM, "/c");
  assert.equal(net.state(OLA, late), "failed blocked-here");
  client.restrict(net.now, who, undefined);
  client.restrict(net.now, who, "ignored");
  const unheard = net.send(ADAM, OLA, "/d");
  net.pass(60_000);
  assert.equal(net.state(OLA, unheard), undefined);
  client.restrict(net.now, who, undefined);
  for (const wire of net.open) net.cut(wire);
  net.pass(60_000);
  assert.equal(net.state(OLA, unheard), "offered");
});

// Hostile peers

function idOf(index: number): TransferId {
  return index.toString(16).padStart(32, "0") as TransferId;
}

/** A link of ADAM's on which a test says what it likes. */
function hostile(net: FileNet) {
  const node = net.node(OLA);
  const number = node.connects("mp2-chat", ADAM.key, ADAM.address);
  const say = (value: Parameters<typeof CHAT.encode>[0]): void => {
    node.client.received(net.now, number, encodeFrame(CHAT.encode(value)));
  };
  say({ type: "greeting", nick: "adam" as never, capabilities: new Set(["files"]) });
  const offer = (index: number, name = "a.txt", size = 10): void =>
    say({ type: "fileOffer", id: idOf(index), name: name as OfferedName, size, time: 1 });
  return { node, say, offer };
}

test("thousands of offers: few are shown and kept, the others are refused", () => {
  const net = new FileNet([ADAM, OLA]);
  const { node, offer } = hostile(net);
  for (let index = 1; index <= 5_000; index += 1) {
    offer(index);
    if (index % 100 === 0) net.pass(1);
  }
  net.pass(1_000);
  assert.equal(node.client.files.length, FILE_BOUNDS.offersPerPeer);
  assert.equal(node.archive.load().transfers.length, FILE_BOUNDS.offersPerPeer);
});

test("offers that are withdrawn at once are bounded by their rate, and what is kept of them by number", () => {
  const net = new FileNet([ADAM, OLA]);
  const { node, say, offer } = hostile(net);
  for (let index = 1; index <= 3_000; index += 1) {
    offer(index);
    net.pass(100);
    say({ type: "fileCancel", id: idOf(index), reason: "cancelled" });
  }
  net.pass(100);
  const told = node.notices().filter((notice) => notice.type === "file").length;
  assert.ok(told < 500, `${told} notices in five minutes`);
  assert.ok(node.archive.load().transfers.length < 250);
});

test("names are made safe before anybody sees them", () => {
  const net = new FileNet([ADAM, OLA]);
  const { node, offer } = hostile(net);
  const names = ["../../etc/passwd", "a\u0000b", "\u202egpj.exe", ".bashrc", "CON", "-rf", "x".repeat(255)];
  for (const [index, name] of names.entries()) offer(index + 1, name);
  net.pass(1_000);
  const shown = node.client.files.map(({ name }) => name);
  assert.deepEqual(shown.slice(0, 6), ["_.._etc_passwd", "a_b", "_gpj.exe", "bashrc", "_CON", "_rf"]);
  assert.equal(shown[6]?.length, 200);
});

test("a connection for what was not accepted, of another key, or from another byte is not taken", () => {
  const net = new FileNet([ADAM, OLA, EVE]);
  const { node, offer } = hostile(net);
  offer(1);
  net.pass(100);
  const arrives = (from: Person, index: number, offset: number) =>
    node.client.fileArrives(net.now, from.key, idOf(index), offset);
  assert.equal(node.client.expectsFile(ADAM.key), false);
  assert.equal(arrives(ADAM, 1, 0), undefined);
  net.change(OLA, idOf(1), "accept");
  net.pass(100);
  assert.equal(node.client.expectsFile(EVE.key), false);
  assert.equal(arrives(EVE, 1, 0), undefined);
  assert.equal(arrives(ADAM, 2, 0), undefined);
  assert.equal(arrives(ADAM, 1, 5), undefined);
  assert.notEqual(arrives(ADAM, 1, 0), undefined);
  assert.equal(arrives(ADAM, 1, 0), undefined, "a second one");
});

test("another's file is not answered, ended or offered again by somebody else", () => {
  const net = new FileNet([ADAM, OLA, EVE]);
  const id = net.send(OLA, EVE, "/secret");
  net.pass(300);
  const { node, say } = hostile(net);
  for (const type of ["fileDone", "filePause", "filePending"] as const) say({ type, id });
  say({ type: "fileAccept", id, offset: 0 });
  say({ type: "fileRefuse", id, reason: "declined" });
  say({ type: "fileOffer", id, name: "b" as OfferedName, size: 1, time: 1 });
  say({ type: "fileCancel", id, reason: "cancelled" });
  net.pass(300);
  assert.equal(net.state(OLA, id), "offered");
  assert.equal(node.client.files.length, 1);
  net.change(EVE, id, "accept");
  net.pass(1_000);
  assert.equal(net.state(OLA, id), "done");
});

test("an answer beyond the end of the file is none", () => {
  const net = new FileNet([ADAM, OLA]);
  const id = net.send(OLA, ADAM, "/a.txt", 100);
  net.pass(300);
  const { say } = hostile(net);
  say({ type: "fileAccept", id, offset: 101 });
  net.pass(300);
  assert.equal(net.state(OLA, id), "offered");
});

// Everything at random

for (const seed of seeds()) {
  test(`kills, broken links and connections, pauses: every file once (CHAT_SEED=${seed})`, () => storm(seed));
}

function seeds(): readonly number[] {
  const first = Number(process.env.CHAT_SEED ?? 1);
  const rounds = Number(process.env.CHAT_SEEDS ?? (process.env.CHAT_SEED === undefined ? 60 : 1));
  return Array.from({ length: rounds }, (_, index) => first + index);
}

/** Nothing that may happen loses a file or brings it twice. */
function storm(seed: number): void {
  const random = seeded(seed);
  const net = new FileNet([ADAM, OLA], seed);
  net.delay = () => 1 + random.below(20);
  const people = [ADAM, OLA];
  const files: { id: TransferId; from: Person; to: Person }[] = [];
  for (let step = 0; step < 60; step += 1) {
    net.pass(random.below(400));
    const from = people[random.below(2)] ?? ADAM;
    const to = from === ADAM ? OLA : ADAM;
    const file = files[random.below(Math.max(1, files.length))];
    const dice = random.below(10);
    if (files.length < 8 && dice < 3)
      files.push({ id: net.send(from, to, `/${files.length}`, 1 + random.below(60_000)), from, to });
    else if (dice < 4) net.kill(from);
    else if (dice < 5) net.breakStreams();
    else if (dice < 6) for (const wire of net.open) seed % 2 === 0 ? net.cut(wire) : net.freeze(wire);
    else if (file !== undefined && dice < 8) {
      net.change(file.to, file.id, "accept");
      if (dice === 7) net.change(random.below(2) === 0 ? file.from : file.to, file.id, "pause");
    } else if (file !== undefined) for (const person of people) net.change(person, file.id, "resume");
  }
  for (let round = 0; round < 20; round += 1) {
    for (const { id, to } of files) {
      net.change(to, id, "accept");
      for (const person of people) net.change(person, id, "resume");
    }
    net.pass(10_000);
  }
  for (const { id, from, to } of files) {
    const sender = net.state(from, id);
    // A kill before its archive has it takes back the command itself.
    if (sender === undefined) continue;
    assert.equal(sender, "done", `sender of ${id}`);
    assert.equal(net.state(to, id), "done", `receiver of ${id}`);
    const times = net.disk(to).folder.filter((path) => path === `/in/${id}`).length;
    assert.equal(times, 1, `${id} is there ${times} times`);
  }
}
