import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, names } from "./harness.ts";

test("a client is dialled back, registered, online when its association is up, and the others are told", () => {
  const bench = new Bench();
  const ola = bench.join("ola", "10.0.0.5", 51_000);
  assert.equal(names(bench.last("answer")?.bytes ?? new Uint8Array()), "");
  bench.pass(100);
  assert.equal(bench.pushed(ola), "nothing", "nothing is sent when the list would be empty");
  const kari = bench.join("kari", "10.0.0.6", 52_000);
  assert.equal(names(bench.last("answer")?.bytes ?? new Uint8Array()), "ola");
  bench.pass(100);
  assert.equal(bench.pushed(ola), "kari");
  assert.equal(bench.pushed(kari), "ola");
  assert.deepEqual(bench.registry.counts, { online: 2, offline: 0, pending: 0 });
  assert.ok(
    bench.logs().some((line) => /^info ola online from 10\.0\.0\.5:51000 \(mp1, \d+ ms\)$/.test(line)),
  );
});

test("leaving and getting lost are told apart; the entry stays offline", () => {
  const bench = new Bench();
  const ola = bench.join("ola", "10.0.0.5", 51_000);
  const kari = bench.join("kari", "10.0.0.6", 52_000);
  const per = bench.join("per", "10.0.0.7", 53_000);
  bench.event({ type: "closed", id: ola });
  bench.lost(kari);
  bench.pass(100);
  assert.equal(bench.pushed(per), "[kari] [ola]");
  assert.ok(bench.logs().includes("info ola offline: left"));
  assert.ok(bench.logs().includes("info kari offline: lost (no answer for 4 s)"));
  assert.deepEqual(bench.registry.counts, { online: 1, offline: 2, pending: 0 });
});

test("one that types its name for minutes delays nobody and gets in; after ten minutes it is dropped", () => {
  const bench = new Bench();
  const slow = bench.hello("10.0.0.9", 50_001, "original") ?? 0;
  const silent = bench.hello("10.0.0.9", 50_002, "original") ?? 0;
  bench.connected(slow);
  bench.connected(silent);
  bench.join("ola", "10.0.0.5", 51_000);
  bench.pass(9 * 60_000);
  bench.say(slow, "slow");
  assert.equal(names(bench.last("answer")?.bytes ?? new Uint8Array()), "ola");
  bench.pass(60_001);
  assert.ok(bench.outputs.some((output) => output.type === "hang-up" && output.dial === silent));
  assert.ok(bench.logs().some((line) => /50002|sent no nickname within 10 min/.test(line)));
});

test("a host that drops the dial-back is given up after 3 s with a warning that names the firewall", () => {
  const bench = new Bench();
  const dial = bench.hello("10.0.0.9", 50_001);
  bench.pass(2_999);
  assert.equal(bench.last("hang-up"), undefined);
  bench.pass(2);
  assert.equal(bench.last("hang-up")?.dial, dial);
  assert.ok(
    bench
      .logs()
      .some((line) => line.startsWith("warn 10.0.0.9 asked to join, but cannot be reached on TCP 50001")),
  );
  assert.equal(bench.registry.counts.pending, 0);
});

test("repeated hellos of one client make one dial-back", () => {
  const bench = new Bench();
  for (let count = 0; count < 20; count += 1) bench.hello("10.0.0.9", 50_001);
  assert.equal(bench.outputs.filter((output) => output.type === "dial").length, 1);
});

test("dial-backs are bounded per address and in all", () => {
  const bench = new Bench({ maxDialsPerAddress: 3, maxDials: 5 });
  for (let port = 50_001; port < 50_010; port += 1) bench.hello("10.0.0.9", port);
  assert.equal(bench.outputs.filter((output) => output.type === "dial").length, 3);
  for (let host = 1; host < 10; host += 1) bench.hello(`10.0.1.${host}`, 50_001);
  assert.equal(bench.outputs.filter((output) => output.type === "dial").length, 5);
  bench.pass(5_000);
  assert.equal(bench.registry.counts.pending, 0);
  assert.notEqual(bench.hello("10.0.0.9", 50_005), undefined);
});

