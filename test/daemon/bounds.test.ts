import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { encodeUtf8 } from "../../src/base/text.ts";
import { connectControl } from "../../src/control/client.ts";
import type { StatusReport } from "../../src/control/reports.ts";
import { systemRandom } from "../../src/io/random.ts";
import { DEFAULT_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { encodeHello } from "../../src/wire/mp1-discovery.ts";
import { deafPort } from "../support/deaf-listener.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { within } from "../support/until.ts";

/** A client joins within this whatever others do; alone it takes some 10 ms. */
const PROMPT_MILLIS = 1_000;

async function running(context: TestContext, extra = ""): Promise<Multiprotod> {
  return Multiprotod.start(context, await makePlace(context, extra));
}

let names = 0;

/** A client from an address that nobody else uses joins at once. */
async function servesOthers(context: TestContext, daemon: Multiprotod): Promise<void> {
  names += 1;
  const options = { registry: daemon.place, nickname: `good${names}`, address: "127.0.0.99" };
  const good = await Mp1Client.open(context, options);
  await good.join(PROMPT_MILLIS);
  await daemon.line(new RegExp(`${options.nickname} online`));
}

async function status(context: TestContext, daemon: Multiprotod): Promise<StatusReport> {
  const client = await connectControl(daemon.socketPath);
  context.after(() => client.close());
  return client.request("status", undefined);
}

/** Resolves when the connection is over, by whatever means. */
function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}

/** `work` once to warm up, then again: what the second time costs in memory. */
async function growth(daemon: Multiprotod, work: () => Promise<void>): Promise<number> {
  await work();
  const before = daemon.residentMebibytes;
  await work();
  return daemon.residentMebibytes - before;
}

test("10,000 garbage datagrams", async (context) => {
  const daemon = await running(context);
  const { port, encapsulationPort } = daemon.place;
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  context.after(() => socket.close());
  const send = (bytes: Uint8Array, to: number) =>
    new Promise((resolve) => socket.send(bytes, to, "127.0.0.1", resolve));
  const flood = async () => {
    for (let sent = 0; sent < 10_000; sent += 1) {
      const bytes = crypto.getRandomValues(new Uint8Array(1 + (sent % 1_400)));
      await send(bytes, sent % 2 === 0 ? port : encapsulationPort);
    }
  };
  const grown = await growth(daemon, flood);
  await servesOthers(context, daemon);
  assert.ok(grown < 32, `grew by ${grown.toFixed(1)} MiB`);
  assert.match(
    daemon.lines.join("\n"),
    /Ignored a datagram from 127\.0\.0\.1:\d+: it is not a discovery message/,
  );
  assert.ok(daemon.lines.length < 25, `${daemon.lines.length} lines`);
  const { counters } = await status(context, daemon);
  assert.ok((counters["datagram-not-a-hello"] ?? 0) > 100 && (counters["datagram-too-many"] ?? 0) > 1_000);
});

test("5,000 hellos with forged sources whose ports are closed", async (context) => {
  const daemon = await running(context);
  const flood = async () => {
    for (let source = 0; source < 50; source += 1) {
      const socket = createSocket("udp4").bind(0, `127.0.3.${1 + source}`);
      await once(socket, "listening");
      for (let sent = 0; sent < 100; sent += 1) {
        const bytes = encodeHello({ client: sent % 2 === 0 ? "own" : "original" });
        await new Promise((resolve) => socket.send(bytes, daemon.place.port, "127.0.0.1", resolve));
      }
      socket.close();
    }
  };
  const grown = await growth(daemon, flood);
  await servesOthers(context, daemon);
  assert.ok(grown < 32, `grew by ${grown.toFixed(1)} MiB`);
  assert.match(daemon.lines.join("\n"), /127\.0\.3\.\d+ asked to join, but refuses TCP \d+ \(gone again\?\)/);
  assert.ok(daemon.lines.length < 25, `${daemon.lines.length} lines`);
});

