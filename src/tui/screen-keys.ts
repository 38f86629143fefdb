/** Which key does what, in one table: the help screen is made from it. */

export type Intent =
  | "send"
  | "new-line"
  | "complete"
  | "next-conversation"
  | "previous-conversation"
  | "next-unread"
  | "go-home"
  | "page-up"
  | "page-down"
  | "line-up"
  | "line-down"
  | "to-start"
  | "to-end"
  | "search"
  | "reply"
  | "help"
  | "dismiss"
  | "redraw"
  | "suspend"
  | "interrupt"
  | "leave";

interface Binding {
  readonly keys: readonly string[];
  readonly intent: Intent;
  /** As people name the keys, and what they do. */
  readonly help: readonly [string, string];
}

export const BINDINGS: readonly Binding[] = [
  { keys: ["return"], intent: "send", help: ["Enter", "send; in a list: open"] },
  {
    keys: ["alt-return", "ctrl-j"],
    intent: "new-line",
    help: ["Alt-Enter, Ctrl-J", "a new line in the text"],
  },
  { keys: ["tab"], intent: "complete", help: ["Tab", "complete a command or a name"] },
  {
    keys: ["ctrl-n", "alt-down"],
    intent: "next-conversation",
    help: ["Ctrl-N, Alt-Down", "next conversation"],
  },
  {
    keys: ["ctrl-p", "alt-up"],
    intent: "previous-conversation",
    help: ["Ctrl-P, Alt-Up", "conversation before"],
  },
  { keys: ["alt-a"], intent: "next-unread", help: ["Alt-A", "next conversation with something new"] },
  { keys: ["alt-0"], intent: "go-home", help: ["Alt-0, Alt-1 … 9", "who is here; conversation 1 … 9"] },
  { keys: ["pageup"], intent: "page-up", help: ["PgUp, PgDn", "scroll through all that was said"] },
  { keys: ["pagedown"], intent: "page-down", help: ["", ""] },
  { keys: ["ctrl-up"], intent: "line-up", help: ["Ctrl-Up, Ctrl-Down", "scroll by one line"] },
  { keys: ["ctrl-down"], intent: "line-down", help: ["", ""] },
  { keys: ["ctrl-home", "alt-<"], intent: "to-start", help: ["Ctrl-Home, Alt-<", "scroll far back"] },
  { keys: ["ctrl-end", "alt->"], intent: "to-end", help: ["Ctrl-End, Alt->", "to the newest message"] },
  { keys: ["ctrl-f"], intent: "search", help: ["Ctrl-F", "search in all that was said"] },
  { keys: ["alt-r"], intent: "reply", help: ["Alt-R", "answer a message; again: the one before"] },
  { keys: ["f1"], intent: "help", help: ["F1, /help", "this help"] },
  { keys: ["escape"], intent: "dismiss", help: ["Esc", "close what is open; a warning: I have read it"] },
  { keys: ["ctrl-l"], intent: "redraw", help: ["Ctrl-L", "draw the screen anew"] },
  { keys: ["ctrl-z"], intent: "suspend", help: ["Ctrl-Z", "suspend (fg brings it back)"] },
  { keys: ["ctrl-c"], intent: "interrupt", help: ["Ctrl-C", "empty the input; twice: leave"] },
  { keys: ["ctrl-d"], intent: "leave", help: ["Ctrl-D", "leave, when the input is empty"] },
];

/** What a face without its own editing needs to say about the rest. */
export const EDITING_HELP: readonly (readonly [string, string])[] = [
  ["Up, Down", "lines of the text, then what you typed before"],
  ["Home, End, Ctrl-A, Ctrl-E", "start and end of the line; with an empty input: of what was said"],
  ["Ctrl-Left, Alt-B, Alt-F", "by words"],
  ["Ctrl-W, Ctrl-U, Ctrl-K, Ctrl-Y", "cut a word, the line before, after; put back"],
];

const INTENTS = new Map(BINDINGS.flatMap(({ keys, intent }) => keys.map((key) => [key, intent] as const)));

export function intentOf(key: string): Intent | undefined {
  return INTENTS.get(key);
}

/** "alt-3": 3. */
export function placeOf(key: string): number | undefined {
  const [, digit] = /^alt-([0-9])$/.exec(key) ?? [];
  return digit === undefined ? undefined : Number(digit);
}
