/**
 * The clock of a machine is set by an hour while its registry serves, and the machine is put to sleep by its kernel: a
 * user-mode-linux guest, whose clock and whose sleep are its own. (CLOCK_REALTIME has no namespace, and a preloaded library
 * would show what that library does.) On it is also somebody who chats by another registry: a laptop that is closed.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { EXIT } from "../../src/chat/exit-codes.ts";
import { Running, until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { nodeFlags } from "../support/node-flags.ts";
import { chat, sendConfirmed } from "./installed.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const UML = join(PROJECT, "test/lab/uml-host.sh");
/** Node starts slowly there: each of its pages is asked of the host. */
const BOOT_MILLIS = 240_000;
/** The guest's own memory. Its /tmp is the machine's, where this checkout may be. */
const INSIDE = "/run/multiproto-guest";
/** The other registry's. */
const PORTS = { port: 10_011, encapsulation: 9_911 };

function program(name: "multiprotod" | "multiproto-chat"): string[] {
  return [join(PROJECT, "node_modules/.bin/node"), ...nodeFlags(name), join(PROJECT, `dist/bin/${name}.js`)];
}

function daemon(directory: string): string[] {
  const places = ["--state-dir", join(directory, "state"), "--runtime-dir", join(directory, "run")];
  return [...program("multiprotod"), "--foreground-log", "pretty", ...places];
}

describe("a machine whose clock is set, and which is put to sleep", () => {
  let lan: Lan;
  let [here, there]: LanHost[] = [];
  let guest: Running;
  let other: Running;
  const clients: Running[] = [];
  const directory = mkdtempSync(join(tmpdir(), "multiproto-guest-"));

  before(async () => {
    lan = await Lan.create();
    [here, there] = [await lan.host("here"), await lan.host("there")];
    const tap = await lan.tap("10.98.0.50");
    // Each line of input is a command.
    const script = [
      `mkdir -p ${INSIDE}/run`,
      `${daemon(INSIDE).join(" ")} & while read -r line; do eval "$line"; done`,
    ].join("; ");
    guest = new Running(tap.on([UML, tap.device, "10.98.0.50/24", "bash", "-c", script]), {
      interactive: true,
    });
    mkdirSync(join(directory, "run"));
    const config = join(directory, "multiproto.toml");
    writeFileSync(config, `[network]\nport = ${PORTS.port}\nencapsulation-port = ${PORTS.encapsulation}\n`);
    other = there.spawn([...daemon(directory), "--config", config]);
    await other.output(ready, "the other registry is ready");
    await guest.output(ready, "the guest's registry is ready", BOOT_MILLIS);
  });
  after(async () => {
    await Promise.all([...clients, other].map((program) => program?.stop()));
    await guest?.stop();
    await lan?.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  const ready = (said: string): boolean => /multiproto \S+ ready/.test(said);
  const count = (pattern: RegExp): number => [...guest.stdout.matchAll(pattern)].length;
  const seen = (registry: Running, pattern: RegExp, what: string, from = 0): Promise<string> =>
    registry.output((said) => pattern.test(said.slice(from)), what, 120_000);

  for (const [index, [direction, word]] of (
    [
      ["+1 hour", "1 h forward"],
      ["-1 hour", "1 h back"],
    ] as const
  ).entries()) {
    test(`${direction}: it says so, nobody is lost, they chat, and newcomers get in`, async () => {
      assert.ok(here !== undefined && there !== undefined);
      const ola = chat(here, `ola${index}`, ["listen", "--json"]);
      clients.push(ola);
      await seen(guest, new RegExp(`ola${index} online`), "ola is online");
      const lost = count(/ offline: /g);
      guest.type(`date -s '${direction}'`);
      const said = `The clock of this machine was set ${word}`;
      await guest.output((text) => text.includes(said), "it says so", 60_000);
      await sendConfirmed(there, `bo${index}`, `ola${index}`, `after ${direction}`);
      await ola.output((text) => text.includes(`after ${direction}`), "ola reads it", 60_000);
      const gone = [...guest.stdout.matchAll(/^.* offline: .*$/gm)].slice(lost).map(([line]) => line);
      assert.deepEqual(
        gone.filter((line) => !/bo\d offline: left/.test(line)),
        [],
      );
    });
  }

  test("asleep until it is missed, then awake: who was here and who was away on it are back by themselves", async () => {
    assert.ok(here !== undefined && there !== undefined);
    const registry = ["--registry", there.address, "--port", String(PORTS.port)];
    const home = ["HOME", "XDG_RUNTIME_DIR"].map((name) => `${name}=${INSIDE}`).join(" ");
    const eve = [...program("multiproto-chat"), "--nick", "eve", ...registry, "--encapsulation-port", "9912"];
    guest.type(`${home} ${eve.join(" ")} listen --json &`);
    await seen(other, /eve online/, "eve is online at the other registry");

    const [before, beforeOther] = [guest.stdout.length, other.stdout.length];
    guest.type("echo freeze >/sys/power/state; echo awake");
    await seen(other, /eve offline: lost/, "the sleeping eve is missed", beforeOther);
    // As long as somebody tries to get in there, who is here gives the sleeping registry up as well.
    const newcomer = await chat(here, "dag", ["wait", "--online", "ola1", "--timeout", "10s"]).end();
    assert.equal(newcomer.code, EXIT.timeout, newcomer.stderr);
    assert.ok(!guest.stdout.slice(before).includes("awake"), "it did not sleep");

    const [asleep, asleepOther] = [guest.stdout.length, other.stdout.length];
    guest.child.kill("SIGUSR1");
    await seen(guest, /The registry did not run for \d+ s/, "it says that it slept", asleep);
    await seen(other, /eve online/, "eve is back", asleepOther);
    await sendConfirmed(here, "dag", "ola1", "good morning");
    await clients.at(-1)?.output((text) => text.includes("good morning"), "ola reads it", 60_000);
    const toEve = ["send", "eve", "wake up", "--wait", "20s", ...registry];
    assert.equal((await chat(here, "kai", toEve).end()).code, 0);
    await guest.output((text) => text.includes("wake up"), "eve reads it", 60_000);
    const host = here;
    await until("all are online", async () => {
      const { stdout } = await chat(host, "dag", ["list", "--json"]).end();
      return /"nickname":"ola1"[^}]*"online":true/.test(stdout) ? true : undefined;
    });
  });
});
