import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import type { SystemdLab } from "../lab/systemd-lab.ts";
import { bootInstalled, chat, ctl, online, sendConfirmed, threeHosts } from "./installed.ts";

describe("two people on two machines, the registry on a third", () => {
  let lan: Lan;
  let lab: SystemdLab;
  let hosts: { registry: LanHost; here: LanHost; there: LanHost };
  let installed: string;

  before(async () => {
    lan = await Lan.create();
    hosts = await threeHosts(lan);
    ({ lab } = await bootInstalled({ network: hosts.registry.namespace }));
    [installed] = (await lab
      .journal("-u", "multiproto", "-n", "1")
      .then((entries) => entries.map(({ fields }) => String(fields.__CURSOR)))) as [string];
  });
  after(async () => {
    await lab?.shutdown();
    await lan.dispose();
  });

  /** What the registry itself has logged since the installation was over. */
  const lines = async () =>
    await lab.journal("-u", "multiproto", "-t", "multiprotod", `--after-cursor=${installed}`);

  test("they find the registry by multicast, see each other and exchange messages", async () => {
    const ola = chat(hosts.here, "ola", ["listen", "--json", "--count", "2"]);
    await until(
      "ola is online",
      async () => ((await online(lab)).includes("ola") ? true : undefined),
      20_000,
    );
    const bo = chat(hosts.there, "bo", ["listen", "--json", "--count", "1"]);
    await until("bo is online", async () => ((await online(lab)).includes("bo") ? true : undefined), 20_000);
    await sendConfirmed(hosts.there, "eva", "ola", "good morning");
    await sendConfirmed(hosts.here, "kim", "bo", "grüß dich ☕");
    await sendConfirmed(hosts.there, "eva", "ola", "good night");
    const heard = await ola.end();
    assert.equal(heard.code, 0, heard.stderr);
    const texts = heard.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      texts.map(({ from, text }) => [typeof from === "string" ? from : from?.nickname, text]),
      [
        ["eva", "good morning"],
        ["eva", "good night"],
      ],
    );
    assert.match((await bo.end()).stdout, /grüß dich/);
  });

  test("they go on chatting while the registry is down, and it has them back when it is up", async () => {
    const [ola, bo] = [
      chat(hosts.here, "ola", [], { interactive: true }),
      chat(hosts.there, "bo", [], { interactive: true }),
    ];
    await until(
      "both are online",
      async () => ((await online(lab)).join() === "bo,ola" ? true : undefined),
      20_000,
    );
    await lab.waitFor("multiproto.service", "StatusText", (text) => text.startsWith("2 online, "));
    ola.type("msg bo before");
    await bo.output((text) => text.includes("before"), "bo hears ola");
    assert.equal((await ctl(lab, "stop")).code, 0);
    ola.type("msg bo meanwhile");
    await bo.output((text) => text.includes("meanwhile"), "bo hears ola without a registry");
    bo.type("msg ola likewise");
    await ola.output((text) => text.includes("likewise"), "ola hears bo without a registry");
    assert.equal((await ctl(lab, "start")).code, 0);
    await until(
      "both are online again",
      async () => ((await online(lab)).join() === "bo,ola" ? true : undefined),
      20_000,
    );
    for (const client of [ola, bo]) {
      client.type("exit");
      assert.equal((await client.end()).code, 0);
    }
  });

  test("who left is offline, and the journal tells everything in readable lines of the right priority", async () => {
    await until(
      "nobody is online",
      async () => ((await online(lab)).length === 0 ? true : undefined),
      20_000,
    );
    const told = await lines();
    for (const name of ["ola", "bo"]) {
      const line = told.find(({ message }) => message.startsWith(`${name} online from 10.98.0.`));
      assert.ok(line, `${name} is told: ${told.map(({ message }) => message).join("\n")}`);
      assert.equal(line.priority, 6);
    }
    assert.ok(
      told.some(({ message }) => /^ola offline|^ola left/.test(message)),
      told.map(({ message }) => message).join("\n"),
    );
    for (const { message } of told) assert.doesNotMatch(message, /^<\d>|\n/);
    // By journald's own fields, which nobody's text can bring about.
    const left = await lab.journal("-u", "multiproto", "MULTIPROTO_REASON=left");
    assert.ok(left.length >= 2, told.map(({ message }) => message).join("\n"));
    for (const { message, identifier, fields } of left) {
      assert.match(message, / reason=left( |$)/);
      assert.equal(identifier, "multiprotod");
      assert.equal(fields._SYSTEMD_UNIT, "multiproto.service");
    }
  });

  test("in health nothing needs a person", async () => {
    const { stdout } = await lab.exec([
      "journalctl",
      "-u",
      "multiproto",
      "-p",
      "warning",
      "-q",
      "--no-pager",
      "-o",
      "cat",
    ]);
    assert.equal(stdout, "");
  });

  test("the log level follows multiprotoctl, and JSON lines follow the configuration", async () => {
    assert.equal((await ctl(lab, "log-level", "warn")).code, 0);
    await sendQuietly();
    assert.equal((await ctl(lab, "log-level", "info")).code, 0);
    assert.ok(
      !(await lines()).some(({ message }) => message.includes("quiet ")),
      "nothing at info was written",
    );
    await lab.write("/etc/multiproto/multiproto.toml", '[log]\nformat = "json"\n');
    await lab.must(["systemctl", "restart", "multiproto"]);
    const ready = (await lines()).findLast(({ message }) => message.includes("ready"));
    assert.equal(typeof JSON.parse(String(ready?.message)), "object");
    assert.equal(ready?.priority, 6);
  });

  async function sendQuietly(): Promise<void> {
    const listener = chat(hosts.here, "quiet", ["listen", "--count", "1"]);
    await sendConfirmed(hosts.there, "loud", "quiet", "psst");
    assert.equal((await listener.end()).code, 0);
  }
});
