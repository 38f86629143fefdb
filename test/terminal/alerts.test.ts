import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../lab/command.ts";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";
import type { Terminal } from "./terminal.ts";

/** What calls a person who looks elsewhere: bell, notification, do-not-disturb, and being away by itself. */

let registry: Registry;
let people: People;

before(async () => {
  registry = await Registry.start();
  people = new People(registry);
});

after(async () => {
  await people.dispose();
  await registry.dispose();
});

/** Away after a minute without a key, which is the shortest that can be chosen. */
function isAwaySoon(name: string): { XDG_CONFIG_HOME: string } {
  const config = join(registry.directory, name, "config");
  mkdirSync(join(config, "multiproto"), { recursive: true });
  writeFileSync(join(config, "multiproto", "chat.toml"), 'auto-away = "1m"\n');
  return { XDG_CONFIG_HOME: config };
}

async function says(who: Terminal, text: string): Promise<void> {
  await who.type(text);
  await who.keys("Enter");
}

// The minute in which no key is pressed passes beside the others.
describe("what calls a person who looks elsewhere", { concurrency: 2 }, () => {
  test("no key for a minute: away by itself, until a key is pressed at any face", async () => {
    const environment = isAwaySoon("ada");
    const ada = await people.screen("ada", 160, 50, environment);
    await ada.shows("online as ada");
    const beside = await people.screen("ada", 160, 50, environment);
    await beside.shows("online as ada");
    const lea = await people.chat("lea", 100, 30);
    await lea.shows("online as lea");
    await ada.type("/talk lea");
    await ada.keys("Enter");
    await ada.shows("to lea>");
    await says(lea, "list");
    await lea.shows(/^ada /m);
    assert.doesNotMatch(await lea.screen(), /^ada .* away/m);
    await ada.shows("away: no key was pressed; the next one ends that", 90_000);
    await says(lea, "list");
    await lea.shows(/^ada .* away/m);
    await beside.type("x");
    await ada.shows("you are back");
    await beside.keys("C-u");
    await people.leave(beside, lea, ada);
  });

  describe("bell and notification", { concurrency: 1 }, () => {
    for (const [columns, rows] of [
      [80, 24],
      [160, 50],
    ] as const)
      test(`once, for what is not on the screen, at ${columns}x${rows}`, () => calls(columns, rows));
  });
});

