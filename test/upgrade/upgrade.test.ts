/**
 * From the package of an older commit to that of today and back, with people of both versions on the network:
 * `scripts/test.sh upgrade`.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Running, until } from "../lab/command.ts";
import { buildPackage, inLab, packageDirectory } from "../lab/debian-package.ts";
import { Lan } from "../lab/netns.ts";
import { SystemdLab } from "../lab/systemd-lab.ts";
import type { CrowdReport } from "../support/crowd.ts";
import { ctl, mainPid } from "../systemd/installed.ts";
import { buildOldRelease } from "./old-release.ts";

const PROJECT = join(import.meta.dirname, "../..");
/** Of each version. */
const PEOPLE = 5;
const PATIENCE_MILLIS = 120_000;

describe("two releases", () => {
  let lan: Lan;
  let lab: SystemdLab;
  let [oldDeb, newDeb] = ["", ""];
  const crowds: Running[] = [];

  before(async () => {
    const directory = packageDirectory();
    newDeb = await buildPackage(directory, "deb", "--fast");
    const old = await buildOldRelease(directory);
    oldDeb = old.deb;
    lan = await Lan.create();
    const registry = await lan.host("registry");
    lab = await SystemdLab.boot({ network: registry.namespace });
    await lab.exec(["rm", "-f", "/usr/sbin/policy-rc.d"]);
    for (const [name, tree] of [
      ["old", old.tree],
      ["new", PROJECT],
    ] as const) {
      const host = await lan.host(name);
      const program = ["--disable-warning=ExperimentalWarning", join(tree, "test/support/crowd.ts")];
      const argv = [join(PROJECT, "node_modules/.bin/node"), ...program, name, String(PEOPLE), "mp2"];
      crowds.push(host.spawn(argv, { interactive: true }));
    }
  });
  after(async () => {
    await Promise.all(crowds.map((crowd) => crowd.stop("SIGKILL")));
    await lab?.shutdown();
    await lan?.dispose();
  });

  const install = (deb: string, ...options: readonly string[]) =>
    lab.must(["dpkg", ...options, "--install", inLab(deb)], {
      timeoutMillis: 180_000,
      environment: { DEBIAN_FRONTEND: "noninteractive" },
    });

  async function reports(): Promise<readonly CrowdReport[]> {
    return Promise.all(
      crowds.map(async (crowd) => {
        const from = crowd.stdout.length;
        crowd.type("report");
        const is = (text: string) => /^\{"rosters".*\}$/m.exec(text.slice(from))?.[0];
        return JSON.parse(String(is(await crowd.output((text) => is(text) !== undefined, "a report"))));
      }),
    );
  }

  /** Until all have come online after `since` and everybody's roster is one; returns it. */
  const allOnline = (since: number) =>
    until(
      "all are online",
      async () => {
        const all = await reports();
        const rosters = new Set(all.flatMap((report) => report.rosters));
        const [roster = ""] = rosters;
        const isOne = rosters.size === 1 && roster.startsWith(`${2 * PEOPLE} `);
        const times = all.flatMap(({ onlineAt }) => onlineAt);
        return isOne && times.length === 2 * PEOPLE && times.every((at) => at > since) ? roster : undefined;
      },
      PATIENCE_MILLIS,
      500,
    );

  async function toldGone(): Promise<readonly string[]> {
    return (await reports()).flatMap((report) => report.toldGone);
  }

  /** The key, and how many names and bans are stored. */
  async function kept(): Promise<unknown> {
    const { fingerprint, store } = JSON.parse((await ctl(lab, "status", "--json")).stdout);
    return { fingerprint, store };
  }

  /** Installs `deb` over the other one: another process, the same state, and everybody is back. */
  async function replace(deb: string, ...options: readonly string[]): Promise<void> {
    const roster = await allOnline(0);
    const [pid, before] = [await mainPid(lab), await kept()];
    for (const crowd of crowds) crowd.type("forget");
    const begin = Date.now();
    await install(deb, ...options);
    assert.notEqual(await mainPid(lab), pid);
    assert.equal(await allOnline(begin), roster, "the same people, keys and places");
    assert.deepEqual(await kept(), before);
  }

  test("upgraded, the registry has the same key, names and people, and nobody was seen to leave", async () => {
    const begin = Date.now();
    await install(oldDeb);
    await allOnline(begin);
    const banned = "0".repeat(63).concat("1");
    await lab.must(["multiprotoctl", "ban", banned]);
    await replace(newDeb);
    assert.deepEqual(await toldGone(), []);
    assert.match(await lab.must(["multiprotoctl", "bans", "--json"]), new RegExp(banned));
    await lab.must(["test", "-f", "/var/lib/multiproto/roster.sqlite"]);
  });

  test("restarted after that, it has its roster, and again nobody is seen to leave", async () => {
    await replace(newDeb);
    assert.deepEqual(await toldGone(), []);
  });

  test("back to the older one works as long as the database is not of a newer form, and forth again", async () => {
    await replace(oldDeb, "--force-downgrade");
    // What it did not know is old by now, and must not be believed.
    await replace(newDeb);
    assert.deepEqual(await toldGone(), []);
  });

  test("with a database of a newer form it does not start, says what to do, and touches nothing", async () => {
    const database = "/var/lib/multiproto/registry.sqlite";
    const version = (number: number) =>
      lab.must([
        ...["/usr/lib/multiproto/bin/node", "--disable-warning=ExperimentalWarning", "-e"],
        `new (require("node:sqlite").DatabaseSync)("${database}").exec("PRAGMA user_version = ${number}")`,
      ]);
    const before = await kept();
    await lab.must(["systemctl", "stop", "multiproto.service", "multiproto.socket"]);
    await version(2);
    const sum = await lab.must(["sha256sum", database]);
    await lab.exec(["systemctl", "start", "multiproto.socket", "multiproto.service"]);
    await lab.waitFor("multiproto.service", "ActiveState", (state) => state === "failed", 40_000);
    assert.equal((await lab.show("multiproto.service", "ExecMainStatus")).ExecMainStatus, "79");
    const [error] = (await lab.journal("-u", "multiproto", "-t", "multiprotod", "-p", "err")).slice(-1);
    assert.match(String(error?.message), /registry\.sqlite.*install the newer version again/);
    assert.equal(await lab.must(["sha256sum", database]), sum);
    await version(1);
    await lab.must(["chown", "multiproto:multiproto", database]);
    await lab.must(["systemctl", "reset-failed", "multiproto.service"]);
    await lab.must(["systemctl", "start", "multiproto.socket", "multiproto.service"]);
    await allOnline(0);
    assert.deepEqual(await kept(), before);
  });
});
