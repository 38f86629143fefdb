/** The kernel leaves INITs out, and nothing else. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { initFilter, thinInits, thinUdpInits } from "../../src/io/init-filter.ts";
import { RawIp } from "../../src/io/sctp-raw.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import type { Path } from "../../src/sctp/api.ts";
import { encodeInit, encodePacket } from "../../src/sctp/encode.ts";
import { Watched } from "../support/until.ts";

const INIT = encodePacket(5_000, 10_001, 0, [
  encodeInit({ tag: 7, window: 65_536, outboundStreams: 1, inboundStreams: 1, initialTsn: 7 }),
]);
/** The same chunk under a v-tag is no INIT that anybody could take. */
const UNDER_TAG = Buffer.from(INIT);
UNDER_TAG.writeUInt32BE(9, 4);
const COOKIE_ECHO = encodePacket(5_000, 10_001, 0, [Buffer.from([10, 0, 0, 4])]);
const SHORT = [0, 1, 7, 12].map((length) => Buffer.from(INIT.subarray(0, length)));
const END = Buffer.from("end");

async function bound(t: TestContext, address: string) {
  const watched = new Watched();
  const taken: Buffer[] = [];
  const socket = await bindUdp({
    address,
    port: 0,
    purpose: "a test",
    onDatagram: (bytes) => {
      taken.push(Buffer.from(bytes));
      watched.changed();
    },
  });
  t.after(() => closeUdp(socket));
  const sender = createSocket(address.includes(":") ? "udp6" : "udp4").bind();
  t.after(() => closeUdp(sender));
  await once(sender, "listening");
  /** What of these comes; datagrams to oneself keep their order. */
  const pass = async (...datagrams: readonly Uint8Array[]): Promise<readonly Buffer[]> => {
    taken.length = 0;
    for (const bytes of [...datagrams, END]) await sent(sender, bytes, socket.address().port, address);
    await watched.until("the end", () => (taken.at(-1)?.equals(END) === true ? true : undefined));
    return taken.slice(0, -1);
  };
  return { socket, pass };
}

function sent(from: Socket, bytes: Uint8Array, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    from.send(bytes, port, address, (error) => (error ? reject(error) : resolve()));
  });
}

for (const address of ["127.0.0.1", "::1"]) {
  test(`UDP on ${address}: INITs by their share, all else untouched, and all again afterwards`, async (t) => {
    let scene: Awaited<ReturnType<typeof bound>>;
    try {
      scene = await bound(t, address);
    } catch (error) {
      t.skip(`this host has no ${address}: ${error}`);
      return;
    }
    const { socket, pass } = scene;
    const others = [UNDER_TAG, COOKIE_ECHO, ...SHORT];
    assert.equal((await pass(INIT, ...others)).length, 1 + others.length);
    assert.equal(await thinUdpInits(socket, 0), true);
    assert.deepEqual(
      await pass(INIT, ...others, INIT),
      others.map((bytes) => Buffer.from(bytes)),
    );
    assert.equal(await thinUdpInits(socket, 0.25), true);
    const count = (await pass(...Array<Uint8Array>(400).fill(INIT))).length;
    // Six standard deviations of 8.7 to each side of 100.
    assert.ok(count > 48 && count < 152, `${count} of 400`);
    assert.equal(await thinUdpInits(socket, 1), true);
    assert.equal((await pass(INIT, INIT)).length, 2);
  });
}

test("a socket that is closed, and one that was never filtered: said, not thrown", async () => {
  const socket = await bindUdp({ address: "127.0.0.1", port: 0, purpose: "a test", onDatagram: () => {} });
  assert.equal(await thinUdpInits(socket, 1), false);
  await closeUdp(socket);
  assert.equal(await thinUdpInits(socket, 0.5), false);
  const failing = (): never => {
    throw new Error("no");
  };
  assert.equal(await thinInits("ip", 0.5, failing), false);
});

test("the program has a place to go to from everywhere, and ends", () => {
  for (const before of ["udp", "ip"] as const) {
    const program = initFilter(before, 0.5);
    const count = program.length / 8;
    for (let index = 0; index < count; index += 1) {
      for (const jump of [program[index * 8 + 2] ?? 0, program[index * 8 + 3] ?? 0])
        assert.ok(index + 1 + jump < count || index === count - 1, `instruction ${index}`);
    }
    assert.equal(program.readUInt16LE(program.length - 8), 0x06);
  }
});

/** Undefined, and the test is skipped, where this process may not. */
async function openRaw(t: TestContext, onPacket: (bytes: Buffer) => void): Promise<RawIp | undefined> {
  try {
    const raw = await RawIp.open({
      sink: (_, bytes) => onPacket(Buffer.from(bytes)),
      onError: (error) => assert.fail(error),
    });
    t.after(() => raw.close());
    return raw;
  } catch (error) {
    t.skip(`needs root and the native part: ${error}`);
    return undefined;
  }
}

const TO_SELF: Path = { via: "raw", address: "127.0.0.77", outerPort: 0, local: "127.0.0.1" };

test("SCTP on raw IP: INITs by their share, all else untouched", async (t) => {
  const watched = new Watched();
  const taken: Buffer[] = [];
  const raw = await openRaw(t, (bytes) => {
    taken.push(bytes);
    watched.changed();
  });
  if (raw === undefined) return;
  const pass = async (...packets: readonly Uint8Array[]): Promise<number> => {
    taken.length = 0;
    for (const bytes of [...packets, END]) raw.send(TO_SELF, bytes);
    await watched.until("the end", () => (taken.at(-1)?.equals(END) === true ? true : undefined));
    return taken.length - 1;
  };
  assert.equal(await pass(INIT, COOKIE_ECHO), 2);
  raw.thinInits(0);
  // Until the filter is there.
  for (let tries = 0; tries < 1_000 && (await pass(INIT, UNDER_TAG)) > 1; tries += 1);
  assert.equal(await pass(INIT, COOKIE_ECHO, UNDER_TAG), 2);
  raw.thinInits(1);
  for (let tries = 0; tries < 1_000 && (await pass(INIT)) < 1; tries += 1);
  assert.equal(await pass(INIT, COOKIE_ECHO, UNDER_TAG), 3);
});
