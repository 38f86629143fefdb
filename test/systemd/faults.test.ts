import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { type Running, until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import type { SystemdLab } from "../lab/systemd-lab.ts";
import {
  bootInstalled,
  chat,
  ctl,
  mainPid,
  newMainPid,
  online,
  sendConfirmed,
  threeHosts,
} from "./installed.ts";

describe("the registry when things go wrong", () => {
  let lan: Lan;
  let lab: SystemdLab;
  let hosts: { registry: LanHost; here: LanHost; there: LanHost };
  let clients: Running[] = [];

  before(async () => {
    lan = await Lan.create();
    hosts = await threeHosts(lan);
    ({ lab } = await bootInstalled({ network: hosts.registry.namespace }));
  });
  after(async () => {
    await lab?.shutdown();
    await lan.dispose();
  });

  beforeEach(async () => {
    // A start that failed may be on its way down still.
    await lab.waitFor("multiproto.service", "ActiveState", (state) => !state.endsWith("ing"));
    await lab.exec(["systemctl", "reset-failed", "multiproto.service", "multiproto.socket"]);
    await lab.must(["systemctl", "start", "multiproto.socket", "multiproto.service"]);
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.stop()));
    clients = [];
  });

  /** Ola listens here, Bo there; both are online. */
  async function twoOnline(): Promise<Running> {
    const ola = chat(hosts.here, "ola", ["listen", "--json"]);
    const bo = chat(hosts.there, "bo", ["listen", "--json"]);
    clients.push(ola, bo);
    await bothOnline();
    return ola;
  }

  const bothOnline = () =>
    until(
      "ola and bo are online",
      async () => ((await online(lab)).join() === "bo,ola" ? true : undefined),
      20_000,
    );

  test("killed, it is back by itself, its clients register again and chat", async (context) => {
    const ola = await twoOnline();
    const before = await mainPid(lab);
    await lab.must(["systemctl", "kill", "--signal=KILL", "--kill-whom=main", "multiproto"]);
    const begin = performance.now();
    await newMainPid(lab, before);
    context.diagnostic(`back after ${Math.round(performance.now() - begin)} ms`);
    await bothOnline();
    await sendConfirmed(hosts.there, "eva", "ola", "after the kill");
    await ola.output((text) => text.includes("after the kill"), "ola gets the message");
  });

  test("hung, it is restarted by the watchdog, and its clients register again", async (t) => {
    const dropIn = "/etc/systemd/system/multiproto.service.d/watchdog.conf";
    await lab.write(dropIn, "[Service]\nWatchdogSec=2\n");
    await lab.must(["systemctl", "daemon-reload"]);
    await lab.must(["systemctl", "restart", "multiproto"]);
    t.after(async () => {
      await lab.must(["rm", dropIn]);
      await lab.must(["systemctl", "daemon-reload"]);
      await lab.must(["systemctl", "restart", "multiproto"]);
    });
    await twoOnline();
    const before = await mainPid(lab);
    await lab.must(["systemctl", "kill", "--signal=STOP", "--kill-whom=main", "multiproto"]);
    await newMainPid(lab, before, 15_000);
    const told = (await lab.journal("-u", "multiproto")).some(({ message }) =>
      /[Ww]atchdog timeout/.test(message),
    );
    assert.ok(told, "the journal tells of the watchdog");
    await bothOnline();
  });

  test("healthy, the watchdog leaves it alone", async (t) => {
    const dropIn = "/etc/systemd/system/multiproto.service.d/watchdog.conf";
    await lab.write(dropIn, "[Service]\nWatchdogSec=3\n");
    await lab.must(["systemctl", "daemon-reload"]);
    await lab.must(["systemctl", "restart", "multiproto"]);
    t.after(async () => {
      await lab.must(["rm", dropIn]);
      await lab.must(["systemctl", "daemon-reload"]);
      await lab.must(["systemctl", "restart", "multiproto"]);
    });
    const before = await mainPid(lab);
    // Twice the limit, as systemd's own clock tells it.
    const fed = async () =>
      Number((await lab.show("multiproto.service", "WatchdogTimestampMonotonic")).WatchdogTimestampMonotonic);
    const first = await fed();
    await until("6 s of feeding", async () => ((await fed()) > first + 6_000_000 ? true : undefined), 10_000);
    assert.equal(await mainPid(lab), before);
  });

  test("a port in use: the error names it, and systemctl and multiprotoctl say so", async () => {
    await lab.must(["systemctl", "stop", "multiproto"]);
    const code = 'require("net").createServer().listen(10001, () => console.log("held"))';
    const holder = lab.spawn(["/usr/lib/multiproto/bin/node", "-e", code]);
    clients.push(holder);
    await holder.output((text) => text.includes("held"), "the port is held");
    assert.notEqual((await lab.exec(["systemctl", "start", "multiproto"])).code, 0);
    await lab.waitFor("multiproto.service", "ActiveState", (state) => state === "failed", 40_000);
    const errors = await lab.journal("-u", "multiproto", "-t", "multiprotod", "-p", "err");
    assert.match(String(errors.at(-1)?.message), /TCP 10001.*in use/);
    assert.equal((await ctl(lab, "status")).code, 3);
    const { code: startCode, stderr } = await ctl(lab, "start");
    assert.equal(startCode, 1);
    assert.match(stderr, /reset-failed multiproto/);
    assert.match(stderr, /TCP 10001.*in use/);
    // What the message advises, once the cause is gone.
    await holder.stop();
    await lab.must(["systemctl", "reset-failed", "multiproto"]);
    await lab.must(["systemctl", "start", "multiproto"]);
    assert.equal((await ctl(lab, "status")).code, 0);
  });
});
