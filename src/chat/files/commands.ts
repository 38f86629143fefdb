import type { TransferAction } from "./transfer.ts";

/** What a person may type about files. */
export type FileCommand =
  /** `to`: undefined: to whom one talks. `path`: as typed, without what quotes it. */
  | { readonly type: "send-file"; readonly to: string | undefined; readonly path: string }
  | { readonly type: "files" }
  /** `number`: as shown; undefined: the only one that can be meant. */
  | { readonly type: "file"; readonly action: TransferAction; readonly number: number | undefined };

export const FILE_COMMAND_HELP: readonly (readonly [string, string])[] = [
  ["/send-file NAME PATH", "offer a file to NAME; without NAME to the one you talk to"],
  ["/accept [N], /refuse [N]", "take a file that is offered, or not"],
  ["/files", "your files and how far they are; /pause, /resume, /cancel [N]"],
];

const ACTIONS: readonly TransferAction[] = ["accept", "refuse", "pause", "resume", "cancel"];

export const FILE_COMMAND_NAMES: readonly string[] = [
  "/files",
  "/send-file",
  ...ACTIONS.map((action) => `/${action}`),
];

/** Undefined: no command of these. */
export function parseFileCommand(
  word: string,
  rest: string,
): FileCommand | { readonly type: "wrong"; readonly text: string } | undefined {
  if (word === "files") return { type: "files" };
  if (word === "send-file") return parseSendFile(rest.trim());
  const action = ACTIONS.find((each) => each === word);
  if (action === undefined) return undefined;
  const digits = rest.trim();
  if (digits === "") return { type: "file", action, number: undefined };
  if (/^[1-9]\d{0,5}$/.test(digits)) return { type: "file", action, number: Number(digits) };
  return { type: "wrong", text: `usage: /${word} [N], with the number that /files shows` };
}

/** A first word that looks like a path is no name. */
function parseSendFile(rest: string): ReturnType<typeof parseFileCommand> {
  const isPath = /^["'/~.]/.test(rest);
  const [, name, path = ""] = isPath ? ["", undefined, rest] : (/^(\S+)\s+(.*)$/su.exec(rest) ?? []);
  if (path === "") return { type: "wrong", text: "usage: /send-file NAME PATH" };
  return { type: "send-file", to: name, path: unquoted(path) };
}

/** Terminals put what is dropped on them in quotes, or blanks behind backslashes. */
function unquoted(path: string): string {
  const [, , inner] = /^(["'])(.*)\1$/su.exec(path) ?? [];
  return inner ?? path.replace(/\\(.)/gsu, "$1");
}
