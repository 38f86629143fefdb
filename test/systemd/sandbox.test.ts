import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { CHECKOUT, type SystemdLab } from "../lab/systemd-lab.ts";
import { bootInstalled, chat, ctl, mainPid, sendConfirmed, threeHosts } from "./installed.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const EXAMPLES = "/usr/share/doc/multiproto/examples";
const DROP_INS = "/etc/systemd/system/multiproto.service.d";
/** What systemd-analyze counts though the unit does all it can: each is named in the unit with its reason, or needed. */
const REMAINING = [
  "AmbientCapabilities=",
  "CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)",
  "DeviceAllow=",
  "IPAddressDeny=",
  "MemoryDenyWriteExecute=",
  "NotifyAccess=",
  "PrivateNetwork=",
  "PrivateUsers=",
  "RestrictAddressFamilies=~AF_(INET|INET6)",
  "RestrictAddressFamilies=~AF_NETLINK",
  "RestrictAddressFamilies=~AF_UNIX",
];
const OF_RAW_SCTP = /^(AmbientCapabilities|CapabilityBoundingSet|PrivateUsers)/;

interface Exposure {
  readonly overall: number;
  /** What counts against the unit. */
  readonly remaining: readonly string[];
}

async function exposure(lab: SystemdLab): Promise<Exposure> {
  const command = ["systemd-analyze", "security", "--no-pager", "multiproto.service"];
  const text = await lab.must(command);
  const overall = Number(/Overall exposure level for multiproto\.service: ([\d.]+)/.exec(text)?.[1]);
  const against = JSON.parse(await lab.must([...command, "--json=short"])) as {
    name: string;
    exposure: string | null;
  }[];
  const remaining = against.filter((each) => Number(each.exposure) > 0).map(({ name }) => name);
  return { overall, remaining: remaining.sort() };
}

describe("the sandbox of the registry", () => {
  let lan: Lan;
  let lab: SystemdLab;
  let hosts: { registry: LanHost; here: LanHost; there: LanHost };

  before(async () => {
    lan = await Lan.create();
    hosts = await threeHosts(lan);
    ({ lab } = await bootInstalled({ network: hosts.registry.namespace }));
  });
  after(async () => {
    await lab?.shutdown();
    await lan.dispose();
  });

  /** Restarts the registry with these of the shipped examples, and no others. */
  async function restartWith(...examples: readonly string[]): Promise<void> {
    await lab.exec(["rm", "-rf", DROP_INS]);
    for (const example of examples) {
      await lab.must(["install", "-D", "-m", "644", `${EXAMPLES}/${example}`, `${DROP_INS}/${example}`]);
    }
    await lab.must(["systemctl", "daemon-reload"]);
    await lab.exec(["systemctl", "reset-failed", "multiproto.service", "multiproto.socket"]);
    await lab.must(["systemctl", "restart", "multiproto"]);
  }

  const status = async () => JSON.parse((await ctl(lab, "status", "--json")).stdout);

  /** Runs a script as the registry's user in what the registry has as its file system. */
  const within = async (script: string) =>
    lab.exec([
      ...["nsenter", "--target", String(await mainPid(lab)), "--mount", "--"],
      ...["setpriv", "--reuid=multiproto", "--regid=multiproto", "--clear-groups", "sh", "-c", script],
    ]);

  test("systemd-analyze puts it at 1.5, and what still counts is known and named", async () => {
    const { overall, remaining } = await exposure(lab);
    assert.ok(overall <= 1.5, `${overall}: ${remaining.join(", ")}`);
    assert.deepEqual(remaining, REMAINING);
    const unit = readFileSync(join(PROJECT, "systemd/multiproto.service"), "utf8");
    for (const line of REMAINING) {
      const name = String(/AF_\w+|^\w+/.exec(line)?.[0]);
      assert.ok(unit.includes(name), `${name} is in the unit or in its comment`);
    }
    assert.equal((await status()).ports.sctpRaw, true);
  });

  test("offline, as the unit is shipped, it is the same", async () => {
    const unit = `${CHECKOUT}/systemd/multiproto.service`;
    const text = await lab.must(["systemd-analyze", "security", "--offline=true", "--no-pager", unit]);
    assert.ok(
      Number(/Overall exposure level for multiproto\.service: ([\d.]+)/.exec(text)?.[1]) <= 1.5,
      text,
    );
  });

  test("it sees programs, its own files and little more", async () => {
    const { stdout } = await within("ls -A / /etc /home /root /srv /mnt /var /run 2>/dev/null");
    for (const hidden of ["shadow", "ssh", "srv", "boot", "log", "user"])
      assert.doesNotMatch(stdout, new RegExp(`^${hidden}$`, "m"));
    assert.match(stdout, /^multiproto$/m);
    assert.match((await within("cat /etc/multiproto/multiproto.toml")).stdout, /^\[network\]/m);
  });

  test("what it can write it cannot run, and there is nowhere else", async () => {
    const places = ["/tmp", "/var/tmp", "/dev/shm", "/var/lib/multiproto", "/run/multiproto"];
    const probe = (place: string) =>
      `cp /usr/bin/true ${place}/probe; ${place}/probe; echo ${place} $?; rm ${place}/probe`;
    const tried = await within(places.map(probe).join("\n"));
    assert.equal(tried.stdout, places.map((place) => `${place} 126\n`).join(""), tried.stderr);
    const writable = await within(
      "find / -xdev -writable -type d; find /usr /etc /run /var -writable -type d",
    );
    const others = writable.stdout
      .trim()
      .split("\n")
      .filter(
        (path) => path !== "" && !places.some((place) => path === place || path.startsWith(`${place}/`)),
      );
    assert.deepEqual(others, []);
  });

  test("without raw SCTP it needs no capability at all, and serves", async () => {
    await restartWith("no-raw-sctp.conf");
    const { overall, remaining } = await exposure(lab);
    assert.ok(overall <= 1.2, `${overall}: ${remaining.join(", ")}`);
    assert.deepEqual(
      remaining,
      REMAINING.filter((line) => !OF_RAW_SCTP.test(line)),
    );
    const capabilities = await lab.must(["grep", "^Cap", `/proc/${await mainPid(lab)}/status`]);
    assert.match(capabilities, /^(Cap\w+:\t0{16}\n){5}$/);
    const { state, ports } = await status();
    assert.deepEqual([state, ports.sctpRaw, ports.sctpUdp], ["ready", false, 9899]);
    const ola = chat(hosts.here, "ola", ["listen", "--count", "1"]);
    await sendConfirmed(hosts.there, "eva", "ola", "with no capability");
    assert.equal((await ola.end()).code, 0);
  });

  test("addresses of others do not get through, it warns of its own, and the example lets them in", async () => {
    const address = (host: LanHost, last: number) =>
      host.exec(["ip", "addr", "add", `192.0.2.${last}/24`, "dev", "eth0"]);
    await address(hosts.registry, 1);
    await address(hosts.here, 2);
    await restartWith();
    const list = () =>
      chat(hosts.here, "far", ["--registry", "192.0.2.1", "--interface", "eth0", "list"]).end(60_000);
    assert.equal((await list()).code, 9, "no registry found");
    const warned = await until("the warning", async () =>
      (await lab.journal("-u", "multiproto", "-t", "multiprotod", "-p", "warning")).find(({ message }) =>
        message.includes("192.0.2.1"),
      ),
    );
    assert.match(warned.message, /IPAddressAllow=192\.0\.2\.1\/24/);
    await restartWith("public-addresses.conf");
    assert.equal((await list()).code, 0);
  });
});
