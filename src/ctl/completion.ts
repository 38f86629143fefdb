import type { Command } from "commander";

/** Shell completion from what commander knows: commands, their options, and the words of those that take a choice. */

export const SHELLS = ["bash", "fish", "zsh"] as const;
export type Shell = (typeof SHELLS)[number];

/** A command with its path, as "trust accept"; "" is the program itself. */
interface Entry {
  readonly path: string;
  readonly words: readonly Word[];
}

interface Word {
  readonly text: string;
  readonly meaning: string;
}

/** The text of the completion script of `program`. */
export function completionScript(program: Command, shell: Shell): string {
  const entries = entriesOf(program, "");
  const name = program.name();
  if (shell === "fish") return fish(name, entries);
  const bash = bashScript(name, entries);
  return shell === "bash" ? bash : `#compdef ${name}\nautoload -U +X bashcompinit && bashcompinit\n${bash}`;
}

function entriesOf(command: Command, path: string): readonly Entry[] {
  const subcommands = command.commands.map((each) => ({ text: each.name(), meaning: each.description() }));
  const options = command.options.map((each) => ({
    text: each.long ?? each.flags,
    meaning: each.description,
  }));
  const below = command.commands.flatMap((each) => entriesOf(each, `${path} ${each.name()}`.trim()));
  return [
    { path, words: [...subcommands, ...options, { text: "--help", meaning: "how it is used" }] },
    ...below,
  ];
}

function bashScript(name: string, entries: readonly Entry[]): string {
  const cases = entries.map(
    ({ path, words }) => `    ${quoted(path)}) words=${quoted(words.map(({ text }) => text).join(" "))} ;;`,
  );
  const paths = entries.map(({ path }) => path).filter(Boolean);
  const called = `_${name.replaceAll("-", "_")}`;
  return `${called}() {
  local path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${paths.map((path) => path.replaceAll(" ", "/")).join(" ")} " in
      *" \${path:+$path/}$word "*) path="\${path:+$path/}$word" ;;
    esac
  done
  case "\${path//\\// }" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F ${called} ${name}
`;
}

function fish(name: string, entries: readonly Entry[]): string {
  const lines = entries.flatMap(({ path, words }) => {
    const below = entries.filter(
      (each) => each.path !== "" && each.path.startsWith(path) && each.path !== path,
    );
    const next = [...new Set(below.map((each) => each.path.slice(path.length).trim().split(" ")[0]))];
    const seen = path
      .split(" ")
      .filter(Boolean)
      .map((word) => `__fish_seen_subcommand_from ${word}`);
    const unseen = next.length === 0 ? [] : [`not __fish_seen_subcommand_from ${next.join(" ")}`];
    const condition = [...seen, ...unseen].join("; and ");
    return words.map(({ text, meaning }) => {
      const what = text.startsWith("--") ? `-l ${text.slice(2)}` : `-a ${text}`;
      return `complete -c ${name} -f -n ${quoted(condition)} ${what} -d ${quoted(meaning)}`;
    });
  });
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
