/**
 * The clock of a machine is set by an hour while its registry serves: in a user-mode-linux guest, whose clock is its own.
 * (CLOCK_REALTIME has no namespace, and a preloaded library would show what that library does.)
 */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { Running, until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import { nodeFlags } from "../support/node-flags.ts";
import { chat, sendConfirmed } from "./installed.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const UML = join(PROJECT, "test/lab/uml-host.sh");
/** Node starts slowly there: each of its pages is asked of the host. */
const BOOT_MILLIS = 240_000;

describe("a registry whose clock is set", () => {
  let lan: Lan;
  let [here, there]: LanHost[] = [];
  let guest: Running;
  const clients: Running[] = [];

  before(async () => {
    lan = await Lan.create();
    [here, there] = [await lan.host("here"), await lan.host("there")];
    const tap = await lan.tap("10.98.0.50");
    const directory = "/tmp/multiproto-clock";
    const daemon = [join(PROJECT, "node_modules/.bin/node"), ...nodeFlags("multiprotod")];
    daemon.push(join(PROJECT, "dist/bin/multiprotod.js"), "--foreground-log", "pretty");
    daemon.push("--state-dir", `${directory}/state`, "--runtime-dir", `${directory}/run`);
    // /tmp of the guest is a file system of its own; each line of input is a command.
    const script = `mount -t tmpfs tmpfs /tmp; mkdir -p ${directory}/run; ${daemon.join(" ")} & while read -r line; do eval "$line"; done`;
    guest = new Running(tap.on([UML, tap.device, "10.98.0.50/24", "bash", "-c", script]), {
      interactive: true,
    });
    await guest.output((said) => /multiproto \S+ ready/.test(said), "the registry is ready", BOOT_MILLIS);
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.stop()));
    await guest?.stop();
    await lan?.dispose();
  });

  const count = (pattern: RegExp): number => [...guest.stdout.matchAll(pattern)].length;

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
      await until(
        "ola is online",
        () => (guest.stdout.includes(`ola${index} online`) ? true : undefined),
        120_000,
      );
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
});