test("an original client whose name is held is listed under a number; ours is told who holds it", () => {
  const bench = new Bench();
  const first = bench.join("Ola", "10.0.0.5", 51_000, "original");
  bench.join("ola", "10.0.0.6", 52_000, "original");
  bench.pass(100);
  assert.equal(bench.pushed(first), "ola~2");
  const dial = bench.hello("10.0.0.7", 53_000) ?? 0;
  bench.connected(dial);
  bench.say(dial, "OLA\n");
  const answer = bench.answer();
  assert.ok(answer?.type === "refused");
  assert.equal(answer.refusal.code, "nickname-taken");
  assert.equal(answer.refusal.holder, "10.0.0.5:51000");
  assert.equal(answer.refusal.suggestion, "OLA~3");
  assert.equal(bench.registry.counts.online, 2);
});

test("a client that comes back replaces its dead entry, from the same port, another port or another address", () => {
  const bench = new Bench();
  bench.lost(bench.join("ola", "10.0.0.5", 51_000));
  bench.lost(bench.join("ola", "10.0.0.5", 51_000));
  bench.lost(bench.join("ola", "10.0.0.5", 51_002));
  bench.join("ola", "10.0.0.77", 51_004);
  assert.deepEqual(bench.registry.counts, { online: 1, offline: 0, pending: 0 });
});

test("a name held from the same address is asked for a sign of life first: dead, the newcomer gets it", () => {
  const bench = new Bench();
  const dead = bench.join("ola", "10.0.0.5", 51_000);
  const dial = bench.hello("10.0.0.5", 52_000) ?? 0;
  bench.connected(dial);
  bench.take();
  bench.say(dial, "ola\n");
  // Data before the probe: a machine whose program has ended answers a probe all the same.
  assert.deepEqual(
    bench.outputs.map((output) =>
      "association" in output ? [output.type, output.association] : output.type,
    ),
    [
      ["push", dead],
      ["probe", dead],
    ],
    "and waits for the holder",
  );
  bench.lost(dead);
  assert.equal(bench.answer()?.type, "roster");
  bench.up("10.0.0.5", 52_000);
  assert.deepEqual(bench.registry.counts, { online: 1, offline: 0, pending: 1 });
});

test("a name held from the same address by a living client stays with it", () => {
  const bench = new Bench();
  const alive = bench.join("ola", "10.0.0.5", 51_000);
  const dial = bench.hello("10.0.0.5", 52_000) ?? 0;
  bench.connected(dial);
  bench.say(dial, "ola\n");
  bench.event({ type: "recovered", id: alive, rttMillis: 1 });
  assert.equal(bench.answer()?.type, "refused");
});

for (const [what, said] of [
  ["10 KB", "x".repeat(10_240)],
  ["an escape sequence", "\x1b[2J"],
  ["white space", "ola nordmann"],
  ["nothing but blanks", "   "],
  ["33 characters", "x".repeat(33)],
  ["invalid UTF-8", Uint8Array.of(0xff, 0xfe, 0x41)],
] as const) {
  test(`a nickname of ${what} is refused with one line, and others are served`, () => {
    const bench = new Bench();
    const dial = bench.hello("10.0.0.9", 50_001, "original") ?? 0;
    bench.connected(dial);
    bench.say(dial, said);
    assert.ok(bench.outputs.some((output) => output.type === "hang-up" && output.dial === dial));
    assert.equal(bench.logs().filter((line) => line.includes("Refused 10.0.0.9:50001")).length, 1);
    const own = bench.hello("10.0.0.8", 50_003) ?? 0;
    bench.connected(own);
    bench.say(own, said);
    bench.say(own, "\n");
    const answer = bench.answer();
    assert.ok(answer?.type === "refused" && answer.refusal.code === "nickname-invalid");
    bench.join("ola", "10.0.0.5", 51_000);
    assert.equal(bench.registry.counts.online, 1);
  });
}

test("a name that arrives within a character waits for its rest, but not for long", () => {
  const bench = new Bench();
  const dial = bench.hello("10.0.0.9", 50_001, "original") ?? 0;
  bench.connected(dial);
  const bytes = new TextEncoder().encode("zoë");
  bench.say(dial, bytes.subarray(0, 3));
  assert.equal(bench.last("answer"), undefined);
  bench.say(dial, bytes.subarray(3));
  assert.equal(bench.answer()?.type, "roster");
  const never = bench.hello("10.0.0.9", 50_003, "original") ?? 0;
  bench.connected(never);
  bench.say(never, bytes.subarray(0, 3));
  bench.pass(2_001);
  assert.equal(bench.last("hang-up")?.dial, never);
});

