import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encodeHello } from "../../src/wire/mp1-discovery.ts";
import { must, until } from "../lab/command.ts";
import type { LanHost } from "../lab/netns.ts";
import { Scope } from "../support/until.ts";
import { Certificates, pemOf } from "./certificates.ts";
import { Chat } from "./chat.ts";
import { type Actor, Scene } from "./scene.ts";
import { type Capture, isSyn } from "./wire.ts";

/** Two real clients that chat, and somebody between them or beside them. */

const scope = new Scope();
let scene: Scene;
let olasHost: LanHost;
let evasHost: LanHost;
let attacker: Actor;
let ola: Chat;
let eva: Chat;
let evasPort: number;
let certificates: Certificates;
let capture: Capture;

const SECRET = "Meet-me-behind-the-lighthouse";

before(async () => {
  scene = await Scene.open(scope);
  [olasHost, evasHost] = [await scene.host("olas"), await scene.host("evas")];
  const { port } = scene;
  certificates = new Certificates(scope);
  [attacker, capture] = await Promise.all([scene.actor("attacker"), scene.capture(olasHost)]);
  [ola, eva] = await Promise.all([
    Chat.online(scope, olasHost, { nick: "olaf", port }),
    Chat.online(scope, evasHost, { nick: "evita", port }),
  ]);
  await ola.shows(/evita /);
  evasPort = (await scene.client("evita"))?.port ?? 0;
});

after(() => scope.end());

let words = 0;

/** A message gets through from Ola to Eva. */
async function theyChat(): Promise<void> {
  words += 1;
  ola.type(`msg evita word number ${words}`);
  await eva.shows(new RegExp(`olaf: word number ${words}\\b`));
}

test("what they write, and who they are, is in no packet that Ola's host sends or gets", async (context) => {
  ola.type(`msg evita ${SECRET}`);
  await eva.shows(new RegExp(SECRET));
  eva.type(`msg olaf ${SECRET}-too`);
  await ola.shows(new RegExp(`${SECRET}-too`));
  const packets = await capture.packets();
  const recording = packets.map(({ data }) => Buffer.from(data, "hex").toString("latin1")).join("\n");
  assert.ok(packets.some((packet) => isSyn(packet) && packet.ports?.[1] === evasPort));
  for (const word of [SECRET, "lighthouse", "olaf", "evita"]) {
    assert.equal(recording.toLowerCase().includes(word.toLowerCase()), false, word);
  }
  context.diagnostic(`${packets.length} packets`);
});

test("a stranger, and a member under another's name, connect to Eva: refused, and nothing is shown", async () => {
  const at = { address: evasHost.address, port: evasPort };
  const stranger = await attacker.do("chatAs", at, "olaf", "I am Olaf, send money");
  assert.deepEqual([stranger.heard.includes("ack"), stranger.reason], [false, "unknown"]);
  const { pem } = await attacker.do("impostorKey");
  await attacker.do("open", "mallory", pem);
  await attacker.do("register", "mallory", "mallory");
  await attacker.do("associate", "mallory");
  await attacker.do("attach", "mallory");
  await eva.shows(/mallory is online/);
  const member = await attacker.do("chatAs", at, "olaf", "I am Olaf, send money");
  assert.equal(member.heard.includes("ack"), false);
  assert.match(member.reason ?? "", /^(untrusted|unknown)$/);
  assert.doesNotMatch(eva.text, /send money/);
  // The means work: under its own name the same message is shown.
  const honest = await attacker.do("chatAs", at, "mallory", "I am Mallory");
  assert.ok(honest.heard.includes("ack"));
  await eva.shows(/mallory: I am Mallory/);
  await theyChat();
});

