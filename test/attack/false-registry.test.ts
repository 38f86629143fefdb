import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { LanHost } from "../lab/netns.ts";
import { Scope } from "../support/until.ts";
import { Chat } from "./chat.ts";
import { type Actor, Scene } from "./scene.ts";

/** The real client searches, and somebody who is no registry of its answers. */

const REALM = "office";

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
