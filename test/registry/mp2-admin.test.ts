import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprintText } from "../../src/base/fingerprint.ts";
import { StoreError } from "../../src/roster/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Realm } from "../../src/wire/mp2-values.ts";
import { Bench } from "./harness.ts";
import { Scene, shown } from "./mp2-scene.ts";
import { SETTINGS, UNIX } from "./new-registry.ts";

test("kick: by nickname, all digits or the spoken ones; the client is told, may come again, and shows as kicked", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.join("ola", "10.0.0.5");
  const { fingerprint } = ola;
  for (const target of ["OLA", fingerprint, fingerprint.toUpperCase(), fingerprintText(fingerprint)]) {
    const done = scene.command({ type: "kick", target });
    assert.deepEqual(done, { ok: true, nickname: "ola", fingerprint, address: "10.0.0.5" });
    assert.deepEqual(ola.farewells.pop(), { type: "ended", reason: "kicked" });
    assert.equal(ola.ends.pop(), "shutdown");
    scene.pass(100);
    assert.equal(shown(watcher.mirror), "[ola kicked] watcher");
    scene.event({ type: "closed", id: ola.association ?? 0 });
    const again = scene.command({ type: "kick", target });
    assert.ok(!again.ok && again.code === "is-so-already");
    ola.comeOnline();
  }
});

test("kick of a client of mp1, of one that registers, of nobody", () => {
  const bench = new Bench();
  const scene = new Scene();
  scene.registry = bench.registry;
  const per = bench.join("per", "10.0.0.9", 52_000);
  assert.deepEqual(scene.command({ type: "kick", target: "per" }), {
    ...{ ok: true, nickname: "per", address: "10.0.0.9" },
  });
  assert.equal(scene.last("abort")?.association, per);
  assert.deepEqual(bench.registry.counts, { online: 0, offline: 1, pending: 0 });
  const ola = scene.client("ola", "10.0.0.5");
  ola.tryToRegister();
  assert.ok(scene.command({ type: "kick", target: "ola" }).ok);
  assert.equal(bench.registry.counts.offline, 2);
  for (const target of ["nobody", "", "x".repeat(300), "00".repeat(32), "00000 ".repeat(8)]) {
    const done = scene.command({ type: "kick", target });
    assert.ok(!done.ok && ["unknown", "is-so-already"].includes(done.code), target);
  }
});

test("ban: durable before it is told, ends the session, refuses the next; unban lifts it", () => {
  const store = new MemoryStore();
  const scene = new Scene({ store });
  const ola = scene.join("ola", "10.0.0.5");
  const { fingerprint } = ola;
  const done = scene.command({ type: "ban", target: "ola", reason: "spam\u0007 again" });
  assert.deepEqual(done, { ok: true, nickname: "ola", fingerprint, address: "10.0.0.5" });
  assert.equal(store.load().bans[0]?.fingerprint, fingerprint);
  assert.deepEqual(ola.farewells, [{ type: "ended", reason: "banned", text: "spam again" }]);
  const twice = scene.command({ type: "ban", target: fingerprint, reason: "" });
  assert.ok(!twice.ok && twice.code === "is-so-already");
  ola.tryToRegister();
  assert.equal(ola.refused?.code, "banned");
  assert.deepEqual(
    [...scene.registry.bans()].map((ban) => ban.fingerprint),
    [fingerprint],
  );
  scene.restart();
  ola.tryToRegister();
  assert.equal(ola.refused?.code, "banned", "after a restart as well");
  assert.ok(scene.command({ type: "unban", target: fingerprintText(fingerprint) }).ok);
  const free = scene.command({ type: "unban", target: "ola" });
  assert.ok(!free.ok && free.code === "is-so-already");
  ola.comeOnline();
});

test("a ban that comes while the key's name is being stored", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.callIn();
  ola.openTls();
  ola.register();
  assert.ok(scene.command({ type: "ban", target: ola.fingerprint, reason: "" }).ok);
  assert.equal(ola.registered, undefined);
  assert.equal(ola.refused?.code, "banned");
});

test("a key that was never here can be banned by all its digits, a client without key cannot", () => {
  const bench = new Bench();
  const scene = new Scene();
  scene.registry = bench.registry;
  bench.join("per", "10.0.0.9", 52_000);
  const mp1 = scene.command({ type: "ban", target: "per", reason: "" });
  assert.ok(!mp1.ok && mp1.code === "unknown");
  const ola = scene.client("ola", "10.0.0.5");
  const spoken = scene.command({ type: "ban", target: fingerprintText(ola.fingerprint), reason: "" });
  assert.ok(!spoken.ok && spoken.code === "unknown");
  assert.ok(scene.command({ type: "ban", target: ola.fingerprint, reason: "" }).ok);
});

test("forget: the name is free for another key, unless its holder is still there under it", () => {
  const store = new MemoryStore();
  const scene = new Scene({ store });
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.join("ola", "10.0.0.5");
  assert.ok(scene.command({ type: "forget", nickname: "Ola" }).ok);
  assert.deepEqual(
    store.load().bindings.map(({ nickname }) => nickname),
    ["watcher"],
  );
  const heir = scene.client("ola", "10.0.0.6", 51_000, "heir");
  heir.tryToRegister();
  assert.equal(heir.refused?.code, "nick-taken", "its holder is here");
  scene.lost(ola.association ?? 0);
  heir.comeOnline();
  ola.tryToRegister();
  assert.equal(ola.refused?.code, "nick-taken");
  scene.event({ type: "closed", id: heir.association ?? 0 });
  const done = scene.command({ type: "forget", nickname: "ola" });
  assert.deepEqual(done, { ok: true, nickname: "ola", fingerprint: heir.fingerprint });
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "watcher", "and it is no longer shown");
  const unknown = scene.command({ type: "forget", nickname: "ola" });
  assert.ok(!unknown.ok && unknown.code === "unknown");
});

