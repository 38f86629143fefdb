import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MP1_GROUP } from "../../src/wire/mp1-discovery.ts";
import { MP2_GROUP_IPV4, MP2_GROUP_IPV6 } from "../../src/wire/mp2-values.ts";
import { must, type Running } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";

/** The registry's discovery socket on hosts of their own: groups, families, interfaces that come and go. Needs root. */

const NODE = join(import.meta.dirname, "../../node_modules/.bin/node");
const PROGRAM = join(import.meta.dirname, "discovery-host.ts");
const ANSWER_MILLIS = 10_000;

let lan: Lan;
let registry: LanHost;
let client: LanHost;
let neighbour: LanHost;

before(async () => {
  lan = await Lan.create();
  registry = await lan.host("registry");
  client = await lan.host("client");
  neighbour = await lan.host("neighbour");
});

after(() => lan.dispose());

async function serve(interfaces = ""): Promise<Running> {
  const running = registry.spawn([NODE, PROGRAM, "serve", interfaces], { interactive: true });
  await running.output((text) => text.includes('"serving"'), "the socket is open");
  return running;
}

interface Answer {
  readonly heard?: string;
  readonly answer: string;
  readonly from: string;
  readonly port: number;
}

async function ask(host: LanHost, group: string, text: string): Promise<Answer> {
  const argv = [NODE, PROGRAM, "ask", group, text];
  const { stdout, stderr } = await host.exec(argv, { timeoutMillis: ANSWER_MILLIS });
  assert.equal(stderr, "");
  return JSON.parse(stdout) as Answer;
}

/** What `host` hears in a group when `act` is done. */
async function overheard(host: LanHost, group: string, where: string, act: () => void): Promise<Answer> {
  const listener = host.spawn([NODE, PROGRAM, "listen", group, where]);
  await listener.output((text) => text.includes("listening"), "the listener listens");
  act();
  await listener.output((text) => text.includes('"heard"'), "the listener hears");
  return JSON.parse(listener.stdout.split("\n")[1] ?? "") as Answer;
}

const WAYS = [
  ["mp1's group", MP1_GROUP],
  ["the IPv4 group", MP2_GROUP_IPV4],
  ["the IPv6 group", `${MP2_GROUP_IPV6}%eth0`],
] as const;

for (const interfaces of ["", "eth0"]) {
  const served = interfaces === "" ? "all interfaces" : "a chosen interface";

  test(`on ${served}: what comes to each group and by unicast is heard and answered from the port`, async () => {
    const daemon = await serve(interfaces);
    for (const [name, group] of WAYS) {
      const { answer, port } = await ask(client, group, `hello ${name}`);
      assert.deepEqual([answer, port], [`heard hello ${name}`, 10_001]);
    }
    for (const address of [registry.address, registry.ipv6Address]) {
      const { answer, from } = await ask(client, address, "hello you");
      assert.deepEqual([answer, from], ["heard hello you", address]);
    }
    await daemon.stop("SIGTERM");
  });

  test(`on ${served}: announcements go to both groups, and the own ones are not heard`, async () => {
    const daemon = await serve(interfaces);
    const announce = (): void => void daemon.child.stdin?.write("\n");
    const four = await overheard(client, MP2_GROUP_IPV4, client.address, announce);
    assert.deepEqual([four.heard, four.from, four.port], ["beacon", registry.address, 10_001]);
    const six = await overheard(client, MP2_GROUP_IPV6, "::%eth0", announce);
    assert.equal(six.heard, "beacon");
    assert.match(six.from, /^f[de]/);
    assert.doesNotMatch(daemon.stdout, /"heard"|"error"/);
    await daemon.stop("SIGTERM");
  });

  test(`on ${served}: an interface that goes and comes back with another address is served again`, async () => {
    const daemon = await serve(interfaces);
    const on = (argv: readonly string[]): Promise<string> => must(registry.on(argv));
    await on(["ip", "link", "set", "eth0", "down"]);
    await on(["ip", "addr", "flush", "dev", "eth0"]);
    await daemon.output((text) => /"interfaces":\[("lo")?\]/.test(text), "it has seen eth0 go");
    await on(["ip", "addr", "add", "10.98.0.77/24", "dev", "eth0"]);
    await on(["ip", "addr", "add", `${registry.ipv6Address}/64`, "dev", "eth0", "nodad"]);
    await on(["ip", "link", "set", "eth0", "up"]);
    await daemon.output(
      (text) => text.lastIndexOf('"interfaces":["eth0"]') > text.indexOf('"interfaces":'),
      "back",
    );
    const { answer, from } = await ask(client, MP2_GROUP_IPV4, "hello again");
    assert.deepEqual([answer, from], ["heard hello again", "10.98.0.77"]);
    assert.equal((await ask(client, `${MP2_GROUP_IPV6}%eth0`, "hello six")).answer, "heard hello six");
    await daemon.stop("SIGTERM");
    await on(["ip", "addr", "flush", "dev", "eth0", "scope", "global"]);
    await on(["ip", "addr", "add", `${registry.address}/24`, "dev", "eth0"]);
    await on(["ip", "addr", "add", `${registry.ipv6Address}/64`, "dev", "eth0", "nodad"]);
  });
}

test("an interface that comes up later is listened on, in both families, and hears an announcement", async () => {
  const daemon = await serve();
  // On the switch this host is silent; what it says goes over its own cable.
  await neighbour.unplug();
  await registry.wire(neighbour, "eth7", "10.77.0.1", "10.77.0.2");
  await daemon.output((text) => text.includes('["eth0","eth7"]'), "eth7 is there");
  await must(neighbour.on(["ip", "route", "replace", "239.0.0.0/8", "dev", "eth7"]));
  const { answer, from } = await ask(neighbour, MP2_GROUP_IPV4, "hello cable");
  assert.deepEqual([answer, from], ["heard hello cable", "10.77.0.1"]);
  const six = await ask(neighbour, `${MP2_GROUP_IPV6}%eth7`, "hello cable");
  assert.equal(six.answer, "heard hello cable");
  assert.match(six.from, /^fe80::.*%eth7$/);
  const announce = (): void => void daemon.child.stdin?.write("\n");
  assert.equal((await overheard(neighbour, MP2_GROUP_IPV4, "10.77.0.2", announce)).from, "10.77.0.1");
  await daemon.stop("SIGTERM");
  await must(registry.on(["ip", "link", "del", "eth7"]));
});

test("a host without IPv6 is served by IPv4, without a word", async () => {
  const sysctl = (value: number): Promise<string> =>
    must(registry.on(["sh", "-c", `echo ${value} > /proc/sys/net/ipv6/conf/all/disable_ipv6`]));
  await sysctl(1);
  const daemon = await serve();
  assert.equal((await ask(client, MP2_GROUP_IPV4, "hello four")).answer, "heard hello four");
  assert.doesNotMatch(daemon.stdout, /"error"/);
  await daemon.stop("SIGTERM");
  await sysctl(0);
});
