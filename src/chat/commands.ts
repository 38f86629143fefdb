import type { Millis } from "../base/clock.ts";
import { parseRoomName, type RoomName } from "../wire/mp2-values.ts";
import { foldNickname } from "../wire/nickname.ts";
import {
  FILE_COMMAND_HELP,
  FILE_COMMAND_NAMES,
  type FileCommand,
  parseFileCommand,
} from "./files/commands.ts";
import type { RestrictionLevel } from "./restrictions.ts";

/** Whoever wants it longer says until "off". */
const LONGEST_QUIET_MILLIS: Millis = 30 * 86_400_000;

/** What a person may type on one line. */
export type Command =
  | FileCommand
  | { readonly type: "list" }
  | { readonly type: "message"; readonly to: string; readonly text: string }
  /** Text without a command: for the last partner. */
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "help" }
  | { readonly type: "away"; readonly text: string }
  | { readonly type: "back" }
  /** Do not disturb: for so long, until it is ended, or not any more. */
  | { readonly type: "quiet"; readonly how: Millis | "on" | "off" }
  /** Another nickname. */
  | { readonly type: "nick"; readonly name: string }
  /** Of NAME, or ours. */
  | { readonly type: "fingerprint"; readonly name: string | undefined }
  /** Both keys, to be compared. */
  | { readonly type: "verify"; readonly name: string }
  /** Bare text goes to NAME from then on. */
  | { readonly type: "talk"; readonly name: string }
  | { readonly type: "join"; readonly room: RoomName }
  /** That room, or the one that one talks to. */
  | { readonly type: "part"; readonly room: RoomName | undefined }
  | { readonly type: "rooms" }
  | { readonly type: "trust-list" }
  /** `spoken`: the digits, if they were given. */
  | { readonly type: "trust-accept"; readonly name: string; readonly spoken: string | undefined }
  | { readonly type: "trust-forget"; readonly name: string }
  /** Nothing is heard of NAME, or does not even come, from now on. */
  | { readonly type: "restrict"; readonly level: RestrictionLevel; readonly name: string }
  /** And that not any more. */
  | { readonly type: "lift"; readonly level: RestrictionLevel; readonly name: string }
  | { readonly type: "restrictions" }
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
  ["/join #ROOM", "be in a room; /part leaves it, /rooms lists them"],
  ["/away [TEXT]", "you are away, and why; /back ends that"],
  ["/dnd [TIME|off]", "do not disturb: no bell, no notification, for 30m or 2h or until: /dnd off"],
  ["/nick NAME", "be called NAME from now on, with the same key"],
  ["/talk NAME", "what you type goes to NAME from then on"],
  ["/verify NAME", "your key and NAME's, to be read aloud to each other"],
  ["/fingerprint [NAME]", "the digits of NAME's key, or of yours"],
  ["/trust", "the keys that you have seen; also: /trust accept NAME [DIGITS], /trust forget NAME"],
  ...FILE_COMMAND_HELP,
  ["/ignore NAME", "hear nothing of NAME; /unignore NAME ends that, /ignore lists"],
  ["/block NAME", "nothing to NAME and nothing from there; /unblock NAME ends that"],
  ["/help", "this help; list, msg and exit work with a / as well"],
];

/** The commands as they are completed by Tab. */
export const COMMAND_NAMES: readonly string[] = [
  ...FILE_COMMAND_NAMES,
  "/away",
  "/back",
  "/block",
  "/dnd",
  "/exit",
  "/fingerprint",
  "/help",
  "/ignore",
  "/join",
  "/list",
  "/msg",
  "/nick",
  "/part",
  "/rooms",
  "/talk",
  "/trust",
  "/unblock",
  "/unignore",
  "/verify",
  "exit",
  "list",
  "msg",
].sort();

/**
 * Parses a line. The commands of the original client work bare: `list` and `exit` alone on their line, `msg` before a
 * name; with a "/" all of them do.
 */
export function parseCommand(line: string): Command {
  const text = line.trim();
  if (text === "") return { type: "nothing" };
  if (text.startsWith("//")) return { type: "say", text: text.slice(2).trim() };
  const [, slash, word = "", rest = ""] = /^(\/?)(\S*)\s*(.*)$/su.exec(text) ?? [];
  if (word === "msg") return parseMessage(rest);
  if ((word === "list" || word === "exit") && (rest === "" || slash === "/")) return { type: word };
  return slash === "/" ? parseSlashed(word, rest) : { type: "say", text };
}

/** Words that are the whole of a command elsewhere, and here only with their "/"; with what that does. */
const FALSE_FRIENDS: Readonly<Record<string, string>> = { help: "shows the help", quit: "leaves" };