test("what cannot be stored is not done, and said so", () => {
  const store = new MemoryStore();
  const scene = new Scene({ store });
  const ola = scene.join("ola", "10.0.0.5");
  store.failWith(new StoreError("Cannot write registry.sqlite: read-only", "read-only"));
  for (const command of [
    { type: "ban", target: "ola", reason: "" },
    { type: "forget", nickname: "ola" },
  ] as const) {
    const done = scene.command(command);
    assert.deepEqual(done, { ok: false, code: "storage", text: "Cannot write registry.sqlite: read-only" });
  }
  assert.equal(ola.farewells.length, 0);
  scene.lost(ola.association ?? 0);
  ola.comeOnline();
});

test("beacons: at the start, every ten seconds give or take one, with epoch, seq and realm; sent always grows", () => {
  const scene = new Scene();
  scene.pass(0);
  scene.join("ola", "10.0.0.5");
  scene.pass(120_000);
  const beacons = scene.announcements();
  assert.ok(beacons.length >= 11 && beacons.length <= 14, `${beacons.length} in two minutes`);
  const { epoch, seq } = scene.registry.published;
  const run = scene.clients[0]?.registered?.run;
  assert.match(run ?? "", /^[0-9a-f]{16}$/);
  assert.deepEqual(
    { ...beacons.at(-1), sent: 0 },
    { type: "beacon", epoch, seq, sent: 0, realm: "office", run },
  );
  for (const [index, { sent }] of beacons.entries()) {
    const since = sent - (beacons[index - 1]?.sent ?? UNIX - 10_000);
    assert.ok(since >= 9_000 && since <= 11_100, `${since} ms`);
  }
});

test("an interface that comes up gets a beacon at once, a flapping one a beacon a second; a new realm is told", () => {
  const scene = new Scene();
  scene.pass(2_000);
  scene.take();
  scene.registry.configure({ ...SETTINGS, realm: "annex" as Realm });
  for (let count = 0; count < 100; count += 1) {
    scene.do((registry) => registry.announce(scene.now));
    scene.pass(30);
  }
  const beacons = scene.announcements();
  assert.ok(beacons.length >= 3 && beacons.length <= 4, `${beacons.length} in three seconds`);
  assert.ok(beacons.every((beacon) => beacon.type === "beacon" && beacon.realm === "annex"));
});

test("a wall clock that is set back: announcements and the time told to clients go on", () => {
  let offset = 0;
  const scene = new Scene({ unixAt: (at) => UNIX + at + offset });
  scene.pass(30_000);
  const before = scene.announcements().at(-1)?.sent ?? 0;
  offset = -3_600_000;
  const ola = scene.join("ola", "10.0.0.5");
  assert.ok((ola.registered?.time ?? 0) >= before && (ola.attached?.time ?? 0) >= before);
  scene.pass(30_000);
  const sent = scene.announcements().map((announcement) => announcement.sent);
  assert.deepEqual(
    sent,
    [...new Set(sent)].sort((one, other) => one - other),
  );
});

for (const farewell of [{ reason: "restart", backIn: 2_000 }, { reason: "stop" }] as const) {
  test(`${farewell.reason}: a bye to the groups, an end to every client, a refusal to who is registering, then silence`, () => {
    const store = new MemoryStore();
    const scene = new Scene({ store });
    const [ola, kari] = [scene.join("ola", "10.0.0.5"), scene.join("kari", "10.0.0.6")];
    const [asked, dialled] = [scene.client("per", "10.0.0.7"), scene.client("eva", "10.0.0.8")];
    asked.callIn();
    asked.openTls();
    dialled.callIn();
    scene.pass(100);
    const { epoch, seq } = scene.registry.published;
    scene.take();
    scene.stop(farewell);
    const { sent, ...bye } = scene.announcements().at(-1) ?? assert.fail();
    assert.ok(sent >= UNIX);
    assert.deepEqual(bye, { type: "bye", epoch, seq, ...farewell });
    for (const client of [ola, kari]) {
      assert.deepEqual(client.farewells, [{ type: "ended", ...farewell }]);
      assert.deepEqual(client.ends, ["shutdown"]);
    }
    assert.equal(asked.refused?.code, "stopping");
    assert.equal(scene.last("hang-up")?.dial, dialled.dial);
    for (const { association = 0 } of [ola, kari]) scene.event({ type: "closed", id: association });
    assert.equal(scene.registry.counts.online, 0);
    const gone = scene.logs().filter((text) => text.includes("offline"));
    assert.deepEqual(gone, [], "nobody has left because we do");
    scene.take();
    scene.stop(farewell);
    ola.hello();
    scene.pass(60_000);
    assert.deepEqual(
      scene.take().filter(({ type }) => type !== "log"),
      [],
    );
    assert.equal(scene.registry.nextDeadline(), undefined, "and all that was to be stored is");
    assert.ok((store.load().bindings[0]?.lastSeen ?? 0) > UNIX);
  });
}
