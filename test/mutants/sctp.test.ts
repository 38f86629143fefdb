/**
 * Every rule, bound and timer of src/sctp has a test that fails without it: each mutant of sctp.txt breaks one, and the
 * tests of test/sctp must notice. MUTANTS=words tries those whose file and rule contain the words. A mutant that goes
 * unnoticed asks for a test, or for less code; one that makes no difference does not belong into the list.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { broken, type Mutant, readMutants } from "./mutants.ts";

const TESTS = new URL("../sctp/", import.meta.url);
/** Some ten times as long as the tests take: a mutant that runs for ever is noticed, too. */
const PATIENCE_MILLIS = 120_000;
/** They take long, and find nothing that the others do not. */
const LEFT_OUT = ["fuzz-decode", "fuzz-endpoint", "fuzz-pair", "liveness"];
/** They take as long as all others together, and only see what the others let pass. */
const SLOW = ["hostile-memory", "roaming", "blind", "pair-seeds"];
const QUICK = readdirSync(TESTS)
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => file.slice(0, -".test.ts".length))
  .filter((name) => !LEFT_OUT.includes(name) && !SLOW.includes(name));

/** The first of the tests, run in this order, that the mutant makes fail. */
async function noticing(names: readonly string[], number: number): Promise<string | undefined> {
  const files = names.map((name) => fileURLToPath(new URL(`${name}.test.ts`, TESTS)));
  const options = [
    ["--import", new URL("apply.ts", import.meta.url).href],
    ["--test", "--test-isolation=none"],
    ["--test-reporter", new URL("first-failure.ts", import.meta.url).href],
  ];
  // A run of its own, not a part of this one.
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  const child = spawn(process.execPath, [...options.flat(), ...files], {
    env: { ...env, MUTANT: String(number) },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: PATIENCE_MILLIS,
    killSignal: "SIGKILL",
  });
  const told: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => told.push(bytes));
  const [status] = await once(child, "close");
  return status === 0 ? undefined : Buffer.concat(told).toString() || "it runs for ever, or not at all";
}

function assertApplies(mutant: Mutant): void {
  const source = readFileSync(new URL(`../../src/sctp/${mutant.file}`, import.meta.url), "utf8");
  const message = `sctp.txt is out of date: this does not stand just once in ${mutant.file}: ${mutant.text}`;
  assert.notEqual(broken(mutant, source), undefined, message);
}

test("unbroken, all pass", async () => {
  assert.equal(await noticing(QUICK, -1), undefined);
  assert.equal(await noticing(SLOW, -1), undefined);
});

const wanted = process.env.MUTANTS ?? "";
for (const [number, mutant] of readMutants().entries()) {
  const name = `${mutant.file}: ${mutant.rule}`;
  if (!name.includes(wanted)) continue;
  test(name, async (context) => {
    assertApplies(mutant);
    const others = QUICK.filter((each) => !mutant.likely.includes(each));
    let noticed: string | undefined;
    for (const names of [mutant.likely, others, SLOW]) noticed ??= await noticing(names, number);
    assert.ok(noticed !== undefined, `nothing notices that this becomes "${mutant.becomes}": ${mutant.text}`);
    context.diagnostic(noticed);
  });
}
