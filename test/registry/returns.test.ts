/** After a restart the roster goes on as its clients know it: who comes back is no change, who does not is gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError } from "../../src/roster/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { MemoryRosterStore } from "../../src/store/roster-memory.ts";
import type { RoomName, StatusText } from "../../src/wire/mp2-values.ts";
import { listed } from "../roster/entries.ts";
import { Bench, names } from "./harness.ts";
import type { TestClient } from "./mp2-client.ts";
import { Scene, shown } from "./mp2-scene.ts";
import { UNIX } from "./new-registry.ts";

const FULL = new StoreError("the disk is full", "full");

/** Three who are online, and all is told. */
function three(
  given: ConstructorParameters<typeof Scene>[0] = {},
): [Scene, TestClient, TestClient, TestClient] {
  const scene = new Scene(given);
  const ola = scene.join("ola", "10.0.0.5");
  const kari = scene.client("kari", "10.0.0.6");
  kari.comeOnline({ away: true, status: "lunch" as StatusText, rooms: ["lab" as RoomName] });
  const per = scene.join("per", "10.0.0.7");
  scene.pass(200);
  forget(scene);
  return [scene, ola, kari, per];
}

function forget(scene: Scene): void {
  for (const { counts } of scene.clients) counts.delta = counts.page = 0;
}

function told(scene: Scene): number {
  return scene.clients.reduce((sum, { counts }) => sum + counts.delta + counts.page, 0);
}

test("all come back: no number is given, no delta and no page is sent, everybody is as before", () => {
  const [scene, ola, kari, per] = three();
  const before = { ...scene.registry.published };
  const entries = [...ola.mirror.entries()];
  scene.restart();
  assert.deepEqual(scene.registry.published, before);
  assert.deepEqual([scene.registry.counts.online, scene.registry.returning], [0, 3]);
  // Later, by clocks that do not agree to the millisecond.
  scene.pass(1_234.567);
  ola.comeOnline();
  kari.comeOnline({ away: true, status: "lunch" as StatusText, rooms: ["lab" as RoomName] });
  per.comeOnline();
  scene.pass(20_000);
  assert.deepEqual(scene.registry.published, before);
  assert.equal(told(scene), 0);
  assert.deepEqual([...ola.mirror.entries()], entries);
  assert.deepEqual([scene.registry.counts.online, scene.registry.returning], [3, 0]);
  // And what changes then is told, as one change.
  per.tell({ type: "status", away: true });
  scene.pass(100);
  assert.equal(scene.registry.published.seq, before.seq + 1);
  assert.equal(shown(ola.mirror), "kari:away ola per:away");
});

test("the wall clock is set meanwhile: still nobody has changed", () => {
  let set = 0;
  const [scene, ola] = three({ unixAt: (at) => UNIX + at + set });
  const before = { ...scene.registry.published };
  set = -3_600_000;
  scene.restart();
  scene.pass(50);
  set = 7_200_000;
  ola.comeOnline();
  scene.pass(500);
  assert.deepEqual(scene.registry.published, before);
});

test("who comes back saying something else has changed just that", () => {
  const [scene, ola, kari] = three();
  const before = scene.registry.published.seq;
  scene.restart();
  kari.comeOnline();
  ola.comeOnline();
  scene.pass(100);
  assert.equal(scene.registry.published.seq, before + 1);
  assert.equal(shown(ola.mirror), "kari ola per");
});

test("who has not come back 8 s after the start is gone; who was gone before is told nothing of", () => {
  const [scene, ola, kari, per] = three();
  per.tell({ type: "leave" });
  scene.pass(100);
  scene.restart();
  ola.comeOnline();
  forget(scene);
  scene.pass(7_500);
  assert.equal(shown(ola.mirror), "[per left] kari:away ola");
  assert.equal(told(scene), 0);
  scene.pass(600);
  assert.equal(shown(ola.mirror), "[kari registry-restart-expired] [per left] ola");
  assert.equal(ola.counts.delta, 1);
  assert.ok(scene.logs().some((line) => /kari offline: did not come back/.test(line)));
  kari.comeOnline();
  scene.pass(100);
  assert.equal(shown(ola.mirror), "[per left] kari ola");
});

