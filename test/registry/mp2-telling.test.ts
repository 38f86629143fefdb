import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { StoreError } from "../../src/roster/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { listed, nick } from "../roster/entries.ts";
import { binding, seededRandom } from "../support/stores.ts";
import { crowd } from "./crowd.ts";
import type { TestClient } from "./mp2-client.ts";
import { Scene, shown } from "./mp2-scene.ts";

test("10,000 receivers of one change: 128 an advance, due again at once until all have it, each once", () => {
  const { publication, telling, advance } = crowd(10_000);
  publication.note(5, nick("ola"), listed("ola"));
  assert.equal(telling.nextDeadline(), 5);
  const told: number[] = [];
  let advances = 0;
  for (let due = telling.nextDeadline(); due !== undefined; due = telling.nextDeadline()) {
    assert.ok(due <= 5);
    const some = advance(5);
    assert.ok(some.length <= 128);
    told.push(...some);
    advances += 1;
  }
  assert.equal(told.length, 10_000);
  assert.equal(new Set(told).size, 10_000);
  assert.equal(advances, Math.ceil(10_000 / 128));
});

test("a storm of changes while a crowd is told: the next publication begins when the last has been handed over", () => {
  const { publication, telling, advance } = crowd(1_000);
  let sent = 0;
  let now = 0;
  for (let change = 0; change < 1_000; change += 1) {
    publication.note(now, nick(`c${change % 100}`), listed(`c${change % 100}`, { port: 2_000 + change }));
    sent += advance(now).length;
    now += 30;
  }
  while (telling.nextDeadline() !== undefined) {
    now = Math.max(now, telling.nextDeadline() ?? 0);
    sent += advance(now).length;
  }
  // Eight advances a publication: a thousand changes became some 125 of them.
  assert.ok(sent >= 100_000 && sent <= 130_000, `${sent} messages`);
});

/** The mirrors show what is published, and all the same. */
function equal(scene: Scene, clients: readonly TestClient[] = scene.clients): void {
  const { epoch, seq } = scene.registry.published;
  for (const { nickname, mirror } of clients) {
    assert.deepEqual([mirror.epoch, mirror.seq], [epoch, seq], nickname);
    assert.equal(shown(mirror), shown(clients[0]?.mirror ?? mirror), nickname);
  }
}

test("whatever a full queue refuses is told when there is room again", () => {
  const steps = fc.array(
    fc.record({ client: fc.nat(3), what: fc.constantFrom("full", "room", "status", "rejoin", "ask") }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (todo) => {
      const scene = new Scene();
      const clients = ["a", "b", "c", "d"].map((name, index) => scene.join(name, `10.0.0.${index}`));
      const full = new Set<number | undefined>();
      scene.refuses = ({ association, stream }) => stream > 0 && full.has(association);
      for (const [at, { client: index, what }] of todo.entries()) {
        const client = clients[index];
        assert.ok(client !== undefined);
        const id = client.association ?? 0;
        if (what === "full") full.add(id);
        else if (what === "room") {
          full.delete(id);
          scene.event({ type: "writable", id });
        } else if (what === "status") client.tell({ type: "status", away: at % 2 === 0 });
        else if (what === "ask") client.tell({ type: "roster" });
        else {
          scene.lost(id);
          client.comeOnline();
        }
        scene.pass(at % 3 === 0 ? 700 : 20);
      }
      for (const { association: id = 0 } of clients) {
        full.delete(id);
        scene.event({ type: "writable", id });
      }
      scene.pass(2_000);
      equal(scene);
    }),
    { numRuns: 60 },
  );
});

/** Scene of a roster of several pages. */
function manyPages(): { readonly scene: Scene; readonly reader: TestClient } {
  const scene = new Scene();
  const status = "x".repeat(128);
  for (let index = 0; index < 300; index += 1) {
    const client = scene.client(`client${index}`, `10.1.${index >> 8}.${index & 255}`);
    client.isDeaf = true;
    client.comeOnline({ status: status as never });
    if (index % 50 === 0) scene.pass(50);
  }
  const reader = scene.join("reader", "10.0.0.5");
  scene.pass(10_000);
  return { scene, reader };
}

