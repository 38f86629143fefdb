import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { CHECKOUT, type SystemdLab } from "../lab/systemd-lab.ts";
import { bootInstalled, chat, ctl, mainPid, online, sendConfirmed } from "./installed.ts";
import { UserSession } from "./user-session.ts";

const README = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

describe("the user unit, under a real service manager of the user", () => {
  let lan: Lan;
  let lab: SystemdLab;
  let there: LanHost;
  let ola: UserSession;

  before(async () => {
    lan = await Lan.create();
    const registry = await lan.host("registry");
    there = await lan.host("there");
    ({ lab } = await bootInstalled({ network: registry.namespace }));
    // As Debian has it: what is kept on disk is kept by user, who may read their own.
    await lab.write("/etc/systemd/journald.conf.d/lab.conf", "[Journal]\nStorage=persistent\n");
    await lab.must(["systemctl", "restart", "systemd-journald"]);
    await lab.must(["journalctl", "--flush"]);
    ola = await UserSession.begin(lab, "ola");
  });
  after(async () => {
    await lab?.shutdown();
    await lan?.dispose();
  });

  const isOnline = (wanted: boolean) =>
    until(
      wanted ? "ola is online" : "ola is offline",
      async () => ((await online(lab)).includes("ola") === wanted ? true : undefined),
      20_000,
    );
  const journal = () => ola.must("journalctl --user -u multiproto-chat -q --no-pager -o cat");
  /** What the registry logged about ola so far: one line for each time she came or went. */
  const comings = async () =>
    (await lab.journal("-u", "multiproto", "-t", "multiprotod"))
      .map(({ message }) => /^ola (online|offline: \w+)/.exec(message)?.[1])
      .filter((word) => word !== undefined);

  test("README's command makes one reachable, now and after the next login", async () => {
    const command = /^systemctl --user .*multiproto-chat\b/m.exec(README)?.[0];
    assert.equal(command, "systemctl --user enable --now multiproto-chat");
    await ola.must(`${command} && multiproto-chat status`);
    await isOnline(true);
    assert.deepEqual(await ola.show("ActiveState", "UnitFileState"), ["active", "enabled"]);
    await until("its status tells it", async () => {
      const [status] = await ola.show("StatusText");
      return /^ola: online at registry \S+ at 10\.98\.0\.1$/.test(String(status)) ? true : undefined;
    });
    assert.equal(await ola.must("systemd-analyze --user verify multiproto-chat.service 2>&1"), "");
    await ola.loginAgain();
    await isOnline(true);
    assert.deepEqual(await ola.show("ActiveState"), ["active"]);
  });

  test("her commands attach to it: status, send, listen, history", async () => {
    const status = JSON.parse(await ola.must("multiproto-chat status --json"));
    const [pid] = await ola.show("MainPID");
    assert.deepEqual([status.online, String(status.pid), status.nickname], [true, pid, "ola"]);
    const eva = chat(there, "eva", ["listen", "--count", "1"]);
    await ola.must("multiproto-chat wait --online eva --timeout 20s");
    await ola.must("multiproto-chat send eva 'good morning' --wait 20s");
    assert.match((await eva.end()).stdout, /good morning/);
    const listening = ola.spawn("multiproto-chat listen --count 1");
    await until("listen has attached", async () =>
      JSON.parse(await ola.must("multiproto-chat status --json")).attached > 0 ? true : undefined,
    );
    await sendConfirmed(there, "eva", "ola", "good night");
    assert.match((await listening.end()).stdout, /good night/);
    await sendConfirmed(there, "eva", "ola", "nobody looks");
    assert.match(await ola.must("multiproto-chat history eva"), /good morning[\s\S]*nobody looks/);
    assert.deepEqual(await ola.show("MainPID"), [pid]);
  });

  test("restarted and stopped, she leaves and returns properly, and the unit has not failed", async () => {
    const before = (await comings()).length;
    await ola.must("systemctl --user restart multiproto-chat");
    await isOnline(true);
    await ola.must("systemctl --user stop multiproto-chat");
    await isOnline(false);
    assert.deepEqual((await comings()).slice(before), ["offline: left", "online", "offline: left"]);
    assert.deepEqual(await ola.show("ActiveState", "Result"), ["inactive", "success"]);
    assert.equal((await ola.exec("multiproto-chat status")).code, 12);
    await ola.must("systemctl --user start multiproto-chat");
    await isOnline(true);
  });

  test("a restart of the registry is told in the journal, and is no leaving", async () => {
    const [pid] = await ola.show("MainPID");
    const registry = await mainPid(lab);
    const eva = chat(there, "eva", [], { interactive: true });
    await eva.output((text) => text.includes("online as eva"), "eva is online");
    assert.equal((await ctl(lab, "restart")).code, 0);
    assert.notEqual(await mainPid(lab), registry);
    await until("the journal has it", async () =>
      /restarts[\s\S]*back online as ola/.test(await journal()) ? true : undefined,
    );
    await eva.output((text) => text.includes("back online as eva"), "eva is back");
    await isOnline(true);
    eva.type("msg ola still there?");
    eva.child.stdin?.end();
    const { code, stdout } = await eva.end();
    assert.equal(code, 0, stdout);
    assert.doesNotMatch(stdout, /ola is offline/);
    assert.deepEqual(await ola.show("MainPID", "NRestarts"), [pid, "0"]);
  });

  test("killed, it comes back; told to quit, it does not", async () => {
    const [pid] = await ola.show("MainPID");
    await ola.must(`kill -KILL ${pid}`);
    await until("another process", async () => {
      const [now, restarts] = await ola.show("MainPID", "NRestarts");
      return now !== pid && restarts === "1" ? true : undefined;
    });
    await isOnline(true);
    await ola.must("multiproto-chat quit");
    await isOnline(false);
    assert.deepEqual(await ola.show("ActiveState", "Result", "NRestarts"), ["inactive", "success", "1"]);
  });

  test("removed by the registry's admin, it has failed and does not try again", async () => {
    await ola.must("systemctl --user start multiproto-chat");
    await isOnline(true);
    const restarts = await ola.show("NRestarts");
    assert.equal((await ctl(lab, "kick", "ola")).code, 0);
    await until("it has ended", async () =>
      (await ola.show("ActiveState")).join() === "failed" ? true : undefined,
    );
    assert.deepEqual(await ola.show("Result", "ExecMainStatus", "NRestarts"), [
      "exit-code",
      "14",
      ...restarts,
    ]);
    await ola.must("systemctl --user reset-failed multiproto-chat");
  });

  test("inside its restrictions a hook runs, and a file comes", async () => {
    await ola.must(`mkdir -p .config/multiproto && cat >.config/multiproto/chat.toml <<'END'
on-message = ["/usr/bin/tee", "/home/ola/heard"]
END
multiproto-chat config check && systemctl --user start multiproto-chat`);
    await isOnline(true);
    await sendConfirmed(there, "eva", "ola", "for the hook");
    await until("the hook has run", async () =>
      (await ola.exec("grep -q 'for the hook' heard")).code === 0 ? true : undefined,
    );
    const sender = chat(there, "eva", ["send-file", "ola", join(import.meta.dirname, "user-session.ts")]);
    const offered = () => ola.must("multiproto-chat files --json");
    const id = await until("the offer", async () => /"id":"([0-9a-f]+)"/.exec(await offered())?.[1]);
    await ola.must(`multiproto-chat files accept ${id}`);
    assert.equal((await sender.end()).code, 0);
    await ola.must("cmp Downloads/user-session.ts /srv/multiproto/test/systemd/user-session.ts");
  });

  test("the journal has what happened to it in plain lines, and nothing of what people wrote", async () => {
    const lines = (await journal()).split("\n");
    for (const wanted of [/^looking for a registry by multicast on eth0/, /^online as ola \(registry /])
      assert.ok(
        lines.some((line) => wanted.test(line)),
        lines.join("\n"),
      );
    for (const line of lines)
      assert.doesNotMatch(line, /good (morning|night)|nobody looks|still there|for the hook|\p{Cc}/u);
  });

  test("uninstalled, nothing of it runs or has failed, also at her next login", async () => {
    await lab.must([`${CHECKOUT}/scripts/uninstall.sh`]);
    const failed = () => ola.must("systemctl --user list-units --failed --plain --no-legend");
    assert.equal((await lab.exec(["pgrep", "-u", "ola", "-f", "multiproto"])).stdout, "");
    assert.doesNotMatch(await failed(), /multiproto/);
    await ola.loginAgain();
    assert.doesNotMatch(await failed(), /multiproto/);
    assert.equal((await ola.exec("systemctl --user cat multiproto-chat")).code, 1);
  });
});
