import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { ed25519Spki } from "../../src/base/ed25519.ts";
import { fingerprintOfSpki } from "../../src/base/fingerprint.ts";
import { KEY_MILLIS } from "../../src/chat/mp1-membership.ts";
import { Pins } from "../../src/chat/pins.ts";
import { PRESENCE_SETTLE_MILLIS } from "../../src/chat/presence-news.ts";
import { FALLBACK_MILLIS, HINT_MILLIS } from "../../src/chat/searching.ts";
import { type Announcement, encodeAnnouncement } from "../../src/wire/mp2-announcement.ts";
import { DISCOVERY_TO_CLIENT, DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import type { Epoch, Nonce, Notice, Realm, RunId, StatusText } from "../../src/wire/mp2-values.ts";
import {
  ADAM,
  EPOCH,
  EVE,
  entry,
  key,
  Mp2Client,
  OLA,
  REALM,
  REGISTRY,
  REGISTRY_KEY,
  UNIX,
} from "./mp2-client.ts";
import { nickname } from "./virtual-client.ts";

function started(options: ConstructorParameters<typeof Mp2Client>[0] = {}): Mp2Client {
  const bench = new Mp2Client(options);
  bench.client.start(0);
  bench.pass(0);
  return bench;
}

const PINNED = Pins.none.meet({ kind: "realm", name: REALM }, REGISTRY_KEY, UNIX);

test("hello, cookie, join, dial-back, registration, attach: online, and the registry's key is pinned", () => {
  const bench = started();
  const nonce = bench.nonce();
  bench.cookie(nonce);
  const [join] = bench.take("datagram");
  assert.deepEqual(join?.to, REGISTRY);
  const decoded = DISCOVERY_TO_REGISTRY.decode(join.bytes);
  assert.equal(decoded.ok && decoded.value.type, "join");
  const connection = bench.connects("mp2-registry", REGISTRY_KEY, REGISTRY.address);
  bench.challenge(connection, nonce);
  const register = bench.register(connection);
  assert.deepEqual([register?.nick, register?.away], ["adam", false]);
  bench.registered(connection);
  bench.page(connection, [entry(ADAM)], 0, 2);
  assert.deepEqual(bench.take("associate"), []);
  bench.page(connection, [entry(OLA)], 1, 2);
  assert.equal(bench.take("tls-end")[0]?.connection, connection);
  const [associate] = bench.take("associate");
  assert.deepEqual(
    [associate?.address, associate?.registryPort, associate?.encapsulationPort, associate?.lostAfterMillis],
    [REGISTRY.address, 10_001, 9_899, 2_800],
  );
  bench.association = associate?.association ?? 0;
  bench.handle({ type: "association-up", association: bench.association });
  const [attach] = bench.fromClient();
  assert.deepEqual(attach, { type: "attach", session: "50".repeat(16), epoch: EPOCH, seq: 10 });
  bench.tell({ type: "attached", epoch: EPOCH, seq: 10, time: UNIX });
  const notices = bench.notices();
  assert.deepEqual(
    notices.map(({ type }) => type),
    ["searching", "registry-new", "online"],
  );
  const { roster, registry } = bench.client.snapshot();
  assert.deepEqual(
    roster.map(({ nickname: name, trust, state }) => [name, trust, state]),
    [["ola", "new", "online"]],
    "without ourselves",
  );
  assert.deepEqual([registry?.protocol, registry?.realm, registry?.trust], ["mp2", REALM, "pinned"]);
  assert.equal(bench.pins.find({ kind: "realm", name: REALM })?.fingerprint, REGISTRY_KEY);
});

test("a dial-back that ends in the middle of the roster: we attach without one, and wait for the rest", () => {
  for (const end of ["tls-ended", "tls-closed"] as const) {
    const bench = started();
    const { nonce, connection } = bench.dialBack();
    bench.challenge(connection, nonce);
    bench.register(connection);
    bench.registered(connection);
    bench.page(connection, [entry(ADAM)], 0, 2);
    bench.handle({ type: end, connection });
    const [associate] = bench.take("associate");
    bench.association = associate?.association ?? 0;
    bench.handle({ type: "association-up", association: bench.association });
    assert.deepEqual(bench.fromClient(), [
      { type: "attach", session: "50".repeat(16), epoch: EPOCH, seq: 0 },
    ]);
    bench.tell({ type: "attached", epoch: EPOCH, seq: 10, time: UNIX });
    bench.pass(1_900);
    assert.ok(!bench.noticeTypes().includes("online"), "not with nobody on the list");
    for (const [index, person] of [ADAM, OLA].entries())
      bench.tell({ type: "page", epoch: EPOCH, seq: 10, index, count: 2, entries: [entry(person)] }, 2);
    assert.ok(bench.noticeTypes().includes("online"));
    assert.deepEqual(
      bench.client.snapshot().roster.map(({ nickname: name }) => name),
      ["ola"],
    );
  }
});

test("a dial-back is closed: not asked, asked another one, wrong nonce, twice, too many", () => {
  const closed = (bench: Mp2Client, connection: number): boolean =>
    bench.take("tls-destroy").some((out) => out.connection === connection);
  const unasked = started();
  assert.ok(closed(unasked, unasked.connects("mp2-registry", REGISTRY_KEY, REGISTRY.address)));
  unasked.cookie(unasked.nonce());
  assert.ok(closed(unasked, unasked.connects("mp2-registry", key("dd"), REGISTRY.address)));
  const replayed = started();
  const { connection, nonce } = replayed.dialBack();
  assert.ok(closed(replayed, replayed.connects("mp2-registry", REGISTRY_KEY, REGISTRY.address)), "twice");
  replayed.challenge(connection, nonce, { nonce: new Uint8Array(16) });
  assert.ok(closed(replayed, connection), "of another search");
  const online = new Mp2Client().online();
  assert.ok(closed(online, online.connects("mp2-registry", REGISTRY_KEY, REGISTRY.address)), "not searching");
  const many = started();
  const hello = many.nonce();
  const keys = ["d0", "d1", "d2", "d3", "d4"].map(key);
  for (const fingerprint of keys) many.cookie(hello, { fingerprint });
  const accepted = keys.map(
    (fingerprint) => !closed(many, many.connects("mp2-registry", fingerprint, REGISTRY.address)),
  );
  assert.deepEqual(accepted, [true, true, true, true, false]);
});

test("a dial-back that comes from elsewhere than the cookie is somebody's who passes it on: refused, said once", () => {
  const bench = started();
  const nonce = bench.nonce();
  bench.cookie(nonce);
  for (const address of ["10.0.0.66", "10.0.0.66"]) {
    const connection = bench.connects("mp2-registry", REGISTRY_KEY, address);
    assert.deepEqual(
      bench.take("tls-destroy").map((out) => out.connection),
      [connection],
    );
  }
  const text = JSON.stringify(bench.notices());
  assert.match(text, /10\.0\.0\.1 seems to call back from 10\.0\.0\.66/);
  assert.equal(text.match(/search-failing/g)?.length, 1);
  const mapped = bench.connects("mp2-registry", REGISTRY_KEY, `::ffff:${REGISTRY.address}`);
  bench.challenge(mapped, nonce);
  assert.ok(bench.register(mapped), "the true one");
});

test("a link-local address is one address on each link", () => {
  const bench = started();
  bench.pass(300);
  bench.cookie(bench.nonce(), { from: { address: "fe80::1%eth0", port: 10_001 } });
  for (const [address, refused] of [
    ["fe80::1%eth1", true],
    ["fe80::1", true],
    ["fe80::1%eth0", false],
  ] as const) {
    const connection = bench.connects("mp2-registry", REGISTRY_KEY, address);
    const isRefused = bench.take("tls-destroy").some((out) => out.connection === connection);
    assert.equal(isRefused, refused, address);
  }
});

test("a cookie of another search, and floods of them, lead nowhere; the pinned registry is heard all the same", () => {
  const bench = started({ pins: PINNED });
  const nonce = bench.nonce();
  bench.cookie(new Uint8Array(16) as Nonce);
  assert.deepEqual(bench.take("datagram"), []);
  for (let index = 16; index < 116; index += 1)
    bench.cookie(nonce, { fingerprint: key(index.toString(16).padStart(2, "0").slice(-2)) });
  assert.equal(bench.take("datagram").length, 8);
  bench.cookie(nonce);
  assert.equal(bench.take("datagram").length, 1);
  bench.cookie(nonce, { from: { address: "10.9.9.9", port: 10_001 } });
  assert.equal(bench.take("datagram").length, 0, "one way at a time");
});

test("named hosts: only they are believed, and pinned as typed", () => {
  const bench = started({ hosts: ["registry.example"] });
  const nonce = bench.nonce();
  const to = [{ host: "registry.example", address: REGISTRY.address }];
  bench.handle({ type: "hello-sent", protocol: "mp2", to });
  bench.cookie(nonce, { from: { address: "10.6.6.6", port: 10_001 } });
  assert.deepEqual(bench.take("datagram"), []);
  bench.cookie(nonce);
  const connection = bench.connects("mp2-registry", REGISTRY_KEY, REGISTRY.address);
  bench.challenge(connection, nonce);
  bench.registered(connection);
  bench.page(connection, []);
  bench.drain();
  assert.equal(bench.pins.find({ kind: "host", name: "registry.example" })?.fingerprint, REGISTRY_KEY);
  assert.deepEqual(bench.noticeTypes(), ["searching", "search-failing", "registry-new"]);
});

test("a registry with another key than the pinned one is refused loudly, and the search goes on", () => {
  const pins = Pins.none.meet({ kind: "realm", name: REALM }, key("99"), UNIX);
  const bench = started({ pins });
  const { connection, nonce } = bench.dialBack();
  bench.challenge(connection, nonce);
  assert.equal(bench.register(connection), undefined, "it is told nothing");
  assert.equal(bench.take("tls-destroy").length, 1);
  const changed = bench.notices().find(({ type }) => type === "registry-changed");
  assert.deepEqual(changed?.type === "registry-changed" && [changed.pinned, changed.offered], [
    key("99"),
    REGISTRY_KEY,
  ]);
  bench.pass(1_000);
  assert.ok(bench.take("hello").length > 0);
  assert.equal(bench.client.accept(bench.now, { kind: "realm", name: REALM }), REGISTRY_KEY);
  bench.drain();
  bench.pass(1_000);
  bench.joinRegistry([]);
  assert.equal(bench.client.snapshot().registry?.trust, "verified");
});

test("who calls by mp1 is asked for its key first: a registry that has just started gets no client without", () => {
  const bench = started();
  bench.pass(FALLBACK_MILLIS);
  bench.handle({ type: "hello-sent", protocol: "mp1", to: "any" });
  bench.take("hello");
  bench.handle({ type: "dialed-back", connection: 900, address: REGISTRY.address });
  bench.pass(0);
  const nonce = bench.nonce();
  assert.deepEqual(bench.take("answer-dial-back"), []);
  bench.cookie(nonce);
  assert.deepEqual(
    bench.take("close-dial-back").map(({ connection }) => connection),
    [900],
  );
  assert.equal(bench.take("datagram").length, 1, "it joins");
  // Without a key it is answered, and asked no more often than it calls.
  const keyless = started();
  keyless.pass(FALLBACK_MILLIS);
  keyless.handle({ type: "hello-sent", protocol: "mp1", to: "any" });
  keyless.take("hello");
  keyless.handle({ type: "dialed-back", connection: 901, address: REGISTRY.address });
  keyless.pass(KEY_MILLIS - 1);
  assert.deepEqual(keyless.take("answer-dial-back"), []);
  assert.equal(keyless.take("hello").length, 1);
  keyless.pass(1);
  assert.deepEqual(
    keyless.take("answer-dial-back").map(({ connection }) => connection),
    [901],
  );
});

test("mp1 only after three seconds without a registry of mp2, and never where one is pinned or it is off", () => {
  const mp1 = (bench: Mp2Client, time: number): number => {
    bench.pass(time);
    return bench.take("hello").filter(({ protocol }) => protocol === "mp1").length;
  };
  const open = started();
  assert.equal(mp1(open, FALLBACK_MILLIS - 1), 0);
  assert.ok(mp1(open, 1) > 0);
  const answered = started();
  answered.cookie(answered.nonce());
  assert.equal(mp1(answered, 60_000), 0);
  for (const options of [{ pins: PINNED }, { legacy: false }]) assert.equal(mp1(started(options), 60_000), 0);
  const hint = (bench: Mp2Client) => {
    bench.pass(HINT_MILLIS);
    return bench.notices().find(({ type }) => type === "search-hint");
  };
  assert.deepEqual(hint(started()), { type: "search-hint", waitedMillis: HINT_MILLIS, unverified: "asked" });
  assert.deepEqual(hint(started({ pins: PINNED })), {
    type: "search-hint",
    waitedMillis: HINT_MILLIS,
    unverified: "pinned",
  });
  assert.deepEqual(hint(started({ legacy: false })), {
    type: "search-hint",
    waitedMillis: HINT_MILLIS,
    unverified: "off",
  });
});

test("a registry that cannot reach us: said, and only by who knows the cookie", () => {
  const bench = started();
  bench.cookie(bench.nonce());
  const report = (fill: number): void => {
    const cookie = new Uint8Array(20).fill(fill);
    const bytes = DISCOVERY_TO_CLIENT.encode({ type: "blocked", cookie, port: 50_000, reason: "timeout" });
    bench.handle({ type: "datagram", from: REGISTRY, bytes });
  };
  report(99);
  assert.deepEqual(bench.noticeTypes(), ["searching"]);
  report(REGISTRY.address.length);
  assert.deepEqual(bench.notices(), [
    { type: "blocked", registry: REGISTRY.address, port: 50_000, reason: "timeout" },
  ]);
});

test("hostile registries cost a connection: silence, garbage, frames out of turn, too long, endless or foreign pages", () => {
  const cases: Readonly<Record<string, (bench: Mp2Client, connection: number, nonce: Nonce) => void>> = {
    "silent at first": (bench) => bench.pass(5_000),
    "silent then": (bench, connection, nonce) => {
      bench.challenge(connection, nonce);
      bench.pass(10_000);
    },
    garbage: (bench, connection) => {
      bench.client.received(bench.now, connection, encodeFrame(Uint8Array.of(0xff, 1, 2)));
    },
    "a page before its time": (bench, connection) => bench.page(connection, []),
    "two challenges": (bench, connection, nonce) => {
      bench.challenge(connection, nonce);
      bench.challenge(connection, nonce);
    },
    "an oversized frame": (bench, connection) => {
      bench.client.received(bench.now, connection, Uint8Array.of(0, 2, 0, 0));
    },
    "the same page again": (bench, connection, nonce) => {
      bench.challenge(connection, nonce);
      bench.registered(connection);
      for (let count = 0; count < 2; count += 1) bench.page(connection, [entry(OLA)], 0, 3);
    },
    "pages of another number": (bench, connection, nonce) => {
      bench.challenge(connection, nonce);
      bench.registered(connection);
      bench.page(connection, [], 0, 1, 99);
    },
    "more pages than any roster has": (bench, connection, nonce) => {
      bench.challenge(connection, nonce);
      bench.registered(connection);
      bench.page(connection, [], 0, 60_000);
    },
    "pages without end": (bench, connection, nonce) => {
      bench.challenge(connection, nonce);
      bench.registered(connection);
      for (let index = 0; index < 100; index += 1) {
        bench.page(connection, [], index, 4_000);
        bench.pass(200);
      }
    },
  };
  for (const [name, attack] of Object.entries(cases)) {
    const bench = started();
    const { connection, nonce } = bench.dialBack();
    attack(bench, connection, nonce);
    assert.ok(
      bench.take("tls-destroy").some((out) => out.connection === connection),
      name,
    );
    bench.pass(20_000);
    bench.joinRegistry([]);
    assert.equal(bench.noticeTypes().at(-1), "online", `${name}: and the search went on`);
  }
});

test("what is not sealed by our registry ends the session: forged, replayed, on another stream, no message", () => {
  const cases: Readonly<Record<string, (bench: Mp2Client) => void>> = {
    forged: (bench) => bench.deliver(new Uint8Array(64)),
    replayed: (bench) => {
      const bytes = bench.sealed({ type: "attached", epoch: EPOCH, seq: 10, time: UNIX });
      bench.deliver(bytes);
      bench.deliver(bytes);
    },
    "on another stream": (bench) => bench.deliver(bench.sealed({ type: "ended", reason: "kicked" }), 2),
    "with mp1's identifier": (bench) => bench.deliver(new Uint8Array(4), 0, 0),
    "no message": (bench) => {
      const bytes = bench.seals.seal(0, Uint8Array.of(0xa1, 0, 0x18, 99));
      assert.ok(bytes);
      bench.deliver(bytes);
    },
  };
  for (const [name, attack] of Object.entries(cases)) {
    const bench = new Mp2Client().online(entry(OLA));
    attack(bench);
    assert.equal(bench.take("abandon").length, 1, name);
    assert.deepEqual(bench.noticeTypes(), ["registry-lost"], name);
    assert.equal(bench.client.snapshot().roster[0]?.online, true, "nobody seems to leave");
    bench.pass(400);
    bench.joinRegistry([entry(ADAM), entry(OLA)]);
    assert.deepEqual(bench.noticeTypes(), ["online"], name);
  }
});

test("deltas show who comes and goes with states, reasons and status; a gap is asked for", () => {
  const bench = new Mp2Client().online(entry(OLA));
  bench.put(entry(OLA, { state: "away", status: "lunch" as StatusText }), entry(EVE));
  bench.pass(200);
  assert.deepEqual(bench.notices(), [{ type: "presence", online: ["eve"], offline: [] }]);
  bench.put(entry(EVE, { state: "offline", reason: "left" } as never));
  bench.pass(200);
  assert.deepEqual(bench.notices(), [{ type: "presence", online: [], offline: ["eve"] }]);
  const [ola, eve] = bench.client.snapshot().roster;
  assert.deepEqual([ola?.state, ola?.status, eve?.state, eve?.reason], ["away", "lunch", "offline", "left"]);
  bench.seq += 5;
  bench.put(entry(EVE));
  assert.deepEqual(bench.fromClient(), [{ type: "changes", epoch: EPOCH, seq: 13 }]);
});

test("a registry that restarts: soft words, nobody offline before it has settled, who stays away is told then", () => {
  const bench = new Mp2Client().online(entry(OLA), entry(EVE));
  bench.ends("restart");
  assert.deepEqual(bench.noticeTypes(), ["registry-away"]);
  bench.pass(400);
  assert.deepEqual(bench.take("hello"), []);
  const { to } = bench.drain().find(({ type }) => type === "datagram") as { to?: object };
  assert.deepEqual(to, REGISTRY, "asked where it was, at first");
  bench.seq = 1_000;
  bench.joinRegistry([entry(ADAM)]);
  assert.deepEqual(bench.noticeTypes(), ["online"]);
  assert.equal(bench.client.snapshot().roster.filter(({ online }) => online).length, 2);
  bench.pass(1_000);
  bench.put(entry(OLA));
  bench.pass(PRESENCE_SETTLE_MILLIS - 1_001);
  assert.deepEqual(bench.notices(), []);
  bench.pass(1);
  assert.deepEqual(bench.notices(), [{ type: "presence", online: [], offline: ["eve"] }]);
});

test("why a session ends: for good, or to come back", () => {
  for (const reason of ["kicked", "banned", "superseded"] as const) {
    const bench = new Mp2Client().online();
    bench.ends(reason, "Please update");
    assert.deepEqual(bench.notices(), [{ type: "ended", reason, text: "Please update" }]);
    bench.pass(60_000);
    assert.deepEqual(bench.take("hello"), []);
    assert.equal(bench.client.nextDeadline(), undefined);
  }
  const words = { expired: "registry-lost", restart: "registry-away", stop: "registry-away" } as const;
  for (const [reason, notice] of Object.entries(words)) {
    const bench = new Mp2Client().online();
    bench.ends(reason as keyof typeof words);
    assert.deepEqual(bench.noticeTypes(), [notice]);
    bench.pass(400);
    bench.joinRegistry([entry(ADAM)]);
    assert.deepEqual(bench.noticeTypes(), ["online"]);
  }
});

test("refusals: a taken name names its holder and asks; a full registry is tried again when it says; a ban ends", () => {
  const refuse = (bench: Mp2Client, refused: object): void => {
    const { connection, nonce } = bench.dialBack();
    bench.challenge(connection, nonce);
    bench.registrySays(connection, { type: "refused", text: "no" as Notice, ...refused } as never);
  };
  const taken = started();
  refuse(taken, {
    code: "nick-taken",
    holder: { fingerprint: OLA.key, address: OLA.address },
    suggestion: "adam~2",
  });
  const notice = taken.notices().at(-1);
  assert.ok(notice?.type === "refused");
  assert.deepEqual(
    [notice.next, notice.refusal.code, notice.refusal.holderFingerprint, notice.refusal.suggestion],
    ["ask", "nickname-taken", OLA.key, "adam~2"],
  );
  taken.take("hello");
  taken.pass(30_000);
  assert.deepEqual(taken.take("hello"), []);
  assert.ok(taken.client.rename(taken.now, nickname("kari")));
  taken.pass(0);
  taken.joinRegistry([]);
  assert.equal(taken.client.snapshot().nickname, "kari");
  const full = started();
  refuse(full, { code: "registry-full", retryIn: 7_000 });
  full.take("hello");
  full.pass(6_999);
  assert.deepEqual(full.take("hello"), []);
  full.pass(1);
  assert.equal(full.take("hello").length, 1);
  const banned = started();
  refuse(banned, { code: "banned" });
  assert.deepEqual(banned.noticeTypes(), ["searching", "refused", "ended"]);
});

test("another name while online: nobody goes away for it, and a taken one changes nothing", () => {
  const bench = new Mp2Client().online(entry(OLA));
  const rename = (): { connection: number } => {
    assert.ok(bench.client.rename(bench.now, nickname("kari")));
    bench.pass(1_000);
    const { connection, nonce } = bench.dialBack();
    bench.challenge(connection, nonce);
    assert.equal(bench.register(connection)?.nick, "kari");
    return { connection };
  };
  bench.registrySays(rename().connection, { type: "refused", code: "nick-taken", text: "no" as Notice });
  const [refused] = bench.notices();
  assert.equal(refused?.type === "refused" && refused.next, "keep");
  assert.equal(bench.client.snapshot().nickname, "adam");
  assert.equal(bench.client.snapshot().registry?.realm, REALM);
  const { connection } = rename();
  bench.ends("superseded");
  bench.registered(connection);
  bench.page(connection, [entry(ADAM, { nick: nickname("kari") }), entry(OLA)]);
  bench.associate();
  const types = bench.noticeTypes();
  assert.ok(!types.includes("ended") && !types.includes("registry-lost"), types.join());
  assert.equal(bench.client.snapshot().nickname, "kari");
});

test("away and status go to the registry now, and with the next registration", () => {
  const bench = new Mp2Client().online();
  bench.client.setStatus(bench.now, true, "lunch" as StatusText);
  assert.deepEqual(bench.fromClient(), [{ type: "status", away: true, status: "lunch" }]);
  bench.ends("restart");
  bench.pass(400);
  const { connection, nonce } = bench.dialBack();
  bench.challenge(connection, nonce);
  const register = bench.register(connection);
  assert.deepEqual([register?.away, register?.status], [true, "lunch"]);
});

test("leaving: leave and SHUTDOWN; a silent registry is given a second", () => {
  const bench = new Mp2Client().online();
  bench.client.leave(bench.now);
  assert.deepEqual(bench.fromClient(), [{ type: "leave" }]);
  assert.equal(bench.take("dissociate").length, 1);
  bench.handle({ type: "association-ended", association: bench.association, how: "closed" });
  assert.deepEqual(bench.notices(), [{ type: "ended", reason: "left", text: undefined }]);
  const silent = new Mp2Client().online();
  silent.client.leave(silent.now);
  silent.pass(1_000);
  assert.equal(silent.take("abandon").length, 1);
  assert.deepEqual(silent.noticeTypes(), ["ended"]);
  assert.equal(silent.client.nextDeadline(), undefined);
});

test("what waits when it is over for good is given back", () => {
  const bench = new Mp2Client().online(entry(OLA));
  bench.client.send(bench.now, "kari", "for later", { waitMillis: 60_000 });
  bench.ends("kicked");
  const notices = bench.notices();
  const undelivered = notices.find(({ type }) => type === "undelivered");
  assert.equal(undelivered?.type === "undelivered" && undelivered.message.why, "left");
  assert.equal(notices.at(-1)?.type, "ended");
});

// Announcements

const PAIR = generateKeyPairSync("ed25519");
const RAW = new Uint8Array(PAIR.publicKey.export({ format: "der", type: "spki" }).subarray(-32));
const SIGNER = fingerprintOfSpki(ed25519Spki(RAW));

function announce(bench: Mp2Client, announcement: Announcement): void {
  const bytes = encodeAnnouncement(
    announcement,
    RAW,
    (signed) => new Uint8Array(sign(null, signed, PAIR.privateKey)),
  );
  bench.handle({ type: "datagram", from: REGISTRY, bytes });
}

/** Online at the registry that signs. */
function atSigner(options: Parameters<typeof started>[0] = {}): Mp2Client {
  const bench = started(options);
  const nonce = bench.nonce();
  const asked = (options.hosts ?? []).map((host) => ({ host, address: REGISTRY.address }));
  if (asked.length > 0) bench.handle({ type: "hello-sent", protocol: "mp2", to: asked });
  bench.cookie(nonce, { fingerprint: SIGNER });
  const connection = bench.connects("mp2-registry", SIGNER, REGISTRY.address);
  bench.challenge(connection, nonce);
  bench.registered(connection);
  bench.page(connection, [entry(ADAM), entry(OLA)]);
  bench.associate();
  bench.takeAll();
  return bench;
}

const BEACON = { type: "beacon", epoch: EPOCH, seq: 10, realm: REALM } as const;

test("beacons: a higher number is asked for, a replayed or foreign one says nothing, another epoch brings us back", () => {
  const bench = atSigner();
  announce(bench, { ...BEACON, seq: 12, sent: UNIX + 10 });
  assert.deepEqual(bench.fromClient(), [{ type: "changes", epoch: EPOCH, seq: 10 }]);
  announce(bench, { ...BEACON, epoch: "ff".repeat(8) as Epoch, sent: UNIX + 10 });
  bench.pass(1_500);
  assert.deepEqual(bench.notices(), [], "not newer than what was said");
  announce(bench, { ...BEACON, epoch: "ff".repeat(8) as Epoch, sent: UNIX + 11 });
  bench.pass(1_500);
  assert.deepEqual(bench.noticeTypes(), ["registry-lost"]);
  const told = atSigner();
  announce(told, { ...BEACON, epoch: "ff".repeat(8) as Epoch, sent: UNIX + 11 });
  told.epoch = "ff".repeat(8) as Epoch;
  told.tell({ type: "attached", epoch: told.epoch, seq: 0, time: UNIX + 12 });
  told.pass(1_500);
  assert.deepEqual(told.noticeTypes(), [], "the session told us itself");
});

test("a beacon of another life of the registry brings us back at once, to where it was; one of ours changes nothing", () => {
  const bench = atSigner();
  // The roster that came when we attached is told soon after.
  bench.pass(1_000);
  bench.takeAll();
  announce(bench, { ...BEACON, run: bench.run, sent: UNIX + 1_010 });
  announce(bench, { ...BEACON, sent: UNIX + 1_011 });
  bench.pass(1_000);
  assert.deepEqual(bench.takeAll(), []);
  announce(bench, { ...BEACON, run: "22".repeat(8) as RunId, sent: UNIX + 2_000 });
  assert.equal(bench.take("abandon").length, 1);
  assert.deepEqual(bench.noticeTypes(), ["registry-lost"]);
  bench.pass(400);
  assert.deepEqual(
    bench.take("datagram").map(({ to }) => to),
    [REGISTRY],
  );
});

test("bye explains the end that follows, and a beacon ends the waiting", () => {
  const bench = atSigner();
  announce(bench, { type: "bye", epoch: EPOCH, seq: 10, sent: UNIX + 10, reason: "restart", backIn: 20_000 });
  assert.deepEqual(bench.notices(), []);
  bench.handle({ type: "association-ended", association: bench.association, how: "closed" });
  assert.deepEqual(bench.notices(), [
    { type: "registry-away", registry: REGISTRY.address, reason: "restart", backInMillis: 20_000 },
  ]);
  bench.pass(10_000);
  assert.deepEqual([...bench.take("hello"), ...bench.take("datagram")], [], "it said when it is back");
  announce(bench, { ...BEACON, sent: UNIX + 11 });
  bench.pass(400);
  assert.deepEqual(
    bench.take("datagram").map(({ to }) => to),
    [REGISTRY],
  );
});

test("who named a host is not led elsewhere by another registry's beacon, whatever is pinned", () => {
  const pins = Pins.none.meet({ kind: "realm", name: REALM }, SIGNER, UNIX);
  const bench = started({ pins, hosts: ["registry.example"] });
  const nonce = bench.nonce();
  bench.handle({
    type: "hello-sent",
    protocol: "mp2",
    to: [{ host: "registry.example", address: "10.0.0.99" }],
  });
  announce(bench, { ...BEACON, sent: UNIX + 1 });
  bench.pass(2_000);
  assert.deepEqual(bench.take("datagram"), []);
  bench.cookie(nonce, { fingerprint: SIGNER });
  assert.deepEqual(bench.take("datagram"), []);
});

/** A beacon of somebody at 10.0.0.7, signed by a key of its own. */
function announcedBy(bench: Mp2Client, pair = generateKeyPairSync("ed25519"), sent = UNIX + 1): void {
  const raw = new Uint8Array(pair.publicKey.export({ format: "der", type: "spki" }).subarray(-32));
  const beacon = { ...BEACON, realm: "annex" as Realm, sent };
  const signed = (bytes: Uint8Array): Uint8Array => new Uint8Array(sign(null, bytes, pair.privateKey));
  const bytes = encodeAnnouncement(beacon, raw, signed);
  bench.handle({ type: "datagram", from: { address: "10.0.0.7", port: 10_001 }, bytes });
}

test("another registry beside ours is told, once, to who is online and has not said whom to ask", () => {
  const bench = atSigner();
  const other = generateKeyPairSync("ed25519");
  announce(bench, { ...BEACON, sent: UNIX + 1 });
  assert.deepEqual(bench.noticeTypes(), [], "our own is none");
  announcedBy(bench, other);
  const raw = new Uint8Array(other.publicKey.export({ format: "der", type: "spki" }));
  assert.deepEqual(bench.notices(), [
    {
      type: "other-registry",
      registry: REGISTRY.address,
      address: "10.0.0.7",
      realm: "annex",
      fingerprint: fingerprintOfSpki(raw),
    },
  ]);
  bench.takeAll();
  for (let count = 2; count < 1_000; count += 1) announcedBy(bench, count % 2 === 0 ? other : undefined);
  bench.pass(2_000);
  assert.deepEqual(bench.noticeTypes(), []);
  assert.deepEqual([...bench.take("hello"), ...bench.take("datagram")], [], "and nothing else follows");

  const searching = started();
  announcedBy(searching);
  assert.ok(!searching.noticeTypes().includes("other-registry"), "who searches will see whom it finds");
});

test("a registry that we know and are not at is told as well; a forged beacon is not, nor to who named hosts", () => {
  const other = generateKeyPairSync("ed25519");
  const spki = new Uint8Array(other.publicKey.export({ format: "der", type: "spki" }));
  const pins = Pins.none.meet({ kind: "realm", name: "annex" }, fingerprintOfSpki(spki), UNIX);
  const knowing = atSigner({ pins });
  announcedBy(knowing, other);
  assert.deepEqual(knowing.noticeTypes(), ["other-registry"]);

  const bench = atSigner();
  const forged = encodeAnnouncement(
    { ...BEACON, sent: UNIX + 1 },
    spki.subarray(-32),
    () => new Uint8Array(64),
  );
  bench.handle({ type: "datagram", from: { address: "10.0.0.7", port: 10_001 }, bytes: forged });
  assert.deepEqual(bench.noticeTypes(), []);

  const named = atSigner({ hosts: ["registry.example"] });
  announcedBy(named);
  assert.deepEqual(named.noticeTypes(), []);
});

test("a beacon of a key that we do not know makes us ask everybody, at most once a second", () => {
  const bench = started();
  bench.pass(20_000);
  bench.take("hello");
  for (let count = 0; count < 50; count += 1) {
    announce(bench, { ...BEACON, sent: UNIX + count });
    bench.pass(20);
  }
  const hellos = bench.take("hello").filter(({ protocol }) => protocol === "mp2");
  assert.ok(hellos.length >= 1 && hellos.length <= 2, `${hellos.length}`);
  assert.deepEqual(bench.take("datagram"), [], "nobody in particular");
});
