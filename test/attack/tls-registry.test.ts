import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Running } from "../lab/command.ts";
import { Scope } from "../support/until.ts";
import { Certificates, type KeyFiles, pemOf } from "./certificates.ts";
import { type Actor, Scene } from "./scene.ts";

/** The registry dials back, and OpenSSL's own server is there: what it says of itself, and what the registry then does. */

const REALM = "attacked-office";

const scope = new Scope();
let scene: Scene;
let attacker: Actor;
let certificates: Certificates;
let good: KeyFiles;
let port = 51_000;

before(async () => {
  scene = await Scene.open(scope, `realm = "${REALM}"`);
  certificates = new Certificates(scope);
  [attacker, good] = await Promise.all([scene.actor("attacker"), certificates.ed25519()]);
});

after(() => scope.end());

/** Starts OpenSSL's server at a new port, which is `port` from then on. */
async function server(files: KeyFiles | undefined, ...flags: readonly string[]): Promise<Running> {
  port += 1;
  const identity =
    files === undefined ? ["-nocert"] : ["-key", files.key, "-cert", files.certificate, "-Verify", "1"];
  const at = ["-accept", `${attacker.host.address}:${port}`];
  const running = attacker.host.spawn(["openssl", "s_server", ...at, ...identity, ...flags], {
    interactive: true,
  });
  scope.after(async () => void (await running.stop("SIGKILL")));
  await running.output((text) => text.includes("ACCEPT"), "s_server listens");
  return running;
}

/** Joins from there by UDP. */
async function join(): Promise<string> {
  const name = `from ${port}`;
  await attacker.do("bind", name, port);
  await attacker.do("send", name, await attacker.do("cookie", name));
  return name;
}

test("the means work: a server that does as it should is challenged, in the registry's own words", async () => {
  const openssl = await server(good, "-tls1_3", "-alpn", "mp2-registry");
  await join();
  await openssl.output((text) => text.includes(REALM), "the challenge");
  assert.match(openssl.stdout, /Peer signature type: ed25519/i);
  await openssl.stop("SIGKILL");
});

const FLAWS = {
  "no certificate": () => server(undefined, "-tls1_3", "-alpn", "mp2-registry"),
  "an RSA certificate": async () => server(await certificates.rsa(), "-tls1_3", "-alpn", "mp2-registry"),
  "TLS 1.2": () => server(good, "-tls1_2", "-alpn", "mp2-registry"),
  "another protocol": () => server(good, "-tls1_3", "-alpn", "mp2-chat"),
  "no protocol": () => server(good, "-tls1_3"),
};

for (const [flaw, start] of Object.entries(FLAWS)) {
  test(`${flaw}: the registry says not a word, tells the client why, and lists nobody`, async () => {
    const openssl = await start();
    const name = await join();
    assert.equal(await attacker.do("blocked", name), "tls");
    await openssl.stop("SIGTERM");
    assert.doesNotMatch(openssl.stdout, new RegExp(REALM));
    assert.deepEqual(await scene.clients(), []);
  });
}

test("a certificate that has expired is as good as its key, and only its key counts", async () => {
  await attacker.do("open", "ola", pemOf(good));
  assert.equal((await attacker.do("register", "ola", "ola")).type, "registered");
  await attacker.do("vanish", "ola");
  const expired = await certificates.expired(good);
  const { fingerprint } = await attacker.do("open", "old", pemOf(expired));
  assert.equal((await attacker.do("register", "old", "ola")).type, "registered");
  assert.equal((await scene.client("ola"))?.fingerprint, fingerprint);
  // The same words on it, but another key.
  await attacker.do("open", "false", pemOf(await certificates.ed25519()));
  const answer = await attacker.do("register", "false", "ola");
  assert.deepEqual([answer.type, "code" in answer && answer.code], ["refused", "nick-taken"]);
  assert.equal("holder" in answer && answer.holder?.fingerprint, fingerprint);
});
