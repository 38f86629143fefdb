import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DISCOVERY_TO_REGISTRY } from "../../src/wire/mp2-discovery.ts";
import type { Nonce } from "../../src/wire/mp2-values.ts";
import { Scene } from "./mp2-scene.ts";
import { IDENTITY } from "./new-registry.ts";

test("a second join that waited while its client got in by the first is nothing: another session would end that one", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.hello();
  const first = ola.joinBytes();
  scene.now += 5;
  ola.hello();
  const second = ola.joinBytes();
  scene.now += 5;
  ola.send(first);
  ola.openTls();
  ola.register();
  scene.pass(20);
  scene.do((registry) => registry.tlsClosed(scene.now, ola.dial));
  assert.ok(ola.registered !== undefined);
  ola.send(second);
  assert.equal(ola.dials.length, 1);
  // Of a search that began later it is not.
  ola.hello();
  ola.send(ola.joinBytes());
  assert.equal(ola.dials.length, 2);
});

test("a hello is answered by one cookie to its source and nothing else: nothing is stored, nobody dialled", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  scene.take();
  for (let count = 0; count < 100; count += 1) ola.hello();
  assert.deepEqual([...new Set(scene.take().map(({ type }) => type))], ["datagram"]);
  assert.equal(scene.registry.counts.pending, 0);
  assert.equal(ola.cookies.length, 100);
  assert.equal(ola.cookies[0]?.fingerprint, IDENTITY.fingerprint);
});

test("no answer is larger than what it answers", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.callIn();
  scene.do((registry) => registry.tlsFailed(scene.now, ola.dial, "refused"));
  const [cookie, blocked] = scene.all("datagram");
  assert.ok(cookie !== undefined && cookie.bytes.length <= 512);
  assert.ok(blocked !== undefined && blocked.bytes.length <= ola.joinBytes().length);
});

test("a join is good from the very source of its hello, with the very nonce and every bit of the cookie", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  const cookie = ola.hello();
  assert.ok(cookie !== undefined);
  ola.send(ola.joinBytes(), { address: "10.0.0.6", port: 51_000 });
  ola.send(ola.joinBytes(), { address: "10.0.0.5", port: 51_001 });
  ola.send(ola.joinBytes({ ...cookie, nonce: new Uint8Array(16).fill(1) as Nonce }));
  for (let bit = 0; bit < cookie.cookie.length * 8; bit += 1) {
    const forged = cookie.cookie.slice();
    forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    ola.send(ola.joinBytes({ ...cookie, cookie: forged }));
  }
  for (const length of [16, 22, 24, 64])
    ola.send(ola.joinBytes({ ...cookie, cookie: new Uint8Array(length) }));
  scene.pass(5_000);
  assert.equal(scene.last("dial-tls"), undefined);
  assert.equal(scene.registry.ignored["bad-cookie"], 3 + 23 * 8 + 4);
  ola.send(ola.joinBytes());
  assert.equal(ola.dials.length, 1);
});

test("a cookie is good for ten seconds, whenever it was made", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 25_000 }), (wait, age) => {
      const scene = new Scene();
      const ola = scene.client("ola", "10.0.0.5");
      scene.pass(wait);
      ola.hello();
      scene.pass(age);
      ola.send(ola.joinBytes());
      assert.equal(ola.dials.length, age <= 10_000 ? 1 : 0, `${age} ms`);
    }),
    { numRuns: 50 },
  );
});

test("a cookie made by a registry before its restart is void", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.hello();
  scene.restart();
  scene.pass(10);
  // The same random numbers come again in this test, so other ones are drawn first.
  const other = new Scene({ random: { bytes: (length) => new Uint8Array(length).fill(7), below: () => 0 } });
  other.do((registry) => registry.datagram(other.now, ola.source, ola.joinBytes()));
  assert.equal(other.registry.ignored["bad-cookie"], 1);
});

