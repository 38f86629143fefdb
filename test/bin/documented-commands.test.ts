import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import type { Command } from "commander";
import { chatProgram } from "../../src/bin/multiproto-chat.ts";
import { registryProgram } from "../../src/bin/multiprotod.ts";
import { multiprotoctlProgram } from "../../src/ctl/program.ts";

/** What the documents tell people to type exists: programs, their commands and options, scripts, units. */

const PROJECT = resolve(import.meta.dirname, "../..");
const DOCUMENTS = [
  ...["README.md", "SECURITY.md", "CONTRIBUTING.md"],
  ...readdirSync(join(PROJECT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const PROGRAMS = new Map(
  [registryProgram(), await multiprotoctlProgram(), chatProgram().program].map((each) => [each.name(), each]),
);
const UNITS = new Set(["multiproto", "multiproto.service", "multiproto.socket", "multiproto-chat"]);

interface Documented {
  readonly line: string;
  /** A command line in a block, as a whole; elsewhere perhaps the beginning of one. */
  readonly isWhole: boolean;
}

/** Lines of blocks (without the synopsis, which has alternatives) and what stands in backticks. */
function documented(text: string): readonly Documented[] {
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
  const lines = blocks
    .filter((block) => !/^multiproto-chat \[/.test(block))
    .flatMap((block) => block.split("\n"));
  const spans = [...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/`([^`]+)`/g)];
  return [
    ...lines.map((line) => ({ line, isWhole: true })),
    ...spans.map(([, span = ""]) => ({ line: span.replace(/\s+/g, " "), isWhole: false })),
  ];
}

const read = (path: string): string => readFileSync(join(PROJECT, path), "utf8");

/** Where a command begins: at the start, after what ends another one, and after ":" in a comment. */
const BEGINS = /(^|&&|[|;(:]|\bsudo)\s*$/;

/** The words of each command of one of our programs in a line of shell, without quotes. */
function commandsIn(line: string): readonly (readonly string[])[] {
  const found = [...line.matchAll(/\bmultiproto(?:-chat|ctl|d)(?![\w.-])/g)];
  return found
    .filter(({ index }) => BEGINS.test(line.slice(0, index)))
    .map(({ index }) => {
      const words = line.slice(index).match(/'[^']*'|"[^"]*"|[^\s;|)]+|[;|)]/g) ?? [];
      const end = words.findIndex((word) => /^([;|)>#]|&&|<)/.test(word) && !/^#[A-Z]/.test(word));
      return words
        .slice(0, end < 0 ? undefined : end)
        .map((word) => word.replace(/^["'](.*)["'],?$|,$/, "$1"));
    });
}

/** Walks commander's tree; the error says what does not exist. */
function check(words: readonly string[], isWhole: boolean): void {
  let command = PROGRAMS.get(words[0] ?? "") as Command;
  const path = [command];
  let given = 0;
  for (let index = 1; index < words.length; index += 1) {
    const word = words[index] as string;
    const below = command.commands.find((each) => each.name() === word);
    if (below !== undefined && given === 0) {
      command = below;
      path.push(command);
    } else if (word.startsWith("-") && word !== "-") {
      // Without a word of its own a group does what its default command does ("files --json").
      const otherwise = command.commands.find(
        (each) => each.name() === Reflect.get(command, "_defaultCommandName"),
      );
      const options = [...path, ...(otherwise === undefined ? [] : [otherwise])].flatMap((each) =>
        each.createHelp().visibleOptions(each),
      );
      const option = options.find(({ long, short }) => long === word || short === word);
      assert.ok(option, `${command.name()} has no option ${word}`);
      if (option.required && !(index + 1 >= words.length && !isWhole)) index += 1;
    } else given += 1;
  }
  const { registeredArguments } = command;
  const most = registeredArguments.some(({ variadic }) => variadic) ? Infinity : registeredArguments.length;
  assert.ok(given <= most, `${command.name()} takes ${most} words`);
  const least = isWhole ? registeredArguments.filter(({ required }) => required).length : 0;
  assert.ok(given >= least, `${command.name()} wants ${least} words`);
}

describe("what documents tell people to type", () => {
  for (const path of DOCUMENTS)
    test(`${path}: programs, commands and options are there`, () => {
      for (const { line, isWhole } of documented(read(path)))
        for (const words of commandsIn(line))
          assert.doesNotThrow(() => check(words, isWhole), `${path}: ${line}`);
    });

  test("a command, an option and a word too many that are not there are noticed", () => {
    for (const wrong of [
      "multiproto-chat lisst",
      "make && multiproto-chat send ola 'hello there' --jsn",
      "x   # or: multiprotoctl status more",
      "sudo multiprotoctl frobnicate",
    ])
      assert.throws(() => {
        for (const words of commandsIn(wrong)) check(words, true);
      }, wrong);
    assert.throws(() => check(["multiproto-chat", "send"], true), /wants 1 words/);
  });

  test("README's screens are parts of those in docs/screens", () => {
    const screens = readdirSync(join(PROJECT, "docs/screens")).map((name) => read(`docs/screens/${name}`));
    const shown = [...read("README.md").matchAll(/^```\n([\s\S]*?)^```$/gm)]
      .map(([, block = ""]) => block.trimEnd().split("\n"))
      .filter((lines) => lines.some((line) => line.startsWith("──")));
    assert.equal(shown.length, 2);
    // Rows may be left out, and none may be added.
    const isPart = (lines: readonly string[], screen: string): boolean => {
      const rows = screen.split("\n");
      let at = -1;
      return lines.every((line) => {
        at = rows.indexOf(line, at + 1);
        return at >= 0;
      });
    };
    for (const lines of shown)
      assert.ok(
        screens.some((screen) => isPart(lines, screen)),
        lines.join("\n"),
      );
  });

  test("options of scripts are in their usage, and units are ours", () => {
    for (const path of DOCUMENTS)
      for (const { line } of documented(read(path))) {
        const [, script, rest = ""] = /(?:^|[;&] *)(scripts\/\w+\.sh)\b(.*)/.exec(line) ?? [];
        if (script !== undefined)
          for (const option of rest.match(/--[\w-]+/g) ?? [])
            assert.ok(read(script).includes(option), `${path}: ${script} has no ${option}`);
        const [, units] =
          /^(?:sudo )?systemctl (?:--\S+ )*[a-z-]+ (?:--\S+ )*(multiproto[\w.\- ]*)/.exec(line) ?? [];
        for (const unit of units?.trim().split(/ +(?=m)/) ?? [])
          assert.ok(UNITS.has(unit.replace(/ .*/, "")), `${path}: ${line}`);
      }
  });

  test("docs/chat.md and docs/control.md have every command and option of their programs", () => {
    const visible = (command: Command): readonly Command[] => [
      command,
      ...command
        .createHelp()
        .visibleCommands(command)
        .filter((each) => each.name() !== "help")
        .flatMap(visible),
    ];
    for (const [program, path] of [
      ["multiproto-chat", "docs/chat.md"],
      ["multiprotoctl", "docs/control.md"],
    ] as const) {
      const text = read(path);
      for (const command of visible(PROGRAMS.get(program) as Command)) {
        assert.match(text, new RegExp(`\\b${command.name()}\\b`), `${path}: ${command.name()}`);
        for (const { long } of command.createHelp().visibleOptions(command))
          if (long !== "--help" && long !== "--version")
            assert.ok(text.includes(String(long)), `${path}: ${command.name()} ${long}`);
      }
    }
  });
});
