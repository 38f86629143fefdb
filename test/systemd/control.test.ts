import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { until } from "../lab/command.ts";
import type { SystemdLab } from "../lab/systemd-lab.ts";
import { bootInstalled, ctl, mainPid, newMainPid } from "./installed.ts";

const CONFIGURATION = "/etc/multiproto/multiproto.toml";

describe("the registry steered over its socket and by systemctl", () => {
  let lab: SystemdLab;

  before(async () => {
    ({ lab } = await bootInstalled());
    await lab.addUser("member", ["multiproto"]);
    await lab.addUser("outsider");
  });
  after(() => lab.shutdown());

  beforeEach(async () => {
    await lab.write(CONFIGURATION, "");
    // A start that failed may be on its way down still.
    await lab.waitFor("multiproto.service", "ActiveState", (state) => !state.endsWith("ing"));
    // The tests start it more often than a person would: not a crash loop.
    await lab.exec(["systemctl", "reset-failed", "multiproto.service", "multiproto.socket"]);
    await lab.must(["systemctl", "start", "multiproto.socket", "multiproto.service"]);
  });

  async function isState(expected: string): Promise<void> {
    await lab.waitFor("multiproto.service", "ActiveState", (state) => state === expected);
  }

  test("root and members of the group may; an outsider is told what to do", async () => {
    for (const user of [undefined, "member"]) {
      const allowed = await lab.exec(
        ["multiprotoctl", "status", "--json"],
        user === undefined ? {} : { user },
      );
      assert.equal(allowed.code, 0, allowed.stderr);
      assert.equal(JSON.parse(allowed.stdout).schema, 1);
    }
    const denied = await lab.exec(["multiprotoctl", "clients"], { user: "outsider" });
    assert.equal(denied.code, 4);
    assert.match(denied.stderr, /not permitted.*usermod -aG multiproto/s);
    const socket = await lab.must(["stat", "-c", "%a %U %G", "/run/multiproto/control.sock"]);
    assert.equal(socket.trim(), "660 root multiproto");
  });

  test("anyone-may-read: an outsider is told after a reload, as the kernel knows it, and steers nothing", async () => {
    await lab.write(CONFIGURATION, "[control]\nanyone-may-read = true\n");
    await lab.must(["systemctl", "reload", "multiproto"]);
    const socket = await lab.must(["stat", "-c", "%a %U", "/run/multiproto/read.sock"]);
    assert.equal(socket.trim(), "666 multiproto");
    const asOutsider = (...args: string[]) => lab.exec(["multiprotoctl", ...args], { user: "outsider" });
    const status = await asOutsider("status", "--json");
    assert.equal(status.code, 0, status.stderr);
    assert.equal(JSON.parse(status.stdout).pid, await mainPid(lab));
    assert.equal((await asOutsider("stop")).code, 4);
    // In the sandbox, too, the kernel says whose connections these are: the fifth of one user is one too many.
    const script =
      "import socket, time\n" +
      "held = [socket.socket(socket.AF_UNIX) for _ in range(5)]\n" +
      "for each in held: each.connect('/run/multiproto/read.sock')\n" +
      "print(held[4].recv(4096).decode())";
    const held = await lab.exec(["python3", "-c", script], { user: "outsider" });
    assert.match(held.stdout, /4 connections of this user are open already/, held.stderr);
    await lab.write(CONFIGURATION, "");
    await lab.must(["systemctl", "reload", "multiproto"]);
    assert.equal((await asOutsider("status")).code, 4);
  });

  test("status tells pid and ports; systemctl status tells in one line who is online", async () => {
    const status = JSON.parse((await ctl(lab, "status", "--json")).stdout);
    assert.equal(status.pid, await mainPid(lab));
    assert.deepEqual(status.ports, { udp: 10001, tcp: 10001, sctpUdp: 9899, sctpRaw: true });
    const { StatusText } = await lab.show("multiproto.service", "StatusText");
    assert.match(String(StatusText), /^0 online, \d+ offline, up /);
  });

  test("stop over the socket ends the unit cleanly, and nothing starts it again", async () => {
    const stopped = await lab.exec(["multiprotoctl", "stop"], { user: "member" });
    assert.equal(stopped.code, 0, stopped.stderr);
    await isState("inactive");
    const { Result, ExecMainStatus } = await lab.show("multiproto.service", "Result", "ExecMainStatus");
    assert.deepEqual([Result, ExecMainStatus], ["success", "0"]);
    const status = await ctl(lab, "status");
    assert.equal(status.code, 3, status.stdout + status.stderr);
    assert.match(status.stdout + status.stderr, /stopped/);
    await isState("inactive");
    assert.equal((await lab.must(["systemctl", "is-active", "multiproto.socket"])).trim(), "active");
  });

  test("an outsider who asks a stopped registry does not start it", async () => {
    await lab.must(["systemctl", "stop", "multiproto"]);
    for (const command of ["status", "start", "clients"]) {
      assert.equal((await lab.exec(["multiprotoctl", command], { user: "outsider" })).code, 4, command);
    }
    await isState("inactive");
  });

  test("start over the socket starts the unit and returns when it is ready", async () => {
    await lab.must(["systemctl", "stop", "multiproto"]);
    const started = await lab.exec(["multiprotoctl", "start"], { user: "member" });
    assert.equal(started.code, 0, started.stderr);
    assert.equal((await lab.show("multiproto.service", "ActiveState")).ActiveState, "active");
    assert.equal((await ctl(lab, "start")).code, 0, "starting what runs is no error");
  });

  test("restart over the socket gives a new process and no failure, again and again", async () => {
    for (let round = 0; round < 5; round += 1) {
      const before = await mainPid(lab);
      const restarted = await lab.exec(["multiprotoctl", "restart"], { user: "member" });
      assert.equal(restarted.code, 0, restarted.stderr);
      assert.notEqual(await mainPid(lab), before);
    }
    assert.equal((await lab.show("multiproto.service", "ActiveState")).ActiveState, "active");
    assert.equal((await ctl(lab, "status")).code, 0);
  });

  test("a start that fails says why", async () => {
    await lab.must(["systemctl", "stop", "multiproto"]);
    await lab.write(CONFIGURATION, "[network]\nport = 'many'\n");
    const { code, stdout, stderr } = await ctl(lab, "start");
    assert.equal(code, 1);
    assert.match(stdout + stderr, /multiproto\.toml/);
    assert.match(stdout + stderr, /port/);
  });

  test("systemctl start, stop, restart and reload do the same", async () => {
    const first = await mainPid(lab);
    await lab.must(["systemctl", "restart", "multiproto"]);
    const second = await mainPid(lab);
    assert.notEqual(second, first);
    await lab.must(["systemctl", "reload", "multiproto"]);
    assert.equal(await mainPid(lab), second);
    const begin = performance.now();
    await lab.must(["systemctl", "stop", "multiproto"]);
    assert.ok(performance.now() - begin < 2_000, "stopping takes less than 2 s");
    assert.equal((await lab.show("multiproto.service", "Result")).Result, "success");
    await lab.must(["systemctl", "start", "multiproto"]);
    assert.equal((await ctl(lab, "status")).code, 0);
  });

  for (const [name, command] of [
    ["multiprotoctl reload", ["multiprotoctl", "reload"]],
    ["systemctl reload", ["systemctl", "reload", "multiproto"]],
  ] as const) {
    test(`${name}: a good configuration is taken, a bad one refused, and the registry runs on`, async () => {
      const pid = await mainPid(lab);
      await lab.write(CONFIGURATION, '[log]\nlevel = "debug"\n');
      const good = await lab.exec(command);
      assert.equal(good.code, 0, good.stderr);
      await lab.write(CONFIGURATION, '[log]\nlevle = "debug"\n');
      const bad = await lab.exec(command);
      assert.notEqual(bad.code, 0);
      if (command[0] === "multiprotoctl") assert.match(bad.stderr, /line 2|:2/);
      assert.equal(await mainPid(lab), pid);
      assert.equal((await lab.show("multiproto.service", "ActiveState")).ActiveState, "active");
      assert.equal((await ctl(lab, "status")).code, 0);
    });
  }

  test("its key and its database are its own, survive a kill and are not readable by others", async () => {
    const { fingerprint } = JSON.parse((await ctl(lab, "fingerprint", "--json")).stdout);
    assert.match(fingerprint, /^[0-9a-f]{64}$/);
    for (const name of ["identity.pem", "registry.sqlite"]) {
      const stat = await lab.must(["stat", "-c", "%a %U", `/var/lib/multiproto/${name}`]);
      assert.equal(stat.trim(), "600 multiproto", name);
    }
    const before = await mainPid(lab);
    await lab.must(["systemctl", "kill", "--signal=KILL", "--kill-whom=main", "multiproto"]);
    await newMainPid(lab, before);
    const after = JSON.parse((await ctl(lab, "status", "--json")).stdout);
    assert.deepEqual([after.fingerprint, after.store.state], [fingerprint, "ok"]);
  });

  for (const [name, command, said] of [
    ["systemctl restart", ["systemctl", "restart", "multiproto"], "Stopping to start again after"],
    ["multiprotoctl restart", ["multiprotoctl", "restart"], "Stopping to start again after"],
    ["systemctl stop", ["systemctl", "stop", "multiproto"], "Stopping after"],
  ] as const) {
    test(`${name}: clients are told which of the two it is`, async () => {
      const pid = await mainPid(lab);
      await lab.must(command);
      const farewells = (await lab.journal("-u", "multiproto", `_PID=${pid}`)).filter(({ message }) =>
        /^Stopping/.test(message),
      );
      assert.equal(farewells.length, 1);
      assert.ok(String(farewells[0]?.message).startsWith(said), String(farewells[0]?.message));
    });
  }

  test("a damaged key ends the start for good: no loop, and the file stays as it is", async () => {
    await lab.must(["systemctl", "stop", "multiproto"]);
    const path = "/var/lib/multiproto/identity.pem";
    await lab.must(["cp", "-p", path, "/root/identity.pem"]);
    await lab.must(["truncate", "-s", "40", path]);
    assert.notEqual((await lab.exec(["systemctl", "start", "multiproto"])).code, 0);
    const { ActiveState, NRestarts, ExecMainStatus } = await lab.show(
      ...(["multiproto.service", "ActiveState", "NRestarts", "ExecMainStatus"] as const),
    );
    assert.deepEqual([ActiveState, NRestarts, ExecMainStatus], ["failed", "0", "79"]);
    const last = (await lab.journal("-u", "multiproto", "-t", "multiprotod")).at(-1);
    assert.match(String(last?.message), /Not started: Cannot use the identity file .*left as it is/);
    assert.equal((await lab.must(["stat", "-c", "%s", path])).trim(), "40");
    await lab.must(["cp", "-p", "/root/identity.pem", path]);
  });

  test("SIGHUP reloads as well", async () => {
    const pid = await mainPid(lab);
    await lab.write(CONFIGURATION, '[presence]\nlost-after = "8s"\n');
    await lab.must(["systemctl", "kill", "--signal=HUP", "--kill-whom=main", "multiproto"]);
    const reloaded = async () =>
      (await lab.journal("-u", "multiproto", `_PID=${pid}`)).some(({ message }) =>
        /reloaded.*lost-after/.test(message),
      );
    await until("the journal tells of the reload", async () => (await reloaded()) || undefined);
    assert.equal(await mainPid(lab), pid);
  });

  test("a refused configuration at the start ends in a clear failed state, without a loop", async () => {
    await lab.must(["systemctl", "stop", "multiproto"]);
    await lab.write(CONFIGURATION, "[network]\nprot = 10001\n");
    assert.notEqual((await lab.exec(["systemctl", "start", "multiproto"])).code, 0);
    const { ActiveState, NRestarts, ExecMainStatus } = await lab.show(
      ...(["multiproto.service", "ActiveState", "NRestarts", "ExecMainStatus"] as const),
    );
    assert.deepEqual([ActiveState, NRestarts, ExecMainStatus], ["failed", "0", "78"]);
    const last = (await lab.journal("-u", "multiproto", "-t", "multiprotod")).at(-1);
    assert.equal(last?.priority, 3);
    assert.match(String(last?.message), /prot.*port/);
  });
});