test("rosters stay within what an original client reads, online ones first, and ours sees more", () => {
  const bench = new Bench();
  const original = bench.join("original", "10.0.0.1", 50_000, "original");
  const own = bench.join("own", "10.0.0.2", 50_000);
  const gone = bench.join("gone", "10.0.0.3", 50_000);
  for (let host = 0; host < 100; host += 1)
    bench.join(`client-number-${host}`, `10.0.1.${host}`, 51_000, "original");
  bench.lost(gone);
  bench.pass(1_000);
  for (const output of bench.outputs) {
    if (output.type === "answer") assert.ok(output.bytes.length <= 16_384);
    if (output.type === "push" && output.association !== own) assert.ok(output.bytes.length <= 2_048);
  }
  const firsts = bench.outputs.filter((output) => output.type === "answer").slice(3);
  assert.ok(firsts.every((output) => output.type === "answer" && output.bytes.length <= 512));
  assert.match(bench.pushed(original), /^own client-number-0 /);
  assert.equal(bench.pushed(own).split(" ").length, 102);
  assert.match(bench.pushed(own), / \[gone\]$/);
});

test("where the list must be cut, who has just left is told rather than who left long ago", () => {
  const bench = new Bench();
  const observer = bench.join("observer", "10.0.0.1", 50_000, "original");
  for (let index = 1; index <= 40; index++) {
    bench.lost(bench.join(`guest${index}`, "10.0.0.2", 50_000 + index));
  }
  bench.pass(1_000);
  const told = bench.pushed(observer).split(" ");
  assert.deepEqual(told.slice(0, 2), ["[guest40]", "[guest39]"]);
  assert.ok(told.length > 20 && !told.includes("[guest1]"), told.join(" "));
});

test("a storm of joins costs each client at most one push an interval", () => {
  const bench = new Bench();
  const watcher = bench.join("watcher", "10.0.0.1", 50_000);
  bench.pass(1_000);
  bench.take();
  for (let host = 0; host < 50; host += 1) {
    bench.join(`c${host}`, `10.0.1.${host}`, 51_000);
    bench.pass(1);
  }
  bench.pass(100);
  const pushes = bench.outputs.filter((output) => output.type === "push" && output.association === watcher);
  assert.ok(pushes.length >= 1 && pushes.length <= 4, `${pushes.length} pushes in 150 ms`);
  assert.equal(bench.pushed(watcher).split(" ").length, 50);
});

test("pushes are handed out at a bounded rate, to everybody in the end", () => {
  const bench = new Bench({ pushBytes: 4_096 });
  const ids = Array.from({ length: 40 }, (_, host) => bench.join(`client-${host}`, `10.0.1.${host}`, 51_000));
  bench.take();
  bench.pass(50);
  const bytes = bench.outputs.reduce(
    (sum, output) => sum + (output.type === "push" ? output.bytes.length : 0),
    0,
  );
  assert.ok(bytes <= 2 * (4_096 + 4_096), `${bytes} bytes in one interval`);
  bench.pass(10_000);
  for (const id of ids) assert.equal(bench.pushed(id).split(" ").length, 39);
});

test("a push that finds the queue full is repeated with the roster of then", () => {
  const bench = new Bench();
  const ola = bench.join("ola", "10.0.0.5", 51_000);
  bench.join("kari", "10.0.0.6", 52_000);
  bench.pass(100);
  bench.registry.pushRefused(bench.now, ola);
  bench.join("per", "10.0.0.7", 53_000);
  bench.take();
  bench.pass(100);
  assert.equal(bench.pushed(ola), "kari per");
});