async function calls(columns: number, rows: number): Promise<void> {
  const [adams, olas, eves] = [`adam${columns}`, `ola${columns}`, `eve${columns}`];
  const directory = join(registry.directory, adams);
  const configuration = isAwaySoon(adams);
  const calls = join(directory, "calls");
  writeFileSync(
    join(directory, "notify-send"),
    `#!/bin/sh\nprintf '%s|' "$@" >> ${calls}; echo >> ${calls}\n`,
  );
  chmodSync(join(directory, "notify-send"), 0o755);
  const environment = {
    ...configuration,
    PATH: `${directory}:${process.env.PATH}`,
    DISPLAY: ":0",
  };
  const notified = (): string => (existsSync(calls) ? readFileSync(calls, "utf8") : "");
  const adam = await people.screen(adams, columns, rows, environment);
  const bells = (face: string): number => {
    const path = join(directory, face);
    return existsSync(path) ? readFileSync(path, "latin1").split("\x07").length - 1 : 0;
  };
  await adam.record(join(directory, "first"));
  await adam.shows(`online as ${adams}`);
  // A second face of the same user: it does not ring as well.
  const beside = await people.screen(adams, columns, rows, environment);
  await beside.record(join(directory, "second"));
  await beside.shows(`online as ${adams}`);
  const ola = await people.chat(olas, 100, 30);
  await ola.shows(`online as ${olas}`);
  const eve = await people.chat(eves, 100, 30);
  await eve.shows(`online as ${eves}`);
  await adam.type(`/talk ${olas}`);
  await adam.keys("Enter");
  await adam.shows(`to ${olas}>`);
  await says(ola, `msg ${adams} you see this`);
  await adam.shows(/you see this/);
  await says(eve, `msg ${adams} <b>look</b> $(here)`);
  await until("the notification", () => (notified().endsWith("\n") ? true : undefined));
  assert.equal(notified(), `--app-name=multiproto-chat|--|${eves}|&lt;b&gt;look&lt;/b&gt; $(here)|\n`);
  await until("the bell", () => (bells("first") === 1 ? true : undefined));
  await adam.type("/dnd");
  await adam.keys("Enter");
  await adam.shows(/do not disturb: no bell, no notification/);
  await adam.shows(new RegExp(`${adams} \\(do not disturb\\)`));
  await says(eve, "not now");
  await eve.shows(/not now ✓/);
  await adam.type("/dnd off");
  await adam.keys("Enter");
  await adam.shows("bell and notifications are on");
  await adam.shows(new RegExp(`${adams} at `));
  assert.equal(notified().split("\n").length - 1, 1);
  const status = await registry.run("--nick", adams, "status", "--json").finished;
  assert.deepEqual(JSON.parse(status.stdout).unread, {
    total: 2,
    conversations: [{ conversation: `@${eves}`, title: eves, count: 2 }],
  });
  // In a room only who is named is called.
  for (const who of [adam, ola]) await says(who, "/join #lab");
  await ola.shows(/you are in #lab with/);
  await adam.keys("M-1");
  await says(ola, "nobody is meant");
  await ola.shows(/nobody is meant ✓/);
  await says(ola, `${adams.toUpperCase()}: you are`);
  await until("the mention", () => (/you are\|\n$/.test(notified()) ? true : undefined));
  assert.match(notified(), new RegExp(`${olas} in #lab\\|${adams.toUpperCase()}: you are\\|\\n$`));
  assert.doesNotMatch(notified(), /nobody is meant|not now|you see this/);
  await until("the second bell", () => (bells("first") === 2 ? true : undefined));
  assert.equal(bells("second"), 0);
  await offersFiles({
    adam,
    from: eve,
    notified,
    bells: () => bells("first"),
    directory,
    names: [adams, eves],
  });
  await people.leave(beside, eve, ola, adam);
}

/** A file that is offered calls as a private message does: not while the user is not to be called, nor by whom is ignored. */
async function offersFiles(scene: {
  readonly adam: Terminal;
  readonly from: Terminal;
  readonly notified: () => string;
  readonly bells: () => number;
  readonly directory: string;
  readonly names: readonly [adam: string, from: string];
}): Promise<void> {
  const { adam, from, notified, bells, directory, names } = scene;
  const [adams, froms] = names;
  const rung = bells();
  const offers = async (name: string): Promise<void> => {
    writeFileSync(join(directory, name), "x".repeat(3_000));
    await says(from, `/send-file ${adams} ${join(directory, name)}`);
    await from.shows(name);
  };
  await offers("quarter.txt");
  await until("the notification of the file", () => (notified().includes("quarter.txt") ? true : undefined));
  assert.match(
    notified(),
    new RegExp(`\\|--\\|${froms}\\|offers you a file: quarter\\.txt \\([^|]*\\)\\|\n$`),
  );
  await until("the bell of the file", () => (bells() === rung + 1 ? true : undefined));
  await says(adam, "/dnd");
  await adam.shows(/do not disturb: no bell, no notification/);
  await offers("third.txt");
  await adam.shows(/third\.txt/);
  await says(adam, "/dnd off");
  await adam.shows("bell and notifications are on");
  await says(adam, `/ignore ${froms}`);
  await adam.shows(`${froms} is ignored from now on`);
  await offers("fourth.txt");
  await says(adam, `/unignore ${froms}`);
  await adam.shows(`${froms} is heard again`);
  assert.doesNotMatch(notified(), /third|fourth/);
  assert.equal(bells(), rung + 1);
}