test("pages go out a few at a time; after a refusal one by one, then more; a second question meanwhile adds nothing", () => {
  const { scene, reader } = manyPages();
  const { epoch, seq } = scene.registry.published;
  reader.mirror.begin(scene.now, "00".repeat(8) as typeof epoch, seq);
  reader.mirror.begin(scene.now, epoch, seq);
  const [before, id] = [reader.counts.page, reader.association ?? 0];
  let room = 3;
  scene.refuses = ({ association }) => association === id && room-- <= 0;
  const advance = (): number => {
    scene.take();
    scene.do((registry) => registry.advance(scene.now));
    return scene.all("send").filter(({ association }) => association === id).length;
  };
  reader.tell({ type: "roster" });
  reader.tell({ type: "roster" });
  assert.equal(advance(), 4);
  assert.equal(advance(), 0, "the fourth found no room");
  room = 1_000;
  scene.event({ type: "writable", id });
  assert.deepEqual([advance(), advance()], [1, 2]);
  scene.pass(50);
  equal(scene, [reader]);
  const snapshot = scene.registry.published.seq - seq;
  assert.equal(snapshot, 0);
  assert.equal(reader.counts.page - before, 3 + 5, "the three that had been taken came twice");
});

test("a change in the very moment in which there is room again does not hide what was refused before", () => {
  const scene = new Scene();
  const [ola, kari, per] = ["ola", "kari", "per"].map((name, at) => scene.join(name, `10.0.0.${at + 5}`));
  assert.ok(ola !== undefined && kari !== undefined && per !== undefined);
  scene.pass(1_000);
  let isFull = true;
  scene.refuses = ({ association }) => isFull && association === ola.association;
  kari.tell({ type: "status", away: true });
  scene.pass(60);
  isFull = false;
  per.tell({ type: "status", away: true });
  scene.event({ type: "writable", id: ola.association ?? 0 });
  const seen: string[] = [];
  const receive = ola.mirror.receive.bind(ola.mirror);
  ola.mirror.receive = (now, message) => {
    const receipt = receive(now, message);
    seen.push(receipt);
    return receipt;
  };
  scene.pass(60);
  equal(scene);
  assert.deepEqual(seen, ["applied", "applied"], "nothing came early or twice");
});

test("questions beyond the rate are not answered", () => {
  const { scene, reader } = manyPages();
  const before = reader.counts.page;
  for (let count = 0; count < 100; count += 1) {
    reader.tell({ type: "roster" });
    scene.pass(10);
  }
  const runs = (reader.counts.page - before) / 5;
  assert.ok(runs >= 8 && runs <= 9, `${runs} runs`);
});

test("each kind of question is answered by what leads to the present", () => {
  const scene = new Scene();
  const ola = scene.join("ola", "10.0.0.5");
  const kari = scene.join("kari", "10.0.0.6");
  scene.pass(1_000);
  const { epoch, seq } = scene.registry.published;
  const counts = () => [ola.counts.delta, ola.counts.page];
  const [delta = 0, page = 0] = counts();
  ola.tell({ type: "changes", epoch, seq: seq - 1 });
  scene.pass(10);
  assert.deepEqual(counts(), [delta + 1, page]);
  ola.tell({ type: "changes", epoch: "ff".repeat(8) as typeof epoch, seq });
  scene.pass(10);
  assert.equal(ola.counts.page, page + 1);
  ola.tell({ type: "pages", epoch, seq: seq + 5, from: 9 });
  scene.pass(10);
  assert.equal(ola.counts.page, page + 2);
  kari.tell({ type: "changes", epoch, seq });
  scene.pass(10);
  equal(scene);
});

