import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { FOUND_PROBLEMS, OK } from "../../src/ctl/exit-codes.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { must, type Running } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { programOf } from "../support/programs.ts";

/** Both doctors on hosts in network namespaces, with faults made on purpose: each must be named. Needs root and nft. */

const PROJECT = new URL("../..", import.meta.url).pathname;
const NODE = join(PROJECT, "node_modules/.bin/node");

let lan: Lan;
let registryHost: LanHost;
let clientHost: LanHost;
let directory: string;
let daemon: Running;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "multiproto-doctor-"));
  // Also for a client that is not root.
  await chmod(directory, 0o755);
  lan = await Lan.create();
  registryHost = await lan.host("registry");
  clientHost = await lan.host("client");
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

interface Diagnosis {
  readonly code: number;
  readonly findings: readonly Finding[];
  readonly conclusions: readonly string[];
}

async function registryDoctor(...options: readonly string[]): Promise<Diagnosis> {
  const program = programOf("multiprotoctl");
  const socket = ["--socket", join(directory, "run/control.sock")];
  const { code, stdout, stderr } = await registryHost.exec([
    NODE,
    program,
    "doctor",
    "--json",
    ...socket,
    ...options,
  ]);
  assert.equal(stderr, "");
  const { schema, findings } = JSON.parse(stdout);
  assert.equal(schema, 1);
  return { code, findings, conclusions: [] };
}

/** As root, which may read the firewall. */
function clientDoctor(...options: readonly string[]): Promise<Diagnosis> {
  return clientDoctorBy([], options);
}

function clientDoctorOf(user: string): Promise<Diagnosis> {
  return clientDoctorBy(["setpriv", "--reuid", user, "--regid", "65534", "--clear-groups"], []);
}

async function clientDoctorBy(prefix: readonly string[], options: readonly string[]): Promise<Diagnosis> {
  const program = programOf("multiproto-chat");
  const own = join(directory, "chat");
  const environment = { XDG_CONFIG_HOME: own, XDG_STATE_HOME: own, XDG_DATA_HOME: own };
  const argv = [...prefix, NODE, program, "doctor", "--json", ...options];
  const { code, stdout, stderr } = await clientHost.exec(argv, { environment });
  assert.equal(stderr, "");
  const { schema, type, findings, conclusions } = JSON.parse(stdout);
  assert.deepEqual([schema, type], [1, "doctor"]);
  return { code, findings, conclusions };
}

/** The finding of that level whose text matches; what there is instead, when there is none. */
function has(
  { findings, conclusions }: Diagnosis,
  level: Finding["level"],
  check: string,
  text: RegExp,
): Finding {
  const found = findings.find(
    (each) => each.level === level && each.check === check && text.test(each.finding),
  );
  if (found !== undefined) return found;
  const bad = findings.filter((each) => each.level !== "ok");
  return assert.fail(`no ${level} ${check} ${text} in:\n${JSON.stringify({ conclusions, bad }, null, 1)}`);
}

function problems({ findings }: Diagnosis): readonly string[] {
  return findings
    .filter(({ level }) => level === "problem")
    .map(({ check, finding }) => `${check}: ${finding}`);
}

/** What `look` sees while these are rules of the host's own firewall. */
async function behind<Seen>(host: LanHost, rule: string, look: () => Promise<Seen>): Promise<Seen> {
  const chain = ["chain arriving {", "type filter hook input priority 0; policy accept;", rule, "}"];
  await must(host.on(["nft", "-f", "-"]), { input: ["table inet office {", ...chain, "}", ""].join("\n") });
  try {
    return await look();
  } finally {
    await must(host.on(["nft", "delete", "table", "inet", "office"]));
  }
}

test("where nothing is wrong both say so", async () => {
  const [registry, client] = await Promise.all([registryDoctor(), clientDoctor()]);
  assert.deepEqual(problems(registry), []);
  assert.deepEqual(problems(client), []);
  assert.deepEqual([registry.code, client.code], [OK, EXIT.ok]);
  has(registry, "ok", "discovery", /^eth0 by multicast \(IPv4\): the registry answers$/);
  assert.deepEqual(client.conclusions, ["nothing is wrong between here and the registry"]);
});

