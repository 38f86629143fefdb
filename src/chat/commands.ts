/** What a person may type on one line. */
export type Command =
  | { readonly type: "list" }
  | { readonly type: "message"; readonly to: string; readonly text: string }
  /** Text without a command: for the last partner. */
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "help" }
  | { readonly type: "exit" }
  | { readonly type: "nothing" }
  | { readonly type: "wrong"; readonly text: string };

/** One line for each command, for /help. */
export const COMMAND_HELP: readonly (readonly [string, string])[] = [
  ["list", "who is there"],
  ["msg NAME TEXT", "write to NAME (or ADDRESS:PORT), and talk to NAME from then on"],
  ["TEXT", "write to the one you talk to"],
  ["//TEXT", "write a text that begins with / or is a command's name"],
  ["exit", "leave (also Ctrl-D, or Ctrl-C twice)"],
  ["/help", "this help; every command also works with a / before it"],
];

/** The commands as they are completed by Tab. */
export const COMMAND_NAMES: readonly string[] = ["/exit", "/help", "/list", "/msg", "exit", "list", "msg"];

/**
 * Parses a line. The commands of the original client work bare: `list` and `exit` alone on their line, `msg` before a
 * name; with a "/" all of them do.
 */
export function parseCommand(line: string): Command {
  const text = line.trim();
  if (text === "") return { type: "nothing" };
  if (text.startsWith("//")) return { type: "say", text: text.slice(2).trim() };
  const [, slash, word = "", rest = ""] = /^(\/?)(\S*)\s*(.*)$/su.exec(text) ?? [];
  switch (word) {
    case "msg":
      return parseMessage(rest);
    case "list":
    case "exit":
      if (rest === "" || slash === "/") return { type: word };
      break;
    case "quit":
      if (slash === "/") return { type: "exit" };
      break;
    case "help":
      if (slash === "/") return { type: "help" };
      break;
    default:
  }
  if (slash === "/") return { type: "wrong", text: `unknown command /${word}; see /help` };
  return { type: "say", text };
}

function parseMessage(rest: string): Command {
  const [, to = "", text = ""] = /^(\S*)\s*(.*)$/su.exec(rest) ?? [];
  if (to === "" || text === "") return { type: "wrong", text: "usage: msg NAME TEXT" };
  return { type: "message", to, text };
}
