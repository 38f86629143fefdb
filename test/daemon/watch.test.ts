/** `multiprotoctl watch` and `wait`, against the real registry and real clients. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import type { Nickname } from "../../src/wire/nickname.ts";
import { multiprotoctl } from "../ctl/spawn.ts";
import { TestShell } from "../support/chat-shell.ts";
import { Multiprotod, makePlace } from "../support/multiprotod.ts";
import { programOf } from "../support/programs.ts";
import { Watched } from "../support/until.ts";

const PROGRAM = programOf("multiprotoctl");

interface Line {
  readonly type: string;
  readonly event?: string;
  readonly nickname?: string;
  readonly state?: string;
  readonly before?: string | null;
  readonly reason?: string | null;
  readonly online?: number;
}

/** A watch that runs, and what it has printed. */
class Watch {
  readonly lines: Line[] = [];
  readonly #watched = new Watched();

  constructor(context: TestContext, socketPath: string) {
    const child = spawn(process.execPath, [PROGRAM, "watch", "--json", "--socket", socketPath], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    context.after(() => child.kill("SIGKILL"));
    createInterface(child.stdout).on("line", (line) => {
      this.lines.push(JSON.parse(line));
      this.#watched.changed();
    });
  }

  /** The first line from number `from` on that fits; the number of the one behind it. */
  async sees(what: string, fits: (line: Line) => boolean, from = 0): Promise<number> {
    return this.#watched.until(what, () => {
      const at = this.lines.findIndex((line, index) => index >= from && fits(line));
      return at < 0 ? undefined : at + 1;
    });
  }
}

const is =
  (nickname: string, state: string) =>
  (line: Line): boolean =>
    line.type === "client" && line.nickname === nickname && line.state === state;

test("watch: who comes and goes, over a restart in which nobody goes", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const watch = new Watch(context, daemon.socketPath);
  const began = await watch.sees("the roster", ({ event, online }) => event === "serves" && online === 0);
  const ola = await TestShell.open(context, { ...place, nickname: "ola" });
  await ola.online();
  const came = await watch.sees("ola comes", is("ola", "online"), began);
  // The same nickname, written otherwise: nobody has gone by that.
  ola.shell.rename("OLA" as Nickname);
  await ola.hears("renamed");

  daemon.kill("SIGKILL");
  await daemon.exited;
  const ended = await watch.sees("the end", ({ event }) => event === "ended", came);
  await Multiprotod.start(context, place);
  const again = await watch.sees("the registry again", ({ event }) => event === "serves", ended);
  await ola.watched.until("ola is back", () =>
    ola.shell.snapshot.registry === undefined ? undefined : true,
  );
  ola.shell.leave();
  const left = await watch.sees("ola leaves", is("OLA", "offline"), again);
  assert.equal(watch.lines[left - 1]?.reason, "left");
  assert.equal(
    watch.lines.find(({ state }) => state === "gone"),
    undefined,
  );
});

test("wait: until somebody is there, and not for ever", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const socket = ["--socket", daemon.socketPath];
  const waiting = multiprotoctl(["wait", "--online", "OLA", "--timeout", "30s", "--json", ...socket]);
  const ola = await TestShell.open(context, { ...place, nickname: "ola" });
  await ola.online();
  const { code, stdout } = await waiting;
  const { result, client } = JSON.parse(stdout);
  assert.deepEqual([code, result, client.nickname, client.protocol], [0, "online", "ola", "mp2"]);

  const late = await multiprotoctl(["wait", "--online", "eva", "--timeout", "50ms", ...socket]);
  assert.deepEqual(late, {
    code: 6,
    stdout: "",
    stderr: "multiprotoctl: eva was not online within 50 ms\n",
  });
  daemon.kill("SIGTERM");
  await daemon.exited;
  const none = await multiprotoctl(["wait", "--online", "ola", ...socket]);
  assert.equal(none.code, 3);
});
