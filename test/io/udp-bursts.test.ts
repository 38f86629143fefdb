import assert from "node:assert/strict";
import type { Socket } from "node:dgram";
import { type TestContext, test } from "node:test";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import { Bursts, MAX_BURST, openReceiveMany, type ReceiveMany } from "../../src/io/udp-bursts.ts";
import type { Path } from "../../src/sctp/api.ts";
import { Watched } from "../support/until.ts";

async function openSocket(t: TestContext, address = "127.0.0.1"): Promise<Socket> {
  const socket = await bindUdp({ address, port: 0, purpose: "a test", onDatagram: () => {} });
  t.after(() => closeUdp(socket).catch(() => {}));
  return socket;
}

async function open(): Promise<ReceiveMany> {
  const receiveMany = await openReceiveMany();
  assert.ok(receiveMany !== undefined, "the pinned Node has node:ffi");
  return receiveMany;
}

/** They are in the other socket when this returns: dgram sends at once where nothing waits before, and loopback delivers. */
function say(from: Socket, to: Socket, texts: readonly string[]): void {
  const { address, port } = to.address();
  for (const text of texts) from.send(text, port, address);
}

/** Takes what waits in `ear`, which libuv does not read before the turn is over. */
function taken(receiveMany: ReceiveMany, ear: Socket): string[] {
  const heard: string[] = [];
  const count = receiveMany(ear, (bytes, address, port) =>
    heard.push(`${address}:${port} ${Buffer.from(bytes).toString("latin1")}`),
  );
  assert.equal(count, heard.length);
  return heard;
}

test("what waits is taken in order, each datagram whole and with its sender, a few by one call", async (t) => {
  const receiveMany = await open();
  const [ear, ola, eva] = [await openSocket(t), await openSocket(t), await openSocket(t, "127.9.8.7")];
  const texts = Array.from({ length: MAX_BURST - 1 }, (_, index) => String(index).repeat(index * 900));
  say(ola, ear, texts);
  say(eva, ear, ["x", "y"]);
  const both = [taken(receiveMany, ear), taken(receiveMany, ear)];
  const of = (text: string): string => `127.0.0.1:${ola.address().port} ${text}`;
  const other = (text: string): string => `127.9.8.7:${eva.address().port} ${text}`;
  assert.deepEqual(both, [[...texts.map(of), other("x")], [other("y")]]);
});

test("nothing waits: nothing is taken; nor of a socket that is closed", async (t) => {
  const receiveMany = await open();
  const ear = await openSocket(t);
  assert.deepEqual(taken(receiveMany, ear), []);
  await closeUdp(ear);
  assert.deepEqual(taken(receiveMany, ear), []);
});

test("after a look in vain some datagrams pass before the next", async (t) => {
  const ear = await openSocket(t);
  let looks = 0;
  let waiting = 0;
  const bursts = new Bursts(
    () => {
      looks += 1;
      return waiting;
    },
    () => {},
  );
  for (let datagram = 0; datagram < 90; datagram += 1) bursts.takeBehind(ear);
  assert.equal(looks, 10);
  waiting = 1;
  for (let datagram = 0; datagram < 90; datagram += 1) bursts.takeBehind(ear);
  assert.equal(looks, 10 + 90);
});

test("SCTP over UDP: a storm arrives whole, whoever sends it; some of it in bursts", async (t) => {
  const watched = new Watched();
  const heard: string[] = [];
  let inBursts = 0;
  const sink = (path: Path, bytes: Uint8Array, isBurst?: boolean): void => {
    heard.push(`${path.address}:${path.outerPort} ${Buffer.from(bytes).toString()}`);
    if (isBurst === true) inBursts += 1;
    watched.changed();
  };
  const transport = await UdpEncapsulation.open({ address: "0.0.0.0", port: 0, isPublic: true, sink });
  t.after(() => transport.close());
  const speakers = [await openSocket(t), await openSocket(t, "127.9.8.7")];
  const expected: string[] = [];
  for (const [number, speaker] of speakers.entries()) {
    for (let index = 0; index < 100; index += 1) {
      const { address, port } = speaker.address();
      const text = `datagram ${index} of ${number}`;
      expected.push(`${address}:${port} ${text}`);
      speaker.send(text, transport.port, "127.0.0.1");
    }
  }
  await watched.until("all datagrams", () => heard.length >= expected.length || undefined);
  assert.deepEqual(heard.toSorted(), expected.toSorted());
  assert.ok(inBursts > 0);
});
