import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../src/base/clock.ts";
import { errorCode } from "../../src/base/errors.ts";
import { Alarm } from "../../src/io/alarm.ts";
import { systemClock } from "../../src/io/clock.ts";
import { isOnLink, usableInterfaces } from "../../src/io/interfaces.ts";
import { portHolder } from "../../src/io/port-holder.ts";
import { systemRandom } from "../../src/io/random.ts";
import { SelfCheck } from "../../src/io/self-check.ts";
import { listenTcp } from "../../src/io/tcp.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";

const local = { name: "eth0", address: "10.9.0.17", netmask: "255.255.255.240", loopback: false };

for (const [address, wanted] of [
  ["10.9.0.16", true],
  ["10.9.0.31", true],
  ["10.9.0.32", false],
  ["10.9.0.15", false],
  ["138.9.0.17", false],
] as const) {
  test(`${address} is ${wanted ? "" : "not "}on the link of 10.9.0.17/28`, () => {
    assert.equal(isOnLink(address, local), wanted);
  });
}

const SIXES = { address: "fd98::1:2", netmask: "ffff:ffff:ffff:fff0::" };
const ZONED = { address: "fe80::1%eth0", netmask: "ffff:ffff:ffff:ffff::" };
for (const [address, of, wanted] of [
  ["fd98:0:0:f::9", SIXES, true],
  ["fd98:0:0:10::9", SIXES, false],
  ["::1", SIXES, false],
  ["10.9.0.17", SIXES, false],
  ["fe80::abcd%eth0", ZONED, true],
  ["fe80::abcd%eth1", ZONED, false],
  ["no address", ZONED, false],
] as const) {
  test(`${address} is ${wanted ? "" : "not "}on the link of ${of.address}`, () => {
    assert.equal(isOnLink(address, of), wanted);
  });
}

test("an interface that does not exist is named, and what there is instead", () => {
  assert.throws(() => usableInterfaces(["nowhere0"]), /No interface nowhere0 .*\(there are: .*lo/);
  assert.equal(usableInterfaces(["lo"])[0]?.address, "127.0.0.1");
});

test("a UDP port in use is an error that names port, reason and fix", async () => {
  const purpose = "discovery";
  const holder = await bindUdp({ address: "127.0.0.1", port: 0, purpose, onDatagram: () => {} });
  const { port } = holder.address();
  await assert.rejects(bindUdp({ address: "127.0.0.1", port, purpose, onDatagram: () => {} }), (error) => {
    assert.equal(errorCode(error), "EADDRINUSE");
    assert.match(
      String(error),
      new RegExp(
        `Cannot bind UDP ${port} on 127.0.0.1 for discovery: address in use by shells.test.ts \\(pid ${process.pid}\\); stop it`,
      ),
    );
    return true;
  });
  await closeUdp(holder);
});

test("a TCP port in use is an error that names port, reason and fix", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  assert.ok(typeof address === "object" && address !== null);
  const options = { address: "127.0.0.1", port: address.port, purpose: "the registry", maxConnections: 1 };
  const listening = listenTcp({ ...options, onConnection: () => {}, onError: () => {} });
  await assert.rejects(
    listening,
    /Cannot bind TCP \d+ on 127.0.0.1 for the registry: address in use by shells.test.ts \(pid \d+\)/,
  );
  holder.close();
});

test("a port that nobody holds has no holder, and nobody's number is one", () => {
  assert.equal(portHolder("UDP", 1), undefined);
  assert.equal(portHolder("TCP", 70_000), undefined);
});

test("an alarm wakes once at its deadline, and not at one that was replaced", async () => {
  let woken = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const alarm = new Alarm(systemClock, () => {
    woken += 1;
    resolve();
  });
  const begin = systemClock.now();
  alarm.set(begin + 60_000);
  alarm.set(begin + 20);
  await promise;
  assert.ok(systemClock.now() >= begin + 20);
  alarm.set(systemClock.now() + 1);
  alarm.clear();
  assert.equal(woken, 1);
});

test("an alarm whose deadline moves away wakes at the new one only, and not at all when it is cleared", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const woken: number[] = [];
  const alarm = new Alarm({ now: () => now, wall: () => 0 }, () => woken.push(now));
  const pass = (millis: number): void => {
    for (let passed = 0; passed < millis; passed += 1) {
      now += 1;
      t.mock.timers.tick(1);
    }
  };
  alarm.set(20);
  for (let deadline = 21; deadline <= 50; deadline += 1) alarm.set(deadline);
  pass(60);
  assert.deepEqual(woken, [50]);
  alarm.set(80);
  alarm.set(undefined);
  pass(60);
  assert.deepEqual(woken, [50]);
});

test("a deadline that has passed does not wait for a timer, and can be taken back as any other", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let woken = 0;
  const alarm = new Alarm({ now: () => 100, wall: () => 0 }, () => {
    woken += 1;
  });
  alarm.set(100);
  alarm.set(50);
  await nextTurn();
  assert.equal(woken, 1);
  alarm.set(100);
  alarm.clear();
  alarm.set(100);
  alarm.set(101);
  await nextTurn();
  await nextTurn();
  assert.equal(woken, 1, "it moved away");
});

test("deadlines within an alarm's grace share a wake-up, none is met early or later than that", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0.25;
  const deadlines = [3, 3.5, 9.9, 10, 10.1, 19, 31, 32, 500, 501, 509.5];
  const met = new Map<number, number>();
  let wakes = 0;
  const alarm = new Alarm(
    { now: () => now, wall: () => 0 },
    () => {
      wakes += 1;
      while (deadlines[0] !== undefined && deadlines[0] <= now) met.set(deadlines.shift() ?? 0, now);
      alarm.set(deadlines[0]);
    },
    10,
  );
  alarm.set(deadlines[0]);
  for (let passed = 0; passed < 600; passed += 1) {
    now += 1;
    t.mock.timers.tick(1);
  }
  assert.deepEqual(deadlines, []);
  assert.equal(wakes, 5);
  // A timer counts whole milliseconds.
  for (const [deadline, at] of met)
    assert.ok(at >= deadline && at <= deadline + 10 + 1, `${deadline} at ${at}`);
});

test("an alarm set for the far future does not overflow the timer", () => {
  const still: Clock = { now: () => 0, wall: () => 0 };
  const alarm = new Alarm(still, () => assert.fail("woke at once"));
  alarm.set(2 ** 40);
  alarm.clear();
});

test("a self-check is true when its token comes in, and when this host cannot check at all", async () => {
  const check = new SelfCheck(systemRandom);
  const looped = await check.answers((bytes) => Promise.resolve(check.intercept(bytes)));
  assert.equal(looped, true);
  assert.equal(await check.answers(() => Promise.resolve(false)), true);
});

test("a self-check is false when the socket stays silent, and takes nobody else's datagram", async () => {
  const check = new SelfCheck(systemRandom);
  let stolen = false;
  const silent = await check.answers((bytes) => {
    const forged = Uint8Array.from(bytes);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    stolen = check.intercept(forged) || check.intercept(new Uint8Array());
    return Promise.resolve(true);
  });
  assert.equal(silent, false);
  assert.equal(stolen, false);
});
