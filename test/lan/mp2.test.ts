import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MP2_GROUP_IPV4, MP2_GROUP_IPV6 } from "../../src/wire/mp2-values.ts";
import { must, type Running, until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { programOf } from "../support/programs.ts";

/** The real registry on a host of its own, bare mp2 clients and an attacker on others. Needs root. */

const PROJECT = new URL("../..", import.meta.url).pathname;
const NODE = join(PROJECT, "node_modules/.bin/node");
const HOST = join(import.meta.dirname, "mp2-host.ts");
const FORGE = join(import.meta.dirname, "forge-hello.ts");

let lan: Lan;
let registryHost: LanHost;
let clientHost: LanHost;
let attackerHost: LanHost;
let directory: string;
let daemon: Running;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "multiproto-mp2-"));
  lan = await Lan.create();
  registryHost = await lan.host("registry");
  clientHost = await lan.host("client");
  attackerHost = await lan.host("attacker");
  daemon = await startRegistry();
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

for (const [way, address, group, joined] of [
  ["IPv4", "10.98.0.2", MP2_GROUP_IPV4, /^10\.98\.0\.2$/],
  ["IPv6", "fd98::2", `${MP2_GROUP_IPV6}%eth0`, /^fd98::2$/],
  ["a link-local address", "::", `${MP2_GROUP_IPV6}%eth0`, /^fe80::[0-9a-f:]+$/],
] as const) {
  test(`by multicast on ${way}: found, dialled back, attached; the roster has no zone`, async () => {
    const nickname = `by-${way.replace(/\W/g, "-")}`;
    const client = clientHost.spawn([NODE, HOST, "join", nickname, address, group]);
    await client.output((text) => text.includes('"joined"'), "it has joined");
    assert.match(JSON.parse(client.stdout.split("\n")[0] ?? "").joined, joined);
    await client.stop("SIGKILL");
  });
}

test("beacons and the bye go to both groups, signed, and clients hear why the registry goes", async () => {
  const ears = [
    clientHost.spawn([NODE, HOST, "hear", MP2_GROUP_IPV4, clientHost.address]),
    clientHost.spawn([NODE, HOST, "hear", MP2_GROUP_IPV6, "::%eth0"]),
  ];
  await Promise.all(ears.map((ear) => ear.output((text) => text.includes("listening"), "it listens")));
  const client = clientHost.spawn([NODE, HOST, "join", "stays", clientHost.address, MP2_GROUP_IPV4]);
  await client.output((text) => text.includes('"joined"'), "it has joined");
  await daemon.stop("SIGTERM");
  daemon = await startRegistry();
  await client.output((text) => text.includes('"ended":"stop"'), "it was told");
  for (const ear of ears) {
    await ear.output(
      (text) => /"bye".*\n(.*\n)*.*"beacon"/.test(text),
      "the bye, and the beacon of the next",
    );
    const heard = ear.stdout.split("\n").filter((line) => line.startsWith("{"));
    const sent = heard.map((line) => JSON.parse(line).sent as number);
    assert.deepEqual(
      sent,
      sent.toSorted((one, other) => one - other),
      "sent grows over a restart",
    );
    assert.equal(new Set(sent).size, sent.length);
    await ear.stop("SIGKILL");
  }
});

test("a hello in somebody else's name brings him a cookie that is smaller, and no connection", async () => {
  const victim = clientHost;
  const rules = [
    "table ip watch {",
    "  counter dialled { }",
    "  counter answered { }",
    "  chain arriving {",
    "    type filter hook input priority 0;",
    `    ip saddr ${registryHost.address} tcp flags syn counter name dialled`,
    `    ip saddr ${registryHost.address} udp sport 10001 counter name answered`,
    "  }",
    "}",
  ].join("\n");
  await must(victim.on(["nft", "-f", "-"]), { input: rules });
  const status = ["status", "--json", "--socket", join(directory, "run/control.sock")];
  const { stdout } = await registryHost.exec([NODE, programOf("multiprotoctl"), ...status]);
  const { fingerprint } = JSON.parse(stdout);
  // The attacker speaks with the victim's address, and leaves answering for it to the victim.
  const silent =
    "for name in all eth0; do cd /proc/sys/net/ipv4/conf/$name; echo 1 > arp_ignore; echo 2 > arp_announce; done";
  await must(attackerHost.on(["sh", "-c", silent]));
  await must(attackerHost.on(["ip", "addr", "add", `${victim.address}/32`, "dev", "lo"]));
  const forged = await attackerHost.exec([NODE, FORGE, victim.address, registryHost.address, fingerprint]);
  assert.equal(forged.code, 0, forged.stderr);
  const sentBytes = Number(forged.stdout);
  const counted = async (name: string): Promise<{ packets: number; bytes: number }> => {
    const text = await must(victim.on(["nft", "-j", "list", "counter", "ip", "watch", name]));
    return JSON.parse(text).nftables.find((item: { counter?: unknown }) => item.counter).counter;
  };
  await until(
    "the cookies",
    async () => ((await counted("answered")).packets >= 3 ? true : undefined),
    10_000,
  );
  // The real one joins after them, so whatever the forged joins would have caused is over.
  const real = clientHost.spawn([NODE, HOST, "join", "real", clientHost.address, MP2_GROUP_IPV4]);
  await real.output((text) => text.includes('"joined"'), "it has joined");
  await real.stop("SIGKILL");
  assert.equal((await counted("dialled")).packets, 1, "its own dial-back alone");
  assert.ok((await counted("answered")).bytes < sentBytes, "less than was sent");
});
