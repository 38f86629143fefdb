import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { generateIdentity } from "../../src/io/certificate.ts";
import { systemClock } from "../../src/io/clock.ts";
import { SILENCE_MILLIS } from "../../src/io/first-byte.ts";
import { systemRandom } from "../../src/io/random.ts";
import { SctpDriver } from "../../src/io/sctp-driver.ts";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import { DEFAULT_SCTP_SETTINGS, type SctpEvent } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { Watched, within } from "../support/until.ts";
import { NetworkScene } from "./chat-scene.ts";
import { CHAT, dial, dialler, REGISTRY } from "./tls-scene.ts";

/** The client's sockets, against real ones on loopback; the core is the test. */

const HELLO = new TextEncoder().encode("hello");

/** A registry's UDP port: what came, from where. */
async function registryPort(t: TestContext) {
  const heard: { readonly text: string; readonly port: number }[] = [];
  const watched = new Watched();
  const socket = await bindUdp({
    address: "127.0.0.1",
    port: 0,
    purpose: "a test",
    onDatagram: (bytes, { port }) => {
      heard.push({ text: Buffer.from(bytes).toString(), port });
      watched.changed();
    },
  });
  t.after(() => closeUdp(socket));
  return { socket, port: socket.address().port, heard, watched };
}

test("a hello goes out from P, and the core has heard whom before any answer; answers come back to it", async (t) => {
  const registry = await registryPort(t);
  const scene = await NetworkScene.open(t, { registryPort: registry.port });
  scene.network.perform({ type: "hello", protocol: "mp2", bytes: HELLO });
  const [first] = await registry.watched.until(
    "the hello",
    () => registry.heard.length > 0 && registry.heard,
  );
  assert.deepEqual(first, { text: "hello", port: scene.network.port });
  const { to, protocol } = await scene.hears("hello-sent");
  assert.deepEqual([to, protocol], [[{ host: "here", address: "127.0.0.1" }], "mp2"]);
  registry.socket.send("cookie", scene.network.port, "127.0.0.1");
  const { from, bytes } = await scene.hears("datagram");
  assert.deepEqual(
    [from.address, from.port, Buffer.from(bytes).toString()],
    ["127.0.0.1", registry.port, "cookie"],
  );
  scene.network.perform({ type: "datagram", to: from, bytes: Buffer.from("join") });
  await registry.watched.until("the join", () => registry.heard.some(({ text }) => text === "join"));
});

test("a registry that calls back by TLS is who it proves to be, and both ends have the keys for presence", async (t) => {
  const scene = await NetworkScene.open(t);
  const identity = await generateIdentity();
  const registry = await dial(dialler(t, identity), scene.network.port, REGISTRY);
  assert.ok(typeof registry !== "string");
  const opened = await scene.hears("tls-opened");
  assert.deepEqual(
    [opened.initiative, opened.address, opened.protocol, opened.fingerprint],
    ["theirs", "127.0.0.1", REGISTRY, identity.fingerprint],
  );
  const keys = registry.channel.exportKeys("presence");
  assert.deepEqual(opened.keys, { toClient: keys.sending, toRegistry: keys.receiving });
  const { connection } = opened;
  registry.say("challenge\n");
  await scene.reads(connection, "challenge\n");
  scene.network.perform({ type: "tls-send", connection, bytes: Buffer.from("register\n") });
  await registry.hears("register\n");
  registry.channel.end();
  await scene.hears("tls-ended");
  scene.network.perform({ type: "tls-end", connection });
  await scene.hears("tls-closed");
  assert.equal(await registry.closes(), "ended");
});

test("two clients connect for chat; another key than the one dialled is no connection, and so is a closed port", async (t) => {
  const [ola, adam] = [await NetworkScene.open(t), await NetworkScene.open(t)];
  const to = { address: "127.0.0.1", port: adam.network.port };
  const { fingerprint } = adam.identity;
  ola.network.perform({ type: "tls-dial", connection: -1, ...to, fingerprint });
  const ours = await ola.hears("tls-opened");
  assert.deepEqual([ours.connection, ours.initiative, ours.port], [-1, "ours", adam.network.port]);
  const theirs = await adam.hears("tls-opened");
  assert.deepEqual(
    [theirs.protocol, theirs.fingerprint, theirs.keys],
    [CHAT, ola.identity.fingerprint, undefined],
  );
  ola.network.perform({ type: "tls-send", connection: -1, bytes: Buffer.from("hi") });
  await adam.reads(theirs.connection, "hi");
  ola.network.perform({ type: "tls-dial", connection: -2, ...to, fingerprint: ola.identity.fingerprint });
  const wrong = await ola.hears("tls-failed", ({ connection }) => connection === -2);
  assert.deepEqual([wrong.failure, wrong.code], ["tls", "wrong-key"]);
  ola.network.perform({ type: "tls-dial", connection: -3, address: "127.0.0.1", port: 9, fingerprint });
  const refused = await ola.hears("tls-failed", ({ connection }) => connection === -3);
  assert.equal(refused.failure, "refused");
  ola.network.perform({ type: "tls-destroy", connection: -1 });
  await adam.hears("tls-ended", ({ connection }) => connection === theirs.connection);
});

