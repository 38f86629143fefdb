import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../lab/command.ts";
import { People } from "./people.ts";
import { Registry } from "./registry.ts";
import type { Terminal } from "./terminal.ts";

/**
 * docs/screens are what the real program shows. `SCREENS=write` writes them anew; without it they must be what the program
 * shows, but for times, keys, ports and addresses.
 */

const DIRECTORY = new URL("../../docs/screens", import.meta.url).pathname;

/** Of equal length, so that nothing else moves. */
function lasting(screen: string): string {
  const same = screen
    // An address is longer or shorter, and the words after it break elsewhere.
    .replace(
      /first time at the registry office at [\d.]+; remembered: its key(?:\s+\d{5}){8}/g,
      `first time at the registry office at 10.0.0.1; remembered: its key 04521\n  ${Array(7).fill("04521").join(" ")}`,
    )
    .replace(/\b\d\d:\d\d\b/g, "12:03")
    .replace(/─* (?:Sun|Mon|Tue|Wed|Thu|Fri|Sat) \d+ \w{3} \d{4} ─*/g, (rule) => {
      const day = " Wed 25 Nov 2026 ";
      const left = Math.floor((rule.length - day.length) / 2);
      return `${"─".repeat(left)}${day}${"─".repeat(rule.length - day.length - left)}`;
    })
    // Keys, not ports.
    .replace(/(?<!TCP |UDP |-)\b\d{5}\b(?!-)/g, "04521");
  // Where it was found stands in lines of its own, which are as long as the names of this machine's interfaces.
  return same
    .replace(/\b\d+\.\d+\.\d+\.\d+:\d+ +/g, (column) => "10.0.0.7:51234".padEnd(column.length))
    .replace(
      /^( *)looking for a registry by multicast on .*$/gm,
      "$1looking for a registry by multicast on eth0 (port 10001) …",
    )
    .replace(
      /no registry has answered for \d+ s \(asked by multicast on .*\s*.*port \d+\)\);\s+still asking\./g,
      "no registry has answered for 10 s (asked by multicast on eth0 (port 10001));\n  still asking.",
    )
    .replace(/registry office at [\d.]+/g, "registry office at 10.0.0.1")
    .replace(/\/tmp\/multiproto-test-\w+\/(\w+)\/home/g, "/home/$1")
    .replace(/[ \t]+$/gm, "");
}

async function isDocumented(name: string, terminal: Terminal): Promise<void> {
  const path = join(DIRECTORY, `${name}.txt`);
  const screen = async (): Promise<string> => `${lasting(await terminal.screen())}\n`;
  if (process.env.SCREENS === "write") await writeFile(path, await screen());
  const documented = lasting(await readFile(path, "utf8"));
  // Some of it comes a moment later than the rest.
  const isThere = async (): Promise<true | undefined> => (await screen()) === documented || undefined;
  await until(`the screen of ${path}`, isThere, 10_000).catch(() => undefined);
  assert.equal(await screen(), documented, `${path}: SCREENS=write makes it anew`);
}

