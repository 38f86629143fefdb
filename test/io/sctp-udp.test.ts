import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { type TestContext, test } from "node:test";
import type { RawSocket } from "raw-socket";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import type { Path } from "../../src/sctp/api.ts";
import { noCounts } from "../../src/sctp/counters.ts";
import { encodeInit, encodePacket } from "../../src/sctp/encode.ts";
import { within } from "../support/until.ts";
import { Speaker } from "./speaker.ts";

const SERVER_PORT = 10_001;

const ipv6Addresses = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
  addresses.filter(({ family }) => family === "IPv6").map(({ address }) => ({ name, address })),
);
const hasLoopback = ipv6Addresses.some(({ address }) => address === "::1");
const noLoopback = hasLoopback ? false : "this host has no ::1 (IPv6 is switched off)";

/** A message each way between two speakers; the server's view of the path. */
async function converse(t: TestContext, listenOn: string, address: string): Promise<Path> {
  const server = await Speaker.open(t, { sctpPort: SERVER_PORT, ipv6Address: listenOn });
  const client = await Speaker.open(t, { sctpPort: 5_000, ipv6Address: listenOn });
  client.associate(address, server.outerPort, SERVER_PORT);
  const seenByClient = await client.up();
  const seenByServer = await server.up();
  assert.equal(seenByClient.address, address);
  assert.equal(seenByServer.outerPort, client.outerPort);
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    const up = from.events.find((event) => event.type === "up");
    assert.ok(up !== undefined);
    assert.equal(from.driver.send(up.id, 0, 0, Buffer.from(`over ${address}`)), "queued");
    assert.equal(await to.message(), `over ${address}`);
  }
  return seenByServer;
}

test("two endpoints associate over ::1", { skip: noLoopback }, async (t) => {
  const path = await converse(t, "::1", "::1");
  assert.deepEqual(path, { ...path, via: "udp", address: "::1", local: "::1" });
});

test("over a link-local address the path keeps its scope, so that answers go back", async (t) => {
  const linkLocal = ipv6Addresses.find(({ address }) => address.startsWith("fe80:"));
  if (linkLocal === undefined) {
    t.skip("no interface of this host has a link-local IPv6 address");
    return;
  }
  const address = `${linkLocal.address}%${linkLocal.name}`;
  assert.equal((await converse(t, "::", address)).address, address);
});

test("IPv4 and IPv6 share a port, and an IPv4 peer is seen by its plain address", {
  skip: noLoopback,
}, async (t) => {
  const server = await Speaker.open(t, { sctpPort: SERVER_PORT, ipv6Address: "::" });
  const client = await Speaker.open(t, { sctpPort: 5_000 });
  assert.ok(server.transport.servesIpv6);
  client.associate("127.0.0.1", server.outerPort, SERVER_PORT);
  await client.up();
  assert.equal((await server.up()).address, "127.0.0.1");
});

test("where IPv6 cannot be bound, IPv4 is served and the reason is there to be shown", async (t) => {
  const server = await Speaker.open(t, { sctpPort: SERVER_PORT, ipv6Address: "2001:db8::1" });
  assert.equal(server.transport.servesIpv6, false);
  assert.match(server.transport.ipv6Refusal?.message ?? "", /^Cannot bind UDP \d+ on 2001:db8::1 for SCTP/);
  const client = await Speaker.open(t, { sctpPort: 5_000 });
  client.associate("127.0.0.1", server.outerPort, SERVER_PORT);
  await client.up();
});

test("a port that is taken under IPv6 is an error, and leaves nothing bound", {
  skip: noLoopback,
}, async () => {
  const purpose = "a test";
  const holder = await bindUdp({ address: "::1", port: 0, purpose, onDatagram: () => {} });
  const { port } = holder.address();
  const wanted = { address: "127.0.0.1", ipv6Address: "::1", port, sink: () => {} };
  await assert.rejects(UdpEncapsulation.open(wanted), /Cannot bind UDP \d+ on ::1 .*address in use/);
  await closeUdp(holder);
  const opened = await UdpEncapsulation.open(wanted);
  assert.equal(opened.port, port);
  await opened.close();
});

test("what cannot be sent is lost without a word, before and after closing", async () => {
  const transport = await UdpEncapsulation.open({ address: "127.0.0.1", port: 0, sink: () => {} });
  const bytes = new Uint8Array(32);
  const to = (address: string, outerPort: number): Path => ({ via: "udp", address, outerPort, local: "" });
  const hopeless = [
    // Off this host from a loopback socket, no such family here, nobody there, no broadcast, no address at all.
    to("192.0.2.1", 9_899),
    to("2001:db8::1", 9_899),
    to("127.0.0.1", 9),
    to("255.255.255.255", 9_899),
    to("not-an-address", 9_899),
    to("127.0.0.1", 0),
  ];
  for (const path of hopeless) transport.send(path, bytes);
  transport.send(to("127.0.0.1", 9), new Uint8Array(65_536));
  await transport.close();
  for (const path of hopeless) transport.send(path, bytes);
});

test("a datagram from UDP port 0, which no answer can reach, is not taken", async (t) => {
  const raw = await rawUdp();
  if (raw === undefined) {
    t.skip("needs raw sockets: root, and the native part (scripts/setup.sh)");
    return;
  }
  t.after(() => raw.close());
  const server = await Speaker.open(t, { sctpPort: SERVER_PORT });
  const { outerPort } = server;
  const client = await Speaker.open(t, { sctpPort: 5_000 });
  const init = encodeInit({ tag: 7, window: 65_536, outboundStreams: 1, inboundStreams: 1, initialTsn: 7 });
  const packet = encodePacket(5_000, SERVER_PORT, 0, [init]);
  const header = Buffer.alloc(8);
  header.writeUInt16BE(outerPort, 2);
  header.writeUInt16BE(header.length + packet.length, 4);
  const datagram = Buffer.concat([header, packet]);
  await new Promise<void>((resolve, reject) => {
    raw.send(datagram, 0, datagram.length, "127.0.0.1", (error) => (error ? reject(error) : resolve()));
  });
  client.associate("127.0.0.1", outerPort, SERVER_PORT);
  await client.up();
  assert.deepEqual(server.driver.counters(), noCounts());
});

/** A socket that sends UDP datagrams with a header of ours; undefined where this process may not. */
async function rawUdp(): Promise<RawSocket | undefined> {
  try {
    const module: unknown = await import("raw-socket");
    const raw = (module as { default: typeof import("raw-socket") }).default;
    return raw.createSocket({ protocol: 17, bufferSize: 2_048 });
  } catch {
    return undefined;
  }
}

test("a datagram that is sent leaves at once, in order", async (t) => {
  const got: number[] = [];
  const all = Promise.withResolvers<void>();
  const sink = (_: Path, bytes: Uint8Array): void => {
    got.push(bytes[0] ?? -1);
    if (got.length === 100) all.resolve();
  };
  const receiver = await UdpEncapsulation.open({ address: "127.0.0.1", port: 0, sink });
  const sender = await UdpEncapsulation.open({ address: "127.0.0.1", port: 0, sink: () => {} });
  t.after(() => Promise.all([receiver.close(), sender.close()]));
  const path: Path = { via: "udp", address: "127.0.0.1", outerPort: receiver.port, local: "" };
  for (let number = 0; number < 100; number += 1) sender.send(path, Uint8Array.of(number));
  await within("100 datagrams", all.promise);
  assert.deepEqual(got, [...Array(100).keys()]);
});
