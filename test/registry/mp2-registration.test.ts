import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError } from "../../src/roster/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import type { RefusalCode } from "../../src/wire/mp2-registration.ts";
import type { StatusText } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import { Bench } from "./harness.ts";
import type { TestClient } from "./mp2-client.ts";
import { Scene, shown } from "./mp2-scene.ts";
import { UNIX } from "./new-registry.ts";

test("the challenge names realm, epoch and the join's nonce; registered says what it takes to attach", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.tryToRegister();
  const { epoch, seq } = scene.registry.published;
  const [challenge] = ola.challenges;
  assert.deepEqual(challenge, {
    ...{ type: "challenge", realm: "office", epoch },
    ...{ nonce: ola.nonce, capabilities: new Set() },
  });
  const { session, time, run, ...facts } = ola.registered ?? {};
  assert.match(run ?? "", /^[0-9a-f]{16}$/);
  assert.match(session ?? "", /^[0-9a-f]{32}$/);
  assert.ok(time !== undefined && time >= UNIX);
  assert.deepEqual(facts, {
    ...{ type: "registered", epoch, seq, sctpPort: 10_001, encapsulationPort: 9_899, rawIp: true },
    ...{ heartbeat: 1_000, lostAfter: 2_800 },
  });
  assert.equal(scene.last("tls-end")?.dial, ola.dial);
  assert.ok(ola.mirror.isCurrent, "the pages came");
});

test("registered is not sent before the name is durable, and a known name waits for nothing", () => {
  const store = new MemoryStore();
  const scene = new Scene({ store });
  const ola = scene.client("ola", "10.0.0.5");
  ola.callIn();
  ola.openTls();
  ola.register();
  assert.equal(ola.registered, undefined);
  assert.equal(store.load().bindings.length, 0);
  scene.pass(20);
  assert.ok(ola.registered !== undefined);
  assert.equal(store.load().bindings[0]?.fingerprint, ola.fingerprint);
  scene.do((registry) => registry.tlsClosed(scene.now, ola.dial));
  ola.callIn();
  ola.openTls();
  ola.register();
  assert.ok(ola.registered !== undefined, "at once");
});

test("a client that hangs up while its name is stored gets no session; the name is its key's", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.callIn();
  ola.openTls();
  ola.register();
  scene.do((registry) => registry.tlsClosed(scene.now, ola.dial));
  scene.pass(20);
  assert.equal(ola.registered, undefined);
  assert.deepEqual(scene.registry.counts, { online: 0, offline: 0, pending: 0 });
  const thief = scene.client("ola", "10.0.0.6", 51_000, "thief");
  thief.tryToRegister();
  assert.equal(thief.refused?.code, "nick-taken");
});