test("the screens in docs are what the program shows, from the first one to an answer", async () => {
  const registry = await Registry.start({ realm: "office" });
  const people = new People(registry);
  try {
    const adam = await people.screen("adam");
    await adam.shows("You are online as adam, and nobody else is there yet");
    await adam.shows("online as adam (registry office");
    await isDocumented("first-screen", adam);
    const ola = await people.screen("ola");
    await adam.shows("Type a message and press Enter: it goes to ola");
    await isDocumented("somebody-is-here", adam);
    await ola.shows("it goes to adam");
    await ola.type("good morning 👋 did the build pass?");
    await ola.keys("Enter");
    await adam.shows("you are in touch with ola");
    await adam.type(
      "yes, all green since ten minutes ago; the slow test was the one that waited for a timer instead of an event",
    );
    await adam.keys("Enter");
    await adam.shows(/an event ✓/);
    await ola.type("t");
    await adam.shows(/an event ✓✓/);
    await ola.keys("BSpace", "M-r");
    await ola.shows("answer adam>");
    await ola.type("I see. Thanks!");
    await ola.keys("Enter");
    await adam.shows("Thanks!");
    await adam.keys("M-r");
    await adam.shows("answer ola>");
    await adam.keys("Escape");
    await adam.shows(/^to ola>$/m);
    await isDocumented("conversation-80x24", adam);
    await adam.resize(200, 60);
    await adam.shows("│ 1 online, 0 offline");
    await adam.resize(130, 30);
    await adam.shows(/▸ 1 ● ola[\s\S]*│ ● ola/);
    await isDocumented("conversation-130x30", adam);
    await adam.keys("F1");
    await adam.shows("── Help");
    await adam.resize(80, 68);
    await adam.shows("SIGNS");
    await isDocumented("help", adam);
    await people.leave(ola);
  } finally {
    await people.dispose();
    await registry.dispose();
  }
});

test("so are those of a file, offered, taken and arrived", async () => {
  const registry = await Registry.start({ realm: "office" });
  const people = new People(registry);
  const home = async (name: string): Promise<{ HOME: string; XDG_CONFIG_HOME: string }> => {
    const path = join(registry.directory, name, "home");
    await mkdir(path, { recursive: true });
    return { HOME: path, XDG_CONFIG_HOME: "" };
  };
  try {
    const [adams, olas] = [await home("adam"), await home("ola")];
    await writeFile(join(adams.HOME, "photo.jpg"), Buffer.alloc(3_000_000));
    const ola = await people.screen("ola", 80, 24, olas);
    await ola.shows("nobody else is there yet");
    const adam = await people.screen("adam", 80, 24, adams);
    await adam.shows("it goes to ola");
    await adam.type("the photo of the board, as promised");
    await adam.keys("Enter");
    await adam.shows("promised ✓");
    await adam.type("/send-file ~/photo.jpg");
    await adam.keys("Enter");
    await adam.shows("ola has not answered");
    await ola.shows("/accept 1");
    await ola.type("/accept");
    await ola.shows(/^to adam> \/accept$/m);
    await isDocumented("file-offered", ola);
    await ola.keys("Enter");
    await adam.shows("ola has it");
    await ola.shows("Downloads/photo.jpg");
    await ola.type("thanks!");
    await ola.keys("Enter");
    await ola.shows("thanks! ✓");
    await isDocumented("file-arrived", ola);
    await people.leave(ola, adam);
  } finally {
    await people.dispose();
    await registry.dispose();
  }
});

test("so is that of the line interface", async () => {
  const registry = await Registry.start({ realm: "office" });
  const people = new People(registry);
  try {
    const bo = await people.chat("bo");
    await bo.shows("online as bo");
    const eva = await people.chat("eva");
    await eva.shows("what you type goes to bo");
    await bo.shows(/^to eva>$/m);
    await bo.type("good morning");
    await bo.keys("Enter");
    await eva.shows("bo: good morning");
    await eva.type("good morning!");
    await eva.keys("Enter");
    await eva.shows("good morning! ✓");
    await bo.shows("good morning!");
    await bo.type("bye");
    await bo.keys("Enter");
    await eva.shows("bo: bye");
    await bo.shows("bye ✓");
    await people.leave(bo);
    await eva.shows("bo is offline");
    await isDocumented("line-interface", eva);
  } finally {
    await people.dispose();
    await registry.dispose();
  }
});

test("so is what stands there while no registry answers", async () => {
  const registry = await Registry.start({ realm: "office" });
  const people = new People(registry);
  try {
    await registry.stop();
    const adam = await people.screen("adam");
    await adam.shows("multiproto-chat doctor");
    await isDocumented("no-registry", adam);
  } finally {
    await people.dispose();
    await registry.dispose();
  }
});
