/** `multiprotoctl top` in a terminal, against a real registry with real clients. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../lab/command.ts";
import { Mp1Client } from "../support/mp1-client.ts";
import { Multiprotod, makePlace, type Place } from "../support/multiprotod.ts";
import { programOf } from "../support/programs.ts";
import { Terminal } from "./terminal.ts";

const PROGRAM = programOf("multiprotoctl");

async function top(context: TestContext, daemon: Multiprotod, columns = 110, rows = 12): Promise<Terminal> {
  const argv = [process.execPath, PROGRAM, "top", "--socket", daemon.socketPath];
  const terminal = await Terminal.run({ argv, environment: { LC_ALL: "C.UTF-8" } }, { columns, rows });
  context.after(() => terminal.dispose());
  return terminal;
}

async function crowd(context: TestContext, place: Place, count: number): Promise<void> {
  for (let index = 1; index <= count; index += 1)
    await Mp1Client.join(context, { registry: place, nickname: `c${String(index).padStart(2, "0")}` });
}

test("live: rows come, keys change order and place, the size changes, q gives the terminal back", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  await Mp1Client.join(context, { registry: place, nickname: "名前ola" });
  const terminal = await top(context, daemon);
  await terminal.shows(/^名前ola +online +udp .* \d+(\.\d)? k?B +\S+ k?B +2\d{3}-/m);
  await terminal.shows(/1 to 1 of 1, by traffic; s: another order, arrows: others, q: leave$/);
  await crowd(context, place, 12);
  await terminal.shows(/1 to 8 of 13, by traffic;/);
  for (const order of ["since", "nickname"]) {
    await terminal.type("s");
    await terminal.shows(new RegExp(`by ${order};`));
  }
  await terminal.shows(/^c01 +online/m);
  await terminal.keys("PageDown");
  await terminal.shows(/9 to 13 of 13, by nickname;/);
  await terminal.keys("Up");
  await terminal.shows(/8 to 13 of 13,/);
  await terminal.resize(60, 30);
  const screen = await terminal.shows(/1 to 13 of 13|8 to 13 of 13/);
  for (const line of screen.split("\n")) assert.ok(line.length <= 60);
  await terminal.type("q");
  const after = await terminal.shows(/^ended with 0$/m);
  assert.doesNotMatch(after, /NICKNAME/, "what was on the screen before is there again");
});

test("it goes on when the registry is restarted; Ctrl-C leaves, and the cursor is back", async (context) => {
  const place = await makePlace(context);
  const daemon = await Multiprotod.start(context, place);
  const terminal = await top(context, daemon);
  const recording = join(place.directory, "recording");
  await terminal.record(recording);
  await terminal.shows(/nobody, by traffic;/);
  daemon.kill("SIGTERM");
  await daemon.exited;
  await terminal.shows(/^(the registry is not running; start it|there is no socket)/m);
  const again = await Multiprotod.start(context, place);
  await Mp1Client.join(context, { registry: place, nickname: "ola" });
  await terminal.shows(/^registry .*: 1 online/m);
  assert.ok(again.pid > 0);
  await terminal.keys("C-c");
  await terminal.shows(/^ended with 0$/m);
  await until("the cursor is shown and the screen left", () =>
    Promise.resolve(readFileSync(recording, "latin1").includes("\u001b[?25h\u001b[?1049l") || undefined),
  );
});

test("a signal that ends it gives the terminal back as well", async (context) => {
  const daemon = await Multiprotod.start(context, await makePlace(context));
  const terminal = await top(context, daemon);
  await terminal.shows(/nobody, by traffic;/);
  const pid = execFileSync("pgrep", ["-f", `top --socket ${daemon.socketPath}$`], { encoding: "utf8" });
  process.kill(Number(pid.trim().split("\n").at(-1)), "SIGTERM");
  const after = await terminal.shows(/^ended with 0$/m);
  assert.doesNotMatch(after, /NICKNAME/);
});
