import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  CAP_NET_RAW,
  hasCapability,
  isGroup,
  MAX_ROWS,
  parseModules,
  parseSocketTable,
  parseUptime,
  processOwner,
} from "../../src/doctor/proc.ts";
import {
  parseIgmp,
  parseInterfaceFlags,
  parseMldCounters,
  parseRoutes,
  routeTo,
} from "../../src/doctor/proc-network.ts";

/** The kernel's own texts (Linux 6.18, of a network namespace in which a registry ran), and hostile ones. */

const FIXTURES = join(import.meta.dirname, "../fixtures/doctor");
const recorded = (name: string): string => readFileSync(join(FIXTURES, name), "utf8");

test("the sockets of a registry, as /proc/net has them", () => {
  const udp = parseSocketTable(recorded("proc-net-udp.txt"), "UDP");
  assert.deepEqual(
    udp.map(({ address, port, listens, drops }) => ({ address, port, listens, drops })),
    [
      { address: "0.0.0.0", port: 9_899, listens: true, drops: 0 },
      { address: "10.98.0.1", port: 10_001, listens: true, drops: 0 },
      { address: "0.0.0.0", port: 10_001, listens: true, drops: 0 },
    ],
  );
  assert.match(udp[0]?.inode ?? "", /^\d+$/);
  const udp6 = parseSocketTable(recorded("proc-net-udp6.txt"), "UDP");
  assert.ok(udp6.some(({ address, port }) => address === "::" && port === 9_899));
  assert.ok(udp6.some(({ address }) => address === "fd98::1"));
  const tcp = parseSocketTable(recorded("proc-net-tcp.txt"), "TCP");
  assert.deepEqual(
    tcp.map(({ address, port, listens }) => [address, port, listens]),
    [["0.0.0.0", 10_001, true]],
  );
});

test("a TCP connection is no listener; drops are counted", () => {
  const row = (state: string, drops: string) =>
    `h\n  1: 0100007F:2711 0100007F:D431 ${state} 0:0 00:0 0 998 0 77 2 0 ${drops}\n`;
  assert.equal(parseSocketTable(row("01", ""), "TCP")[0]?.listens, false);
  const [udp] = parseSocketTable(row("07", "12"), "UDP");
  assert.deepEqual([udp?.address, udp?.uid, udp?.inode, udp?.drops], ["127.0.0.1", 998, "77", 12]);
});

test("groups are told from hosts", () => {
  assert.deepEqual(["239.255.77.80", "224.0.0.1", "ff02::4d50:1"].map(isGroup), [true, true, true]);
  assert.deepEqual(["223.1.1.1", "240.0.0.1", "0.0.0.0", "fe80::1", "::"].map(isGroup), [
    false,
    false,
    false,
    false,
    false,
  ]);
});

test("modules, capabilities, owner, uptime", () => {
  const modules = parseModules("sctp 434176 4 - Live 0x0000000000000000\nlibcrc32c 16384 1 sctp, Live 0x0\n");
  assert.deepEqual(
    [...modules],
    [
      ["sctp", 4],
      ["libcrc32c", 1],
    ],
  );
  const status = recorded("proc-status.txt");
  assert.equal(hasCapability(status, CAP_NET_RAW), true);
  assert.equal(hasCapability("CapEff:\t0000000000000000", CAP_NET_RAW), false);
  assert.equal(hasCapability("CapEff:\t0000000000002000", CAP_NET_RAW), true);
  assert.equal(hasCapability("Name:\tnode", CAP_NET_RAW), undefined);
  assert.deepEqual(processOwner(status), { uid: 0, gid: 0 });
  assert.equal(parseUptime("12345.67 20000.00\n"), 12_345.67);
  assert.equal(parseUptime("soon"), undefined);
});

test("groups, routes, flags and MLD of the registry's interface", () => {
  assert.deepEqual(parseIgmp(recorded("proc-net-igmp.txt")), [
    { device: "lo", version: "V3", groups: ["224.0.0.1"] },
    { device: "eth1", version: "V3", groups: ["224.0.0.1"] },
    { device: "eth0", version: "V3", groups: ["239.255.77.80", "224.0.0.1"] },
  ]);
  const routes = parseRoutes(recorded("proc-net-route.txt"));
  assert.equal(routeTo(routes, "10.98.0.7")?.device, "eth0");
  assert.deepEqual(
    [routeTo(routes, "239.255.77.80")?.rejects, routeTo(routes, "224.0.0.1")?.rejects],
    [true, false],
    "an unreachable route for 239.0.0.0/8, the default route for the rest",
  );
  assert.deepEqual(parseMldCounters(recorded("proc-net-dev_snmp6.txt")), { queries: 0, reports: 0 });
  assert.deepEqual(parseMldCounters("Icmp6InGroupMembQueries \t3\nIcmp6InMLDv2Reports\t4\n"), {
    queries: 3,
    reports: 4,
  });
  assert.deepEqual(parseInterfaceFlags("0x1003\n"), { isUp: true, isLoopback: false, hasMulticast: true });
  assert.deepEqual(parseInterfaceFlags("0x9\n"), { isUp: true, isLoopback: true, hasMulticast: false });
  assert.equal(parseInterfaceFlags("4099"), undefined);
});

test("of routes the longest counts, then the cheapest; one that is not up does not", () => {
  const text = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask",
    "eth0\t000000E0\t00000000\t0001\t0\t0\t5\t000000F0",
    "eth1\t000000E0\t00000000\t0001\t0\t0\t1\t000000F0",
    "eth2\t000000EF\t00000000\t0000\t0\t0\t0\t000000FF",
    "eth3\t00000000\t0100000A\t0003\t0\t0\t0\t00000000",
  ].join("\n");
  assert.equal(routeTo(parseRoutes(text), "239.255.77.80")?.device, "eth1");
  assert.equal(routeTo(parseRoutes(text), "10.0.0.1")?.device, "eth3");
  assert.equal(routeTo([], "10.0.0.1"), undefined);
});

test("tables that are none, and endless ones, do no harm", () => {
  const hostile = [
    "",
    "\n\n\n",
    "h\n1: ZZ:2711 a b c d e f g h i j",
    "h\n1: 00000000:27111 0 07 0 0 0 0 0 1",
    "h\n1: 00000000:2711 0 07 0 0 0 -1 0 1",
    "\u0000".repeat(10_000),
    "9".repeat(1_000_000),
  ];
  for (const text of hostile) {
    assert.deepEqual(parseSocketTable(text, "UDP"), []);
    assert.deepEqual(parseIgmp(text), []);
    assert.deepEqual(parseRoutes(text), []);
    assert.equal(parseModules(text).size, 0);
    assert.equal(parseInterfaceFlags(text), undefined);
    assert.deepEqual(parseMldCounters(text), { queries: 0, reports: 0 });
  }
  const row = "  1: 00000000:2711 0:0 07 0:0 00:0 0 0 0 77 2 0 0\n";
  assert.ok(parseSocketTable(row.repeat(MAX_ROWS + 1_000), "UDP").length < MAX_ROWS);
});
