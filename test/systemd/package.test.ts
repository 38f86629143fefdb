import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { must, type Running, until } from "../lab/command.ts";
import { buildPackage, inLab, packageDirectory, underVersion } from "../lab/debian-package.ts";
import { Lan } from "../lab/netns.ts";
import { CHECKOUT, SystemdLab } from "../lab/systemd-lab.ts";
import type { CrowdReport } from "../support/crowd.ts";
import { ctl, mainPid } from "./installed.ts";
import { UserSession } from "./user-session.ts";

const NODE = join(import.meta.dirname, "../../node_modules/.bin/node");
const CROWD = join(import.meta.dirname, "../support/crowd.ts");
const PEOPLE = 6;
const CONFIGURATION = "/etc/multiproto/multiproto.toml";

describe("the Debian package", () => {
  const directory = packageDirectory();
  let lan: Lan;
  let lab: SystemdLab;
  let deb: string;
  let old: string;
  let people: Running | undefined;
  let ola: UserSession;

  before(async () => {
    deb = await buildPackage(directory, "deb", "--fast");
    old = await underVersion(deb, "0.0.9-1");
    lan = await Lan.create();
    const [registry, office] = [await lan.host("registry"), await lan.host("office")];
    lab = await SystemdLab.boot({ network: registry.namespace });
    // Of images for containers, which this machine may be made of: packages must not start anything.
    await lab.exec(["rm", "-f", "/usr/sbin/policy-rc.d"]);
    people = office.spawn([NODE, "--disable-warning=ExperimentalWarning", CROWD, "p", String(PEOPLE)], {
      interactive: true,
    });
  });
  after(async () => {
    await people?.stop("SIGKILL");
    await lab?.shutdown();
    await lan?.dispose();
  });

  const dpkg = (...args: readonly string[]) =>
    lab.must(["dpkg", ...args], {
      timeoutMillis: 120_000,
      environment: { DEBIAN_FRONTEND: "noninteractive" },
    });

  async function report(): Promise<CrowdReport> {
    const running = people as Running;
    const from = running.stdout.length;
    running.type("report");
    const is = (text: string) => /^\{"rosters".*\}$/m.exec(text.slice(from))?.[0];
    return JSON.parse(String(is(await running.output((text) => is(text) !== undefined, "a report"))));
  }

  /** Until all people are on everybody's list, having come online after `since`; a failure tells what was seen. */
  async function allOnline(since: number): Promise<string> {
    let last: CrowdReport | undefined;
    const asked = async (): Promise<string | undefined> => {
      last = await report();
      const [roster = ""] = last.rosters;
      const one = new Set(last.rosters).size === 1 && roster.startsWith(`${PEOPLE} `);
      return one && last.onlineAt.every((at) => at > since) ? roster : undefined;
    };
    try {
      return await until("all are online", asked, 60_000, 500);
    } catch (error) {
      const journal = await lab.exec(["journalctl", "--no-pager", "--lines=60", "--unit=multiproto"]);
      const seen = `since ${since}, seen ${JSON.stringify(last)}`;
      throw new Error(`${seen}\n${journal.stdout}\n${people?.stderr}`, { cause: error });
    }
  }

  test("it has what runs and what is read, of root, and nothing of development", async () => {
    const lines = (await must(["dpkg-deb", "--contents", deb])).trim().split("\n");
    const paths = new Set(lines.map((line) => String(/ \.(\/.*?)( -> .*)?$/.exec(line)?.[1])));
    for (const path of [
      "/usr/bin/multiprotod",
      "/usr/lib/multiproto/bin/node",
      "/usr/lib/multiproto/node_modules/raw-socket/build/Release/raw.node",
      "/usr/lib/systemd/system/multiproto.service",
      "/usr/lib/systemd/system/multiproto.socket",
      "/usr/lib/systemd/user/multiproto-chat.service",
      "/usr/lib/sysusers.d/multiproto.conf",
      "/usr/lib/tmpfiles.d/multiproto.conf",
      "/usr/share/bash-completion/completions/multiprotoctl",
      "/usr/share/doc/multiproto/copyright",
      "/usr/share/doc/multiproto/node.copyright",
      "/usr/share/doc/multiproto/README.md",
      "/usr/share/doc/multiproto/docs/chat.md",
      "/usr/share/doc/multiproto/docs/screens/help.txt",
      "/usr/share/man/man1/multiproto-chat.1.gz",
      "/usr/share/man/man5/multiproto.toml.5.gz",
      "/usr/share/man/man8/multiprotod.8.gz",
      "/usr/share/doc/multiproto/examples/no-raw-sctp.conf",
      CONFIGURATION,
    ])
      assert.ok(paths.has(path), path);
    for (const path of paths)
      assert.doesNotMatch(path, /\/(typescript|knip|esbuild|nan|ink|react)\/|\.(h|ts|map)$/);
    for (const line of lines) assert.match(line, /^\S+ root\/root /);
    assert.equal((await must(["dpkg-deb", "--info", deb, "conffiles"])).trim(), CONFIGURATION);
    assert.match(await must(["dpkg-deb", "--field", deb, "Depends"]), /libatomic1/);
  });

  test("installed, the registry runs and serves", async () => {
    const begin = Date.now();
    await dpkg("--install", inLab(old));
    assert.equal((await lab.show("multiproto.service", "ActiveState")).ActiveState, "active");
    for (const unit of ["multiproto.service", "multiproto.socket"])
      assert.equal((await lab.must(["systemctl", "is-enabled", unit])).trim(), "enabled");
    const { ports } = JSON.parse((await ctl(lab, "status", "--json")).stdout);
    assert.equal(ports.sctpRaw, true);
    await allOnline(begin);
    const proof = await lab.must([
      `${CHECKOUT}/scripts/prove.sh`,
      "multiproto-chat",
      "--registry",
      "127.0.0.1",
    ]);
    assert.match(proof, /^proved:/);
  });

  test("scripts/install.sh leaves it to dpkg", async () => {
    const { code, stderr } = await lab.exec([`${CHECKOUT}/scripts/install.sh`]);
    assert.deepEqual([code, /Debian package/.test(stderr)], [1, true], stderr);
  });

  test("backed up while it runs and restored as docs/operations.md says: same key, same names, nobody was seen to leave", async () => {
    const guide = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8");
    const [backUp = "", restore = ""] = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
      ([, code]) => code,
    );
    const kept = async () => {
      const { fingerprint, store } = JSON.parse((await ctl(lab, "status", "--json")).stdout);
      return [fingerprint, store];
    };
    const roster = await allOnline(0);
    people?.type("forget");
    await lab.must(["sh", "-ec", backUp]);
    const before = await kept();
    assert.equal(await allOnline(0), roster);
    assert.deepEqual((await report()).toldGone, []);
    // What came later is not in the copy.
    assert.match(await lab.must(["multiprotoctl", "forget", "p0"]), /p0/);
    assert.notDeepEqual(await kept(), before);
    await lab.must(["sh", "-ec", restore]);
    assert.deepEqual(await kept(), before);
  });

  test("upgraded, it is another process with the same key, the admin's configuration, and nobody was seen to leave", async () => {
    await lab.write(CONFIGURATION, '[network]\nrealm = "mine" # mine\n');
    await lab.must(["systemctl", "restart", "multiproto"]);
    const roster = await allOnline(0);
    const [pid, key] = [await mainPid(lab), (await ctl(lab, "fingerprint", "--json")).stdout];
    people?.type("forget");
    const begin = Date.now();
    await dpkg("--install", inLab(deb));
    assert.notEqual(await mainPid(lab), pid);
    assert.equal(await allOnline(begin), roster);
    assert.deepEqual((await report()).toldGone, []);
    assert.equal((await ctl(lab, "fingerprint", "--json")).stdout, key);
    assert.match(await lab.must(["cat", CONFIGURATION]), /# mine/);
    const farewells = (await lab.journal("-u", "multiproto", `_PID=${pid}`)).map(({ message }) => message);
    assert.ok(
      farewells.some((text) => text.startsWith("Stopping to start again")),
      farewells.slice(-3).join("\n"),
    );
  });

  test("upgraded, who is reachable without a terminal is so with the new version", async () => {
    ola = await UserSession.begin(lab, "ola");
    await ola.must("systemctl --user enable --now multiproto-chat");
    const [pid] = await ola.show("MainPID");
    await dpkg("--install", inLab(deb));
    const [now] = await ola.show("MainPID");
    assert.notEqual(now, pid);
    assert.equal(String(JSON.parse(await ola.must("multiproto-chat status --json")).pid), now);
  });

  test("removed, nothing runs, and configuration and key stay; purged, they are gone", async () => {
    const pid = await mainPid(lab);
    await dpkg("--remove", "multiproto");
    assert.equal((await lab.exec(["test", "-e", `/proc/${pid}`])).code, 1);
    assert.equal((await lab.exec(["pgrep", "-u", "ola", "-f", "multiproto"])).stdout, "");
    assert.equal(await ola.must("systemctl --user list-units --failed --plain --no-legend"), "");
    assert.equal((await lab.exec(["systemctl", "cat", "multiproto.service"])).code, 1);
    await lab.must(["ls", CONFIGURATION, "/var/lib/multiproto/identity.pem"]);
    await dpkg("--purge", "multiproto");
    const left = await lab.must(["sh", "-c", "find /etc /usr /var/lib /run -xdev -name '*multiproto*'"]);
    assert.equal(left, "");
    // As Debian's packages do: files of its own may be elsewhere.
    assert.equal((await lab.exec(["getent", "passwd", "multiproto"])).code, 0);
  });

  test("over what scripts/install.sh has installed, it takes over: same key, no file of nobody", async () => {
    await lab.must([`${CHECKOUT}/scripts/install.sh`], { timeoutMillis: 120_000 });
    const key = (await ctl(lab, "fingerprint", "--json")).stdout;
    await dpkg("--install", inLab(deb));
    assert.equal((await ctl(lab, "fingerprint", "--json")).stdout, key);
    const owned = new Set((await lab.must(["dpkg", "--listfiles", "multiproto"])).split("\n"));
    const there = (await lab.must(["find", "/usr/lib/multiproto"])).trim().split("\n");
    assert.deepEqual(
      there.filter((path) => !owned.has(path)),
      [],
    );
  });
});
