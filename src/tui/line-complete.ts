import { COMMAND_NAMES } from "../chat/commands.ts";
import { foldNickname } from "../wire/nickname.ts";

/** What Tab does to the text before the cursor. */
export interface Completion {
  readonly before: string;
  /** To choose from, when there are several. */
  readonly candidates: readonly string[];
}

/** Completes a command at the start of the line, a name after those that take one. Names in the order given. */
export function complete(
  before: string,
  names: readonly string[],
  paths: (typed: string) => readonly string[] = () => [],
): Completion {
  const file = /^(\s*\/send-file\s+(?:[^\s"'/~.]\S*\s+)?)(["']?)([^\s"'][^"']*)$/u.exec(before);
  if (file?.[3] !== undefined && (/^[~/.]/.test(file[3]) || /\S\s+\S+\s/u.test(file[1] ?? "")))
    return completedPath(`${file[1]}${file[2]}`, file[3], paths(file[3]));
  const message =
    /^(\s*(?:\/?msg|\/part|\/fingerprint|\/talk|\/verify|\/send-file|\/trust\s+(?:accept|forget))\s+)(\S*)$/u.exec(
      before,
    );
  if (message !== null) {
    const [, head = "", word = ""] = message;
    const key = foldNickname(word);
    return completed(
      head,
      word,
      names.filter((name) => foldNickname(name).startsWith(key)),
    );
  }
  if (/\s/u.test(before)) return { before, candidates: [] };
  return completed("", before, before === "" ? [] : COMMAND_NAMES.filter((name) => name.startsWith(before)));
}

/** Nothing is put behind a path: a folder may go on. */
function completedPath(head: string, typed: string, paths: readonly string[]): Completion {
  const [first] = paths;
  if (first === undefined) return { before: head + typed, candidates: [] };
  const common = paths.reduce(commonStart);
  return { before: head + common, candidates: paths.length === 1 ? [] : paths };
}

function completed(head: string, word: string, matches: readonly string[]): Completion {
  const [first] = matches;
  if (first === undefined) return { before: head + word, candidates: [] };
  if (matches.length === 1) return { before: `${head}${first} `, candidates: [] };
  const common = matches.reduce(commonStart);
  // A name may be written in another case than was typed: nothing of what was typed is lost.
  return { before: head + (common.length > word.length ? common : word), candidates: matches };
}

function commonStart(left: string, right: string): string {
  let length = 0;
  while (length < left.length && left[length] === right[length]) length += 1;
  return left.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}
