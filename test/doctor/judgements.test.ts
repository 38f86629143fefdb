import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { type ClockEvidence, judgeClock } from "../../src/doctor/check-clock.ts";
import { type Asked, judgeAsked, judgeHearing, judgePeers } from "../../src/doctor/check-discovery.ts";
import {
  type DiskEvidence,
  judgeDatabase,
  judgeDisk,
  judgeFile,
  judgeSctp,
} from "../../src/doctor/check-host.ts";
import { type InterfaceEvidence, judgeInterfaces } from "../../src/doctor/check-network.ts";
import { judgePort, type PortEvidence } from "../../src/doctor/check-ports.ts";
import { judgeClients, judgeRegistry } from "../../src/doctor/check-registry.ts";
import { type ClientFacts, conclude } from "../../src/doctor/conclusions.ts";
import { type Finding, known, notKnown } from "../../src/doctor/finding.ts";
import { reportLines } from "../../src/doctor/report.ts";

/** Each judgement by the evidence that makes it. */

const short = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ level, finding }) => `${level}: ${finding}`);

const socket = (address: string, inode: string, uid = 0, drops = 0) => {
  return { address, port: 10_001, uid, inode, listens: true, drops };
};

function port(
  sockets: PortEvidence["sockets"],
  holders: readonly (readonly [string, number, string])[],
): PortEvidence {
  const named = new Map(holders.map(([inode, pid, name]) => [inode, { pid, name }]));
  return { transport: "UDP", port: 10_001, purpose: "discovery", sockets, holders: named };
}

test("ports: free, the registry's, somebody else's, and what cannot be seen", () => {
  const ours = { pid: 7, saysBound: true };
  const group = socket("239.255.77.80", "1");
  assert.equal(
    judgePort(port([group], [["1", 9, "chat"]]), undefined).finding,
    "UDP 10001 (discovery) is free",
  );
  assert.equal(
    judgePort(
      port(
        [socket("0.0.0.0", "2"), group],
        [
          ["2", 7, "multiprotod"],
          ["1", 9, "chat"],
        ],
      ),
      ours,
    ).level,
    "ok",
  );
  const other = judgePort(port([socket("::", "3")], [["3", 8, "evil\u001b[2J"]]), undefined);
  assert.equal(other.level, "problem");
  assert.equal(
    other.finding,
    "UDP 10001 (discovery) is held by evil\u001b[2J (pid 8), so the registry cannot start",
  );
  assert.equal(judgePort(port([socket("0.0.0.0", "4", 1_000)], []), undefined).level, "problem");
  assert.equal(judgePort(port([socket("0.0.0.0", "4", 1_000)], []), ours).level, "ok", "it says so itself");
  assert.equal(
    judgePort(port([socket("0.0.0.0", "4")], []), { pid: 7, saysBound: undefined }).level,
    "unknown",
  );
  assert.equal(judgePort(port([socket("0.0.0.0", "4")], []), "unknown").level, "unknown");
  assert.equal(judgePort(port([], []), "unknown").level, "unknown");
  assert.match(judgePort(port([], []), ours).finding, /^nobody listens on UDP 10001/);
  assert.match(
    judgePort(port([socket("0.0.0.0", "2", 0, 17)], [["2", 7, "multiprotod"]]), ours).finding,
    /17 datagrams found/,
  );
  const both = port(
    [socket("0.0.0.0", "2"), socket("0.0.0.0", "5")],
    [
      ["2", 7, "multiprotod"],
      ["5", 6, "old"],
    ],
  );
  assert.match(
    judgePort(both, ours).finding,
    /held by old \(pid 6\), so the registry does not get all of it/,
  );
});