test("UDP 10001 is dropped at the registry: its doctor names the rule, the client's says which end it may be", async () => {
  const [registry, client] = await behind(registryHost, "udp dport 10001 drop", () =>
    Promise.all([registryDoctor(), clientDoctor("--registry", registryHost.address)]),
  );
  const { evidence, fix } = has(registry, "problem", "firewall", /drops UDP 10001 \(discovery\)/);
  assert.match(evidence, /nft table inet office, chain arriving, handle \d+: udp dport 10001 drop$/);
  assert.match(fix ?? "", /udp dport 10001 accept/);
  has(registry, "problem", "discovery", /does not hear what is sent to its group/);
  assert.equal(registry.code, FOUND_PROBLEMS);
  has(client, "problem", "discovery", /^10\.98\.0\.1 \(10\.98\.0\.1\) by unicast: no registry answered$/);
  assert.match(
    client.conclusions.join("\n"),
    /no registry answered, by multicast or by name: .*drops UDP 10001/,
  );
  assert.equal(client.code, EXIT.foundProblems);
});

test("UDP 9899 is dropped at the registry: the client's doctor says that all else works", async () => {
  const client = await behind(registryHost, "udp dport 9899 drop", () => clientDoctor());
  has(client, "ok", "dial-back", /can connect to TCP \d+ here/);
  has(client, "problem", "sctp", /SCTP over UDP 9899 of the registry at 10\.98\.0\.1 does not answer/);
  assert.match(
    client.conclusions.join("\n"),
    /UDP 9899 .* does not answer; all else works, so it is the registry's end/,
  );
});

test("TCP to the client is dropped by its own firewall: the rule is named", async () => {
  const [client, user] = await behind(clientHost, "tcp dport 1024-65535 drop", () =>
    Promise.all([clientDoctor(), clientDoctorOf("nobody")]),
  );
  has(client, "problem", "dial-back", /at 10\.98\.0\.1 could not connect to TCP \d+ here: it got no answer/);
  has(client, "problem", "firewall", /drops TCP 50000-65001/);
  assert.match(
    client.conclusions.join("\n"),
    /could not connect to TCP \d+ here: this machine's firewall \(nft table inet office, .*tcp dport 1024-65535 drop\)/,
  );
  assert.equal(client.code, EXIT.foundProblems);
  has(user, "unknown", "firewall", /^the firewall of this machine could not be looked at$/);
  assert.match(
    user.conclusions.join("\n"),
    /could not connect to TCP \d+ here: most likely this machine's firewall, which only root can read/,
  );
});

test("multicast is switched off on the client's interface", async () => {
  await must(clientHost.on(["ip", "link", "set", "eth0", "multicast", "off"]));
  const again = ["ip", "link", "set", "eth0", "multicast", "on"];
  const client = await clientDoctor().finally(() => must(clientHost.on(again)));
  const { evidence, fix } = has(client, "problem", "interfaces", /^multicast is switched off on eth0/);
  assert.match(evidence, /multicast off$/);
  assert.equal(fix, "ip link set eth0 multicast on");
});

test("a switch that filters multicast: by unicast the registry answers, and what to do is said", async () => {
  await registryHost.multicast(false);
  const look = clientDoctor("--registry", registryHost.address);
  const client = await look.finally(() => registryHost.multicast(true));
  has(client, "warning", "discovery", /^eth0 by multicast \(IPv4\): no registry answered$/);
  has(client, "ok", "discovery", /by unicast: a registry answered$/);
  has(client, "ok", "dial-back", /^the registry at 10\.98\.0\.1 can connect/);
  assert.match(
    client.conclusions.join("\n"),
    /multicast does not come through on eth0, although .* isolates clients or filters multicast, .* use --registry 10\.98\.0\.1/,
  );
});

