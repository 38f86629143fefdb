import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { askSystemctl } from "../../src/service/systemctl.ts";

const PATIENT_MILLIS = 30_000;

/** `systemctl` is this shell script, or nothing, for the rest of the test. */
function stage(context: TestContext, script: string | undefined): void {
  const directory = mkdtempSync(join(tmpdir(), "systemctl-"));
  const before = process.env.PATH;
  context.after(() => {
    process.env.PATH = before;
    rmSync(directory, { recursive: true });
  });
  if (script !== undefined)
    writeFileSync(join(directory, "systemctl"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env.PATH = directory;
}

test("what it prints, by its arguments", async (context) => {
  stage(context, 'echo "$@"');
  assert.equal(await askSystemctl(["show", "a b"], PATIENT_MILLIS), "show a b\n");
});

for (const [what, script] of [
  ["is not there", undefined],
  ["fails", "echo half; exit 1"],
  ["prints without end", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"],
] as const) {
  test(`one that ${what} has said nothing`, async (context) => {
    stage(context, script);
    assert.equal(await askSystemctl(["show"], PATIENT_MILLIS), undefined);
  });
}

test("one that does not answer is not waited for", async (context) => {
  stage(context, "while :; do :; done");
  assert.equal(await askSystemctl(["show"], 50), undefined);
});