test("kernel SCTP fights raw SCTP, and is of no interest without; a missing capability is told", () => {
  const base = { legacy: true, raw: true, kernel: known(false), capability: known(true) };
  assert.deepEqual(
    judgeSctp(base).map(({ level }) => level),
    ["ok", "ok"],
  );
  assert.equal(judgeSctp({ ...base, kernel: known(true) })[0]?.level, "problem");
  assert.deepEqual(
    judgeSctp({ ...base, legacy: false, kernel: known(true) }).map(({ level }) => level),
    ["note"],
  );
  const without = judgeSctp({ ...base, raw: false, capability: known(false) })[1];
  assert.equal(without?.level, "warning");
  assert.match(without?.finding ?? "", /it needs CAP_NET_RAW/);
  assert.match(judgeSctp({ ...base, raw: false })[1]?.finding ?? "", /the native part is missing/);
  assert.equal(judgeSctp({ ...base, kernel: notKnown("no /proc") })[0]?.level, "unknown");
});

const NOW = Date.UTC(2026, 10, 30, 12);
const HOUR = 3_600_000;

test("clock: a jump is told from sleep and from the time that loading took", () => {
  const ran = (more: Partial<ClockEvidence>): Finding =>
    judgeClock(NOW, {
      wall: NOW,
      startedAt: NOW - HOUR,
      awakeMillis: HOUR,
      processMillis: HOUR + 4_000,
      ...more,
    });
  assert.equal(ran({}).level, "ok");
  assert.match(ran({ startedAt: NOW }).finding, /^the clock was set 1 h back/);
  assert.match(ran({ startedAt: NOW - 3 * HOUR }).finding, /^the clock was set 1 h forward/);
  const asleep = ran({ startedAt: NOW - 2 * HOUR, processMillis: 2 * HOUR + 4_000 });
  assert.deepEqual(
    [asleep.level, asleep.evidence],
    ["ok", "the registry started 2 h ago; this machine slept for 1 h of it"],
  );
  assert.match(
    ran({ processMillis: 2 * HOUR }).finding,
    /set 59 min back/,
    "slept, and yet no later by the wall clock",
  );
  assert.equal(ran({ startedAt: Number.NaN }).level, "ok");
  assert.equal(judgeClock(0, undefined).level, "problem");
});

test("disk, files, database", () => {
  const disk: DiskEvidence = {
    ...{ path: "/var/lib/multiproto", freeBytes: 2 ** 30, totalBytes: 2 ** 31 },
    ...{ freeFiles: 1_000, totalFiles: 2_000, isReadOnly: false },
  };
  const level = (more: Partial<DiskEvidence>) => judgeDisk(known({ ...disk, ...more })).level;
  assert.deepEqual(
    [level({}), level({ freeBytes: 2 ** 26 }), level({ freeBytes: 2 ** 20 }), level({ freeFiles: 3 })],
    ["ok", "warning", "problem", "problem"],
  );
  assert.equal(level({ freeFiles: 0, totalFiles: 0 }), "ok", "btrfs counts none");
  assert.equal(level({ isReadOnly: true }), "problem");

  const file = (mode: number, uid = 5) =>
    judgeFile({
      ...{ path: "/k", what: "the key", owner: 5, forbidden: 0o077, because: "it is one" },
      facts: known({ uid, gid: 0, mode: 0o100_000 | mode }),
    })[0];
  assert.deepEqual(
    [file(0o600)?.level, file(0o640)?.level, file(0o600, 6)?.level],
    ["ok", "problem", "problem"],
  );
  assert.equal(file(0o4755)?.fix, "chmod 4700 /k");
  const missing = {
    path: "/k",
    what: "k",
    owner: 5,
    forbidden: 0,
    because: "",
    facts: known("missing" as const),
  };
  assert.deepEqual(judgeFile(missing), []);
  assert.equal(judgeFile({ ...missing, facts: notKnown("no") })[0]?.level, "unknown");

  assert.equal(judgeDatabase("/d", known({ state: "sound", bindings: 3, bans: 0 })).level, "ok");
  assert.equal(judgeDatabase("/d", known({ state: "damaged", why: "x" })).level, "problem");
  assert.match(
    judgeDatabase("/d", known({ state: "newer", why: "x" })).fix ?? "",
    /the version that made it/,
  );
  const inUse = { state: "in-use", kept: "3 nicknames" } as const;
  assert.equal(judgeDatabase("/d", known({ ...inUse, trouble: undefined })).level, "ok");
  assert.equal(judgeDatabase("/d", known({ ...inUse, trouble: "disk full" })).evidence, "disk full");
});