test("a man in the middle of Ola's connection to Eva: nothing is sent, and Ola is told", async () => {
  const files = await certificates.ed25519();
  const port = 45_000;
  const listen = [
    "-accept",
    `${attacker.host.address}:${port}`,
    "-key",
    files.key,
    "-cert",
    files.certificate,
  ];
  const openssl = attacker.host.spawn(
    ["openssl", "s_server", ...listen, "-Verify", "1", "-tls1_3", "-alpn", "mp2-chat"],
    { interactive: true },
  );
  scope.after(async () => void (await openssl.stop("SIGKILL")));
  await openssl.output((text) => text.includes("ACCEPT"), "s_server listens");
  // A third client, so that there is no connection yet: its packets to Eva's port go to the attacker.
  const third = await scene.host("thirds");
  const rules = `table ip middle { chain out { type nat hook output priority -100;
    ip daddr ${evasHost.address} tcp dport ${evasPort} dnat to ${attacker.host.address}:${port}; }; }`;
  await must(third.on(["nft", "-f", "-"]), { input: rules });
  const chat = await Chat.online(scope, third, { nick: "third", port: scene.port });
  await chat.shows(/evita /);
  chat.type(`msg evita ${SECRET} again`);
  await chat.shows(/kept for evita, tried again by itself: whoever answered at .* does not have evita's key/);
  // Hung up on within the handshake: nothing was said to it.
  await until(
    "the attacker was connected to, and hung up on",
    () => /ERROR/.test(openssl.stderr) || undefined,
  );
  assert.doesNotMatch(openssl.stdout, new RegExp(SECRET));
  assert.doesNotMatch(eva.text, new RegExp(`${SECRET} again`));
  await must(third.on(["nft", "delete", "table", "ip", "middle"]));
  chat.type("msg evita all clear");
  await eva.shows(/third: all clear/);
  await chat.stop();
});

test("hellos of mp1 forged with Ola's address: the registry's plain call is told nothing, and Ola stays", async () => {
  const forger = await scene.forger(attacker.host);
  const seen = (await capture.packets()).length;
  const port = (await scene.client("olaf"))?.port ?? 0;
  const data = [encodeHello({ client: "original" }), encodeHello({ client: "own" })];
  await forger.send({
    from: [olasHost.address, port],
    to: [scene.registry.address, scene.port],
    data,
    times: 3,
  });
  const called = async () => {
    const packets = (await capture.packets()).slice(seen);
    const syn = packets.find((packet) => isSyn(packet) && packet.from === scene.registry.address);
    const mine = packets.find(
      ({ ports, flags }) => ports?.[0] === port && ports[1] === syn?.ports?.[0] && flags & 5,
    );
    return syn !== undefined && mine !== undefined ? true : undefined;
  };
  await until("Ola has hung up on the registry's plain call", called);
  const recording = (await capture.packets()).slice(seen).map(({ data: bytes }) => Buffer.from(bytes, "hex"));
  assert.equal(Buffer.concat(recording).includes("olaf"), false);
  assert.deepEqual(
    (await scene.clients())
      .filter(({ address }) => address === olasHost.address)
      .map(({ nickname }) => nickname),
    ["olaf"],
  );
  await theyChat();
});

const FLAWS = {
  "no certificate": async () => ["-tls1_3", "-alpn", "mp2-chat"],
  "an RSA certificate": async () => flags(await certificates.rsa(), "-tls1_3", "-alpn", "mp2-chat"),
  "TLS 1.2": async () => flags(await certificates.ed25519(), "-tls1_2", "-alpn", "mp2-chat"),
  "another protocol": async () => flags(await certificates.ed25519(), "-tls1_3", "-alpn", "http/1.1"),
  "no protocol": async () => flags(await certificates.ed25519(), "-tls1_3"),
};

function flags(files: { readonly key: string; readonly certificate: string }, ...more: string[]): string[] {
  return ["-key", files.key, "-cert", files.certificate, ...more];
}

for (const [flaw, options] of Object.entries(FLAWS)) {
  test(`OpenSSL's client with ${flaw} at Eva's port: it is hung up on, and hears no nickname`, async () => {
    const at = ["-connect", `${evasHost.address}:${evasPort}`];
    // Its input stays open: what ends it is the other side.
    const openssl = attacker.host.spawn(["openssl", "s_client", ...at, ...(await options())], {
      interactive: true,
    });
    const { stdout } = await openssl.end(10_000);
    assert.doesNotMatch(stdout, /evita/);
    await theyChat();
  });
}

test("a member whose certificate has expired is known by its key; another key with the same words is nobody", async () => {
  const good = await certificates.ed25519();
  const dated = await scene.actor("dated");
  const pem = pemOf(await certificates.expired(good));
  await dated.do("become", pem);
  await dated.do("open", "methuselah", pem);
  await dated.do("register", "methuselah", "methuselah");
  await dated.do("associate", "methuselah");
  await dated.do("attach", "methuselah");
  await eva.shows(/methuselah is online/);
  const at = { address: evasHost.address, port: evasPort };
  assert.ok((await dated.do("chatAs", at, "methuselah", "I am from 2001")).heard.includes("ack"));
  await eva.shows(/methuselah: I am from 2001/);
  await dated.do("become", pemOf(await certificates.expired(await certificates.ed25519())));
  const { heard, reason } = await dated.do("chatAs", at, "methuselah", "so am I");
  assert.deepEqual([heard.includes("ack"), reason], [false, "unknown"]);
  assert.doesNotMatch(eva.text, /so am I/);
  await theyChat();
});

test("1,000 connections from one address to each of Eva's ports", async (context) => {
  const { address, port } = { address: evasHost.address, port: evasPort };
  for (const target of [port, port + 1]) {
    await attacker.do("connections", 1_000, target, address);
    await theyChat();
    const millis = await attacker.do("connectionsEnd", 15_000);
    context.diagnostic(`over ${Math.round(millis)} ms after they were open`);
  }
});

test("a name that its registry gives to another key: who knew it is warned, nothing is sent, nothing is taken", async () => {
  await theyChat();
  await eva.stop();
  await ola.shows(/evita is offline/);
  await scene.forget("evita");
  const { pem } = await attacker.do("impostorKey");
  await attacker.do("vanish", "mallory");
  await attacker.do("open", "evita", pem);
  assert.equal((await attacker.do("register", "evita", "evita")).type, "registered");
  await attacker.do("associate", "evita");
  await attacker.do("attach", "evita");
  await ola.shows(/WARNING: .*evita/);
  ola.type(`msg evita ${SECRET} for the last time`);
  await ola.shows(/held: evita has another key/);
  const port = (await scene.client("olaf"))?.port ?? 0;
  const { heard, reason } = await attacker.do(
    "chatAs",
    { address: olasHost.address, port },
    "evita",
    "it is me, really",
  );
  assert.deepEqual([heard.includes("ack"), reason], [false, "untrusted"]);
  assert.doesNotMatch(ola.text, /it is me, really/);
});
