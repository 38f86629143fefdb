import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Running, until } from "../lab/command.ts";
import { Lan, type LanHost } from "../lab/netns.ts";
import type { SystemdLab } from "../lab/systemd-lab.ts";
import type { CrowdReport } from "../support/crowd.ts";
import { bootInstalled, mainPid, newMainPid } from "./installed.ts";

const NODE = join(import.meta.dirname, "../../node_modules/.bin/node");
const CROWD = join(import.meta.dirname, "../support/crowd.ts");
/** Real clients, on so many hosts. */
const CLIENTS = 200;
const HOSTS = 4;
/** A report of a crowd costs it some 50 ms. */
const PAUSE_MILLIS = 1_000;
/** This machine runs all of them beside the registry. */
const PATIENCE_MILLIS = 60_000;

describe(`${CLIENTS} clients, and a registry that restarts`, () => {
  let lan: Lan;
  let lab: SystemdLab;
  const crowds: Running[] = [];

  before(async () => {
    lan = await Lan.create();
    const registry = await lan.host("registry");
    const hosts: LanHost[] = [];
    for (let index = 0; index < HOSTS; index += 1) hosts.push(await lan.host(`crowd${index}`));
    ({ lab } = await bootInstalled({ network: registry.namespace }));
    for (const [index, host] of hosts.entries()) {
      const argv = [
        NODE,
        "--disable-warning=ExperimentalWarning",
        CROWD,
        `c${index}n`,
        String(CLIENTS / HOSTS),
      ];
      crowds.push(host.spawn(argv, { interactive: true }));
    }
    await allOnline();
    await rosters();
  });
  after(async () => {
    await Promise.all(crowds.map((crowd) => crowd.stop("SIGKILL")));
    await lab?.shutdown();
    await lan.dispose();
  });

  async function ask(crowd: Running, line: string): Promise<string> {
    const from = crowd.stdout.length;
    crowd.type(line);
    const is = (text: string) => /^\{"(rosters|delivered)".*\}$/m.exec(text.slice(from))?.[0];
    return is(await crowd.output((text) => is(text) !== undefined, line)) ?? "";
  }

  const reports = () =>
    Promise.all(crowds.map(async (crowd) => JSON.parse(await ask(crowd, "report")) as CrowdReport));

  function allOnline(): Promise<unknown> {
    const wanted = JSON.stringify({ online: CLIENTS / HOSTS });
    const last = (text: string) =>
      text
        .trim()
        .split("\n")
        .findLast((line) => line.startsWith('{"online"'));
    return Promise.all(
      crowds.map((crowd) =>
        crowd.output((text) => last(text) === wanted, "all clients online", PATIENCE_MILLIS),
      ),
    );
  }

  /** Waits until all rosters are one, of everybody; returns it. */
  function rosters(): Promise<string> {
    return until(
      "one roster everywhere",
      async () => {
        const all = new Set((await reports()).flatMap((report) => report.rosters));
        const [only = ""] = all;
        return all.size === 1 && only.startsWith(`${CLIENTS} `) ? only : undefined;
      },
      PATIENCE_MILLIS,
      PAUSE_MILLIS,
    );
  }

  /** Until everybody's message to the next one is confirmed, beyond those before. */
  async function allWrite(rounds: number): Promise<void> {
    for (const crowd of crowds) crowd.type("write");
    const wanted = JSON.stringify({
      delivered: (rounds * CLIENTS) / HOSTS,
      received: (rounds * CLIENTS) / HOSTS,
    });
    let told: readonly string[] = [];
    await until(
      "all messages confirmed",
      async () => {
        const counts = await Promise.all(crowds.map((crowd) => ask(crowd, "counts")));
        told = counts;
        return counts.every((count) => count === wanted) ? true : undefined;
      },
      PATIENCE_MILLIS,
      PAUSE_MILLIS,
    ).catch(async (error: unknown) => {
      const undelivered = (await reports()).flatMap((report) => report.undelivered);
      throw new Error(
        `${told.join(" ")}, wanted ${wanted}; not delivered: ${undelivered.slice(0, 10).join("; ")}`,
        {
          cause: error,
        },
      );
    });
  }

  async function readyAt(): Promise<number> {
    const { ActiveEnterTimestampMonotonic } = await lab.show(
      "multiproto.service",
      "ActiveEnterTimestampMonotonic",
    );
    // CLOCK_MONOTONIC is the machine's, inside and outside.
    return (
      Date.now() - (Number(process.hrtime.bigint()) / 1e6 - Number(ActiveEnterTimestampMonotonic) / 1_000)
    );
  }

  const ENDS: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["systemctl restart", () => lab.must(["systemctl", "restart", "multiproto"])],
    ["kill -9", () => lab.must(["systemctl", "kill", "-s", "SIGKILL", "multiproto"])],
  ];

  for (const [index, [name, end]] of ENDS.entries()) {
    test(`${name}: all come back, nobody is seen to leave, rosters are as before, chats go on`, async (t) => {
      const before = await rosters();
      await allWrite(2 * index + 1);
      for (const crowd of crowds) crowd.type("forget");
      const pid = await mainPid(lab);
      const endedAt = Date.now();
      await end();
      // Chats need no registry.
      await allWrite(2 * index + 2);
      await newMainPid(lab, pid);
      const ready = await readyAt();
      await until(
        "everybody has come back",
        async () => {
          const all = (await reports()).flatMap((report) => report.onlineAt);
          return all.length === CLIENTS && all.every((at) => at > endedAt) ? true : undefined;
        },
        PATIENCE_MILLIS,
        PAUSE_MILLIS,
      );
      assert.equal(await rosters(), before);
      const after = await reports();
      assert.deepEqual(
        after.flatMap((report) => report.toldGone),
        [],
        "seen to leave",
      );
      assert.deepEqual(
        after.flatMap((report) => report.undelivered),
        [],
      );
      const back = after
        .flatMap((report) => report.onlineAt)
        .map((at) => at - ready)
        .sort((a, b) => a - b);
      t.diagnostic(
        `back after READY: median ${back[CLIENTS / 2]?.toFixed(0)} ms, last ${back.at(-1)?.toFixed(0)} ms`,
      );
    });
  }
});
