/** Other registries on the network, by their beacons: whoever makes them up only makes an admin look. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { ed25519Spki } from "../../src/base/ed25519.ts";
import { fingerprintOfSpki } from "../../src/base/fingerprint.ts";
import type { RegistryIdentity } from "../../src/registry/settings.ts";
import { type Announcement, type Beacon, encodeAnnouncement } from "../../src/wire/mp2-announcement.ts";
import type { Realm, RunId } from "../../src/wire/mp2-values.ts";
import { epoch } from "../support/stores.ts";
import { Scene } from "./mp2-scene.ts";
import { IDENTITY, UNIX } from "./new-registry.ts";

const PORT = 10_001;
/** Three beacons, and some. */
const FORGOTTEN_MILLIS = 34_000;

function newIdentity(): RegistryIdentity {
  const { privateKey, publicKey: key } = generateKeyPairSync("ed25519");
  const publicKey = new Uint8Array(key.export({ format: "der", type: "spki" }).subarray(-32));
  const fingerprint = fingerprintOfSpki(ed25519Spki(publicKey));
  return { fingerprint, publicKey, sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)) };
}

function signed(identity: RegistryIdentity, announcement: Announcement): Uint8Array {
  return encodeAnnouncement(announcement, identity.publicKey, identity.sign);
}

function beacon(sent: number, more: Partial<Beacon> = {}): Beacon {
  return { type: "beacon", epoch: epoch(7), seq: 3, sent, realm: "annex" as Realm, ...more };
}

/** A registry, and another one at 10.0.0.7 that speaks when it is told to. */
class Street {
  readonly scene = new Scene();
  readonly other = newIdentity();

  constructor() {
    this.scene.pass(0);
    this.scene.take();
  }

  /** Ours hears it. */
  hears(bytes: Uint8Array, address = "10.0.0.7"): void {
    this.scene.do((registry) => registry.datagram(this.scene.now, { address, port: PORT }, bytes));
  }

  /** The other's beacon of now. */
  beacon(address?: string, more?: Partial<Beacon>): void {
    this.hears(signed(this.other, beacon(this.wall, more)), address);
  }

  get wall(): number {
    return UNIX + this.scene.now;
  }

  get seen(): readonly string[] {
    return this.scene.registry.neighbours.map(({ address, realm }) => `${realm} at ${address}`);
  }

  /** Lines that tell of other registries since the last look; whatever else the registry does then is its beacons. */
  told(): readonly string[] {
    const outputs = this.scene.take();
    const kinds = new Set(outputs.map(({ type }) => type));
    kinds.delete("log");
    kinds.delete("announce");
    assert.deepEqual([...kinds], [], "nothing but lines follows from a beacon");
    const lines = outputs.flatMap((output) => (output.type === "log" ? [output.entry] : []));
    return lines
      .filter(
        ({ limit }) => limit?.startsWith("other-registry") === true && limit !== "datagram-other-registry",
      )
      .map(({ level, text }) => `${level} ${text}`);
  }
}

test("another registry is told once, however often and by whichever way it is heard, and again when it is gone", () => {
  const street = new Street();
  street.beacon();
  const [warning = "", ...more] = street.told();
  assert.match(
    warning,
    /^warn Another registry is on this network, at 10\.0\.0\.7: .*stop one of them.*--registry HOST/,
  );
  assert.deepEqual(more, []);
  assert.deepEqual(street.seen, ["annex at 10.0.0.7"]);
  const since = street.scene.now;
  for (let round = 0; round < 30; round += 1) {
    street.scene.pass(10_000);
    street.beacon();
    // The same by the other family.
    street.beacon("fe80::7%eth0");
  }
  assert.deepEqual(street.told(), []);
  assert.deepEqual(street.seen, ["annex at 10.0.0.7"]);
  const [neighbour] = street.scene.registry.neighbours;
  assert.deepEqual([neighbour?.since, neighbour?.isTwin], [since, false]);
  assert.equal(neighbour?.fingerprint, street.other.fingerprint);

  street.scene.pass(FORGOTTEN_MILLIS - 1);
  assert.deepEqual(street.told(), []);
  street.scene.pass(1);
  assert.deepEqual(street.told(), ["info The other registry at 10.0.0.7 is gone: its beacons come no more"]);
  assert.deepEqual(street.seen, []);
  street.beacon();
  assert.equal(street.told().length, 1, "it is back, which is news");
});

test("where it is and what it calls itself are those of its last beacon", () => {
  const street = new Street();
  street.beacon();
  street.scene.pass(1_000);
  street.beacon("10.0.0.8", { realm: "cellar" as Realm });
  assert.deepEqual(street.seen, ["cellar at 10.0.0.8"]);
  assert.equal(street.told().length, 1);
});

test("its good-bye: one that comes back stays in mind, and is no news then; one that stops is gone at once", () => {
  const street = new Street();
  const bye = (reason: "restart" | "stop"): Uint8Array =>
    signed(street.other, { type: "bye", epoch: epoch(7), seq: 3, sent: street.wall, reason });
  street.hears(bye("stop"));
  assert.deepEqual(street.told(), [], "of one that was never heard");
  street.scene.pass(1_000);
  street.beacon();
  street.scene.pass(1_000);
  street.hears(bye("restart"));
  street.scene.pass(2_000);
  street.beacon();
  assert.equal(street.told().length, 1);
  street.scene.pass(1_000);
  street.hears(bye("stop"));
  assert.deepEqual(street.told(), ["info The other registry at 10.0.0.7 is gone: it said good-bye"]);
  assert.deepEqual(street.seen, []);
});

