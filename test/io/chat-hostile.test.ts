import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { generateIdentity } from "../../src/io/certificate.ts";
import { within } from "../support/until.ts";
import { NetworkScene } from "./chat-scene.ts";
import { CHAT, dial, dialler } from "./tls-scene.ts";

/** What strangers may do to TCP P of a client, and that everybody else gets through meanwhile. */

function stranger(t: TestContext, port: number, bytes?: Uint8Array): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  t.after(() => void socket.destroy());
  if (bytes !== undefined) socket.write(bytes);
  return socket;
}

/** However it ends: an error is an end, too. */
async function closed(what: string, socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (socket.closed) resolve();
  socket.on("close", () => resolve());
  await within(`the end of ${what}`, promise, 20_000);
}

test("a first byte that is not TLS's ends the connection, whatever follows; the core hears nothing", async (t) => {
  const scene = await NetworkScene.open(t);
  scene.network.perform({ type: "hello", protocol: "mp1", bytes: Buffer.from("hello") });
  const begin = ["GET / HTTP/1.1\r\n\r\n", "ola hello", "\x00", "\x15\x03\x01", "SSH-2.0-x\r\n"];
  for (const text of begin) await closed(text, stranger(t, scene.network.port, Buffer.from(text, "latin1")));
  assert.deepEqual(
    scene.events.filter(({ type }) => type !== "hello-sent"),
    [],
  );
});

test("TLS without a certificate, with another protocol, or that is garbage after its first byte is nobody", async (t) => {
  const scene = await NetworkScene.open(t);
  const { port } = scene.network;
  for (const ALPNProtocols of [[CHAT], ["h2"]]) {
    const socket = connectTls({ port, host: "127.0.0.1", ALPNProtocols, rejectUnauthorized: false });
    socket.on("error", () => {});
    await closed("TLS without a certificate", socket);
  }
  await closed("garbage", stranger(t, port, Buffer.concat([Buffer.from([0x16]), Buffer.alloc(600, 0x41)])));
  assert.equal(scene.count("tls-opened"), 0);
});

test("a thousand silent and half-open connections from one address: all end, and a peer still gets through", async (t) => {
  const scene = await NetworkScene.open(t);
  const { port } = scene.network;
  const sockets = Array.from({ length: 1_000 }, (_, index) =>
    // Silence, or a handshake that stops after its first byte.
    stranger(t, port, index % 2 === 0 ? undefined : Buffer.from([0x16])),
  );
  const ended = Promise.all(sockets.map((socket) => closed("a stranger", socket)));
  const { privateKey, certificate, fingerprint } = await generateIdentity();
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  const from = { localAddress: "127.0.0.2", host: "127.0.0.1", port };
  const peer = connectTls({
    ...from,
    key,
    cert: certificate.toString(),
    ALPNProtocols: [CHAT],
    rejectUnauthorized: false,
  });
  t.after(() => void peer.destroy());
  const opened = await scene.hears("tls-opened");
  assert.deepEqual([opened.address, opened.fingerprint], ["127.0.0.2", fingerprint]);
  await ended;
  assert.equal(scene.count("tls-opened"), 1);
});

test("what is connected stays so while strangers come and go", async (t) => {
  const scene = await NetworkScene.open(t);
  const { port } = scene.network;
  const peer = await dial(dialler(t, await generateIdentity()), port);
  assert.ok(typeof peer !== "string");
  const { connection } = await scene.hears("tls-opened");
  const strangers = Array.from({ length: 200 }, () => stranger(t, port, Buffer.from("x")));
  peer.say("still here\n");
  await scene.reads(connection, "still here\n");
  await Promise.all(strangers.map((socket) => closed("a stranger", socket)));
  scene.network.perform({ type: "tls-send", connection, bytes: Buffer.from("yes\n") });
  await peer.hears("yes\n");
});
