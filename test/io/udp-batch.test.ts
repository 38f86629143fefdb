import assert from "node:assert/strict";
import type { Socket } from "node:dgram";
import { type TestContext, test } from "node:test";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import { type Datagram, MAX_BATCH, openSendMany } from "../../src/io/udp-batch.ts";
import { Watched } from "../support/until.ts";

const PURPOSE = "a test";

/** A socket with what it has received: "PORT-OF-SENDER BYTES". */
class Ear {
  readonly heard: string[] = [];
  readonly watched = new Watched();
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("message", (bytes, { port }) => {
      this.heard.push(`${port} ${bytes.toString("latin1")}`);
      this.watched.changed();
    });
  }

  static async open(t: TestContext, address: string): Promise<Ear> {
    const socket = await bindUdp({ address, port: 0, purpose: PURPOSE, onDatagram: () => {} });
    t.after(() => closeUdp(socket));
    return new Ear(socket);
  }

  to(text: string): Datagram {
    const { address, port } = this.socket.address();
    return { address, port, bytes: Buffer.from(text, "latin1") };
  }

  async has(texts: readonly string[], port: number): Promise<void> {
    const all = texts.map((text) => `${port} ${text}`).sort();
    await this.watched.until(`${all.length} datagrams`, () => this.heard.length >= all.length || undefined);
    assert.deepEqual(this.heard.toSorted(), all);
  }
}

async function open(t: TestContext) {
  const sendMany = await openSendMany();
  assert.ok(sendMany !== undefined, "the pinned Node has node:ffi");
  const socket = await bindUdp({ address: "0.0.0.0", port: 0, purpose: PURPOSE, onDatagram: () => {} });
  t.after(() => closeUdp(socket));
  return { sendMany, socket, port: socket.address().port };
}

test("each datagram arrives whole, where it is for, of any length", async (t) => {
  const { sendMany, socket, port } = await open(t);
  const [one, other] = [await Ear.open(t, "127.0.0.1"), await Ear.open(t, "127.9.8.7")];
  const texts = Array.from({ length: MAX_BATCH }, (_, index) =>
    String.fromCharCode(index).repeat((index * 1_500) / (MAX_BATCH - 1)),
  );
  assert.equal(texts.at(-1)?.length, 1_500);
  const toEach = texts.map((text, index) => (index % 2 === 0 ? one : other).to(text));
  assert.equal(sendMany(socket, toEach), MAX_BATCH);
  assert.equal(sendMany(socket, [one.to("the memory is used again")]), 1);
  await one.has([...texts.filter((_, index) => index % 2 === 0), "the memory is used again"], port);
  await other.has(
    texts.filter((_, index) => index % 2 === 1),
    port,
  );
});

test("what is nothing for it is left over, with all behind it", async (t) => {
  const { sendMany, socket } = await open(t);
  const ear = await Ear.open(t, "127.0.0.1");
  const [good, tooLong] = [ear.to("good"), ear.to("x".repeat(1_501))];
  const notIpv4 = { ...good, address: "::1" };
  // Broadcast is not allowed on the socket: EACCES.
  const refused = { ...good, address: "255.255.255.255" };
  for (const bad of [tooLong, notIpv4, refused, { ...good, port: 0 }]) {
    assert.equal(sendMany(socket, [good, good, bad, good]), 2, JSON.stringify(bad));
    assert.equal(sendMany(socket, [bad, good]), 0, JSON.stringify(bad));
  }
  assert.equal(sendMany(socket, []), 0);
  assert.equal(sendMany(socket, new Array<Datagram>(MAX_BATCH + 5).fill(good)), MAX_BATCH);
});

test("a socket that is closed sends nothing", async (t) => {
  const { sendMany } = await open(t);
  const ear = await Ear.open(t, "127.0.0.1");
  const socket = await bindUdp({ address: "0.0.0.0", port: 0, purpose: PURPOSE, onDatagram: () => {} });
  await closeUdp(socket);
  assert.equal(sendMany(socket, [ear.to("late"), ear.to("late")]), 0);
});

test("SCTP over UDP: what is sent in one turn leaves together, and one bad datagram takes no other with it", async (t) => {
  const ear = await Ear.open(t, "127.0.0.1");
  const transport = await UdpEncapsulation.open({
    ...{ address: "0.0.0.0", port: 0, isPublic: true },
    sink: () => {},
  });
  t.after(() => transport.close());
  const { address, port } = ear.socket.address();
  const texts = Array.from({ length: 2 * MAX_BATCH + 10 }, (_, index) => `datagram ${index}`);
  for (const [index, text] of texts.entries()) {
    const path = { via: "udp", address, outerPort: port, local: "" } as const;
    if (index % 50 === 7) transport.send({ ...path, address: "255.255.255.255" }, Buffer.from("lost"));
    transport.send(path, Buffer.from(text));
  }
  transport.flush();
  await ear.has(texts, transport.port);
  transport.flush();
});