test("an association of nobody is aborted after a while; one that is early is taken over", () => {
  const bench = new Bench();
  const stranger = bench.up("10.0.0.66", 51_000);
  const early = bench.up("10.0.0.5", 51_000);
  const dial = bench.hello("10.0.0.5", 51_000) ?? 0;
  bench.connected(dial);
  bench.say(dial, "ola\n");
  assert.equal(bench.registry.counts.online, 1);
  bench.pass(20_000);
  assert.deepEqual(
    bench.outputs.flatMap((output) => (output.type === "abort" ? [output.association] : [])),
    [stranger],
  );
  assert.notEqual(early, stranger);
});

test("one that registers but never attaches goes offline with a warning", () => {
  const bench = new Bench();
  const dial = bench.hello("10.0.0.5", 51_000, "original") ?? 0;
  bench.connected(dial);
  bench.say(dial, "ola");
  bench.pass(25_001);
  assert.deepEqual(bench.registry.counts, { online: 0, offline: 1, pending: 0 });
  assert.ok(
    bench
      .logs()
      .some((line) =>
        /^warn ola offline: its SCTP association never came up \(is IP protocol 132/.test(line),
      ),
  );
});

test("a newer association of the same client keeps it online when the older one dies", () => {
  const bench = new Bench();
  const older = bench.join("ola", "10.0.0.5", 51_000);
  bench.up("10.0.0.5", 51_000);
  assert.equal(bench.last("abort")?.association, older);
  bench.lost(older);
  assert.equal(bench.registry.counts.online, 1);
});

test("10,000 garbage datagrams are counted and ignored, and a good client still gets in", () => {
  const bench = new Bench();
  for (let count = 0; count < 10_000; count += 1)
    bench.datagram("10.0.0.66", 40_000, Uint8Array.of(count & 255));
  const { ignored } = bench.registry;
  assert.equal(ignored["not-a-hello"] + ignored["too-many"], 10_000);
  assert.ok(bench.outputs.every((output) => output.type === "log" && output.entry.limit !== undefined));
  bench.join("ola", "10.0.0.5", 51_000);
  assert.equal(bench.registry.counts.online, 1);
});

test("nobody can make the registry dial a privileged port, a group or a broadcast", () => {
  const bench = new Bench();
  for (const [address, port] of [
    ["10.0.0.5", 22],
    ["224.0.0.1", 50_000],
    ["0.0.0.0", 50_000],
    ["255.255.255.255", 50_000],
    ["10.0.0.5", 65_535],
    ["fe80::1", 50_000],
  ] as const) {
    bench.hello(address, port);
  }
  assert.equal(bench.last("dial"), undefined);
  assert.equal(bench.registry.ignored["bad-source"], 6);
});

test("with legacy off clients of mp1 are ignored, the original ones and ours", () => {
  const bench = new Bench({}, false);
  assert.equal(bench.hello("10.0.0.5", 51_000, "original"), undefined);
  assert.equal(bench.hello("10.0.0.5", 51_000, "own"), undefined);
  assert.equal(bench.registry.ignored["legacy-off"], 2);
});

test("a full registry forgets who is offline longest, and refuses when all are online", () => {
  const bench = new Bench({ maxClients: 3 });
  bench.lost(bench.join("a", "10.0.0.1", 50_000));
  bench.lost(bench.join("b", "10.0.0.2", 50_000));
  bench.join("c", "10.0.0.3", 50_000);
  bench.join("d", "10.0.0.4", 50_000);
  const known = Array.from(bench.registry.clients(), ({ entry }) => entry.nickname).sort();
  assert.deepEqual(known, ["b", "c", "d"]);
  bench.join("e", "10.0.0.5", 50_000);
  const dial = bench.hello("10.0.0.6", 50_000) ?? 0;
  bench.connected(dial);
  bench.say(dial, "f\n");
  const answer = bench.answer();
  assert.ok(answer?.type === "refused" && answer.refusal.code === "registry-full");
});

test("stopping shuts every association down and drops the dial-backs", () => {
  const bench = new Bench();
  const ids = [bench.join("a", "10.0.0.1", 50_000), bench.join("b", "10.0.0.2", 50_000)];
  const dial = bench.hello("10.0.0.3", 50_000);
  bench.take();
  bench.registry.stop(bench.now, { reason: "stop" });
  bench.collect();
  const told = bench.outputs.flatMap((output) => (output.type === "shutdown" ? [output.association] : []));
  assert.deepEqual(told, ids);
  assert.equal(bench.last("hang-up")?.dial, dial);
  for (const id of ids) bench.event({ type: "closed", id });
  const gone = bench.logs().filter((text) => text.includes("offline"));
  assert.deepEqual(gone, [], "nobody has left because we do");
});

test("nothing is left behind: after everybody has gone no deadline but the next beacon's remains", () => {
  const bench = new Bench();
  for (let host = 0; host < 20; host += 1)
    bench.event({ type: "closed", id: bench.join(`c${host}`, `10.0.1.${host}`, 50_000) });
  bench.pass(60_000);
  const left = (bench.registry.nextDeadline() ?? 0) - bench.now;
  bench.take();
  bench.pass(left - 1);
  assert.deepEqual(bench.take(), []);
  bench.pass(1);
  assert.deepEqual(
    bench.take().map(({ type }) => type),
    ["announce"],
  );
});

test("a client whose address changes keeps its name and its place; others are told where it is now", () => {
  const bench = new Bench();
  const ola = bench.join("ola", "10.0.0.5", 51_000);
  const ewa = bench.join("ewa", "10.0.0.7", 52_000);
  bench.pass(100);
  bench.take();
  // Another outer port only: nobody needs to know.
  bench.event({ type: "moved", id: ola, path: path("10.0.0.5", 40_001) });
  bench.pass(100);
  assert.equal(bench.last("push"), undefined);
  bench.event({ type: "moved", id: ola, path: path("192.168.3.3", 40_002) });
  bench.pass(100);
  assert.ok(bench.logs().some((text) => text.endsWith("ola moved from 10.0.0.5:51000 to 192.168.3.3:51000")));
  const push = bench.outputs.findLast((output) => output.type === "push" && output.association === ewa);
  assert.ok(push?.type === "push");
  assert.match(Buffer.from(push.bytes).toString(), /"ip":"192\.168\.3\.3","port":51000,"nickname":"ola"/);
  assert.deepEqual(bench.registry.counts, { online: 2, offline: 0, pending: 0 });
  // The name is found where it is, and the end is told of the entry there.
  bench.lost(ola);
  bench.pass(100);
  assert.equal(bench.pushed(ewa), "[ola]");
  assert.deepEqual(bench.registry.counts, { online: 1, offline: 1, pending: 0 });
});

test("nobody moves onto somebody else's place", () => {
  const bench = new Bench();
  const ola = bench.join("ola", "10.0.0.5", 51_000);
  bench.join("ewa", "10.0.0.7", 51_000);
  bench.pass(100);
  bench.event({ type: "moved", id: ola, path: path("10.0.0.7", 40_001) });
  assert.equal(bench.last("abort")?.association, ola);
  assert.deepEqual(bench.registry.counts, { online: 1, offline: 1, pending: 0 });
});

test("who has left is no obstacle to one who moves to the same place", () => {
  const bench = new Bench();
  const ola = bench.join("ola", "10.0.0.5", 51_000);
  const ewa = bench.join("ewa", "10.0.0.7", 51_000);
  bench.event({ type: "closed", id: ewa });
  bench.event({ type: "moved", id: ola, path: path("10.0.0.7", 40_001) });
  assert.deepEqual(bench.registry.counts, { online: 1, offline: 0, pending: 0 });
  bench.join("ewa", "10.0.0.9", 51_000);
  assert.deepEqual(bench.registry.counts, { online: 2, offline: 0, pending: 0 });
});

test("a newcomer that waits for a sign of life of a holder who has moved is told where the holder is", () => {
  const bench = new Bench();
  const ola = bench.join("ola", "10.0.0.5", 51_000);
  const dial = bench.hello("10.0.0.5", 53_000);
  assert.ok(dial !== undefined);
  bench.connected(dial);
  bench.say(dial, "ola\n");
  assert.equal(bench.last("probe")?.association, ola);
  bench.event({ type: "moved", id: ola, path: path("10.0.0.9", 40_001) });
  const answer = bench.answer();
  assert.ok(answer?.type === "refused" && answer.refusal.holder === "10.0.0.9:51000");
});

function path(address: string, outerPort: number) {
  return { via: "udp", address, outerPort, local: "" } as const;
}
