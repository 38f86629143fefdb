import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTBOX_MILLIS } from "../../src/chat/bounds.ts";
import type { ChatNotice } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import { MemoryArchive } from "../../src/store/archive-memory.ts";
import { ChatNet } from "./chat-net.ts";
import { ADAM, entry, Mp2Client, OLA, seeded, UNIX } from "./mp2-client.ts";
import { OLA as OLD_OLA, VirtualClient } from "./virtual-client.ts";

const KNOWN = Pins.none.meet({ kind: "peer", name: "ola" }, OLA.key, UNIX);
const GONE = entry(OLA, { state: "offline", reason: "left" });

function waiting(notices: readonly ChatNotice[]) {
  return notices.flatMap((notice) => (notice.type === "waiting" ? [`${notice.text}: ${notice.why}`] : []));
}

function received(node: Mp2Client): readonly string[] {
  return node.notices().flatMap((notice) => (notice.type === "received" ? [notice.message.text] : []));
}

function states(archive: MemoryArchive): readonly string[] {
  return archive.page("@ola", { limit: 99 }).map(({ text, state }) => `${text} ${state}`);
}

test("what is sent to somebody offline waits, is told so once, and goes out in order when the roster says online", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.put(GONE);
  net.pass(1_000);
  adam.notices();
  for (const text of ["one", "two", "three"]) adam.client.send(net.now, "ola", text);
  net.pass(100_000_000);
  assert.deepEqual(waiting(adam.notices()), ["one: offline", "two: offline", "three: offline"]);
  assert.equal(net.dials, 0, "nobody is dialled who is not there");
  assert.equal(adam.client.pending, 0);
  adam.put(entry(OLA));
  net.pass(1_000);
  assert.deepEqual(received(ola), ["one", "two", "three"]);
  assert.deepEqual(states(adam.archive), ["one delivered", "two delivered", "three delivered"]);
});

test("a link that the peer makes is enough, whatever the roster says", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.put(GONE);
  net.pass(1_000);
  adam.client.send(net.now, "ola", "kept");
  net.pass(1_000);
  ola.client.send(net.now, "adam", "I am here");
  net.pass(1_000);
  assert.deepEqual(received(ola), ["kept"]);
});

test("the next process goes on with the same ids in the same order; what it cannot know as new comes once", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  // Acknowledgements are lost: everything may have arrived, and nothing is known to.
  let sent = 0;
  net.onSend = (wire) => {
    sent += 1;
    if (sent >= 5) net.freeze(wire);
  };
  const ids = ["one", "two"].map((text) => adam.client.send(net.now, "ola", text));
  net.pass(3_000);
  assert.deepEqual(
    adam.archive.load().waiting.map(({ messageId }) => messageId),
    ids,
  );
  const before = received(ola);
  const next = new Mp2Client({ person: ADAM, archive: adam.archive, pins: KNOWN });
  next.client.start(0);
  next.pass(0);
  assert.deepEqual(waiting(next.notices()), [], "nobody is told what is known");
  assert.deepEqual(before, ["one"]);
  next.joinRegistry([entry(ADAM), entry(OLA)]);
  const [dial] = next.take("tls-dial");
  assert.equal(dial?.fingerprint, OLA.key);
});

test("who is known by a pin or by a conversation only is waited for; a stranger's name is an error at once", () => {
  const archive = new MemoryArchive({ wall: () => UNIX, isLasting: true });
  const bench = new Mp2Client({ pins: KNOWN, archive }).online();
  bench.client.send(bench.now, "Ola", "known by key");
  bench.client.send(bench.now, "eve", "unknown");
  const notices = bench.notices();
  assert.deepEqual(waiting(notices), ["known by key: offline"]);
  const [lost] = notices.flatMap((notice) => (notice.type === "undelivered" ? [notice.message] : []));
  assert.deepEqual([lost?.text, lost?.why], ["unknown", "unknown-name"]);
  const later = new Mp2Client({ archive, random: seeded(7) }).online();
  later.client.send(later.now, "ola", "known by what was said");
  assert.deepEqual(waiting(later.notices()), ["known by what was said: offline"]);
});

test("after a month it is given up, and said; also when that passed while nobody ran", () => {
  let wall = UNIX;
  const archive = new MemoryArchive({ wall: () => wall, isLasting: true });
  const bench = new Mp2Client({ pins: KNOWN, archive }).online();
  bench.client.send(bench.now, "ola", "stale");
  bench.pass(OUTBOX_MILLIS + 1);
  const [lost] = bench.notices().flatMap((notice) => (notice.type === "undelivered" ? [notice.message] : []));
  assert.deepEqual([lost?.text, lost?.why], ["stale", "never-online"]);
  assert.deepEqual(states(archive), ["stale failed"]);
  wall = UNIX - OUTBOX_MILLIS - 1;
  const conversation = "@ola" as const;
  const record = {
    messageId: "ab".repeat(16) as never,
    conversation,
    to: "ola",
    text: "old",
    reply: undefined,
  };
  archive.commit([{ type: "sent", message: { ...record, time: wall, until: UNIX - 1 } }]);
  const next = new Mp2Client({ pins: KNOWN, archive }).online();
  assert.deepEqual(next.archive.load().waiting, []);
});

