import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Finding } from "../../src/doctor/finding.ts";
import { soon, temporaryDirectory } from "../control/harness.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { multiprotoctl, type Outcome, startDaemon } from "./spawn.ts";

/** `multiprotoctl doctor` as a program, without faults of the network (those: test/lan/doctor.test.ts). */

function findingsOf({ stdout, stderr }: Outcome): readonly Finding[] {
  assert.equal(stderr, "");
  const { schema, findings } = JSON.parse(stdout);
  assert.equal(schema, 1);
  for (const each of findings) {
    assert.deepEqual(Object.keys(each).toSorted(), ["check", "evidence", "finding", "fix", "level"]);
    assert.ok(each.finding !== "" && each.evidence !== "", JSON.stringify(each));
    if (each.level === "problem" || each.level === "warning") assert.ok(each.fix, JSON.stringify(each));
  }
  return findings;
}

function has(findings: readonly Finding[], level: Finding["level"], check: string, text: RegExp): void {
  const is = (each: Finding): boolean =>
    each.level === level && each.check === check && text.test(each.finding);
  assert.ok(findings.some(is), `no ${level} ${check} ${text} in ${JSON.stringify(findings, null, 1)}`);
}

test("a registry that runs, whose configuration and ports the doctor finds by itself", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const socket = ["--socket", daemon.socketPath];
  const outcome = await multiprotoctl(["doctor", "--json", ...socket]);
  const findings = findingsOf(outcome);
  has(findings, "ok", "registry", /^the registry runs and is ready$/);
  has(findings, "ok", "ports", new RegExp(`^UDP ${place.port} \\(discovery\\) is the registry's$`));
  has(findings, "ok", "ports", new RegExp(`^UDP ${place.encapsulationPort} \\(SCTP\\) is the registry's$`));
  has(findings, "ok", "clock", /^the clock has not jumped since the registry started$/);
  has(findings, "ok", "database", /^the registry can write its database$/);
  const configuration = findings.find(({ check }) => check === "configuration");
  assert.equal(configuration?.evidence, place.configurationFile, "as its command line says");
  has(findings, "ok", "files", /^the registry's key has the right owner and mode$/);
  writeFileSync(place.configurationFile, "[network]\nprot = 1\n");
  const { stdout, code } = await multiprotoctl(["doctor", ...socket]);
  assert.equal(code, 7);
  const [first = ""] = stdout.split("\n");
  assert.match(first, /^problem {2}configuration {2}the configuration would be refused/);
  assert.match(stdout, /fix: {2}correct .*multiproto\.toml, then: multiprotoctl reload/);
  assert.match(stdout, /\n\n(.*, )?1 problem, .* ok\n$/, "and how many there are of each");
});

test("another version, older clients and ports that nobody has are told; texts are escaped", async (context) => {
  const directory = temporaryDirectory(context);
  await startDaemon(context, { runtimeDirectory: directory });
  const outcome = await multiprotoctl(["doctor", "--json", "--socket", join(directory, "control.sock")]);
  const findings = findingsOf(outcome);
  assert.equal(outcome.code, 7);
  has(findings, "warning", "version", /^the registry that runs is of version 9\.8\.7, installed is /);
  has(findings, "problem", "ports", /^nobody listens on TCP 10001/);
  has(findings, "note", "clients", /speak the older protocol \(mp1\)/);
  has(findings, "note", "registry", /^its last error: bad /);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
  assert.doesNotMatch(outcome.stdout, /[\u0000-\u0009\u000b-\u001f]/);
});

test("no registry: nothing is started, and what is in the state directory is looked at", async (context) => {
  const directory = temporaryDirectory(context);
  writeFileSync(join(directory, "registry.sqlite"), "no database", { mode: 0o644 });
  chmodSync(directory, 0o777);
  const places = ["--state-dir", directory, "--socket", join(directory, "control.sock")];
  const outcome = await multiprotoctl(["doctor", "--json", ...places]);
  const findings = findingsOf(outcome);
  assert.equal(outcome.code, 7);
  has(findings, "warning", "registry", /^no registry runs here$/);
  has(findings, "problem", "database", /^the database is damaged$/);
  has(findings, "problem", "files", /^the state directory is open to others/);
  has(findings, "problem", "files", /^the database is open to others/);
  const missing = ["--config", join(directory, "none.toml"), ...places];
  const refused = findingsOf(await multiprotoctl(["doctor", "--json", ...missing]));
  has(refused, "problem", "configuration", /would be refused/);
});

test("who may not look is told what could not be seen, and is given no guess", {
  skip: process.getuid?.() === 0 ? false : "needs root",
}, async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  for (const each of [place.directory, place.runtimeDirectory]) chmodSync(each, 0o755);
  const outsider = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const options = ["--state-dir", place.stateDirectory, "--config", place.configurationFile];
  const run = multiprotoctl(["doctor", "--json", "--socket", daemon.socketPath, ...options], {
    prefix: outsider,
  });
  const outcome = await soon("the doctor", run);
  const findings = findingsOf(outcome);
  has(findings, "unknown", "registry", /^the registry could not be looked at$/);
  has(findings, "unknown", "firewall", /^the firewall of this machine could not be looked at$/);
  has(findings, "unknown", "database", /registry\.sqlite could not be looked at$/);
  has(findings, "unknown", "files", /^the registry's key .* could not be looked at$/);
  has(
    findings,
    "unknown",
    "ports",
    new RegExp(`^whether the registry has UDP ${place.port} .* could not be seen$`),
  );
  assert.deepEqual(
    findings.filter(({ level, check }) => level === "problem" && check !== "interfaces"),
    [],
  );
});