test("5,000 INITs of one address that never go on, and an association that never registers", async (context) => {
  const daemon = await running(context);
  const { port, encapsulationPort } = daemon.place;
  const now = performance.now();
  const settings = DEFAULT_SCTP_SETTINGS;
  const path = { via: "udp", address: "127.0.0.1", outerPort: encapsulationPort, local: "" } as const;
  const socket = createSocket("udp4").bind(0, "127.0.0.5");
  await once(socket, "listening");
  context.after(() => socket.close());
  const endpoint = createSctpEndpoint({ localPort: 5_000, settings, random: systemRandom, now });
  const flood = async () => {
    for (let sent = 0; sent < 5_000; sent += 1) {
      endpoint.connect(now, path, port);
      for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit()) {
        const { bytes } = out;
        await new Promise((resolve) => socket.send(bytes, encapsulationPort, "127.0.0.1", resolve));
      }
    }
  };
  const grown = await growth(daemon, flood);
  await servesOthers(context, daemon);
  assert.ok(grown < 32, `grew by ${grown.toFixed(1)} MiB`);

  const stranger = await Mp1Client.open(context, { registry: daemon.place, nickname: "stranger" });
  await stranger.associate();
  await stranger.watched.until("the end of its association", () => stranger.ended === "lost");
  assert.equal((await status(context, daemon)).online, 1, "only whoever has registered");
});

test("a client that accepts the dial-back and stays silent delays nobody", async (context) => {
  const daemon = await running(context);
  const silent: Mp1Client[] = [];
  for (let number = 0; number < 80; number += 1) {
    silent.push(await Mp1Client.open(context, { registry: daemon.place, nickname: "silent" }));
  }
  for (const client of silent) client.hello();
  await daemon.line(/Too many registrations under way: 127\.0\.0\.1 must wait/);
  await servesOthers(context, daemon);
  assert.equal((await status(context, daemon)).pendingRegistrations, 64, "as many as one address may have");

  for (const client of silent) await client.vanish();
  await daemon.line(/127\.0\.0\.1 asked to join, but hung up before it sent a nickname/);
  await Mp1Client.join(context, { registry: daemon.place, nickname: "ola" });
  assert.equal((await status(context, daemon)).pendingRegistrations, 0);
  assert.ok(daemon.lines.length < 25, `${daemon.lines.length} lines`);
});

test("a client whose TCP port drops the dial-back is given up after 3 s and delays nobody", async (context) => {
  const daemon = await running(context);
  const port = await deafPort(context);
  const socket = createSocket("udp4").bind(port, "127.0.0.1");
  await once(socket, "listening");
  context.after(() => socket.close());
  const begun = performance.now();
  socket.send(encodeHello({ client: "own" }), daemon.place.port, "127.0.0.1");
  await servesOthers(context, daemon);
  await daemon.line(new RegExp(`warn +127\\.0\\.0\\.1 asked to join, but cannot be reached on TCP ${port}`));
  const took = performance.now() - begun;
  assert.ok(took > 2_900 && took < 4_000, `after ${Math.round(took)} ms`);
  assert.equal((await status(context, daemon)).pendingRegistrations, 0);
});

test("visitors of the TCP port are told what it is, and dropped within 2 s whatever they send", async (context) => {
  const daemon = await running(context);
  // Half open: the visitor does not hang up by itself when the registry has said its line.
  const visit = async (allowHalfOpen: boolean) => {
    const socket = connect({ port: daemon.place.port, host: "127.0.0.1", allowHalfOpen });
    context.after(() => void socket.destroy());
    socket.on("error", () => {});
    await within("a connection", once(socket, "connect"));
    return socket;
  };
  const talker = await visit(true);
  const greeting = within("a greeting", once(talker, "data"));
  const begun = performance.now();
  // One byte at a time: an idle limit would never see this one idle.
  const drip = setInterval(() => talker.write("x"), 100);
  context.after(() => clearInterval(drip));
  assert.match(String((await greeting)[0]), /^multiproto \S+ registry; clients find it by UDP/);

  const flooder = await visit(false);
  flooder.write(Buffer.alloc(1_000_000, "GET / HTTP/1.1\r\n"));
  const idle: Socket[] = [];
  for (let number = 0; number < 40; number += 1) idle.push(await visit(false));
  await servesOthers(context, daemon);

  for (const visitor of [talker, flooder, ...idle]) {
    await within("the end of a visit", gone(visitor.resume()), 5_000);
  }
  assert.ok(performance.now() - begun < 4_000, "all within 2 s of their arrival");
  await within("a later visitor", once(await visit(false), "data"));
});

