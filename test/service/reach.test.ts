import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEntry } from "../../src/base/log.ts";
import type { Link } from "../../src/io/interfaces.ts";
import { Reach } from "../../src/service/reach.ts";

const UNIT = "multiproto.service";
const LAN = "IPAddressAllow=192.168.0.0/16 fe80::/64 2000::/3\nIPAddressDeny=0.0.0.0/0 ::/0\n";

function link(name: string, ipv4: readonly string[], ipv6: readonly string[] = []): Link {
  return {
    name,
    loopback: false,
    ipv4: ipv4.map((address) => ({ address, netmask: "255.255.254.0" })),
    ipv6: ipv6.map((address) => ({ address, netmask: "ffff:ffff:ffff:ffff::" })),
  };
}

async function toldOf(shown: string | undefined, ...looks: readonly (readonly Link[])[]): Promise<string[]> {
  const entries: LogEntry[] = [];
  const log = { write: (entry: LogEntry) => void entries.push(entry) };
  const reach = new Reach({ unit: UNIT, log, ask: async () => shown });
  for (const links of looks) await reach.look(links);
  assert.ok(entries.every(({ level }) => level === "warn"));
  return entries.map(({ text }) => text);
}

test("an address that the unit shuts out is told of once, with what to do", async () => {
  const office = [link("eth0", ["203.0.113.7"], ["fe80::1%eth0", "2001:db8::7"])];
  const told = await toldOf(LAN, office, office);
  assert.equal(told.length, 1);
  assert.match(String(told[0]), /203\.0\.113\.7 \(eth0\).*IPAddressAllow=203\.0\.113\.7\/23.*restart/);
});

test("an address that comes later is told of as well", async () => {
  const told = await toldOf(
    LAN,
    [link("eth0", ["192.168.1.5"])],
    [link("eth0", ["192.168.1.5", "198.51.100.1"])],
  );
  assert.equal(told.length, 1);
  assert.match(String(told[0]), /198\.51\.100\.1/);
});

for (const [shown, why] of [
  [LAN.replace("192.168.0.0/16", "192.168.0.0/16 203.0.113.0/24"), "an admin let it in"],
  ["IPAddressAllow=\nIPAddressDeny=\n", "nothing is shut out"],
  ["IPAddressAllow=\nIPAddressDeny=198.51.100.0/24\n", "others are shut out"],
  ["IPAddressDeny=nonsense 1.2.3.4/99 /\n", "nothing that is understood"],
  ["", "an empty answer"],
  [undefined, "systemd cannot be asked"],
] as const) {
  test(`${why}: no warning`, async () => {
    assert.deepEqual(await toldOf(shown, [link("eth0", ["203.0.113.7"])]), []);
  });
}

test("addresses without end are told of up to a bound", async () => {
  const many = Array.from({ length: 300 }, (_, index) => [
    link("eth0", [`203.0.${index % 256}.${index >> 8}`]),
  ]);
  assert.equal((await toldOf(LAN, ...many)).length, 64);
});
