import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { type DebianRelease, debianTree } from "../lab/debian.ts";
import { CHECKOUT, SystemdLab } from "../lab/systemd-lab.ts";

/** README's first command on a Debian with nothing prepared, over the real network: minutes, not part of CI. */

const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

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
      const environment = { SSL_CERT_FILE: CERTIFICATES, NODE_EXTRA_CA_CERTS: CERTIFICATES };

      const begin = performance.now();
      const output = await lab.must([`${CHECKOUT}/scripts/install.sh`], {
        environment,
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
      assert.match(await lab.must([`${CHECKOUT}/scripts/install.sh`], { environment }), /proved:/);
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
  });
}
