import type { UnixMillis } from "../base/clock.ts";
import { type Line, nameText, type Tone } from "./lines.ts";
import type { Entry, FileEntry, MessageEntry, NoteEntry } from "./screen-entries.ts";
import type { RowSource } from "./screen-scroll.ts";
import { type Row, type Span, type Style, span } from "./screen-style.ts";
import { displayLine, displayLines, type EmojiSupport } from "./screen-text.ts";
import { cutToWidth, padToWidth, wrapToWidth } from "./screen-wrap.ts";
import { dayOf, timeOfDay } from "./time.ts";
import { textWidth } from "./width.ts";
import { fileText, percent, sizeText, stateText, whyText } from "./wording-files.ts";

/** How a transcript is to be shown. */
export interface TranscriptLook {
  readonly entries: readonly Entry[];
  readonly columns: number;
  /** Columns for names; longer ones are cut. */
  readonly nameColumns: number;
  readonly emoji: EmojiSupport;
  /** Above this one stands the line "new". */
  readonly unreadFrom: number | undefined;
  /** The one that was found, or is being answered. */
  readonly marked: number | undefined;
}

const TIME_COLUMNS = 6;
/** Too few columns for a column of names: the text goes on under the time. */
const NARROW = 50;

const TONE_STYLE: Readonly<Record<Tone, Style>> = {
  chat: "plain",
  sent: "own",
  quiet: "quiet",
  good: "good",
  bad: "bad",
  alarm: "alarm",
  plain: "plain",
};

/** Rows that were made, by entry: most are the same from one key to the next. */
export type RowCache = WeakMap<Entry, { readonly look: string; readonly rows: readonly Row[] }>;

export class TranscriptRows implements RowSource {
  readonly #look: TranscriptLook;
  readonly #cache: RowCache;

  constructor(look: TranscriptLook, cache: RowCache) {
    this.#look = look;
    this.#cache = cache;
  }

  get count(): number {
    return this.#look.entries.length;
  }

  keyAt(index: number): number {
    return this.#look.entries[index]?.key ?? -1;
  }

  indexOf(key: number): number {
    return this.#look.entries.findIndex((entry) => entry.key === key);
  }

