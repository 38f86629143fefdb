import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import { REGISTRATION_TO_CLIENT, type Registered } from "../../src/wire/mp2-registration.ts";
import type { Page } from "../../src/wire/mp2-roster.ts";
import type { LanHost } from "../lab/netns.ts";
import { Scope } from "../support/until.ts";
import { Certificates, pemOf } from "./certificates.ts";
import { Chat } from "./chat.ts";
import { type Actor, Scene } from "./scene.ts";

/** The real client searches, and somebody who is no registry of its answers. */

const REALM = "office";

const REGISTERED = REGISTRATION_TO_CLIENT.encode({
  ...{
    type: "registered",
    session: "50".repeat(16),
    epoch: "11".repeat(8),
    seq: 10,
    time: 1_764_000_000_000,
  },
  ...{ sctpPort: 10_001, encapsulationPort: 9_899, rawIp: false, heartbeat: 1_000, lostAfter: 2_800 },
} as unknown as Registered);

const scope = new Scope();
let scene: Scene;
let home: LanHost;
let impostor: Actor;
let registryKey: string;

before(async () => {
  scene = await Scene.open(scope, `realm = "${REALM}"`);
  home = await scene.host("home");
  impostor = await scene.actor("impostor");
  await impostor.do("eavesdrop");
  registryKey = await scene.fingerprint();
});

after(() => scope.end());

function page(index: number, count: number): Uint8Array {
  const fields = { type: "page", epoch: "11".repeat(8), seq: 10, index, count, entries: [] };
  return REGISTRATION_TO_CLIENT.encode(fields as unknown as Page);
}

function client(nick: string, dataDirectory?: string): Chat {
  const known = dataDirectory === undefined ? {} : { dataDirectory };
  return new Chat(scope, home, { nick, port: scene.port, ...known });
}

test("while the registry does not answer: whoever calls back unasked, with the overheard nonce, is told nothing", async () => {
  await scene.silenceRegistry();
  const chat = client("ola");
  const hello = await impostor.do("overhear", home.address);
  const { heard } = await impostor.do("callBack", hello, hello.nonce, REALM);
  assert.deepEqual(heard, []);
  await chat.stop();
  assert.doesNotMatch(chat.text, /online as|first time/);
});

test("whoever promises another's key, or names another nonce, is told nothing", async () => {
  const chat = client("ola");
  const hello = await impostor.do("overhear", home.address);
  await impostor.do("pretend", hello, registryKey);
  assert.deepEqual((await impostor.do("callBack", hello, hello.nonce, REALM)).heard, []);
  const again = await impostor.do("overhear", home.address);
  await impostor.do("pretend", again, (await impostor.do("impostorKey")).fingerprint);
  assert.deepEqual((await impostor.do("callBack", again, "22".repeat(16), REALM)).heard, []);
  await chat.stop();
  assert.doesNotMatch(chat.text, /online as|first time/);
});

test("at the first contact, a registry of anybody's is taken, and its key is shown and remembered", async () => {
  const chat = client("ola");
  const hello = await impostor.do("overhear", home.address);
  const { fingerprint } = await impostor.do("impostorKey");
  await impostor.do("pretend", hello, fingerprint);
  const { nick } = await impostor.do("callBack", hello, hello.nonce, REALM);
  assert.equal(nick, "ola");
  await chat.stop();
});

test("a certificate that has expired is as good as its key, on a registry's call, too; another key is not", async () => {
  const certificates = new Certificates(scope);
  const good = await certificates.ed25519();
  const fingerprint = await impostor.do("become", pemOf(await certificates.expired(good)));
  const chat = client("ola");
  const hello = await impostor.do("overhear", home.address);
  await impostor.do("pretend", hello, fingerprint);
  assert.equal((await impostor.do("callBack", hello, hello.nonce, REALM)).nick, "ola");
  await chat.stop();
  const other = client("ola");
  const again = await impostor.do("overhear", home.address);
  await impostor.do("pretend", again, fingerprint);
  await impostor.do("become", pemOf(await certificates.expired(await certificates.ed25519())));
  assert.deepEqual((await impostor.do("callBack", again, again.nonce, REALM)).heard, []);
  await other.stop();
});

const hex = (...parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString("hex");

test("a false registry that answers with what is no answer: said in a line, and the true one is found", async () => {
  const { fingerprint } = await impostor.do("impostorKey");
  const chat = client("kari");
  const flaws: Readonly<Record<string, string>> = {
    "registered, cut short": hex(encodeFrame(REGISTERED.subarray(0, 40))),
    "a page before its time": hex(encodeFrame(page(0, 1))),
    "a frame that is too long": hex(Buffer.from("00010001", "hex"), randomBytes(1_000)),
    "more pages than any roster has": hex(encodeFrame(REGISTERED), encodeFrame(page(0, 60_000))),
    "a page twice": hex(...[REGISTERED, page(0, 3), page(0, 3)].map(encodeFrame)),
  };
  for (const [what, bytes] of Object.entries(flaws)) {
    const hello = await impostor.do("overhear", home.address);
    await impostor.do("pretend", hello, fingerprint);
    const { heard } = await impostor.do("misregister", hello, REALM, bytes);
    assert.deepEqual(heard, ["register"], what);
  }
  await chat.shows(/cannot register at .*: it sends what no registry sends/);
  assert.equal(chat.text.match(/cannot register at/g)?.length, 1);
  await scene.hearRegistry();
  await chat.shows(/online as kari/);
  await chat.stop();
  await scene.silenceRegistry();
});

test("a false registry that answers a byte a second: the true one is found meanwhile", async () => {
  const { fingerprint } = await impostor.do("impostorKey");
  const chat = client("per");
  const hello = await impostor.do("overhear", home.address);
  await impostor.do("pretend", hello, fingerprint);
  const slow = impostor.do("misregister", hello, REALM, hex(encodeFrame(REGISTERED)), 1_000);
  await scene.hearRegistry();
  await chat.shows(/online as per/);
  assert.deepEqual((await slow).heard, ["register"]);
  await chat.stop();
  await scene.silenceRegistry();
});

test("who knows the registry hears of another key, says nothing to it, and gets in at the true one", async () => {
  await scene.hearRegistry();
  const first = client("ola");
  await first.shows(/online as ola/);
  await first.stop();
  await scene.silenceRegistry();
  const chat = client("ola", first.dataDirectory);
  const hello = await impostor.do("overhear", home.address);
  await impostor.do("pretend", hello, (await impostor.do("impostorKey")).fingerprint);
  assert.deepEqual((await impostor.do("callBack", hello, hello.nonce, REALM)).heard, []);
  await chat.shows(/WARNING: the registry .* shows ANOTHER KEY/);
  assert.doesNotMatch(chat.text, /online as/);
  await scene.hearRegistry();
  await chat.shows(/online as ola/);
  await chat.stop();
});
