import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { BareRoot } from "../lab/bare-root.ts";
import { type DebianRelease, debianTree } from "../lab/debian.ts";
import { CHECKOUT, SystemdLab } from "../lab/systemd-lab.ts";

/** With all that CI runs. On two cores with much other work beside it, 25 minutes were not enough. */
const TESTS_MILLIS = 3_000_000;

/** README's two commands on a Debian with nothing prepared, over the real network: minutes, not part of CI. */

const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
const trusting = { SSL_CERT_FILE: CERTIFICATES, NODE_EXTRA_CA_CERTS: CERTIFICATES };

for (const release of ["bookworm", "trixie"] as const satisfies readonly DebianRelease[]) {
  describe(`bare Debian ${release}`, () => {
    test("scripts/install.sh brings everything, starts the registry and proves it; --purge takes it away", async (t) => {
      const lab = await SystemdLab.boot({
        root: await debianTree(release),
        network: "host",
        checkout: "clean",
      });
      t.after(() => lab.shutdown());
      // The certificates that this machine trusts, for apt and npm only.
      await lab.write(CERTIFICATES, readFileSync(CERTIFICATES, "utf8"));

      const begin = performance.now();
      const output = await lab.must([`${CHECKOUT}/scripts/install.sh`], {
        environment: trusting,
        timeoutMillis: 600_000,
      });
      t.diagnostic(`installed on ${release} in ${Math.round((performance.now() - begin) / 1000)} s`);
      assert.match(
        output,
        /proved: two clients registered and one sent the other a message, confirmed after \d+ ms/,
      );
      t.diagnostic(/proved: .*/.exec(output)?.[0] ?? "");
      const status = JSON.parse(await lab.must(["multiprotoctl", "status", "--json"]));
      assert.equal(status.state, "ready");
      assert.equal(status.ports.sctpRaw, true, "the native part was built and works");

      const again = performance.now();
      assert.match(await lab.must([`${CHECKOUT}/scripts/install.sh`], { environment: trusting }), /proved:/);
      t.diagnostic(`again, in place: ${Math.round(performance.now() - again)} ms`);

      await lab.must(["/usr/lib/multiproto/uninstall.sh", "--purge"]);
      const leftOver = await lab.must([
        "find",
        "/etc",
        "/usr",
        "/var/lib",
        "/run",
        "-xdev",
        "-name",
        "*multiproto*",
      ]);
      assert.equal(leftOver, "");
    });

    test("scripts/test.sh brings what the tests need, and all that CI runs passes", async (t) => {
      const root = await BareRoot.lay(await debianTree(release));
      t.after(() => root.remove());
      root.write(CERTIFICATES, readFileSync(CERTIFICATES, "utf8"));
      const begin = performance.now();
      const finished = await root.exec([`${CHECKOUT}/scripts/test.sh`], {
        environment: trusting,
        timeoutMillis: TESTS_MILLIS,
      });
      const lines = finished.stdout.trimEnd().split("\n");
      t.diagnostic(
        `tested on ${release} in ${Math.round((performance.now() - begin) / 1000)} s: ${lines.at(-1)}`,
      );
      const failures = lines.filter((line) => /✖|^FAILED/.test(line)).join("\n");
      assert.equal(
        finished.code,
        0,
        `${failures}\n${lines.slice(-10).join("\n")}\n${finished.stderr.slice(-2_000)}`,
      );
      assert.match(String(lines.at(-1)), /^\d+ passed, 0 failed$/);
    });
  });
}