test("who does not read for half a minute is lost, and holds nothing", () => {
  const scene = new Scene();
  const [ola, kari] = [scene.join("ola", "10.0.0.5"), scene.join("kari", "10.0.0.6")];
  scene.pass(1_000);
  scene.refuses = ({ association }) => association === ola.association;
  kari.tell({ type: "status", away: true });
  scene.pass(29_900);
  assert.equal(shown(kari.mirror), "kari:away ola");
  scene.pass(200);
  assert.deepEqual(scene.last("abort"), {
    type: "abort",
    association: ola.association,
    reason: "it does not read",
  });
  scene.pass(100);
  assert.equal(shown(kari.mirror), "[ola lost] kari:away");
});

test("numbers that cannot be reserved: another epoch, and everybody is told everything in it", () => {
  const store = new MemoryStore();
  const names = ["ola", "kari"];
  const probe = new Scene();
  const keys = names.map((name) => probe.client(name, "10.0.0.1").fingerprint);
  store.commit(
    names.map((name, index) => ({
      type: "bind" as const,
      binding: { ...binding(name, 1), fingerprint: keys[index] as Fingerprint },
    })),
  );
  store.failWith(new StoreError("Cannot write", "read-only"));
  const scene = new Scene({ store });
  const first = scene.registry.published.epoch;
  const ola = scene.join("ola", "10.0.0.5");
  assert.equal(ola.attached?.epoch, first);
  scene.pass(100);
  const second = scene.registry.published.epoch;
  assert.notEqual(second, first);
  assert.equal(ola.attached?.epoch, second);
  assert.equal(ola.counts.attached, 2);
  assert.equal(shown(ola.mirror), "ola");
  scene.join("kari", "10.0.0.6");
  scene.pass(100);
  equal(scene);
  assert.equal(ola.counts.attached, 2, "and goes on in it");
});

test("a restart whose roster is not kept: the epoch goes on above all numbers, each is back, rosters are as before", () => {
  const scene = new Scene({ rosterStore: undefined });
  const clients = ["ola", "kari", "per"].map((name, index) => scene.join(name, `10.0.0.${index + 5}`));
  scene.pass(1_000);
  const before = { ...scene.registry.published, roster: shown(clients[0]?.mirror ?? assert.fail()) };
  scene.restart();
  for (const client of clients) client.comeOnline();
  scene.pass(1_000);
  equal(scene);
  assert.equal(scene.registry.published.epoch, before.epoch);
  assert.ok(scene.registry.published.seq > before.seq);
  assert.equal(shown(clients[0]?.mirror ?? assert.fail()), before.roster);
});

test("1,000 clients that come back at once are all attached, and all know it, within two seconds of the clock", () => {
  const scene = new Scene({ random: seededRandom(3) });
  const clients = Array.from({ length: 1_000 }, (_, index) => {
    const client = scene.client(`client${index}`, `10.1.${index >> 8}.${index & 255}`);
    // To take in a thousand entries a thousand times would take this test half a minute.
    client.isDeaf = index % 50 !== 0;
    return client;
  });
  const begun = scene.now;
  for (const client of clients) {
    client.hello();
    client.send(client.joinBytes());
  }
  for (let done = 0; done < clients.length; ) {
    const dialled = clients.filter(({ dials, isHungUp }) => dials.length > 0 && !isHungUp);
    for (const client of dialled) {
      client.openTls();
      client.register();
    }
    scene.pass(20);
    for (const client of dialled) {
      assert.ok(client.registered !== undefined);
      scene.do((registry) => registry.tlsClosed(scene.now, client.dial));
      client.associate();
      client.attach();
      done += 1;
    }
  }
  scene.pass(200);
  assert.ok(scene.now - begun < 2_000, `${scene.now - begun} ms`);
  assert.equal(scene.registry.counts.online, 1_000);
  const hearing = clients.filter(({ isDeaf }) => !isDeaf);
  equal(scene, hearing);
  assert.equal(hearing[0]?.mirror.size, 1_000);
  const messages = scene.all("send").length;
  assert.ok(messages < 30_000, `${messages} messages`);
});