const ETH0: InterfaceEvidence = {
  ...{ name: "eth0", state: "up", addresses: ["10.0.0.1"], igmpVersion: "V3", joins: true },
  flags: known({ isUp: true, isLoopback: false, hasMulticast: true }),
  ...{ mld: { queries: 0, reports: 0 }, bridge: undefined, roundTrip: known(0.1) },
};

function eth0(more: Partial<InterfaceEvidence>): readonly string[] {
  return short(judgeInterfaces([{ ...ETH0, ...more }], known([]))).filter((text) => !text.startsWith("ok"));
}

test("interfaces: down, without carrier, address or multicast; groups, bridges, queriers", () => {
  const up = { isUp: true, isLoopback: false, hasMulticast: true };
  assert.deepEqual(eth0({ igmpVersion: "V2" }), [], "an older version shows that somebody asks");
  assert.deepEqual(eth0({ mld: { queries: 2, reports: 0 } }), []);
  assert.match(eth0({})[0] ?? "", /^note: eth0: the group is reported; no querier was heard/);
  assert.match(eth0({ flags: known({ ...up, isUp: false }) })[0] ?? "", /^problem: eth0 is down/);
  assert.match(eth0({ state: "down" })[0] ?? "", /^problem: eth0 has no carrier/);
  assert.match(eth0({ addresses: [] })[0] ?? "", /^problem: eth0 has no address/);
  assert.match(
    eth0({ flags: known({ ...up, hasMulticast: false }) })[0] ?? "",
    /^problem: multicast is switched off/,
  );
  assert.match(eth0({ flags: known({ ...up, isLoopback: true }) })[0] ?? "", /^warning: only eth0 is up/);
  assert.match(eth0({ flags: notKnown("no /sys") })[0] ?? "", /^unknown: eth0/);
  assert.match(
    eth0({ roundTrip: notKnown("nothing came") })[0] ?? "",
    /^problem: eth0: a datagram .* does not even/,
  );
  assert.match(eth0({ joins: false })[0] ?? "", /^problem: eth0: the kernel did not join/);
  const bridge = { name: "br0", snooping: true, querier: false };
  assert.match(eth0({ bridge })[0] ?? "", /^warning: eth0: the bridge br0 watches group reports/);
  assert.match(eth0({ bridge: { ...bridge, querier: true } })[0] ?? "", /^note/);
  assert.match(short(judgeInterfaces([], known([])))[0] ?? "", /^problem: no network interface is up/);
});

test("the registry, its version, its clients", () => {
  const running = { state: "ready", pid: 7, version: "0.1.0", uptimeMillis: 5, lastError: null } as const;
  assert.deepEqual(short(judgeRegistry(known(running), "0.1.0")), ["ok: the registry runs and is ready"]);
  assert.match(
    judgeRegistry(known(running), "0.2.0")[1]?.finding ?? "",
    /is of version 0\.1\.0, installed is 0\.2\.0/,
  );
  assert.equal(judgeRegistry(known({ state: "stopped" }), "1")[0]?.level, "warning");
  assert.equal(judgeRegistry(notKnown("not permitted"), "1")[0]?.level, "unknown");
  const client = (nickname: string, protocol: "mp1" | "mp2", state = "online") => ({
    nickname,
    protocol,
    state,
  });
  assert.deepEqual(short(judgeClients(known([client("a", "mp2")]))), [
    "ok: all 1 clients online speak this registry's protocol (mp2)",
  ]);
  const mixed = [client("a", "mp1"), client("b", "mp2", "suspect"), client("c", "mp1", "offline")];
  assert.deepEqual(short(judgeClients(known(mixed))), [
    "note: 1 of 2 clients online speak the older protocol (mp1), without keys and encryption",
    "note: 1 of 2 clients do not answer at the moment",
  ]);
});

