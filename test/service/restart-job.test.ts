import assert from "node:assert/strict";
import { test } from "node:test";
import { isRestartOf } from "../../src/service/restart-job.ts";

const UNIT = "multiproto.service";

for (const [jobs, wanted, why] of [
  ["2114 multiproto.service restart running\n", true, "systemctl restart"],
  ["2114 multiproto.service stop running\n", false, "systemctl stop"],
  ["2114 multiproto.service start waiting\n", false, "the second half of a restart"],
  ["  7 other.service restart running\n8 multiproto.service stop running\n", false, "another's restart"],
  ["7 other.service stop running\n8 multiproto.service restart running\n", true, "among others"],
  ["No jobs running.\n", false, "a kill"],
  ["", false, "nothing"],
] as const) {
  test(`${why}: ${wanted ? "a restart" : "no restart"}`, () => {
    assert.equal(isRestartOf(UNIT, jobs), wanted);
  });
}
