import type { EventEmitter } from "node:events";
import type { Command, Help } from "commander";

/** Manual pages (man(7)) from what commander knows, so that they say what --help says. */

export interface ManPage {
  readonly name: string;
  /** The section of the manual: 1 programs of users, 5 files, 8 programs of the system. */
  readonly section: 1 | 5 | 8;
  /** What the page is about, in a few words. */
  readonly about: string;
  /** Of the product. */
  readonly version: string;
  readonly body: string;
}

/** The text of a page. */
export function manText({ name, section, about, version, body }: ManPage): string {
  const title = `.TH ${quoted(name.toUpperCase())} ${section} "" ${quoted(`multiproto ${version}`)}`;
  return `${title}\n.SH NAME\n${escaped(name)} \\- ${escaped(about)}\n${body}`;
}

/** What a program does and takes: synopsis, options, commands, and what it adds to its help. */
export function programBody(program: Command): string {
  const help = program.createHelp();
  const all = commandsBelow(program, help);
  const remarks = remarksOf(program);
  return [
    `.SH SYNOPSIS\n${bold(program.name())} ${escaped(program.usage())}\n`,
    `.SH DESCRIPTION\n${escaped(program.description())}\n`,
    `.SH OPTIONS\n${optionList(program, help)}`,
    all.length === 0 ? "" : `.SH COMMANDS\n${all.map((each) => commandText(each, program)).join("")}`,
    ...remarks.map(({ heading, lines }) => `.SH ${heading.toUpperCase()}\n${asItIs(lines)}`),
  ].join("");
}

function commandsBelow(command: Command, help: Help): Command[] {
  return help.visibleCommands(command).flatMap((each) => [each, ...commandsBelow(each, each.createHelp())]);
}

function commandText(command: Command, program: Command): string {
  const help = command.createHelp();
  const words = help.commandUsage(command).replace(/ +/g, " ").replace(`${program.name()} `, "");
  const args = help
    .visibleArguments(command)
    .map((each) => tagged(help.argumentTerm(each), help.argumentDescription(each)));
  const remarks = remarksOf(command).map(({ heading, lines }) => `.PP\n${heading}:\n${asItIs(lines)}`);
  return [
    `.SS ${quoted(words)}\n${escaped(help.commandDescription(command))}\n`,
    ...args,
    optionList(command, help),
    ...remarks,
  ].join("");
}

function optionList(command: Command, help: Help): string {
  return (
    help
      .visibleOptions(command)
      // Of the program itself it is enough: all commands have it.
      .filter(({ long }) => command.parent === null || long !== "--help")
      .map((option) => tagged(help.optionTerm(option), help.optionDescription(option)))
      .join("")
  );
}

interface Remark {
  readonly heading: string;
  readonly lines: readonly string[];
}

/** What `addHelpText("after", …)` was given: parts that begin with "Heading:". */
function remarksOf(command: Command): readonly Remark[] {
  const texts: string[] = [];
  // Commander keeps the texts in listeners; its types do not tell that it is an emitter.
  const emitter = command as unknown as EventEmitter;
  emitter.emit("afterHelp", { error: false, command, write: (text: string) => texts.push(text) });
  const remarks: { heading: string; lines: string[] }[] = [];
  for (const line of texts.join("").split("\n")) {
    const [, heading, rest = ""] = /^([A-Z][\w ]*):(?: +(.*))?$/.exec(line) ?? [];
    if (heading !== undefined) remarks.push({ heading, lines: rest === "" ? [] : [rest] });
    else if (line.trim() !== "") remarks.at(-1)?.lines.push(line.trim());
  }
  return remarks;
}

/** A paragraph with a term in front. */
export function tagged(term: string, text: string): string {
  return `.TP\n${bold(term)}\n${escaped(text)}\n`;
}

/** Lines that keep their breaks. */
export function asItIs(lines: readonly string[]): string {
  return `.RS 4\n.nf\n${lines.map(escaped).join("\n")}\n.fi\n.RE\n`;
}

function bold(text: string): string {
  return `\\fB${escaped(text)}\\fR`;
}

/** An argument of a macro. */
function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', "\\(dq")}"`;
}

/** roff(7): the backslash begins an escape, a dot or an apostrophe in front a request; "-" would become a hyphen. */
export function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("…", "...")
    .replaceAll(/^([.'])/gm, "\\&$1");
}