/** What makes a registration be refused, and how. */
const REFUSALS: readonly (readonly [
  string,
  RefusalCode,
  RegExp,
  (scene: Scene, client: TestClient) => void,
])[] = [
  [
    "a name of another key that is here",
    "nick-taken",
    /^ola belongs to another key at 10\.0\.0\.5; ola~2 is free$/,
    (scene, client) => {
      const ola = scene.join("ola", "10.0.0.5");
      client.tryToRegister();
      assert.deepEqual(client.refused?.holder, { fingerprint: ola.fingerprint, address: "10.0.0.5" });
      assert.equal(client.refused?.suggestion, "ola~2");
    },
  ],
  [
    "one that folds to the same",
    "nick-taken",
    /^OLA belongs to another key/,
    (scene, client) => {
      scene.join("ola", "10.0.0.5");
      client.nickname = "OLA" as Nickname;
      client.tryToRegister();
    },
  ],
  [
    "a name of another key that is away",
    "nick-taken",
    /another key at 10\.0\.0\.5/,
    (scene, client) => {
      scene.lost(scene.join("ola", "10.0.0.5").association ?? 0);
      scene.pass(1_000);
      client.tryToRegister();
    },
  ],
  [
    "a name of another key that this registry has not seen since it started",
    "nick-taken",
    /^ola belongs to another key; ola~2 is free$/,
    (scene, client) => {
      const ola = scene.join("ola", "10.0.0.5");
      scene.restart();
      client.tryToRegister();
      assert.deepEqual(client.refused?.holder, { fingerprint: ola.fingerprint });
    },
  ],
  [
    "a banned key",
    "banned",
    /^Banned: spam$/,
    (scene, client) => {
      const done = scene.command({ type: "ban", target: client.fingerprint, reason: "spam" });
      assert.ok(done.ok);
      client.tryToRegister();
    },
  ],
  [
    "a full registry",
    "registry-full",
    /^The registry is full: 2 clients/,
    (scene, client) => {
      scene.join("a", "10.0.1.1");
      scene.join("b", "10.0.1.2");
      client.tryToRegister();
    },
  ],
  [
    "too many sessions of its address",
    "too-many",
    /^1 clients of 10\.0\.0\.9 are here/,
    (scene, client) => {
      scene.join("a", "10.0.0.9", 52_000);
      client.tryToRegister();
    },
  ],
  [
    "too many new names of its address",
    "too-many",
    /^Too many new nicknames from 10\.0\.0\.9: try again in/,
    (_, client) => {
      for (const nick of ["a", "b", "c"]) {
        client.nickname = nick as Nickname;
        client.tryToRegister();
        assert.equal(client.refused, undefined);
      }
      client.nickname = "d" as Nickname;
      client.tryToRegister();
      assert.equal(client.refused?.retryIn, 1_000);
    },
  ],
];

for (const [what, code, text, attempt] of REFUSALS) {
  test(`refused: ${what}`, () => {
    const limits = {
      maxClients: 2,
      maxSessionsPerAddress: 1,
      newNamesPerAddress: { perSecond: 1, burst: 3 },
    };
    const scene = new Scene({ limits });
    const client = scene.client("ola", "10.0.0.9", 51_000, "late");
    attempt(scene, client);
    assert.equal(client.registered, undefined);
    assert.equal(client.refused?.code, code);
    assert.match(client.refused?.text ?? "", text);
    assert.equal(scene.last("tls-end")?.dial, client.dial);
    assert.ok(scene.logs().some((line) => line.startsWith("info Refused 10.0.0.9: ")));
  });
}

test("of two keys that ask for a name within one commit the first has it", () => {
  const scene = new Scene();
  const [one, two] = [
    scene.client("ola", "10.0.0.5", 51_000, "one"),
    scene.client("ola", "10.0.0.6", 51_000, "two"),
  ];
  for (const client of [one, two]) {
    client.callIn();
    client.openTls();
  }
  one.register();
  two.register();
  scene.pass(20);
  assert.ok(one.registered !== undefined);
  assert.equal(two.refused?.code, "nick-taken");
});

test("a store that cannot be written: new names are refused, known ones get in, and it heals by itself", () => {
  const store = new MemoryStore();
  const scene = new Scene({ store });
  const ola = scene.join("ola", "10.0.0.5");
  store.failWith(new StoreError("Cannot write registry.sqlite: no space left", "full"));
  const kari = scene.client("kari", "10.0.0.6");
  kari.tryToRegister();
  assert.equal(kari.refused?.code, "storage");
  assert.match(kari.refused?.text ?? "", /no space left/);
  kari.tryToRegister();
  assert.equal(kari.refused?.code, "storage", "at once, without asking the disk again");
  scene.lost(ola.association ?? 0);
  ola.comeOnline();
  assert.equal(scene.registry.counts.online, 1);
  assert.equal(
    scene.logs().filter((line) => line.startsWith("error Cannot write registry.sqlite")).length,
    1,
  );
  store.failWith(undefined);
  scene.pass(3_000);
  kari.comeOnline();
  assert.equal(scene.registry.counts.online, 2);
  assert.ok(scene.logs().includes("info The registry's state can be written again"));
});