test("an old announcement that somebody repeats keeps nobody in mind and sends nobody away", () => {
  const street = new Street();
  const old = signed(street.other, beacon(street.wall));
  const bye = { type: "bye", epoch: epoch(7), seq: 3, sent: street.wall, reason: "stop" } as const;
  const oldBye = signed(street.other, bye);
  street.scene.pass(5_000);
  street.beacon();
  street.hears(oldBye);
  assert.deepEqual(street.seen, ["annex at 10.0.0.7"]);
  street.scene.pass(30_000);
  street.hears(old, "10.0.0.66");
  assert.deepEqual(street.seen, ["annex at 10.0.0.7"]);
  street.scene.pass(4_000);
  assert.deepEqual(street.seen, []);
});

test("its own key: by another interface, from a former run, or without a run it is itself; another run of now is a twin", () => {
  const street = new Street();
  const { scene } = street;
  scene.pass(30_000);
  const own = scene.all("announce").map(({ bytes }) => bytes);
  assert.ok(own.length >= 2);
  const run = (hex: string): RunId => hex.repeat(8) as RunId;
  const former = signed(IDENTITY, beacon(UNIX + 1_000, { run: run("aa") }));
  const runless = signed(IDENTITY, beacon(street.wall + 1));
  const bye = { type: "bye", epoch: epoch(7), seq: 3, sent: street.wall + 1, reason: "stop" } as const;
  for (const bytes of [...own, former, runless, signed(IDENTITY, bye)]) street.hears(bytes, "10.0.9.9");
  assert.deepEqual(street.seen, []);
  assert.deepEqual(street.told(), []);
  street.hears(signed(IDENTITY, beacon(street.wall + 1, { run: run("bb") })));
  assert.match(
    street.told().join(),
    /^warn Another registry at 10\.0\.0\.7 has this one's key.*remove identity\.pem/,
  );
  assert.equal(scene.registry.neighbours[0]?.isTwin, true);
});

test("a registry that starts again is no neighbour of itself, whatever of before still comes", () => {
  const street = new Street();
  street.scene.pass(25_000);
  street.scene.stop({ reason: "restart", backIn: 2_000 });
  const before = street.scene.all("announce").map(({ bytes }) => bytes);
  street.scene.pass(1);
  street.scene.restart();
  street.scene.pass(0);
  for (const bytes of before) street.hears(bytes, "10.0.9.9");
  assert.deepEqual(street.seen, []);
});

test("10,000 made-up registries: eight are kept in mind, some lines, nobody known is forgotten, and people get in", () => {
  const street = new Street();
  const { scene } = street;
  street.beacon();
  let lines = street.told().length;
  for (let number = 0; number < 10_000; number += 1) {
    const address = `10.1.${number >> 8}.${number & 255}`;
    street.hears(signed(newIdentity(), beacon(street.wall, { realm: `r${number}` as Realm })), address);
    if (number % 100 !== 99) continue;
    scene.pass(200);
    if (number % 2_000 === 1_999) street.beacon();
    lines += street.told().length;
    assert.ok(scene.registry.neighbours.length <= 8);
    assert.equal(street.seen[0], "annex at 10.0.0.7");
  }
  assert.equal(lines, 8);
  assert.equal(scene.registry.ignored["not-for-us"], 10_000 - 7, "the others were not even verified");
  const ola = scene.join("ola", "10.0.0.5");
  assert.ok(ola.registered !== undefined);
  scene.take();
  scene.pass(FORGOTTEN_MILLIS);
  assert.deepEqual(street.seen, [], "and all are forgotten in time");
});

test("signatures that are none: so many are tried, a flood of them is not, and a real one is told when it is over", () => {
  const street = new Street();
  const forged = signed(street.other, beacon(street.wall));
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  for (let count = 0; count < 900; count += 1) street.hears(forged);
  const { malformed, "not-for-us": unseen } = street.scene.registry.ignored;
  assert.deepEqual([malformed, unseen], [20, 880]);
  assert.deepEqual(street.seen, []);
  street.scene.pass(1_000);
  street.beacon();
  assert.deepEqual(street.seen, ["annex at 10.0.0.7"]);
});

test("a beacon with any bit turned, cut anywhere, or with what is no realm is no registry", () => {
  const street = new Street();
  const good = signed(street.other, beacon(street.wall));
  const tries: Uint8Array[] = [];
  for (let bit = 0; bit < good.length * 8; bit += 1) {
    const turned = Uint8Array.from(good);
    turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    tries.push(turned);
  }
  for (let length = 0; length < good.length; length += 1) tries.push(good.subarray(0, length));
  for (const realm of ["", "a\u001b[31m", "a\u202eb", "x".repeat(65), "two\nlines"])
    tries.push(signed(street.other, beacon(street.wall, { realm: realm as Realm })));
  for (const bytes of tries) {
    // So that each is looked at.
    street.scene.pass(500);
    street.hears(bytes);
  }
  assert.deepEqual(street.seen, []);
  assert.deepEqual(street.told(), []);
  street.hears(good);
  assert.deepEqual(street.seen, ["annex at 10.0.0.7"], "the one that they were made of");
});
