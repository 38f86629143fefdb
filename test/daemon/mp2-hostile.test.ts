import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { createSecureContext, TLSSocket, type TLSSocketOptions } from "node:tls";
import { generateIdentity } from "../../src/io/certificate.ts";
import { ALPN_CHAT, ALPN_REGISTRY } from "../../src/wire/mp2-values.ts";
import { Mp2Client } from "../support/mp2-client.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import type { RegistryDialogue } from "../support/registry-dialogue.ts";

/** What hostile clients can do to the real registry by discovery and dial-back: cost it a line in the log. */

async function running(context: TestContext): Promise<{ daemon: Multiprotod; registry: Place }> {
  const registry = await makePlace(context);
  return { daemon: await Multiprotod.start(context, registry), registry };
}

/** Joins with a listener of its own kind, and resolves with what the registry says of it. */
async function blockedBy(
  context: TestContext,
  registry: Place,
  takes: (socket: Socket) => void,
  millis?: number,
): Promise<string> {
  const client = await Mp2Client.open(context, { registry, nickname: "x", takes });
  client.sayJoin(await client.meet());
  const blocked = await client.watched.until("blocked", () => client.blocked, millis);
  assert.equal(blocked.port, client.port);
  assert.deepEqual(blocked.cookie, client.cookie?.cookie);
  return blocked.reason;
}

/** A TLS server for one connection. */
function tlsServer(options: TLSSocketOptions): (socket: Socket) => void {
  return (socket) => {
    new TLSSocket(socket, { isServer: true, requestCert: true, rejectUnauthorized: false, ...options }).on(
      "error",
      () => {},
    );
  };
}

test("nobody listens at P: the client is told that, and its port", async (context) => {
  const { registry } = await running(context);
  const client = await Mp2Client.open(context, { registry, nickname: "deaf" });
  await client.deafen();
  client.sayJoin(await client.meet());
  assert.equal((await client.watched.until("blocked", () => client.blocked)).reason, "refused");
});

test("a listener that hangs up, speaks no TLS, another version, another protocol or has another kind of key", async (context) => {
  const { registry } = await running(context);
  const identity = await generateIdentity();
  const ours = createSecureContext({
    key: identity.privateKey.export({ type: "pkcs8", format: "pem" }),
    cert: identity.certificate.toString(),
  });
  const old = createSecureContext({
    key: identity.privateKey.export({ type: "pkcs8", format: "pem" }),
    cert: identity.certificate.toString(),
    maxVersion: "TLSv1.2",
  });
  const [rsaKey, rsaCertificate] = [join(registry.directory, "key"), join(registry.directory, "certificate")];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"];
  execFileSync("openssl", [...request, "-keyout", rsaKey, "-out", rsaCertificate], { stdio: "ignore" });
  const rsa = createSecureContext({ key: readFileSync(rsaKey), cert: readFileSync(rsaCertificate) });
  const listeners: readonly (readonly [string, (socket: Socket) => void])[] = [
    ["hangs up", (socket) => socket.destroy()],
    ["speaks HTTP", (socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["TLS 1.2", tlsServer({ secureContext: old, ALPNProtocols: [ALPN_REGISTRY] })],
    ["chat only", tlsServer({ secureContext: ours, ALPNProtocols: [ALPN_CHAT] })],
    ["no protocol", tlsServer({ secureContext: ours })],
    ["an RSA key", tlsServer({ secureContext: rsa, ALPNProtocols: [ALPN_REGISTRY] })],
    ["no certificate", tlsServer({ ALPNProtocols: [ALPN_REGISTRY] })],
  ];
  for (const [name, takes] of listeners) {
    assert.equal(await blockedBy(context, registry, takes), "tls", name);
  }
  await Mp2Client.join(context, { registry, nickname: "ola" });
});

test("a join is dialled back once, however often it comes, and only to where its cookie went", async (context) => {
  const { registry } = await running(context);
  const ola = await Mp2Client.open(context, { registry, nickname: "ola" });
  const cookie = await ola.meet();
  for (let time = 0; time < 20; time += 1) ola.sayJoin(cookie);
  const eva = await Mp2Client.open(context, { registry, nickname: "eva" });
  eva.sayJoin(cookie);
  // Those who come after them are served, so the others have been judged.
  await Mp2Client.join(context, { registry, nickname: "late" });
  await ola.watched.until("a dial-back", () => ola.dialogues.length > 0);
  assert.deepEqual([ola.dialogues.length, eva.dialogues.length], [1, 0]);
});

// Each waits for patience of the registry to end, with a registry of its own.
describe("who keeps the registry waiting", { concurrency: 3 }, () => {
  test("silent listeners hold nobody up, and are given up in time", async (context) => {
    const { registry } = await running(context);
    const silent = (socket: Socket): void => void socket.on("error", () => {}).resume();
    const givenUp = Array.from({ length: 8 }, () => blockedBy(context, registry, silent, 12_000));
    await Mp2Client.join(context, { registry, nickname: "ola" });
    assert.deepEqual([...new Set(await Promise.all(givenUp))], ["tls"]);
  });

  test("whoever stalls in the dialogue, announces too much or sends rubbish loses the connection", async (context) => {
    const { daemon, registry } = await running(context);
    const acts: readonly (readonly [string, (dialogue: RegistryDialogue) => void])[] = [
      ["says nothing", () => {}],
      ["half a header", ({ channel }) => void channel.send(Uint8Array.of(0, 0))],
      ["half a frame", ({ channel }) => void channel.send(Uint8Array.of(0, 0, 0, 9, 0xa4))],
      ["an oversized frame", ({ channel }) => void channel.send(Uint8Array.of(0, 0, 0x10, 0x01))],
      ["an empty frame", ({ channel }) => void channel.send(new Uint8Array(4))],
      ["no CBOR", ({ channel }) => void channel.send(Uint8Array.of(0, 0, 0, 1, 0xff))],
      ["an unknown message", ({ channel }) => void channel.send(Uint8Array.of(0, 0, 0, 3, 0xa1, 0, 0x10))],
      ["a flood", ({ channel }) => void channel.send(new Uint8Array(500_000))],
    ];
    const over = acts.map(async ([name, act]) => {
      const client = await Mp2Client.open(context, { registry, nickname: "x" });
      const dialogue = await client.dialogue();
      await dialogue.next("challenge");
      act(dialogue);
      await dialogue.closes(15_000);
      assert.equal(client.registered, undefined, name);
    });
    await Mp2Client.join(context, { registry, nickname: "ola" });
    await Promise.all(over);
    assert.deepEqual(daemon.matching(/Internal error/), []);
  });

  test("a registered client that brings up no association, or says nothing on it, does not stay", async (context) => {
    const { registry } = await running(context);
    const watcher = await Mp2Client.join(context, { registry, nickname: "watcher" });
    const ghost = await Mp2Client.open(context, { registry, nickname: "ghost" });
    await ghost.register();
    const mute = await Mp2Client.open(context, { registry, nickname: "mute" });
    await mute.register();
    await mute.associate();
    await mute.loses(15_000);
    await watcher.sees("mute", "offline");
    await watcher.sees("ghost", "offline", 15_000);
  });
});
