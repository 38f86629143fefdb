import type { ArchivedMessage, ArchiveReader } from "../chat/archive.ts";
import { COMMAND_HELP } from "../chat/commands.ts";
import { type Line, messageText, plain, quiet } from "./lines.ts";
import { archivedSender } from "./screen-entries.ts";
import { BINDINGS, EDITING_HELP } from "./screen-keys.ts";
import { lineRows } from "./screen-rows.ts";
import { type Row, span } from "./screen-style.ts";
import { displayLine, type EmojiSupport } from "./screen-text.ts";
import { cutToWidth, padToWidth, wrapToWidth } from "./screen-wrap.ts";
import { dayOf, timeOfDay } from "./time.ts";
import { textWidth } from "./width.ts";
import { MARKS_HELP } from "./wording-peers.ts";

/** What covers the transcript for a while. */
export type Panel =
  | { readonly type: "page"; readonly title: string; readonly lines: readonly Line[]; readonly top: number }
  | {
      readonly type: "search";
      readonly words: string;
      readonly found: readonly ArchivedMessage[];
      readonly chosen: number;
    };

const FOUND_LIMIT = 100;

export function helpPage(): Panel {
  const keys = [...BINDINGS.map(({ help }) => help), ...EDITING_HELP].filter(([names]) => names !== "");
  const signs: readonly (readonly [string, string])[] = [
    ["…", "on its way"],
    ["◷ waiting", "kept here until the other is there"],
    ["✓", "the other machine has it"],
    ["✓✓", "somebody was at the keyboard there after it was shown"],
    ["✗", "did not arrive; the reason stands below"],
    ["● ◐ ◌ ○", "online, away, not answering, offline"],
  ];
  const lines = [
    plain("KEYS"),
    ...table(keys),
    plain(""),
    plain("COMMANDS"),
    ...table(COMMAND_HELP),
    plain(""),
    plain("SIGNS"),
    ...table(signs),
    ...MARKS_HELP.map((text) => plain(text.replace(/ {2,}/, SEPARATOR))),
  ];
  return { type: "page", title: "Help", lines, top: 0 };
}

function table(pairs: readonly (readonly [string, string])[]): readonly Line[] {
  return pairs.map(([left, right]) => plain(`${left}${SEPARATOR}${right}`));
}

/** Between the two columns of a table, whose second one is broken into rows by itself. */
const SEPARATOR = "\t";
const FIRST_COLUMN = 28;

function pageRows(line: Line, columns: number): readonly Row[] {
  const [left = "", right] = line.text.split(SEPARATOR);
  if (right === undefined) return lineRows(line, columns);
  const isRoomy = columns >= 60;
  const first = padToWidth(left, isRoomy ? FIRST_COLUMN : 0);
  const room = Math.max(2, columns - (isRoomy ? textWidth(first) + 3 : 4));
  const rows = wrapToWidth(right, room);
  if (!isRoomy)
    return [[span(`  ${left}`, "strong")], ...rows.map((text): Row => [span("    "), span(text)])];
  return rows.map((text, index) => [
    span(`  ${index === 0 ? first : padToWidth("", textWidth(first))} `, "strong"),
    span(text),
  ]);
}

export function searchFor(archive: ArchiveReader | undefined, words: string): Panel {
  const found = words.trim() === "" ? [] : (archive?.search(words, { limit: FOUND_LIMIT }) ?? []);
  return { type: "search", words, found, chosen: 0 };
}

/** The rows of a panel, exactly `height` or fewer. */
export function panelRows(
  panel: Panel,
  {
    columns,
    height,
    emoji,
    hasArchive,
  }: { columns: number; height: number; emoji: EmojiSupport; hasArchive: boolean },
): readonly Row[] {
  if (panel.type === "page") {
    const rows = panel.lines.flatMap((line) => pageRows(line, columns));
    const top = Math.max(0, Math.min(panel.top, rows.length - height));
    return rows.slice(top, top + height);
  }
  if (!hasArchive) return lineRows(quiet("nothing is kept here, so nothing can be searched"), columns);
  if (panel.words.trim() === "")
    return lineRows(quiet("type words that were said; the newest is found first"), columns);
  if (panel.found.length === 0) return lineRows(quiet("nothing found"), columns);
  const first = Math.max(0, Math.min(panel.chosen - Math.floor(height / 2), panel.found.length - height));
  return panel.found
    .slice(first, first + height)
    .map((message, index) => foundRow(message, { isChosen: first + index === panel.chosen, columns, emoji }));
}

function foundRow(
  message: ArchivedMessage,
  { isChosen, columns, emoji }: { isChosen: boolean; columns: number; emoji: EmojiSupport },
): Row {
  const when = `${dayOf(message.at).slice(4)} ${timeOfDay(message.at)}`.padEnd(18);
  const where = message.conversation.startsWith("#") ? message.conversation : messageText(message.peer);
  const who = message.direction === "out" ? `to ${where}` : archivedSender(message);
  const text = displayLine(message.text.replace(/\s+/gu, " "), emoji);
  const head = `${isChosen ? "▸ " : "  "}${when} ${padToWidth(cutToWidth(who, 16), 16)} `;
  return [span(head, isChosen ? "here" : "quiet"), span(cutToWidth(text, Math.max(1, columns - 37)))];
}