test("a name over mp1: taken while its holder is there, free when it has left; a bound one is for no mp1 client", () => {
  const bench = new Bench();
  const scene = new Scene();
  scene.registry = bench.registry;
  const per = bench.join("per", "10.0.0.9", 52_000);
  const thief = scene.client("per", "10.0.0.5");
  thief.tryToRegister();
  assert.equal(thief.refused?.code, "nick-taken");
  assert.deepEqual(thief.refused?.holder, { address: "10.0.0.9" });
  assert.match(
    thief.refused?.text ?? "",
    /^per belongs to a client without key at 10\.0\.0\.9; per~2 is free$/,
  );
  bench.event({ type: "closed", id: per });
  thief.comeOnline();
  scene.event({ type: "closed", id: thief.association ?? 0 });
  scene.pass(1_000);
  bench.now = scene.now;
  bench.collect();
  const dial = bench.hello("10.0.0.9", 52_000) ?? 0;
  bench.connected(dial);
  bench.say(dial, "per\n");
  const answer = bench.answer();
  assert.ok(answer?.type === "refused" && answer.refusal.code === "nickname-taken");
  assert.equal(answer.refusal.suggestion, "per~2");
  const original = bench.hello("10.0.0.10", 52_000, "original") ?? 0;
  bench.connected(original);
  bench.say(original, "Per");
  bench.up("10.0.0.10", 52_000);
  const names = [...bench.registry.clients()].map(({ entry }) => entry.nickname);
  assert.deepEqual(names, ["Per~2", "per"]);
});

test("a rename is a registration of the same key by another name: the old one stays its own", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.join("ola", "10.0.0.5");
  scene.pass(100);
  const before = ola.association;
  ola.nickname = "olav" as Nickname;
  ola.comeOnline();
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "olav watcher");
  assert.deepEqual(
    scene.all("abort").map(({ association }) => association),
    [before],
    "the old association goes when the new one is up",
  );
  assert.equal(scene.registry.counts.online, 2);
  const thief = scene.client("ola", "10.0.0.6", 51_000, "thief");
  thief.tryToRegister();
  assert.equal(thief.refused?.code, "nick-taken");
});

test("the same key from elsewhere supersedes: the older session is told, and nobody seems to leave", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const desk = scene.join("ola", "10.0.0.5");
  scene.pass(100);
  const seen = watcher.counts.delta;
  const laptop = scene.join("ola", "10.0.0.77");
  scene.pass(100);
  assert.deepEqual(desk.farewells, [{ type: "ended", reason: "superseded" }]);
  assert.deepEqual(desk.ends, ["shutdown"]);
  assert.equal(shown(watcher.mirror), "ola watcher");
  assert.equal(watcher.mirror.find("ola")?.address, "10.0.0.77");
  assert.equal(watcher.counts.delta, seen + 1, "one change: where it is");
  scene.event({ type: "closed", id: desk.association ?? 0 });
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "ola watcher", "its end changes nothing");
  assert.ok(laptop.attached !== undefined);
});

test("a client that comes back at the same place is never seen to leave, whatever becomes of its old association", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  const ola = scene.join("ola", "10.0.0.5");
  scene.pass(100);
  const old = ola.association ?? 0;
  ola.tryToRegister();
  scene.lost(old, "aborted");
  scene.pass(1_000);
  ola.associate();
  ola.attach();
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "ola watcher");
  assert.deepEqual(ola.ends, []);
  // Once more, and the endpoint takes it for a restart of the association.
  ola.tryToRegister();
  scene.event({ type: "restarted", id: ola.association ?? 0 });
  ola.attach();
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "ola watcher");
  assert.deepEqual(scene.registry.counts, { online: 2, offline: 0, pending: 0 });
});

