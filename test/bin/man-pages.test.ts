import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { Command } from "commander";
import { manText, programBody } from "../../src/bin/man-page.ts";
import { manPages } from "../../src/bin/man-pages.ts";
import { chatProgram } from "../../src/bin/multiproto-chat.ts";
import { registryProgram } from "../../src/bin/multiprotod.ts";
import { multiprotoctlProgram } from "../../src/ctl/program.ts";
import { CHAT_KEYS } from "../../src/service/chat-configuration.ts";
import { CONFIGURATION_KEYS, parseConfiguration } from "../../src/service/configuration.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const pages = await manPages(PROJECT);
const PROGRAMS = [registryProgram(), await multiprotoctlProgram(), chatProgram().program];

function pageOf(name: string): string {
  const page = pages.find((each) => each.name === name);
  assert.ok(page, name);
  return manText(page);
}

/** As a reader sees it, without the breaks of lines. */
function plain(roff: string): string {
  return roff
    .replace(/^\.[A-Z]+ ?/gm, "")
    .replace(/\\f[BR]|\\&/g, "")
    .replaceAll("\\-", "-")
    .replaceAll("\\e", "\\");
}

function allCommands(command: Command): readonly Command[] {
  return [command, ...command.createHelp().visibleCommands(command).flatMap(allCommands)];
}

for (const program of PROGRAMS) {
  describe(program.name(), () => {
    const page = plain(pageOf(program.name()));

    test("every command and option of --help is in the page, with what it means", () => {
      for (const command of allCommands(program)) {
        const help = command.createHelp();
        if (command !== program) assert.match(page, new RegExp(`^".*\\b${command.name()}\\b.*"$`, "m"));
        assert.ok(page.includes(help.commandDescription(command)), command.name());
        for (const option of help.visibleOptions(command)) {
          assert.ok(page.includes(help.optionTerm(option)), `${command.name()} ${option.flags}`);
          assert.ok(page.includes(help.optionDescription(option)), option.description);
        }
        for (const argument of help.visibleArguments(command))
          assert.ok(page.includes(help.argumentDescription(argument)), argument.name());
      }
    });

    test("every option of the page is one of --help", () => {
      const known = new Set(
        allCommands(program).flatMap((command) =>
          command
            .createHelp()
            .visibleOptions(command)
            .map(({ flags }) => flags),
        ),
      );
      const terms = [...page.matchAll(/^(-.*)$/gm)].map(([, term = ""]) => term);
      assert.ok(terms.length >= known.size - 1, "they were found");
      for (const term of terms) assert.ok(known.has(term), term);
    });

    test("the headings of commands are those of --help, in its order", () => {
      const headings = [...pageOf(program.name()).matchAll(/^\.SS "(.*)"$/gm)].map(([, text = ""]) =>
        plain(text),
      );
      const commands = allCommands(program).slice(1);
      assert.equal(headings.length, commands.length);
      for (const [index, command] of commands.entries())
        assert.ok(
          headings[index]?.split(" ").includes(command.name()),
          `${headings[index]}: ${command.name()}`,
        );
    });

    test("its exit codes are told", () => {
      assert.match(page, /^EXIT CODES\n[\s\S]*0 /im);
    });
  });
}

test("the page of multiproto.toml has every key, with a value that the parser takes as the default", () => {
  const page = pageOf("multiproto.toml");
  const shipped = readFileSync(join(PROJECT, "systemd/multiproto.toml"), "utf8");
  const set = shipped.replace(/^#([\w-]+ = )/gm, "$1");
  const [defaults, said] = [parseConfiguration("", "f"), parseConfiguration(set, "f")];
  assert.deepEqual([...said.fromFile].sort(), [...CONFIGURATION_KEYS].sort());
  const { fromFile, network } = defaults;
  assert.deepEqual({ ...said, fromFile, network: { ...said.network, realm: network.realm } }, defaults);
  for (const [, key] of set.matchAll(/^([\w-]+) = /gm))
    assert.match(plain(page), new RegExp(`^${key} = .*\\n\\S`, "m"), `${key} and what it means`);
});

test("the page of chat.toml has every key", () => {
  const page = plain(pageOf("chat.toml"));
  for (const [key] of CHAT_KEYS) assert.match(page, new RegExp(`^${key} = `, "m"), key);
  assert.match(page, /config check/);
});

test("what acts on a formatter is written out", () => {
  const program = new Command("p").description(".so /etc/passwd\n'br \\fB").option("--a-b <x>", "it's \\n");
  const body = programBody(program);
  assert.match(body, /^\\&\.so \/etc\/passwd\n\\&'br \\efB$/m);
  assert.match(body, /\\-\\-a\\-b/);
  assert.doesNotMatch(body.replace(/\\(&|e|-|fB|fR|\(dq)/g, ""), /\\/);
});

test("mandoc finds nothing to say of the pages but that they have no date, and man shows them", (t) => {
  if (spawnSync("mandoc", ["-V"]).error !== undefined && process.env.CI === undefined)
    return t.skip("mandoc is not installed; scripts/test.sh installs it");
  for (const page of pages) {
    const input = manText(page);
    const { stdout } = spawnSync("mandoc", ["-T", "lint", "-W", "warning"], { input, encoding: "utf8" });
    const said = stdout.split("\n").filter((line) => !/^$|missing date|^mandoc: see above/.test(line));
    assert.deepEqual(said, [], page.name);
    const shown = execFileSync("mandoc", ["-T", "ascii", "-O", "width=78"], { input, encoding: "utf8" });
    assert.ok(shown.includes("N\bNA\bAM\bME\bE"), shown);
  }
});