  rows(index: number): readonly Row[] {
    const { entries, unreadFrom, marked, columns, nameColumns, emoji } = this.#look;
    const entry = entries[index];
    if (entry === undefined) return [];
    const before = entries[index - 1];
    const day = before === undefined || dayOf(before.at) !== dayOf(entry.at) ? dayOf(entry.at) : "";
    const isNew = unreadFrom === entry.key;
    const isMarked = marked === entry.key;
    const look = [day, isNew, isMarked, columns, nameColumns, ...Object.values(emoji)].join();
    const cached = this.#cache.get(entry);
    if (cached?.look === look) return cached.rows;
    const rows: Row[] = [];
    if (day !== "") rows.push(ruleRow(day, columns, "quiet"));
    if (isNew) rows.push(ruleRow("new", columns, "strong"));
    rows.push(
      ...(entry.kind === "note"
        ? noteRows(entry, columns)
        : entry.kind === "file"
          ? fileRows(entry, columns)
          : messageRows(entry, this.#look, isMarked)),
    );
    this.#cache.set(entry, { look, rows });
    return rows;
  }
}

/** "──── Wed 25 Nov 2026 ────". */
function ruleRow(words: string, columns: number, style: Style): Row {
  const rest = Math.max(0, columns - textWidth(words) - 2);
  const left = Math.floor(rest / 2);
  const text = `${"─".repeat(left)} ${words} ${"─".repeat(rest - left)}`;
  return [span(cutToWidth(text, columns), style)];
}

function noteRows({ lines }: NoteEntry, columns: number): readonly Row[] {
  return lines.flatMap((line) => lineRows(line, columns));
}

const BAR_COLUMNS = 20;

/** "12:03 file 1 from ola: photo.jpg, 2.9 MiB", a bar while it is under way, and below it what can be done. */
function fileRows({ transfer, number, at }: FileEntry, columns: number): readonly Row[] {
  const { direction, peer, state } = transfer;
  const with_ = `${direction === "out" ? "to" : "from"} ${nameText(peer)}`;
  const head = `file ${number} ${with_}: ${fileText(transfer.name)}, ${sizeText(transfer.size)}`;
  const room = Math.max(2, columns - 1 - TIME_COLUMNS);
  const rows: Row[] = wrapToWidth(head, room).map((row, index) => [
    span(index === 0 ? ` ${timeOfDay(at)} ` : " ".repeat(1 + TIME_COLUMNS), "quiet"),
    span(row, "strong"),
  ]);
  const isUnderWay = ["running", "paused", "waiting"].includes(state);
  const filled = Math.round((percent(transfer) / 100) * BAR_COLUMNS);
  const bar = isUnderWay ? `[${"#".repeat(filled)}${"-".repeat(BAR_COLUMNS - filled)}] ` : "";
  const isAsking = direction === "in" && state === "offered";
  const asks = `to take it: /accept ${number}, else: /refuse ${number}`;
  const style: Style = state === "failed" ? "bad" : state === "done" ? "good" : "plain";
  const why = transfer.why === undefined ? "" : `${whyText(transfer)}; `;
  for (const row of wrapToWidth(isAsking ? `${why}${asks}` : `${bar}${stateText(transfer)}`, room))
    rows.push([span(" ".repeat(1 + TIME_COLUMNS)), span(row, style)]);
  return rows;
}

/** What the program says, indented a little. */
export function lineRows({ tone, text }: Line, columns: number): readonly Row[] {
  return wrapToWidth(text, Math.max(2, columns - 2)).map((row) => [span("  "), span(row, TONE_STYLE[tone])]);
}

function messageRows(entry: MessageEntry, look: TranscriptLook, isMarked: boolean): readonly Row[] {
  const { columns, emoji } = look;
  const name = entry.from ?? "you";
  const nameStyle: Style = entry.from === undefined ? "own" : "name";
  const isNarrow = columns < NARROW;
  const nameWidth = isNarrow ? textWidth(name) : look.nameColumns;
  const shownName = padToWidth(shortName(displayLine(name, emoji), nameWidth), nameWidth);
  const head: Row = [
    span(isMarked ? "▸" : " ", "hit"),
    span(`${timeOfDay(entry.at)} `, "quiet"),
    span(`${shownName}  `, nameStyle),
  ];
  const headWidth = 1 + TIME_COLUMNS + nameWidth + 2;
  const indent = isNarrow ? 2 : headWidth;
  const room = Math.max(2, columns - indent);
  const body = bodyRows(entry, { room, emoji, isMarked });
  if (isNarrow) return [head, ...body.map((row) => [span("  "), ...row])];
  return body.map((row, index) => (index === 0 ? [...head, ...row] : [span(" ".repeat(indent)), ...row]));
}

/** Cut, but for the mark that says how far the name may be believed. */
function shortName(name: string, columns: number): string {
  const [, bare = name, mark = ""] = /^(.*?)(\(\?\)|\*)?$/u.exec(name) ?? [];
  return cutToWidth(bare, columns - mark.length) + mark;
}

function bodyRows(
  entry: MessageEntry,
  { room, emoji, isMarked }: { room: number; emoji: EmojiSupport; isMarked: boolean },
): readonly Row[] {
  const rows: Span[][] = [];
  if (entry.quote !== undefined) {
    const { from, text } = entry.quote;
    const quote = `↳ ${from === "" ? "" : `${from}: `}${displayLine(text.replace(/\s+/gu, " "), emoji)}`;
    rows.push([span(cutToWidth(quote, room), "quiet")]);
  }
  for (const line of displayLines(entry.text, emoji))
    for (const row of wrapToWidth(line, room)) rows.push([span(row, isMarked ? "hit" : "plain")]);
  const mark = markOf(entry);
  const last = rows.at(-1);
  const lastWidth = last?.reduce((width, { text }) => width + textWidth(text), 0) ?? 0;
  if (mark !== "" && last !== undefined && lastWidth + 1 + textWidth(mark) <= room)
    last.push(span(` ${mark}`, "quiet"));
  else if (mark !== "") rows.push([span(mark, "quiet")]);
  for (const [text, style] of remarks(entry))
    for (const row of wrapToWidth(text, room)) rows.push([span(row, style)]);
  return rows;
}

function markOf({ state }: MessageEntry): string {
  switch (state.type) {
    case "received":
      return "";
    case "sending":
      return "…";
    case "delivered":
      return state.reached === undefined ? "✓" : `✓ ${state.reached}`;
    case "read":
      return "✓✓";
    case "waiting":
      return "◷ waiting";
    case "failed":
      return "✗";
  }
}

function remarks({ state, written, origin }: MessageEntry): readonly (readonly [string, Style])[] {
  if (origin !== undefined) return [[`suspicious: without a key, from ${nameText(origin)}`, "bad"]];
  if (state.type === "waiting") return [[state.why, "quiet"]];
  if (state.type === "failed") return [[state.why, "bad"]];
  return written === undefined ? [] : [[`written ${dayAndTime(written)}`, "quiet"]];
}

function dayAndTime(at: UnixMillis): string {
  return `${dayOf(at)} ${timeOfDay(at)}`;
}
