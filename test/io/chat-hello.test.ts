import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { AskedHost } from "../../src/chat/events.ts";
import { type DiscoverySockets, type RegistryPlace, sendHello } from "../../src/io/chat-hello.ts";
import { usableLinks } from "../../src/io/interfaces.ts";
import { bindUdp, closeUdp } from "../../src/io/udp.ts";
import { inZone, zoneOf } from "../../src/io/zones.ts";

async function sockets(t: TestContext): Promise<DiscoverySockets> {
  const common = { port: 0, purpose: "a test", onDatagram: () => {} };
  const ipv4 = await bindUdp({ ...common, address: "0.0.0.0" });
  const ipv6 = await bindUdp({ ...common, address: "::" });
  t.after(async () => {
    await closeUdp(ipv4);
    await closeUdp(ipv6);
  });
  return { ipv4, ipv6 };
}

async function ask(
  t: TestContext,
  place: RegistryPlace,
  isRepeated: boolean,
  protocol: "mp1" | "mp2" = "mp2",
) {
  const asked: (readonly AskedHost[] | "any")[] = [];
  const hello = { protocol, bytes: Buffer.from("hello"), isRepeated };
  const failures = await sendHello(await sockets(t), place, hello, (to) => asked.push(to));
  return { asked, failures: failures.map(({ message }) => message) };
}

function hosts(...names: readonly string[]): RegistryPlace {
  return { type: "hosts", registries: names.map((host) => ({ typed: host, host, port: 9 })) };
}

test("named hosts are asked by what they were called; one that cannot be found is said, the others go on", async (t) => {
  const { asked, failures } = await ask(t, hosts("127.0.0.1", "localhost", "no.such.host.invalid"), false);
  const loopback = { address: "127.0.0.1" };
  assert.deepEqual(asked, [
    [
      { host: "127.0.0.1", ...loopback },
      { host: "localhost", ...loopback },
    ],
  ]);
  assert.equal(failures.length, 1);
  assert.match(failures[0] ?? "", /^Cannot resolve no\.such\.host\.invalid: .*\(check --registry\)$/);
});

test("an IPv6 host is asked by mp2, and by mp1, which has none, nobody is", async (t) => {
  const mp2 = await ask(t, hosts("::1"), false);
  assert.deepEqual(mp2, { asked: [[{ host: "::1", address: "::1" }]], failures: [] });
  const mp1 = await ask(t, hosts("::1"), false, "mp1");
  assert.deepEqual(mp1.asked, [[]]);
});

test("no interface: said with what to look at", async (t) => {
  const { failures } = await ask(t, { type: "multicast", port: 9, links: () => [] }, false);
  assert.match(failures[0] ?? "", /no network interface is up \(see: ip address\)/);
});

test("a group that one interface cannot reach is no failure while another can", async (t) => {
  const gone = {
    name: "gone0",
    loopback: false,
    ipv4: [{ address: "192.0.2.77", netmask: "255.255.255.0" }],
    ipv6: [],
  };
  const place: RegistryPlace = { type: "multicast", port: 9, links: () => [...usableLinks(["lo"]), gone] };
  assert.deepEqual(await ask(t, place, false), { asked: ["any"], failures: [] });
  const { failures } = await ask(t, { ...place, links: () => [gone] }, false);
  assert.match(failures[0] ?? "", /^Cannot ask 239\.255\.77\.80 on gone0: /);
});

test("a zone is for link-local addresses that have none", () => {
  assert.equal(inZone("fe80::1", "eth0"), "fe80::1%eth0");
  assert.equal(inZone("fe80::1%eth1", "eth0"), "fe80::1%eth1");
  assert.equal(inZone("fe80::1", undefined), "fe80::1");
  for (const address of ["fd98::1", "10.0.0.1", "::1"]) assert.equal(inZone(address, "eth0"), address);
  assert.deepEqual([zoneOf("fe80::1%eth0"), zoneOf("fe80::1")], ["eth0", undefined]);
});