/**
 * Asks once whether a line that is only `help` or `quit` was meant for somebody: whoever comes from another program means
 * the command, and would say it to others. The same line again is sent.
 */
export class SecondThoughts {
  #asked: string | undefined;

  /** The question, when `line` is not to be sent yet; each line that is entered comes here. */
  about(line: string): string | undefined {
    const text = line.trim();
    const word = text.toLowerCase();
    const does = Object.hasOwn(FALSE_FRIENDS, word) ? FALSE_FRIENDS[word] : undefined;
    const isAsked = this.#asked === text;
    this.#asked = does === undefined || isAsked ? undefined : text;
    if (does === undefined || isAsked) return undefined;
    return `not sent: /${word} ${does}; to say it to somebody enter it once more`;
  }
}

/** "#room" as a user writes it; undefined: something else, or no room that there can be. */
export function parseRoom(text: string): RoomName | undefined {
  return text.startsWith("#") ? parseRoomName(foldNickname(text.slice(1))) : undefined;
}

/** The commands that are none without their "/": people begin sentences with these words. */
function parseSlashed(word: string, rest: string): Command {
  switch (word) {
    case "quit":
      return { type: "exit" };
    case "help":
      return { type: "help" };
    case "away":
      return { type: "away", text: rest.trim() };
    case "back":
      return { type: "back" };
    case "dnd":
      return parseQuiet(rest.trim());
    case "talk":
    case "verify":
      return rest.trim() === ""
        ? { type: "wrong", text: `usage: /${word} NAME` }
        : { type: word, name: rest.trim() };
    case "nick":
      return rest.trim() === ""
        ? { type: "wrong", text: "usage: /nick NAME" }
        : { type: "nick", name: rest.trim() };
    case "fingerprint":
      return { type: "fingerprint", name: rest.trim() === "" ? undefined : rest.trim() };
    case "join":
    case "part":
      return parseRoomCommand(word, rest.trim());
    case "ignore":
    case "block":
    case "unignore":
    case "unblock":
      return parseRestriction(word, rest.trim());
    case "rooms":
      return { type: "rooms" };
    case "trust":
      return parseTrust(rest);
    default:
      return parseFileCommand(word, rest) ?? { type: "wrong", text: `unknown command /${word}; see /help` };
  }
}

function parseRoomCommand(word: "join" | "part", typed: string): Command {
  if (word === "part" && typed === "") return { type: "part", room: undefined };
  const room = parseRoom(typed.startsWith("#") ? typed : `#${typed}`);
  if (room === undefined)
    return { type: "wrong", text: `usage: /${word} #ROOM (1 to 32 characters without spaces)` };
  return { type: word, room };
}

function parseQuiet(text: string): Command {
  if (text === "" || text === "on") return { type: "quiet", how: "on" };
  if (text === "off") return { type: "quiet", how: "off" };
  const [, digits = "", unit = ""] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  const millis = Number(digits) * ({ m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0);
  if (millis > 0 && millis <= LONGEST_QUIET_MILLIS) return { type: "quiet", how: millis };
  return { type: "wrong", text: "usage: /dnd, /dnd TIME (30m, 2h, at most 30d), /dnd off" };
}

function parseRestriction(word: "ignore" | "block" | "unignore" | "unblock", name: string): Command {
  const isLifted = word.startsWith("un");
  if (name === "" && !isLifted) return { type: "restrictions" };
  if (name === "" || /\s/u.test(name)) return { type: "wrong", text: `usage: /${word} NAME` };
  const level = word.endsWith("block") ? "blocked" : "ignored";
  return { type: isLifted ? "lift" : "restrict", level, name };
}

function parseTrust(rest: string): Command {
  const [verb, name, ...digits] = rest.split(/\s+/u).filter(Boolean);
  if (verb === undefined || (verb === "list" && name === undefined)) return { type: "trust-list" };
  if (verb === "accept" && name !== undefined)
    return { type: "trust-accept", name, spoken: digits.length === 0 ? undefined : digits.join(" ") };
  if (verb === "forget" && name !== undefined && digits.length === 0) return { type: "trust-forget", name };
  return { type: "wrong", text: "usage: /trust, /trust accept NAME [DIGITS], /trust forget NAME" };
}

function parseMessage(rest: string): Command {
  const [, to = "", text = ""] = /^(\S*)\s*(.*)$/su.exec(rest) ?? [];
  if (to === "" || text === "") return { type: "wrong", text: "usage: msg NAME TEXT" };
  return { type: "message", to, text };
}
