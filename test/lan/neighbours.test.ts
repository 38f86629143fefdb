import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { StatusReport } from "../../src/control/reports.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import type { Running } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";

/** Two real registries on two hosts of one network, which nobody has told of each other. Needs root. */

const PROJECT = new URL("../..", import.meta.url).pathname;
const NODE = join(PROJECT, "node_modules/.bin/node");

let lan: Lan;
let directory: string;
const hosts = new Map<string, LanHost>();

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "multiproto-neighbours-"));
  lan = await Lan.create();
  for (const name of ["office", "annex"]) hosts.set(name, await lan.host(name));
});

after(async () => {
  await lan.dispose();
  await rm(directory, { recursive: true, force: true });
});

function host(name: string): LanHost {
  const found = hosts.get(name);
  if (found === undefined) throw new Error(`no host ${name}`);
  return found;
}

const at = (name: string, file: string): string => join(directory, `${name}-${file}`);

/** The registry of the host, whose realm is the host's name. */
async function start(name: string): Promise<Running> {
  await writeFile(at(name, "toml"), `[network]\nrealm = "${name}"\n`);
  const places = ["--config", at(name, "toml"), "--state-dir", at(name, "state")];
  places.push("--runtime-dir", at(name, "run"));
  const running = host(name).spawn([NODE, join(PROJECT, "src/bin/multiprotod.ts"), ...places]);
  await running.output((text) => text.includes(" ready "), "the registry is ready");
  return running;
}

async function multiprotoctl(name: string, ...args: readonly string[]): Promise<string> {
  const socket = ["--socket", join(at(name, "run"), "control.sock")];
  const program = join(PROJECT, "src/bin/multiprotoctl.ts");
  const { stdout, stderr } = await host(name).exec([NODE, program, ...args, ...socket]);
  assert.equal(stderr, "");
  return stdout;
}

async function statusOf(name: string): Promise<StatusReport> {
  return JSON.parse(await multiprotoctl(name, "status", "--json"));
}

test("each tells of the other: in the journal, in status and by doctor; and when it is gone", async () => {
  const [office, annex] = [await start("office"), await start("annex")];
  const client = await lan.host("client");
  const chat = join(PROJECT, "src/bin/multiproto-chat.ts");
  const ola = client.spawn([NODE, chat, "--background", "--nick", "ola", "--data-dir", at("ola", "data")]);
  const other = (name: string): RegExp =>
    new RegExp(
      `warn {2}Another registry is on this network, at \\S*${host(name).address}: .* realm=${name}( |$)`,
      "m",
    );
  await office.output((text) => other("annex").test(text), "it tells of the other", 30_000);
  await annex.output((text) => other("office").test(text), "and that one of it", 30_000);

  const told =
    /another registry is on this network: (?:office|annex) at 10\.98\.0\.\d+\. Who is there is not seen here/;
  await ola.output((text) => told.test(text), "its user is told as well", 30_000);
  await ola.stop("SIGTERM");

  const [status, theirs] = [await statusOf("office"), await statusOf("annex")];
  const [seen] = status.otherRegistries;
  assert.equal(status.otherRegistries.length, 1);
  assert.deepEqual([seen?.realm, seen?.fingerprint, seen?.sameKey], ["annex", theirs.fingerprint, false]);
  assert.match(
    await multiprotoctl("office", "status"),
    /^ {2}other registry +annex at 10\.98\.0\.2, key \d{5} /m,
  );
  const { findings } = JSON.parse(await multiprotoctl("office", "doctor", "--json")) as {
    readonly findings: readonly Finding[];
  };
  const found = findings.filter(({ finding }) => finding.startsWith("another registry is on this network"));
  assert.deepEqual(
    found.map(({ check, level }) => [check, level]),
    [["discovery", "warning"]],
  );

  await annex.stop("SIGTERM");
  await office.output(
    (text) => /info {2}The other registry at \S+ is gone: it said good-bye/.test(text),
    "that it is gone",
    30_000,
  );
  assert.deepEqual((await statusOf("office")).otherRegistries, []);
  assert.equal(
    office.stdout.match(/Another registry/g)?.length,
    1,
    "by multicast of both families, told once",
  );
  await office.stop("SIGTERM");
});

test("a copy of a registry's state on another host is told of as such, by both", async () => {
  await rm(at("annex", "state"), { recursive: true, force: true });
  await cp(at("office", "state"), at("annex", "state"), { recursive: true });
  const [office, annex] = [await start("office"), await start("annex")];
  const twin = /warn {2}Another registry at \S+ has this one's key/;
  await office.output((text) => twin.test(text), "it tells of its twin", 30_000);
  await annex.output((text) => twin.test(text), "and that one of it", 30_000);
  const status = await statusOf("office");
  assert.deepEqual(
    status.otherRegistries.map(({ fingerprint, sameKey }) => [fingerprint, sameKey]),
    [[status.fingerprint, true]],
  );
  await Promise.all([office.stop("SIGTERM"), annex.stop("SIGTERM")]);
});