test("a repeated join changes nothing, neither while its dial-back is under way nor afterwards", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.callIn();
  for (let count = 0; count < 5; count += 1) ola.send(ola.joinBytes());
  scene.do((registry) => registry.tlsFailed(scene.now, ola.dial, "timeout"));
  for (let count = 0; count < 5; count += 1) ola.send(ola.joinBytes());
  scene.pass(9_000);
  ola.send(ola.joinBytes());
  assert.equal(ola.dials.length, 1);
  assert.equal(ola.blocked.length, 1, "and is told once that it came to nothing");
  assert.equal(scene.registry.ignored["bad-cookie"], 6);
  ola.callIn();
});

test("joins to another registry and from unreachable sources are ignored", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  const cookie = ola.hello();
  assert.ok(cookie !== undefined);
  ola.send(ola.joinBytes({ ...cookie, fingerprint: ola.fingerprint }));
  assert.equal(scene.registry.ignored["other-registry"], 1);
  const hello = DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: ola.nonce });
  scene.take();
  for (const [address, port] of [
    ["10.0.0.5", 1_023],
    ["10.0.0.5", 65_535],
    ["224.0.0.1", 50_000],
    ["0.0.0.0", 50_000],
    ["255.255.255.255", 50_000],
    ["::", 50_000],
    ["ff02::1", 50_000],
    ["nonsense", 50_000],
  ] as const)
    ola.send(hello, { address, port });
  assert.equal(scene.last("datagram"), undefined);
  assert.equal(scene.registry.ignored["bad-source"], 8);
});

test("announcements, other versions, answers thrown back and garbage are counted and leave one quiet line each", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  ola.hello();
  const [cookie] = scene.all("datagram");
  scene.pass(1);
  const [beacon] = scene.all("announce");
  assert.ok(cookie !== undefined && beacon !== undefined);
  scene.take();
  ola.send(cookie.bytes);
  ola.send(beacon.bytes);
  assert.equal(scene.registry.ignored["not-for-us"], 2);
  ola.send(ola.joinBytes().with(3, 2));
  assert.equal(scene.registry.ignored["not-a-hello"], 1);
  ola.send(DISCOVERY_TO_REGISTRY.encode({ type: "hello", nonce: ola.nonce }).subarray(0, 511));
  ola.send(ola.joinBytes().subarray(0, -1));
  ola.send(new Uint8Array(2_000).fill(0x6d));
  assert.equal(scene.registry.ignored.malformed, 2);
  assert.ok(scene.take().every((output) => output.type === "log" && output.entry.limit !== undefined));
});

test("any bytes behind the prefix: never an exception, never a dial", () => {
  const scene = new Scene({ limits: { mp2DatagramsPerAddress: { perSecond: 1, burst: 1e9 } } });
  const ola = scene.client("ola", "10.0.0.5");
  ola.hello();
  const good = [...ola.joinBytes()];
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.uint8Array({ maxLength: 90 }), (at, bytes) => {
      ola.send(Uint8Array.from([...good.slice(0, at), ...bytes]));
    }),
  );
  assert.equal(scene.last("dial-tls"), undefined);
});

test("a flood of hellos of one address is cut; others are served", () => {
  const scene = new Scene();
  const noisy = scene.client("noisy", "10.0.0.66");
  for (let count = 0; count < 5_000; count += 1) noisy.hello();
  assert.ok(noisy.cookies.length <= 1_000);
  scene.join("ola", "10.0.0.5");
  assert.equal(scene.registry.counts.online, 1);
});

test("dial-backs are bounded in all and to an address; the other joins wait and are dialled as places get free", () => {
  const scene = new Scene({ limits: { maxTlsDials: 5, maxTlsDialsPerAddress: 3 } });
  const many = Array.from({ length: 6 }, (_, index) => scene.client(`a${index}`, "10.0.0.9", 51_000 + index));
  const others = Array.from({ length: 4 }, (_, index) => scene.client(`b${index}`, `10.0.1.${index}`));
  for (const client of [...many, ...others]) {
    client.hello();
    client.send(client.joinBytes());
  }
  const dialled = () =>
    [...many, ...others].filter(({ dials }) => dials.length > 0).map(({ nickname }) => nickname);
  assert.deepEqual(dialled(), ["a0", "a1", "a2", "b0", "b1"]);
  assert.equal(scene.registry.counts.pending, 10);
  const [a0, b0] = [many[0], others[0]];
  assert.ok(a0 !== undefined && b0 !== undefined);
  scene.do((registry) => registry.tlsFailed(scene.now, b0.dial, "refused"));
  assert.deepEqual(dialled(), ["a0", "a1", "a2", "b0", "b1", "b2"], "not a fourth to the same address");
  scene.do((registry) => registry.tlsFailed(scene.now, a0.dial, "refused"));
  assert.equal(dialled().length, 7);
  // Silent ones are given up, and so are joins that waited too long.
  scene.pass(30_000);
  assert.equal(scene.registry.counts.pending, 0);
});

