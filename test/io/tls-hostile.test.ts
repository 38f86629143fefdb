import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { fingerprintOfSpki } from "../../src/base/fingerprint.ts";
import { generateIdentity } from "../../src/io/certificate.ts";
import { freePort } from "../support/free-ports.ts";
import { type Owner, within } from "../support/until.ts";
import { CHAT, dial, dialler, End, type Listening, listening } from "./tls-scene.ts";

/** openssl as the other end: what a program does that is not ours, or that somebody wrote to do harm. */

const PLACE = mkdtempSync(join(tmpdir(), "multiproto-tls-"));
after(() => rmSync(PLACE, { recursive: true }));

function openssl(...options: string[]): Buffer {
  return execFileSync("openssl", options, { cwd: PLACE, stdio: ["ignore", "pipe", "ignore"] });
}

/** NAME.key and NAME.pem. */
function certificate(name: string, kind: readonly string[], ...more: string[]): void {
  const files = ["-keyout", `${name}.key`, "-out", `${name}.pem`, "-subj", `/CN=${name}`];
  openssl("req", "-x509", "-nodes", "-newkey", ...kind, ...files, ...more);
}

const ED25519 = ["ed25519"];
certificate("good", ED25519);
certificate("rsa", ["rsa:2048"]);
certificate("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
certificate("ed448", ["ed448"]);
certificate("authority", ["rsa:2048"]);
certificate("large", ED25519, "-addext", `nsComment=${"A".repeat(8_000)}`);
openssl("genpkey", "-algorithm", "ed25519", "-out", "signed.key");
openssl("req", "-new", "-key", "signed.key", "-subj", "/CN=signed", "-out", "signed.csr");
const sign = ["x509", "-req", "-in", "signed.csr", "-CA", "authority.pem", "-CAkey", "authority.key"];
openssl(...sign, "-CAcreateserial", "-out", "signed.pem");
openssl("req", "-x509", "-key", "good.key", "-subj", "/CN=old", "-days", "1", "-out", "expired.pem");
execFileSync("cp", ["good.key", "expired.key"], { cwd: PLACE });
// Who alters the key cannot sign the handshake any more; OpenSSL does not even load such a pair.
alter("altered-signature", (der) => der.length - 1);
function alter(name: string, at: (der: Buffer) => number): void {
  const der = Buffer.from(new X509Certificate(readFileSync(join(PLACE, "good.pem"))).raw);
  const index = at(der);
  der[index] = (der[index] ?? 0) ^ 1;
  const lines = der
    .toString("base64")
    .match(/.{1,64}/g)
    ?.join("\n");
  writeFileSync(
    join(PLACE, `${name}.pem`),
    `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  );
  execFileSync("cp", ["good.key", `${name}.key`], { cwd: PLACE });
}

function fingerprintOf(name: string): string {
  return fingerprintOfSpki(openssl("pkey", "-in", `${name}.key`, "-pubout", "-outform", "DER"));
}

/** What `openssl s_client` printed, after it sent a line and waited for the answer "bye" or its end. */
async function sClient(owner: Owner, port: number, ...options: string[]): Promise<string> {
  const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...options], {
    cwd: PLACE,
    stdio: ["pipe", "pipe", "pipe"],
  });
  owner.after(() => void child.kill("SIGKILL"));
  child.stdin.on("error", () => {});
  child.stdin.write("hello\n");
  child.stdout.on("data", (bytes: Buffer) => bytes.includes("bye") && child.stdin.end());
  const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
  return (await within("openssl s_client", outputs)).join("\n");
}

function answering(listener: Listening, number: number): void {
  const wait = listener.watched.until("a line", () => listener.ends[number]?.text.includes("hello"));
  // Where the connection is refused, this waits in vain.
  wait.then(() => listener.ends[number]?.say("bye\n")).catch(() => {});
}

const CERTIFICATE = (name: string) => ["-cert", `${name}.pem`, "-key", `${name}.key`];

test("a foreign program with an Ed25519 certificate is welcome; dates and signers do not matter", async (context) => {
  const listener = await listening(context);
  for (const [number, name] of ["good", "expired", "signed", "altered-signature"].entries()) {
    answering(listener, number);
    const output = await sClient(context, listener.port, "-alpn", CHAT, ...CERTIFICATE(name));
    assert.match(output, /ALPN protocol: mp2-chat/);
    assert.equal(listener.ends[number]?.channel.fingerprint, fingerprintOf(name), name);
    assert.match(listener.ends[number]?.text ?? "", /hello/);
  }
  assert.deepEqual(listener.refused, []);
});

for (const [what, options, refusal] of [
  ["no certificate", ["-alpn", CHAT], "no-certificate"],
  // OpenSSL finds its certificate unfit for what the server takes and sends none.
  ["RSA", ["-alpn", CHAT, ...CERTIFICATE("rsa")], "no-certificate"],
  ["P-256", ["-alpn", CHAT, ...CERTIFICATE("ec")], "no-certificate"],
  ["Ed448", ["-alpn", CHAT, ...CERTIFICATE("ed448")], "no-certificate"],
  ["a certificate of 8 KiB", ["-alpn", CHAT, ...CERTIFICATE("large")], "wrong-key"],
  ["no ALPN", CERTIFICATE("good"), "wrong-protocol"],
  ["another ALPN", ["-alpn", "http/1.1", ...CERTIFICATE("good")], "handshake-failed"],
  ["TLS 1.2", ["-tls1_2", "-alpn", CHAT, ...CERTIFICATE("good")], "handshake-failed"],
  ["no signature algorithm of ours", ["-alpn", CHAT, "-sigalgs", "RSA-PSS+SHA256"], "handshake-failed"],
] as const) {
  test(`a client is refused for ${what}`, async (context) => {
    const listener = await listening(context);
    await sClient(context, listener.port, ...options);
    await listener.watched.until("a refusal", () => listener.refused.length > 0);
    assert.deepEqual(listener.refused, [refusal]);
    assert.deepEqual(listener.ends, []);
  });
}

test("sessions are not resumed, early data not taken, renegotiation unknown", async (context) => {
  const listener = await listening(context);
  const options = ["-alpn", CHAT, ...CERTIFICATE("good")];
  answering(listener, 0);
  const first = await sClient(context, listener.port, ...options, "-sess_out", "session");
  assert.match(first, /Max Early Data: 0/);
  answering(listener, 1);
  const second = await sClient(context, listener.port, ...options, "-sess_in", "session");
  assert.match(second, /^New, TLSv1.3/m);
  assert.doesNotMatch(second, /Reused/);
  assert.match(second, /Early data was not sent/);
  assert.equal(listener.ends.length, 2);
});

/** `openssl s_server`, listening. */
async function sServer(owner: Owner, ...options: string[]): Promise<number> {
  const port = await freePort();
  const child = spawn("openssl", ["s_server", "-accept", `127.0.0.1:${port}`, ...options], {
    cwd: PLACE,
    stdio: ["pipe", "pipe", "ignore"],
  });
  owner.after(() => void child.kill("SIGKILL"));
  const isListening = Promise.withResolvers<void>();
  child.stdout.on("data", (bytes: Buffer) => bytes.includes("ACCEPT") && isListening.resolve());
  await within("openssl s_server", isListening.promise);
  return port;
}

for (const [what, options, outcome] of [
  ["an Ed25519 certificate", ["-alpn", CHAT, "-Verify", "1", ...CERTIFICATE("good")], "open"],
  ["an expired one", ["-alpn", CHAT, ...CERTIFICATE("expired")], "open"],
  ["RSA", ["-alpn", CHAT, ...CERTIFICATE("rsa")], "failed"],
  ["P-256", ["-alpn", CHAT, ...CERTIFICATE("ec")], "failed"],
  ["a certificate of 8 KiB", ["-alpn", CHAT, ...CERTIFICATE("large")], "wrong-key"],
  ["no ALPN", CERTIFICATE("good"), "wrong-protocol"],
  ["another ALPN", ["-alpn", "http/1.1", ...CERTIFICATE("good")], "failed"],
  ["TLS 1.2", ["-tls1_2", "-alpn", CHAT, ...CERTIFICATE("good")], "failed"],
] as const) {
  test(`a server with ${what}: ${outcome}`, async (context) => {
    const port = await sServer(context, ...options);
    const outcomeThere = await dial(dialler(context, await generateIdentity()), port);
    if (outcome !== "open") assert.equal(outcomeThere, outcome);
    else {
      assert.ok(outcomeThere instanceof End, String(outcomeThere));
      assert.equal(outcomeThere.channel.fingerprint, fingerprintOf("good"));
    }
  });
}

function raw(owner: Owner, port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  owner.after(() => void socket.destroy());
  return socket;
}

test("a handshake that drips is cut off, whatever it sends", async (context) => {
  const listener = await listening(context, { times: { handshakeMillis: 400 } });
  // A record header that promises a ClientHello of 16 KiB, then a byte now and then.
  const drip = raw(context, listener.port);
  drip.write(Buffer.from("1603014000", "hex"));
  const timer = setInterval(() => drip.write("\0"), 20);
  context.after(() => clearInterval(timer));
  raw(context, listener.port);
  await listener.watched.until("two refusals", () => listener.refused.length === 2);
  assert.deepEqual(listener.refused, ["handshake-too-slow", "handshake-too-slow"]);
  raw(context, listener.port).write("SSH-2.0-OpenSSH_9.2\r\n");
  await listener.watched.until("a third", () => listener.refused.length === 3);
  assert.equal(listener.refused[2], "handshake-failed");
});

test("1,000 connections from one address: few are kept, and all places come back", async (context) => {
  const patience = { times: { handshakeMillis: 60_000 }, limits: { connectionsPerAddress: 20 } };
  const listener = await listening(context, patience);
  const sockets = Array.from({ length: 1_000 }, () => raw(context, listener.port));
  await listener.watched.until("980 refusals", () => listener.refused.length === 980);
  assert.deepEqual(new Set(listener.refused), new Set(["too-many-of-address"]));
  assert.deepEqual([listener.acceptor.size, listener.acceptor.handshakes], [20, 20]);
  for (const socket of sockets) socket.destroy();
  await listener.watched.until("the end of all", () => listener.acceptor.size === 0);
  const end = await dial(dialler(context, await generateIdentity()), listener.port);
  assert.ok(end instanceof End, String(end));
});

test("silent connections keep nobody out: the oldest handshake gives way", async (context) => {
  const listener = await listening(context, { limits: { handshakes: 5, connectionsPerAddress: 100 } });
  const silent = Array.from({ length: 20 }, () => raw(context, listener.port));
  await listener.watched.until("15 to give way", () => listener.refused.length === 15);
  assert.deepEqual(new Set(listener.refused), new Set(["gave-way"]));
  assert.equal(listener.acceptor.handshakes, 5);
  const end = await dial(dialler(context, await generateIdentity()), listener.port);
  assert.ok(end instanceof End, String(end));
  assert.equal(silent.length, 20);
});

test("one address has a rate, and everybody together a number", async (context) => {
  const rated = await listening(context, { limits: { rate: { perSecond: 0.001, burst: 3 } } });
  for (let number = 0; number < 5; number += 1) raw(context, rated.port);
  await rated.watched.until("two refusals", () => rated.refused.length === 2);
  assert.deepEqual(rated.refused, ["too-often", "too-often"]);
  const full = await listening(context, { limits: { connections: 2 } });
  for (let number = 0; number < 5; number += 1) raw(context, full.port);
  await full.watched.until("three refusals", () => full.refused.length === 3);
  assert.deepEqual(new Set(full.refused), new Set(["too-many"]));
});