test("a disk that is full: ours goes out all the same, theirs is shown and acknowledged when it is stored", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.archive.failWith("the disk is full");
  adam.client.send(net.now, "ola", "to ola");
  ola.client.send(net.now, "adam", "to adam");
  net.pass(20_000);
  assert.deepEqual(received(ola), ["to ola"]);
  assert.deepEqual(received(adam), []);
  assert.deepEqual(
    ola.archive.load().waiting.map(({ text }) => text),
    ["to adam"],
    "not acknowledged",
  );
  adam.archive.failWith(undefined);
  net.pass(40_000);
  assert.deepEqual(received(adam), ["to adam"]);
  assert.deepEqual(ola.archive.load().waiting, []);
  assert.deepEqual(states(adam.archive), ["to ola delivered", "to adam unread"].toSorted().toReversed());
});

test("who leaves keeps what waits for the next time, and is told; what was to be tried only now is given up", () => {
  const bench = new Mp2Client({ pins: KNOWN }).online(entry(OLA));
  bench.client.send(bench.now, "ola", "lasting");
  bench.client.send(bench.now, "ola", "once", { waitMillis: 0 });
  bench.drain();
  bench.client.leave(bench.now);
  const notices = bench.notices();
  assert.deepEqual(waiting(notices), ["lasting: left"]);
  assert.ok(notices.some((notice) => notice.type === "undelivered" && notice.message.text === "once"));
  assert.deepEqual(
    bench.archive.load().waiting.map(({ text }) => text),
    ["lasting"],
  );
});

test("mp1: what a killed program was sending may have arrived, so it is not sent again", () => {
  const bench = new VirtualClient();
  bench.online(OLD_OLA);
  bench.client.send(bench.now, "ola", "one");
  bench.client.send(bench.now, "ola", "two");
  assert.equal(bench.take("transmit").length, 1);
  const next = new VirtualClient({ archive: bench.archive });
  next.online(OLD_OLA);
  assert.equal(next.take("transmit").length, 1);
  assert.deepEqual(states(bench.archive), ["one failed", "two waiting"]);
});

test("mp1: a peer that is not there is waited for, and tried less and less often when its machine refuses", () => {
  const bench = new VirtualClient();
  bench.online({ ...OLD_OLA, online: false });
  bench.client.send(bench.now, "ola", "kept");
  assert.deepEqual(bench.take("transmit"), []);
  assert.deepEqual(waiting(bench.notices()), ["kept: offline"]);
  bench.push(OLD_OLA);
  let tries = 0;
  for (let step = 0; step < 600; step += 1) {
    for (const { transmission } of bench.take("transmit")) {
      tries += 1;
      bench.handle({
        type: "transmitted",
        transmission,
        outcome: { type: "failed", failure: "refused", sent: false },
      });
    }
    bench.pass(1_000);
  }
  assert.ok(tries > 10 && tries < 25, `${tries}`);
  assert.equal(bench.archive.load().waiting[0]?.wasTried, false);
});

test("read marks wait for the sender, over restarts; and are told when the sender is there", () => {
  const net = new ChatNet([ADAM, OLA]);
  const [adam, ola] = [net.node(ADAM), net.node(OLA)];
  adam.client.send(net.now, "ola", "one");
  net.pass(1_000);
  const [got] = ola.notices().flatMap((notice) => (notice.type === "received" ? [notice.message] : []));
  assert.ok(got?.messageId);
  const next = new Mp2Client({ person: OLA, archive: ola.archive }).online();
  next.client.markRead(next.now, "adam", [got.messageId]);
  next.pass(60_000);
  next.drain();
  assert.equal(ola.archive.load().untold.length, 1);
  const third = new Mp2Client({ person: OLA, archive: ola.archive });
  third.client.start(third.now);
  third.pass(0);
  third.joinRegistry([entry(OLA), entry(ADAM)]);
  assert.equal(third.take("tls-dial")[0]?.fingerprint, ADAM.key, "it is told");
});

test("times in the archive are whole milliseconds, however long a script says it waits", () => {
  const adam = new Mp2Client({ pins: KNOWN }).online(GONE);
  adam.now += 0.25;
  adam.client.send(adam.now, "ola", "hello", { waitMillis: 29_999.5 });
  adam.drain();
  const [kept] = adam.archive.load().waiting;
  assert.ok(kept !== undefined);
  assert.deepEqual([kept.time, kept.until].map(Number.isInteger), [true, true]);
});