test("nicknames that are none are refused with one clear line each", async (context) => {
  const daemon = await running(context);
  const cases = [
    { name: new Uint8Array(10_240).fill(0x61), why: /more than 512 bytes/ },
    { name: encodeUtf8(`${"a".repeat(33)}\n`), why: /a nickname has at most 32 characters/ },
    { name: new Uint8Array([0x6f, 0xff, 0xfe, 0x0a]), why: /not valid UTF-8/ },
    { name: encodeUtf8("\n"), why: /a nickname needs at least one character/ },
    { name: encodeUtf8("two words\n"), why: /a nickname has no white space/ },
  ];
  const give = async (name: Uint8Array, flavour: "own" | "original") => {
    const client = await Mp1Client.open(context, { registry: daemon.place, nickname: "bad", flavour });
    client.hello();
    const dialBack = await client.dialBack();
    const heard: Buffer[] = [];
    dialBack.on("data", (chunk: Buffer) => heard.push(chunk));
    dialBack.write(name);
    await within("the end of the dial-back", gone(dialBack));
    return Buffer.concat(heard).toString();
  };
  for (const { name, why } of cases) {
    const from = daemon.lines.length;
    const answer = await give(name, "own");
    assert.match(await daemon.line(/Refused 127\.0\.0\.1:\d+/, { from }), why);
    // What is left unread of a long one makes the kernel reset the connection, so there the answer may be lost.
    if (name.length < 512) assert.match(answer, /"refused":\{"code":"nickname-invalid"/);
    await servesOthers(context, daemon);
  }
  for (const { name } of cases) {
    assert.equal(await give(name, "original"), "", "an original client understands only a roster");
  }
  for (let number = 0; number < 100; number += 1) await give(encodeUtf8("two words\n"), "own");
  await servesOthers(context, daemon);
  assert.ok(daemon.matching(/Refused/).length < 10, "further lines of the kind are counted, not written");
});

test("a name that is cut short is waited for no longer than 2 s", async (context) => {
  const daemon = await running(context);
  const client = await Mp1Client.open(context, { registry: daemon.place, nickname: "o" });
  client.hello();
  const dialBack = await client.dialBack();
  dialBack.resume();
  dialBack.write("ol");
  const begun = performance.now();
  await within("the end of the dial-back", gone(dialBack), 5_000);
  const took = performance.now() - begun;
  assert.ok(took > 1_500 && took < 3_500, `after ${Math.round(took)} ms`);
  await daemon.line(/Refused 127\.0\.0\.1:\d+: not valid UTF-8, or cut short/);
});

test("200 clients join at once, all are seen, and no memory stays taken", async (context) => {
  const daemon = await running(context);
  const round = async (prefix: string) => {
    const clients: Mp1Client[] = [];
    for (let number = 0; number < 200; number += 1) {
      const address = `127.0.1.${1 + (number % 20)}`;
      clients.push(
        await Mp1Client.open(context, { registry: daemon.place, nickname: `${prefix}${number}`, address }),
      );
    }
    await Promise.all(clients.map((client) => client.join()));
    const first = clients[0];
    assert.ok(first !== undefined);
    // Some 200 entries are what one roster for our own client holds.
    await first.watched.until("199 others", () => first.roster.filter(({ online }) => online).length >= 199);
    assert.equal((await status(context, daemon)).online, 200);
    await Promise.all(clients.map((client) => client.leave()));
  };
  const grown = await growth(daemon, () => round("c"));
  await servesOthers(context, daemon);
  assert.ok(grown < 32, `grew by ${grown.toFixed(1)} MiB`);
  assert.equal(daemon.matching(/ online from /).length, 401, "one line an event");
  assert.deepEqual(daemon.matching(/ (warn|error) /), []);
});
