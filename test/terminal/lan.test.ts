import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { must, type Running, until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { programOf } from "../support/programs.ts";

/** Hosts of their own on one LAN, with nothing configured: the registry on one, people on two others. Needs root. */

const PROJECT = new URL("../..", import.meta.url).pathname;
const NODE = join(PROJECT, "node_modules/.bin/node");

let lan: Lan;
let registryHost: LanHost;
let adamHost: LanHost;
let olaHost: LanHost;
let directory: string;
let daemon: Running;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "multiproto-lan-"));
  lan = await Lan.create();
  registryHost = await lan.host("registry");
  adamHost = await lan.host("adam");
  olaHost = await lan.host("ola");
  daemon = await startRegistry();
});

after(async () => {
  await lan.dispose();
  await rm(directory, { recursive: true, force: true });
});

async function startRegistry(): Promise<Running> {
  const places = ["--state-dir", join(directory, "state"), "--runtime-dir", join(directory, "run")];
  const program = programOf("multiprotod");
  const running = registryHost.spawn([NODE, program, ...places], { environment: environment("registry") });
  await running.output((text) => text.includes(" ready "), "the registry is ready");
  return running;
}

function environment(profile: string): Record<string, string> {
  const files = join(directory, profile);
  return { XDG_STATE_HOME: files, XDG_DATA_HOME: join(files, "data"), LC_ALL: "C.UTF-8" };
}

/** A client whose commands a test writes. */
function chat(host: LanHost, nick: string, ...rest: readonly string[]): Running {
  const program = programOf("multiproto-chat");
  return host.spawn([NODE, program, "--nick", nick, ...rest], { environment: environment(nick) });
}

test("nothing configured: two hosts find the registry, see each other, a message is confirmed", async () => {
  const ola = chat(olaHost, "ola", "listen", "--json", "--count", "1");
  const sent = await chat(adamHost, "adam", "send", "ola", "hello over the LAN", "--wait", "15s").finished;
  assert.deepEqual([sent.code, sent.stderr], [EXIT.ok, ""]);
  const message = JSON.parse((await ola.finished).stdout);
  assert.deepEqual([message.from, message.address, message.addressMatches], ["adam", adamHost.address, true]);
});

test("two people on one host and one on another: all reach each other", async () => {
  const first = chat(adamHost, "first", "listen", "--count", "2");
  const second = chat(adamHost, "second", "listen", "--count", "1");
  const third = chat(olaHost, "third", "listen", "--count", "1");
  const sent = await Promise.all([
    chat(adamHost, "a", "send", "first", "from the same host", "--wait", "15s").finished,
    chat(olaHost, "b", "send", "first", "from another host", "--wait", "15s").finished,
    chat(olaHost, "c", "send", "second", "hello", "--wait", "15s").finished,
    chat(adamHost, "d", "send", "third", "hello", "--wait", "15s").finished,
  ]);
  assert.deepEqual(
    sent.map(({ code }) => code),
    [0, 0, 0, 0],
  );
  for (const listening of [first, second, third]) assert.equal((await listening.finished).code, EXIT.ok);
});

test("a host whose cable is pulled: not delivered, with the reason", async () => {
  const ola = chat(olaHost, "ola", "listen");
  const sent = await chat(adamHost, "adam", "send", "ola", "there?", "--wait", "15s").finished;
  assert.equal(sent.code, EXIT.ok);
  await olaHost.unplug();
  const failed = await chat(adamHost, "adam", "send", "ola", "and now?", "--no-queue").finished;
  assert.ok([EXIT.notConfirmed, EXIT.timeout].includes(failed.code as never), `${failed.code}`);
  assert.match(failed.stderr, /not delivered: (no way to ola's machine|ola's machine did not answer)/);
  await olaHost.plugIn();
  const again = await chat(adamHost, "adam", "send", "ola", "back?", "--wait", "20s").finished;
  assert.deepEqual([again.code, again.stderr], [EXIT.ok, ""]);
  await ola.stop();
});

test("the registry is killed and started again: whoever was there is there again by itself", async () => {
  const ola = chat(olaHost, "ola", "listen", "--count", "1");
  assert.equal((await chat(adamHost, "x", "send", "nobody", "x", "--wait", "1s").finished).code, 5);
  await daemon.stop("SIGKILL");
  daemon = await startRegistry();
  const sent = await chat(adamHost, "adam", "send", "ola", "still there", "--wait", "30s").finished;
  assert.deepEqual([sent.code, sent.stderr], [EXIT.ok, ""]);
  assert.match((await ola.finished).stdout, /adam: still there/);
});

test("no multicast: a hint, and --registry helps", async () => {
  await registryHost.multicast(false);
  // Its announcements alone would bring a client there.
  await adamHost.multicast(false);
  const found = await chat(adamHost, "adam", "--registry", registryHost.address, "list").finished;
  assert.equal(found.code, EXIT.ok);
  const lost = await chat(adamHost, "adam", "list").finished;
  assert.equal(lost.code, EXIT.registryNotFound);
  assert.match(lost.stderr, /--registry HOST/);
  await adamHost.multicast(true);
  await registryHost.multicast(true);
});

test("a cable that is plugged in while the client runs: it finds the registry by itself", async () => {
  await must(adamHost.on(["ip", "link", "set", "eth0", "down"]));
  const ola = chat(olaHost, "ola", "listen", "--count", "1");
  const sending = chat(adamHost, "adam", "send", "ola", "at last", "--wait", "30s");
  await until("the client searches", async () => {
    const { stdout } = await adamHost.exec(["ss", "-H", "-l", "-u", "-n"]);
    return /0\.0\.0\.0:[56]\d{4}/.test(stdout) ? true : undefined;
  });
  await must(adamHost.on(["ip", "link", "set", "eth0", "up"]));
  await must(adamHost.on(["ip", "route", "replace", "224.0.0.0/4", "dev", "eth0"]));
  assert.equal((await sending.finished).code, EXIT.ok);
  assert.match((await ola.finished).stdout, /adam: at last/);
});

test("IPv6 alone, with no address but those of the link: found, listed, a message is confirmed", async () => {
  for (const host of [adamHost, olaHost, registryHost])
    await must(host.on(["ip", "addr", "flush", "dev", "eth0", "scope", "global"]));
  const ola = chat(olaHost, "ola", "listen", "--json", "--count", "1");
  const sent = await chat(adamHost, "adam", "send", "ola", "by fe80", "--wait", "20s").finished;
  assert.deepEqual([sent.code, sent.stderr], [EXIT.ok, ""]);
  const message = JSON.parse((await ola.finished).stdout);
  assert.match(message.address, /^fe80:/);
  assert.deepEqual([message.from, message.protocol], ["adam", "mp2"]);
});