test("a client that registers again and then does not associate: what is left of its old association is dropped", () => {
  const scene = new Scene();
  const ola = scene.join("ola", "10.0.0.5");
  const old = ola.association;
  ola.tryToRegister();
  scene.pass(9_900);
  ola.deliver(new Uint8Array(40));
  assert.deepEqual(ola.ends, [], "nobody listens to it, and nobody ends it yet");
  scene.pass(200);
  assert.deepEqual(ola.ends, ["abort"]);
  assert.equal(scene.last("abort")?.association, old);
  assert.deepEqual(scene.registry.counts, { online: 0, offline: 1, pending: 0 });
});

test("another key at an address and port where a client was: that one is gone", () => {
  const scene = new Scene();
  const watcher = scene.join("watcher", "10.0.0.1");
  scene.join("ola", "10.0.0.5");
  scene.join("kari", "10.0.0.5", 51_000);
  scene.pass(100);
  assert.equal(shown(watcher.mirror), "kari watcher");
});

/** What a client may say instead of registering, and how it ends. */
const NONSENSE: readonly (readonly [string, Uint8Array, "hang-up" | "nick-invalid"])[] = [
  ["a frame of no length", new Uint8Array(4), "hang-up"],
  ["a frame of 4,097 bytes", Uint8Array.of(0, 0, 0x10, 1), "hang-up"],
  ["a frame of 4 GiB", new Uint8Array(4).fill(255), "hang-up"],
  ["a frame that is no CBOR", encodeFrame(new Uint8Array(100).fill(255)), "hang-up"],
  ["a message of the registry's", encodeFrame(Uint8Array.of(0xa1, 0, 0x18, 24)), "hang-up"],
  ["an attach", encodeFrame(Uint8Array.of(0xa1, 0, 0x18, 32)), "hang-up"],
  ["a register without anything", encodeFrame(Uint8Array.of(0xa1, 0, 0x11)), "nick-invalid"],
  [
    "a register with a name of blanks",
    encodeFrame(Uint8Array.of(0xa4, 0, 0x11, 1, 0x61, 0x20, 2, 0x80, 3, 0xf4)),
    "nick-invalid",
  ],
  [
    "a register with a status that is no line",
    encodeFrame(Uint8Array.of(0xa5, 0, 0x11, 1, 0x61, 0x61, 2, 0x80, 3, 0xf4, 4, 0x61, 0x0a)),
    "hang-up",
  ],
  [
    "two frames",
    new Uint8Array(Buffer.concat([encodeFrame(Uint8Array.of(0xa0)), encodeFrame(Uint8Array.of(0xa0))])),
    "hang-up",
  ],
];

for (const [what, bytes, how] of NONSENSE) {
  test(`instead of register: ${what}`, () => {
    const scene = new Scene();
    const ola = scene.client("ola", "10.0.0.5");
    ola.callIn();
    ola.openTls();
    ola.say(bytes);
    if (how === "hang-up") assert.equal(scene.last("hang-up")?.dial, ola.dial);
    else assert.equal(ola.refused?.code, how);
    scene.do((registry) => registry.tlsClosed(scene.now, ola.dial));
    assert.equal(ola.blocked.length, 0, "its TCP works");
    assert.equal(scene.registry.counts.pending, 0);
    ola.comeOnline();
  });
}

test("a register byte by byte is taken; the rest of one that never comes is not waited for", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.callIn();
  ola.openTls();
  const dial = ola.dial;
  let pending = -1;
  const say = ola.say.bind(ola);
  ola.say = (bytes) => {
    for (const byte of bytes) {
      scene.do((registry) => {
        pending = registry.tlsReceived(scene.now, dial, Uint8Array.of(byte)).pending;
      });
    }
  };
  ola.register();
  assert.equal(pending, 0);
  scene.pass(20);
  assert.ok(ola.registered !== undefined);
  scene.do((registry) => registry.tlsClosed(scene.now, dial));
  ola.callIn();
  ola.openTls();
  say(Uint8Array.of(0, 0, 0, 9, 1));
  scene.pass(10_001);
  assert.equal(scene.last("hang-up")?.dial, ola.dial);
  assert.ok(
    scene.logs().some((line) => line === "info 10.0.0.5 asked to join, but did not register in time"),
  );
});