test("as long as others come back nobody is gone, but no longer than a minute", () => {
  const scene = new Scene();
  const clients = Array.from({ length: 30 }, (_, index) => scene.join(`c${index}`, `10.0.1.${index}`));
  scene.pass(200);
  scene.restart();
  for (const client of clients.slice(0, 5)) {
    client.comeOnline();
    scene.pass(3_900);
  }
  assert.equal(scene.registry.returning, 25);
  scene.pass(200);
  assert.deepEqual([scene.registry.returning, scene.registry.counts.offline], [0, 25]);
  scene.restart();
  for (const client of clients) client.comeOnline();
  scene.pass(200);
  scene.restart();
  let back = 0;
  for (; scene.registry.returning > 0 && back < 30; back += 1) {
    clients[back]?.comeOnline();
    scene.pass(3_900);
  }
  assert.ok(back >= 15 && back <= 16, `${back}`);
});

test("who has registered when the 8 s are over has its time to attach, and is gone only then", () => {
  const [scene, ola, kari] = three();
  scene.restart();
  ola.comeOnline();
  scene.pass(7_900);
  kari.tryToRegister();
  scene.pass(5_000);
  assert.match(shown(ola.mirror), /kari:?\w* ola/);
  scene.pass(6_000);
  assert.match(shown(ola.mirror), /\[kari lost\]/);
  assert.equal(scene.registry.returning, 0);
});

test("a name is held for who has not come back: refused to another key, given to its own elsewhere", () => {
  const [scene, ola, kari] = three();
  scene.restart();
  const thief = scene.client("kari", "10.0.0.99", 51_000, "a thief");
  thief.tryToRegister();
  assert.equal(thief.refused?.code, "nick-taken");
  ola.comeOnline();
  const elsewhere = scene.client("kari", "10.0.0.66", 51_000, "kari");
  elsewhere.comeOnline();
  scene.pass(100);
  assert.equal(ola.mirror.find("kari")?.address, "10.0.0.66");
  assert.notEqual(elsewhere.registered?.session, kari.registered?.session);
  scene.pass(9_000);
  assert.equal(shown(ola.mirror), "[per registry-restart-expired] kari ola");
});

test("registered twice before it is attached: nobody is told of either", () => {
  const [scene, ola, , per] = three();
  const before = { ...scene.registry.published };
  scene.restart();
  per.tryToRegister();
  per.comeOnline();
  ola.tryToRegister();
  scene.pass(200);
  assert.deepEqual(scene.registry.published, before);
});

test("who has not come back is kicked, or banned, as anybody else", () => {
  const [scene, ola] = three();
  scene.restart();
  assert.equal(scene.command({ type: "kick", target: "kari" }).ok, true);
  assert.equal(scene.command({ type: "ban", target: "per", reason: "" }).ok, true);
  assert.equal(scene.command({ type: "kick", target: "per" }).ok, false);
  ola.comeOnline();
  scene.pass(100);
  assert.equal(shown(ola.mirror), "[kari kicked] [per kicked] ola");
});

test("clients of mp1 are shown as they were, and so are others to them; who comes back is no news", () => {
  const stores = { store: new MemoryStore(), rosterStore: new MemoryRosterStore() };
  const before = new Bench({}, true, stores);
  before.join("per", "10.0.0.9", 52_000);
  before.join("eva", "10.0.0.8", 52_001, "original");
  before.join("liv", "10.0.0.7", 52_002);
  before.pass(200);
  const after = new Bench({}, true, stores);
  const per = after.join("per", "10.0.0.9", 52_000);
  const answer = after.last("answer");
  assert.equal(answer && names(answer.bytes).split(" ").sort().join(" "), "eva liv");
  after.pass(100);
  assert.equal(after.pushed(per).split(" ").sort().join(" "), "eva liv");
  after.take();
  // Started anew, since it ended with the registry: at another port, by the same name.
  after.join("eva", "10.0.0.8", 52_777, "original");
  after.pass(100);
  after.take();
  after.join("liv", "10.0.0.7", 52_002);
  after.pass(100);
  assert.equal(after.pushed(per), "nothing", "liv is there as before");
  after.pass(9_000);
  assert.deepEqual(after.registry.counts, { online: 3, offline: 0, pending: 0 });
});

test("a stop in good order keeps it for a minute; after a longer one all who were there are gone at once", () => {
  for (const [away, expected] of [
    [5_000, "kari:away ola per"],
    [61_000, "[kari registry-restart-expired] [per registry-restart-expired] ola"],
  ] as const) {
    const rosterStore = new MemoryRosterStore();
    const [scene, ola] = three({ rosterStore });
    scene.stop({ reason: "stop" });
    rosterStore.end(UNIX + scene.now);
    scene.now += away;
    scene.restart();
    scene.pass(10);
    ola.comeOnline();
    scene.pass(100);
    assert.equal(shown(ola.mirror), expected);
  }
});

