import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { must, type Running } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { programOf } from "../support/programs.ts";

/** Hosts with several interfaces: a registry on two LANs, a client that also has a container bridge. Needs root. */

const PROJECT = new URL("../..", import.meta.url).pathname;
const NODE = join(PROJECT, "node_modules/.bin/node");
const SECOND = { registry: "10.99.0.1", client: "10.99.0.2" };

let lan: Lan;
let registryHost: LanHost;
let firstHost: LanHost;
let secondHost: LanHost;
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "multiproto-interfaces-"));
  lan = await Lan.create();
  registryHost = await lan.host("registry");
  firstHost = await lan.host("first");
  // On the first LAN's switch this host is silent; what it says goes over its own cable to the registry.
  secondHost = await lan.host("second");
  await secondHost.unplug();
  await registryHost.wire(secondHost, "eth1", SECOND.registry, SECOND.client);
  await must(firstHost.on(["ip", "link", "add", "docker0", "type", "bridge"]));
  await must(firstHost.on(["ip", "addr", "add", "172.17.0.1/16", "dev", "docker0"]));
  await must(firstHost.on(["ip", "link", "set", "docker0", "up"]));
});

after(async () => {
  await lan.dispose();
  await rm(directory, { recursive: true, force: true });
});

async function startRegistry(interfaces: readonly string[]): Promise<Running> {
  const config = join(directory, "multiproto.toml");
  await writeFile(config, `[network]\ninterfaces = ${JSON.stringify(interfaces)}\n`);
  const places = ["--state-dir", join(directory, "state"), "--runtime-dir", join(directory, "run")];
  const program = programOf("multiprotod");
  const running = registryHost.spawn([NODE, program, "--config", config, ...places]);
  await running.output((text) => text.includes(" ready "), "the registry is ready");
  return running;
}

async function list(
  host: LanHost,
  nick: string,
): Promise<{ code: number | null; registry?: string; stderr: string }> {
  const program = programOf("multiproto-chat");
  const environment = { XDG_STATE_HOME: join(directory, nick), XDG_DATA_HOME: join(directory, nick) };
  const argv = [NODE, program, "--nick", nick, "list", "--json"];
  const { code, stdout, stderr } = await host.spawn(argv, { environment }).finished;
  return code === EXIT.ok ? { code, registry: JSON.parse(stdout).registry, stderr } : { code, stderr };
}

test("a registry on two LANs is found from both, each client by its own; the container bridge is left alone", async () => {
  const daemon = await startRegistry([]);
  const [first, second] = await Promise.all([list(firstHost, "first"), list(secondHost, "second")]);
  assert.deepEqual([first.code, first.registry], [EXIT.ok, registryHost.address], first.stderr);
  assert.deepEqual([second.code, second.registry], [EXIT.ok, SECOND.registry], second.stderr);
  assert.doesNotMatch(daemon.stdout, /172\.17/);
  await daemon.stop("SIGTERM");
});

test("a registry that serves one interface only is not there for the other", async () => {
  const daemon = await startRegistry(["eth1"]);
  const [first, second] = await Promise.all([list(firstHost, "first"), list(secondHost, "second")]);
  assert.equal(first.code, EXIT.registryNotFound);
  assert.deepEqual([second.code, second.registry], [EXIT.ok, SECOND.registry], second.stderr);
  await daemon.stop("SIGTERM");
});