test("a client that hangs up or ends before it registers is done with; after its answer it is waited for a moment", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.callIn();
  ola.openTls();
  scene.do((registry) => registry.tlsClosed(scene.now, ola.dial));
  ola.callIn();
  ola.openTls();
  scene.do((registry) => registry.tlsEnded(scene.now, ola.dial));
  assert.equal(scene.last("hang-up")?.dial, ola.dial);
  assert.equal(scene.registry.counts.pending, 0);
  ola.callIn();
  ola.openTls();
  ola.register();
  scene.pass(20);
  ola.say(new Uint8Array(10_000));
  assert.notEqual(scene.last("hang-up")?.dial, ola.dial);
  scene.pass(5_001);
  assert.equal(scene.last("hang-up")?.dial, ola.dial);
});

/** A registry with 150 names of some length, of which a connection may hold few pages at a time. */
function longRoster(): Scene {
  const scene = new Scene({ limits: { tlsPageBytes: 10_000 } });
  const status = "x".repeat(128) as StatusText;
  for (let index = 0; index < 150; index += 1) {
    scene.client(`client${index}`, `10.1.${index}.1`).comeOnline({ status });
    scene.pass(20);
  }
  scene.reads = false;
  return scene;
}

/** A newcomer that has been sent what its connection holds, and has read nothing of it. */
function newcomer(scene: Scene, address = "10.0.0.5"): TestClient {
  const client = scene.client(`late${address}`, address);
  client.callIn();
  client.openTls();
  client.register();
  scene.pass(20);
  return client;
}

test("a long roster goes out on TLS as its client reads it", () => {
  const scene = longRoster();
  const late = newcomer(scene);
  const sent = (): number => scene.all("tls-send").filter(({ dial }) => dial === late.dial).length;
  const awaited = () => scene.all("tls-send").filter(({ dial, awaited: is }) => dial === late.dial && is);
  assert.equal(awaited().length, 1, "the last of those that it may hold");
  assert.equal(scene.last("tls-send")?.awaited, true);
  const before = sent();
  scene.pass(100);
  assert.equal(sent(), before);
  for (let rounds = 0; scene.last("tls-end")?.dial !== late.dial; rounds += 1) {
    assert.ok(!late.mirror.isCurrent && rounds < 9);
    scene.do((registry) => registry.tlsTaken(scene.now, late.dial));
  }
  assert.ok(late.mirror.isCurrent && sent() > before);
  assert.equal(scene.last("tls-send")?.awaited, false, "the last page of all");
  const after = sent();
  scene.do((registry) => registry.tlsTaken(scene.now, late.dial));
  assert.equal(sent(), after);
  late.associate();
  late.attach();
  scene.pass(100);
  assert.deepEqual([late.mirror.size, late.counts.page], [151, 0]);
});

test("who does not read a long roster in time gets the rest after attached", () => {
  const scene = longRoster();
  const late = newcomer(scene);
  scene.pass(4_900);
  assert.notEqual(scene.last("tls-end")?.dial, late.dial);
  scene.pass(200);
  assert.equal(scene.last("tls-end")?.dial, late.dial);
  assert.ok(!late.mirror.isCurrent);
  late.associate();
  late.attach();
  scene.pass(100);
  assert.equal(late.mirror.size, 151);
  assert.ok(late.counts.page >= 2);
});

test("a connection that ends, or a registry that stops, in the middle of a long roster", () => {
  const scene = longRoster();
  const gone = newcomer(scene);
  scene.do((registry) => registry.tlsClosed(scene.now, gone.dial));
  const sent = scene.all("tls-send").length;
  scene.do((registry) => registry.tlsTaken(scene.now, gone.dial));
  assert.equal(scene.all("tls-send").length, sent);
  assert.equal(scene.registry.counts.pending, 0);
  const reading = newcomer(scene, "10.0.0.6");
  scene.stop({ reason: "stop" });
  assert.equal(scene.last("tls-end")?.dial, reading.dial);
});