test("a silent dial-back has its ten seconds while nobody waits, and one second when somebody does", () => {
  const scene = new Scene({ limits: { maxTlsDials: 2 } });
  const silent = [1, 2].map((index) => scene.client(`s${index}`, `10.0.0.${index}`));
  for (const client of silent) {
    client.hello();
    client.send(client.joinBytes());
  }
  scene.pass(5_000);
  assert.equal(scene.registry.counts.pending, 2);
  const ola = scene.client("ola", "10.0.0.5");
  ola.hello();
  ola.send(ola.joinBytes());
  scene.pass(10);
  assert.equal(ola.dials.length, 1, "the oldest has had its second");
  const eva = scene.client("eva", "10.0.0.6");
  eva.hello();
  eva.send(eva.joinBytes());
  scene.pass(10);
  assert.equal(eva.dials.length, 1);
  const per = scene.client("per", "10.0.0.7");
  per.hello();
  per.send(per.joinBytes());
  scene.pass(900);
  assert.equal(per.dials.length, 0, "ola's has not");
  scene.pass(200);
  assert.equal(per.dials.length, 1);
});

test("more joins than may wait are put off with a warning, and get in when they ask again", () => {
  const scene = new Scene({ limits: { maxTlsDials: 1, maxJoins: 2 } });
  const clients = Array.from({ length: 4 }, (_, index) => scene.client(`c${index}`, `10.0.1.${index}`));
  for (const client of clients) {
    client.hello();
    client.send(client.joinBytes());
  }
  assert.equal(scene.registry.counts.pending, 3);
  assert.ok(
    scene.logs().some((text) => text === "warn Too many registrations under way: 10.0.1.3 must wait"),
  );
  const [first, , , last] = clients;
  assert.ok(first !== undefined && last !== undefined);
  scene.do((registry) => registry.tlsFailed(scene.now, first.dial, "refused"));
  last.send(last.joinBytes());
  assert.equal(scene.registry.counts.pending, 3, "its cookie was not used up");
});

for (const failure of ["refused", "timeout", "unreachable", "tls"] as const) {
  test(`a dial-back that fails (${failure}) is told to its client by the cookie that only it knows`, () => {
    const scene = new Scene();
    const ola = scene.client("ola", "10.0.0.5");
    ola.callIn();
    scene.do((registry) => registry.tlsFailed(scene.now, ola.dial, failure));
    const cookie = ola.cookies.at(-1)?.cookie;
    assert.deepEqual(ola.blocked, [{ type: "blocked", cookie, port: 51_000, reason: failure }]);
    assert.ok(scene.logs().some((text) => text.includes("10.0.0.5 asked to join, but")));
    assert.equal(scene.registry.counts.pending, 0);
  });
}

test("a shell that says nothing of a dial does not hold its place for ever", () => {
  const scene = new Scene();
  const ola = scene.client("ola", "10.0.0.5");
  const dial = ola.callIn();
  scene.pass(10_001);
  assert.equal(scene.last("hang-up")?.dial, dial);
  assert.equal(ola.blocked[0]?.reason, "timeout");
  ola.openTls(dial);
  assert.equal(ola.challenges.length, 0, "and what opens afterwards is dropped");
  assert.equal(scene.all("hang-up").length, 2);
});

test("an IPv6 source keeps its zone for the answers and loses it in the roster", () => {
  const scene = new Scene();
  const ola = scene.join("ola", "fe80::1%eth0");
  assert.equal(ola.cookies.length, 1);
  assert.deepEqual(
    [...scene.registry.clients()].map(({ entry }) => entry.address),
    ["fe80::1"],
  );
});