const KEY = "a".repeat(64) as Fingerprint;
const OTHER_KEY = "b".repeat(64) as Fingerprint;

function asked(
  device: string | undefined,
  answers: readonly Fingerprint[],
  more: Partial<Asked> = {},
): Asked {
  const by = device === undefined ? "unicast" : "multicast";
  return {
    ...{ way: `${device ?? "HOST"} by ${by}`, by, device, family: "ip", failure: undefined },
    answers: answers.map((fingerprint) => ({ address: "10.0.0.1", fingerprint, millis: 1 })),
    ...more,
  };
}

test("discovery: silence counts by what else answers; two registries are told", () => {
  const level = (...ways: readonly Asked[]) => judgeAsked(ways).map((finding) => finding.level);
  assert.deepEqual(level(asked("eth0", [])), ["problem"]);
  assert.deepEqual(level(asked("eth0", []), asked(undefined, [KEY])), ["warning", "ok"]);
  assert.deepEqual(level(asked("eth0", [], { family: "ip6" }), asked("eth0", [KEY])), ["note", "ok"]);
  assert.deepEqual(level(asked("eth0", [], { family: "ip6" }), asked("eth0", [])), ["note", "problem"]);
  assert.deepEqual(level(asked("eth0", [], { family: "ip6" })), ["problem"]);
  assert.deepEqual(level(asked("eth0", [], { failure: "no route" })), ["problem"]);
  assert.match(
    short(judgeAsked([asked("eth0", [KEY, OTHER_KEY])]))[1] ?? "",
    /^warning: 2 registries answered/,
  );
  assert.equal(
    judgeHearing([asked("eth0", [OTHER_KEY])], KEY, [])[0]?.level,
    "problem",
    "another one than our own",
  );
  assert.deepEqual(short(judgeHearing([asked("eth0", [KEY])], KEY, [])), [
    "ok: eth0 by multicast: the registry answers",
  ]);
});

test("discovery: other registries are told by their answers or by their beacons, each once; a twin is a problem", () => {
  const heard = (fingerprint: string, sameKey = false) => ({ address: "10.0.0.7", fingerprint, sameKey });
  const others = (ways: readonly Asked[], ...all: readonly ReturnType<typeof heard>[]) =>
    judgeHearing(ways, KEY, all).filter(({ level }) => level !== "ok");
  assert.deepEqual(short(others([asked("eth0", [KEY, OTHER_KEY])], heard(OTHER_KEY))), [
    "warning: another registry is on this network: people at one do not see those at the other",
  ]);
  const [only] = others([asked("eth0", [KEY])], heard(OTHER_KEY));
  assert.match(only?.evidence ?? "", /^10\.0\.0\.7 \(key \d{5} \d{5} …\)$/);
  assert.match(
    short(others([asked("eth0", [KEY])], heard(OTHER_KEY), heard("c".repeat(64))))[0] ?? "",
    /^warning: 2 other registries are/,
  );
  assert.deepEqual(short(others([asked("eth0", [KEY])], heard(KEY, true))), [
    "problem: another registry runs with this one's key, at 10.0.0.7: clients are torn to and fro",
  ]);
});

test("people: who cannot be reached, and whether that is all of them", () => {
  const peer = (nickname: string, outcome: "reached" | "silence" | "refused") => {
    return { nickname, address: "10.0.0.9", port: 50_000, outcome };
  };
  assert.deepEqual(judgePeers([]), []);
  assert.deepEqual(short(judgePeers([peer("ola", "reached"), peer("kari", "silence")])), [
    "warning: kari is online, and cannot be connected to",
    "ok: 1 of those online can be connected to",
  ]);
});