test("a second interface without a registry, and one that is not there", async () => {
  await clientHost.wire(await lan.host("other"), "eth1", "10.99.0.1", "10.99.0.2");
  const [both, wrong, none] = await Promise.all([
    clientDoctor(),
    clientDoctor("--interface", "eth1"),
    clientDoctor("--interface", "wlan7"),
  ]);
  await must(clientHost.on(["ip", "link", "delete", "eth1"]));
  for (const client of [both, wrong]) {
    has(client, "warning", "discovery", /^eth1 by multicast \(IPv4\): no registry answered$/);
    assert.match(
      client.conclusions.join("\n"),
      /^answered on eth0 only; if that is not the network you mean/,
    );
  }
  const { evidence } = has(none, "problem", "interfaces", /^the interface is not there/);
  assert.match(evidence, /No interface wlan7/);
});

test("people online are tried: one behind a firewall is named", async () => {
  const far = await lan.host("far");
  const chat = (host: LanHost, name: string): Running => {
    const places = ["--data-dir", join(directory, name), "--nick", name];
    return host.spawn([NODE, programOf("multiproto-chat"), "--background", ...places]);
  };
  const chats = [chat(clientHost, "ola"), chat(far, "kari")];
  const [ola, kari] = chats;
  await ola?.output((text) => /online as ola/.test(text), "ola is online");
  await kari?.output((text) => /online as kari/.test(text), "kari is online");
  const wait = ["wait", "--online", "kari", "--timeout", "20s", "--data-dir", join(directory, "ola")];
  const there = await clientHost.exec([NODE, programOf("multiproto-chat"), ...wait]);
  assert.equal(there.code, EXIT.ok, there.stderr);
  const before = await clientDoctor("--data-dir", join(directory, "ola"));
  const after = await behind(far, "tcp dport 1024-65535 ct state new drop", () =>
    clientDoctor("--data-dir", join(directory, "ola")),
  );
  has(before, "ok", "presence", /^a chat of yours is online as ola$/);
  has(before, "ok", "peers", /^all 1 of those online can be connected to$/);
  has(before, "ok", "discovery", /^10\.98\.0\.1, where you are present, by unicast: a registry answered$/);
  const { evidence } = has(after, "warning", "peers", /^kari is online, and cannot be connected to$/);
  assert.match(evidence, /^10\.98\.0\.\d TCP \d+ does not answer$/);
  assert.match(after.conclusions.join("\n"), /kari cannot be reached: a firewall at their end/);
  for (const each of chats) await each.stop("SIGKILL");
});

test("no registry runs: who holds its port, a damaged database and an open key are found", async () => {
  await daemon.stop("SIGTERM");
  const healthy = await registryDoctor("--state-dir", join(directory, "state"));
  has(healthy, "warning", "registry", /^no registry runs here$/);
  has(healthy, "ok", "database", /^the database is whole$/);
  has(healthy, "ok", "ports", /^UDP 10001 \(discovery\) is free$/);
  assert.equal(healthy.code, OK);
  const holder = join(directory, "holder.cjs");
  await writeFile(
    holder,
    'require("dgram").createSocket("udp4").bind(10001, () => process.stdout.write("bound\\n"));',
  );
  const other = registryHost.spawn([NODE, holder]);
  await other.output((text) => text.includes("bound"), "the port is bound");
  await chmod(join(directory, "state/identity.pem"), 0o644);
  await writeFile(join(directory, "state/registry.sqlite"), "SQLite format 3\0 and nothing else");
  const sick = await registryDoctor("--state-dir", join(directory, "state"));
  await other.stop("SIGKILL");
  const { evidence, fix } = has(
    sick,
    "problem",
    "ports",
    /^UDP 10001 \(discovery\) is held by holder\.cjs \(pid \d+\)/,
  );
  assert.match(evidence, /^0\.0\.0\.0:10001 by holder\.cjs \(pid \d+\)$/);
  assert.match(fix ?? "", /^stop it \(kill \d+\)/);
  has(sick, "problem", "database", /^the database is damaged$/);
  const { fix: mode } = has(sick, "problem", "files", /^the registry's key is open to others/);
  assert.match(mode ?? "", /^chmod 0600 .*identity\.pem$/);
  assert.equal(sick.code, FOUND_PROBLEMS);
});
