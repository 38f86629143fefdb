import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { must, type Running, until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { programOf } from "../support/programs.ts";

/** A laptop that gets another address while its user is online: nobody sees it leave. Needs root. */

const PROJECT = new URL("../..", import.meta.url).pathname;
const NODE = join(PROJECT, "node_modules/.bin/node");
const NEW_ADDRESS = "10.98.0.77";

let lan: Lan;
let registryHost: LanHost;
let laptop: LanHost;
let friend: LanHost;
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "multiproto-roaming-"));
  lan = await Lan.create();
  registryHost = await lan.host("registry");
  laptop = await lan.host("laptop");
  friend = await lan.host("friend");
});

after(async () => {
  await lan.dispose();
  await rm(directory, { recursive: true, force: true });
});

async function startRegistry(): Promise<Running> {
  const places = ["--state-dir", join(directory, "state"), "--runtime-dir", join(directory, "run")];
  const running = registryHost.spawn([NODE, programOf("multiprotod"), ...places]);
  await running.output((text) => text.includes(" ready "), "the registry is ready");
  return running;
}

function chat(host: LanHost, nick: string, ...argv: string[]): Running {
  const environment = { XDG_STATE_HOME: join(directory, nick), XDG_DATA_HOME: join(directory, nick) };
  const program = programOf("multiproto-chat");
  return host.spawn([NODE, program, "--nick", nick, ...argv], { environment });
}

test("a client whose address changes stays online, is found at the new one, and gets its messages there", async () => {
  const daemon = await startRegistry();
  const listening = chat(laptop, "ola", "listen", "--json");
  await daemon.output((text) => text.includes("ola online from"), "ola is online");
  await must(laptop.on(["ip", "addr", "del", `${laptop.address}/24`, "dev", "eth0"]));
  await must(laptop.on(["ip", "addr", "add", `${NEW_ADDRESS}/24`, "dev", "eth0"]));
  await until("the registry knows the new address", async () =>
    daemon.stdout.includes("ola moved from") ? true : undefined,
  );
  const { code, stderr } = await chat(friend, "ewa", "send", "ola", "still there?").finished;
  assert.equal(code, EXIT.ok, stderr);
  await listening.output((text) => text.includes("still there?"), "the message is there");
  assert.match(daemon.stdout, new RegExp(`ola moved from ${laptop.address}:\\d+ to ${NEW_ADDRESS}:\\d+`));
  assert.doesNotMatch(daemon.stdout, /ola (lost|left)/);
  await listening.stop("SIGTERM");
  await daemon.stop("SIGTERM");
});