const FACTS: ClientFacts = {
  ...{ asked: [asked("eth0", [KEY])], dialBacks: [], sctp: [], peers: [], findings: [] },
  ...{ dropsTcp: undefined, dropsUdp: undefined, readsFirewall: true },
};

function concluded(more: Partial<ClientFacts>): string {
  return conclude({ ...FACTS, ...more }).join("\n");
}

test("conclusions tell the two ends apart", () => {
  assert.equal(concluded({}), "nothing is wrong between here and the registry");
  const blocked = (reason: "timeout" | "tls") => {
    const outcome = { type: "blocked", reason } as const;
    return { dialBacks: [{ address: "10.0.0.1", fingerprint: KEY, port: 50_123, outcome }] };
  };
  const rule = "nft table inet filter, chain input, handle 5: tcp dport 50000-65001 drop";
  assert.equal(
    concluded({ ...blocked("timeout"), dropsTcp: rule }),
    `the registry at 10.0.0.1 could not connect to TCP 50123 here: this machine's firewall (${rule})`,
  );
  assert.match(concluded(blocked("timeout")), /own firewall is not it: a firewall or a router between/);
  assert.match(
    concluded({ ...blocked("timeout"), readsFirewall: false }),
    /most likely this machine's firewall, which only root can read/,
  );
  assert.match(concluded(blocked("tls")), /breaks TLS/);
  assert.match(
    concluded({ asked: [asked("wlan0", []), asked(undefined, [KEY])] }),
    /^multicast does not come through on wlan0, although the hello by unicast was answered: .*; use --registry 10\.0\.0\.1$/,
  );
  assert.match(concluded({ asked: [asked("eth0", [KEY]), asked("wlan0", [])] }), /^answered on eth0 only/);
  const nothing = { asked: [asked("eth0", [])] };
  assert.match(
    concluded(nothing),
    /^no registry answered by multicast: .*run this again with --registry HOST/,
  );
  assert.match(
    concluded({ ...nothing, dropsUdp: "rule 7" }),
    /this machine's firewall drops what they would answer: rule 7/,
  );
  assert.match(
    concluded({ asked: [asked("eth0", []), asked(undefined, [])] }),
    /by multicast or by name: none runs there/,
  );
  const silent = { address: "10.0.0.1", port: 9_899, outcome: "silence", millis: 1 } as const;
  assert.match(concluded({ sctp: [silent] }), /^UDP 9899 of the registry at 10\.0\.0\.1 does not answer$/);
  const peer = (nickname: string, outcome: "reached" | "silence") => {
    return { nickname, address: "10.0.0.9", port: 50_000, outcome };
  };
  assert.match(
    concluded({ peers: [peer("ola", "silence"), peer("kari", "silence")] }),
    /isolates clients from each other/,
  );
  assert.match(
    concluded({ peers: [peer("ola", "silence"), peer("kari", "reached")] }),
    /^ola cannot be reached: a firewall at their end/,
  );
});

test("the report has the worst first, escapes what it quotes, and counts", () => {
  const finding = (level: Finding["level"], text: string): Finding => {
    return {
      check: "ports",
      level,
      finding: text,
      evidence: "e\u001b[2Jvil",
      fix: level === "ok" ? null : "do it",
    };
  };
  const lines = reportLines(
    [finding("ok", "fine"), finding("problem", "bad\u202e")],
    ["so\u0007"],
    (_, text) => text,
  );
  assert.deepEqual(lines, [
    "problem  ports  bad\\u{202e}",
    "                seen: e\\x1b[2Jvil",
    "                fix:  do it",
    "ok       ports  fine",
    "",
    "- so\\x07",
    "1 problem, 1 ok",
  ]);
});