test("silence is a call-back only after a hello of mp1; then the core answers it", async (t) => {
  const scene = await NetworkScene.open(t);
  const early = connect(scene.network.port, "127.0.0.1");
  await within("the connection without a hello ends", once(early, "close"));
  assert.equal(scene.count("dialed-back"), 0);
  scene.network.perform({ type: "hello", protocol: "mp1", bytes: HELLO });
  const begin = systemClock.now();
  const socket = connect({ port: scene.network.port, host: "127.0.0.1", allowHalfOpen: true });
  const { connection, address } = await scene.hears("dialed-back");
  assert.equal(address, "127.0.0.1");
  assert.ok(systemClock.now() - begin >= SILENCE_MILLIS - 10);
  scene.network.perform({ type: "answer-dial-back", connection, bytes: Buffer.from("ola\n") });
  const [name] = await within("the name", once(socket, "data"));
  assert.equal(String(name), "ola\n");
  socket.end("roster");
  const { bytes } = await scene.hears("dial-back-answer");
  assert.equal(Buffer.from(bytes).toString(), "roster");
});

test("without legacy nothing of mp1 is there: no chat port, and silence is never a call-back", async (t) => {
  const scene = await NetworkScene.open(t, { legacy: false });
  const chat = connect(scene.network.port + 1, "127.0.0.1");
  const [error] = await within("a refusal", once(chat, "error"));
  assert.equal((error as NodeJS.ErrnoException).code, "ECONNREFUSED");
  scene.network.perform({ type: "hello", protocol: "mp1", bytes: HELLO });
  const silent = connect(scene.network.port, "127.0.0.1");
  await within("the end of the silent one", once(silent, "close"));
  assert.equal(scene.count("dialed-back"), 0);
});

test("messages of an association keep their stream and PPID, both ways, and its end says how", async (t) => {
  const events: SctpEvent[] = [];
  const watched = new Watched();
  const endpoint = createSctpEndpoint({
    localPort: 4_711,
    settings: DEFAULT_SCTP_SETTINGS,
    random: systemRandom,
    now: systemClock.now(),
  });
  const onEvent = (event: SctpEvent): void => {
    events.push(event);
    watched.changed();
  };
  const server = new SctpDriver({ endpoint, clock: systemClock, onEvent });
  const udp = await UdpEncapsulation.open({ address: "127.0.0.1", port: 0, sink: server.receive });
  server.attach(udp);
  t.after(() => server.close());
  const scene = await NetworkScene.open(t);
  const registry = { registryPort: 4_711, encapsulationPort: udp.port };
  const times = { heartbeatMillis: 1_000, lostAfterMillis: 2_800 };
  const association = 7;
  scene.network.perform({ type: "associate", association, address: "127.0.0.1", ...registry, ...times });
  await scene.hears("association-up");
  const bytes = Buffer.from("attach");
  scene.network.perform({ type: "association-send", association, stream: 0, ppid: 0x6d703201, bytes });
  const came = await watched.until("attach", () => events.find((event) => event.type === "message"));
  assert.deepEqual([came.stream, came.ppid, Buffer.from(came.bytes).toString()], [0, 0x6d703201, "attach"]);
  server.send(came.id, 2, 0x6d703201, Buffer.from("page"));
  const page = await scene.hears("association-message");
  assert.deepEqual([page.association, page.stream, page.ppid], [association, 2, 0x6d703201]);
  server.abort(came.id, "a test");
  assert.equal((await scene.hears("association-ended")).how, "aborted");
});

test("a registry with SCTP on IP alone is out of reach, and that is said", async (t) => {
  const scene = await NetworkScene.open(t);
  scene.network.perform({
    type: "associate",
    association: 1,
    address: "127.0.0.1",
    registryPort: 10_001,
    encapsulationPort: undefined,
    heartbeatMillis: 1_000,
    lostAfterMillis: 2_800,
  });
  assert.equal((await scene.hears("association-ended")).how, "unreachable");
});