test("killed between writing and telling: whoever was not told lacks just that", () => {
  const [scene, ola, kari, per] = three();
  per.tell({ type: "status", away: true, status: "gone" as StatusText });
  // Of three who are to be told the first is.
  scene.dies = 1;
  scene.pass(60);
  const hearers = [ola, kari, per].filter(({ mirror }) => mirror.find("per")?.status === "gone");
  assert.equal(hearers.length, 1);
  scene.restart();
  forget(scene);
  ola.comeOnline();
  kari.comeOnline({ away: true, status: "lunch" as StatusText, rooms: ["lab" as RoomName] });
  per.comeOnline({ away: true, status: "gone" as StatusText });
  scene.pass(500);
  for (const { mirror } of [ola, kari, per]) assert.equal(mirror.find("per")?.status, "gone");
  assert.equal(new Set([ola, kari, per].map(({ mirror }) => mirror.seq)).size, 1);
});

test("a write that fails: the roster is not kept, said once; when it works again, it is", () => {
  const rosterStore = new MemoryRosterStore();
  const [scene, ola, kari] = three({ rosterStore });
  const { epoch } = scene.registry.published;
  rosterStore.failWith(FULL);
  kari.tell({ type: "status", away: false });
  scene.pass(100);
  assert.equal(shown(ola.mirror), "kari ola per", "it is told all the same");
  assert.equal(scene.registry.published.epoch, epoch);
  assert.equal(scene.logs().filter((line) => /the disk is full/.test(line)).length, 1);
  const { seq } = scene.registry.published;
  scene.restart();
  assert.deepEqual([scene.registry.published.epoch, scene.registry.returning], [epoch, 0]);
  assert.ok(scene.registry.published.seq > seq);
  ola.comeOnline();
  rosterStore.failWith(undefined);
  scene.pass(31_000);
  assert.ok(scene.logs().some((line) => /kept over a restart again/.test(line)));
  const later = { ...scene.registry.published };
  scene.restart();
  assert.deepEqual([scene.registry.published, scene.registry.returning], [later, 1]);
});

test("a write that fails, and what is written cannot be removed: the epoch ends", () => {
  const rosterStore = new MemoryRosterStore();
  const [scene, ola, kari] = three({ rosterStore });
  const { epoch } = scene.registry.published;
  rosterStore.failWith(FULL, false);
  kari.tell({ type: "status", away: false });
  scene.pass(100);
  assert.notEqual(scene.registry.published.epoch, epoch);
  assert.equal(shown(ola.mirror), "kari ola per");
  scene.pass(1_000);
  rosterStore.failWith(undefined);
  scene.restart();
  assert.equal(scene.registry.returning, 0, "an older roster is not believed");
});

test("a roster of other numbers than the ledger's is not believed", () => {
  const rosterStore = new MemoryRosterStore();
  const [scene] = three({ rosterStore });
  assert.equal(scene.registry.published.seq, 3);
  const { epoch, seq } = scene.registry.published;
  const entries = [listed("ola")];
  for (const other of [
    { epoch: "00000000000000ff" as typeof epoch, seq },
    { epoch, seq: seq + 1_000_000 },
  ]) {
    rosterStore.begin({ ...other, entries });
    scene.restart();
    assert.equal(scene.registry.returning, 0, `${other.epoch} ${other.seq}`);
  }
  // From before the last start that did not believe its roster: the ledger is far beyond.
  rosterStore.begin({ epoch, seq, entries });
  scene.restart();
  assert.equal(scene.registry.returning, 0);
});

test("a roster in which two have one place, or one key, is put right and told so", () => {
  const rosterStore = new MemoryRosterStore();
  const [scene] = three({ rosterStore });
  const { epoch, seq } = scene.registry.published;
  const entries = ["ola", "kari", "per"].map((name, index) => listed(name, { lastSeen: 1_000 + index }));
  rosterStore.begin({ epoch, seq, entries });
  scene.restart();
  assert.equal(scene.registry.returning, 1);
  scene.pass(100);
  assert.equal(scene.registry.published.seq, seq + 2);
});
