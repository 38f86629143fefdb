import { messageText, nameText } from "./lines.ts";
import { alarmRows, homeRows } from "./screen-home.ts";
import { inputBox } from "./screen-input.ts";
import { panelRows } from "./screen-panels.ts";
import {
  conversationBar,
  conversationHeader,
  conversationList,
  type Look,
  peopleList,
  standingRow,
  stateSign,
} from "./screen-panes.ts";
import { TranscriptRows } from "./screen-rows.ts";
import { windowRows } from "./screen-scroll.ts";
import type { ScreenState } from "./screen-state.ts";
import { fitRow, type Row, span, spreadRow } from "./screen-style.ts";
import { wrapToWidth } from "./screen-wrap.ts";
import { dayOf } from "./time.ts";
import { textWidth } from "./width.ts";

/** A screenful: as many rows as the terminal has, each exactly as wide. */
export interface Frame {
  readonly rows: readonly Row[];
  readonly cursor: { readonly x: number; readonly y: number };
}

/** From this width on there is room for a list of conversations; and for one of people. */
const LIST_FROM = 100;
const PEOPLE_FROM = 130;
const LIST_COLUMNS = 26;
const PEOPLE_COLUMNS = 36;
/** Smaller terminals are drawn as if they were so big. */
const LEAST = { columns: 20, rows: 6 };

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export function layOut(state: ScreenState, size: Size): Frame {
  const columns = Math.max(LEAST.columns, size.columns);
  const height = Math.max(LEAST.rows, size.rows);
  const input = inputBox(state.input, { columns, height: Math.max(1, Math.min(8, Math.floor(height / 3))) });
  const bodyHeight = height - 3 - input.rows.length;
  const rows = [
    topRow(state, columns),
    headerRow(state, columns),
    ...body(state, { columns, height: bodyHeight }),
    statusRow(state, columns),
    ...input.rows,
  ].map((row) => fitRow(row, columns));
  return { rows, cursor: { x: input.cursor.x, y: height - input.rows.length + input.cursor.y } };
}

/** How much of the screen the transcript has. */
export function transcriptSize({ columns, rows }: Size): { columns: number; height: number } {
  const { left, right } = paneColumns(Math.max(LEAST.columns, columns));
  return { columns: Math.max(LEAST.columns, columns) - left - right, height: Math.max(LEAST.rows, rows) - 4 };
}

export function transcriptRows(state: ScreenState, columns: number): TranscriptRows {
  const { conversations, marked, emoji, cache } = state;
  const entries = conversations.transcript?.entries ?? [];
  const unreadFrom = conversations.current?.unreadFrom;
  return new TranscriptRows(
    { entries, columns, nameColumns: nameColumns(state), emoji, unreadFrom, marked },
    cache,
  );
}

/** Room for "(?)" behind a name. */
const MARK_COLUMNS = 3;

function nameColumns({ conversations }: ScreenState): number {
  const title = conversations.current?.title ?? "";
  const width = title.startsWith("#") ? 12 : textWidth(nameText(title)) + MARK_COLUMNS;
  return Math.max(4, Math.min(16, width));
}

function paneColumns(columns: number): { left: number; right: number } {
  return {
    left: columns >= LIST_FROM ? LIST_COLUMNS : 0,
    right: columns >= PEOPLE_FROM ? PEOPLE_COLUMNS : 0,
  };
}

function topRow(state: ScreenState, columns: number): Row {
  const { conversations, snapshot, lostSince } = state;
  const right = [...standingRow(snapshot, lostSince), span("  F1 help ", "quiet")];
  if (paneColumns(columns).left > 0) return spreadRow([span(" multiproto", "strong")], right, columns);
  return conversationBar(conversations.list, conversations.current, { columns, right });
}

/** A rule that says what stands below it. */
function headerRow(state: ScreenState, columns: number): Row {
  const { conversations, panel, snapshot } = state;
  const title = conversations.current?.title;
  const what: Row =
    panel !== undefined
      ? [span(panel.type === "page" ? panel.title : "Search", "strong"), span(" · Esc closes", "quiet")]
      : title === undefined
        ? [span("People", "strong")]
        : conversationHeader(title, snapshot, look(state));
  return ruled(what, [], columns);
}

function statusRow(state: ScreenState, columns: number): Row {
  const { flash, conversations, anchor, partner, isPartnerWriting } = state;
  const isBack = conversations.transcript !== undefined && anchor !== "end" && state.panel === undefined;
  const right: Row = isBack ? [span("older messages · Ctrl-End: newest", "strong")] : unreadElsewhere(state);
  if (flash !== undefined)
    return ruled([span(flash.text, flash.tone === "bad" ? "bad" : "strong")], right, columns);
  if (isPartnerWriting && partner !== undefined)
    return ruled([span(`${messageText(partner)} is writing …`, "quiet")], right, columns);
  return ruled([], right, columns);
}

function unreadElsewhere({ conversations }: ScreenState): Row {
  const current = conversations.current;
  const unread = conversations.unread - (current?.unread ?? 0);
  return unread > 0 ? [span(`${unread} new elsewhere · Alt-A`, "strong")] : [];
}

/** "── words ───── words ──". */
function ruled(left: Row, right: Row, columns: number): Row {
  const start: Row = left.length > 0 ? [span("── ", "quiet"), ...left, span(" ", "quiet")] : [];
  const end: Row = right.length > 0 ? [span(" "), ...right, span(" ──", "quiet")] : [];
  const used = [...start, ...end].reduce((width, { text }) => width + textWidth(text), 0);
  const line = span("─".repeat(Math.max(0, columns - used)), "quiet");
  return used > columns ? spreadRow(start, end, columns) : [...start, line, ...end];
}

function body(state: ScreenState, { columns, height }: { columns: number; height: number }): readonly Row[] {
  const { left, right } = paneColumns(columns);
  const { conversations, snapshot } = state;
  const middleColumns = columns - left - right;
  const middle = middleRows(state, { columns: middleColumns, height });
  const sign = (title: string): string => stateSign(snapshot.roster, title);
  const list =
    left === 0
      ? []
      : conversationList(conversations.list, conversations.current, { columns: left - 2, height, sign });
  const people =
    right === 0 ? [] : peopleList(snapshot.roster, { columns: right - 3, height, look: look(state) });
  return Array.from({ length: height }, (_, index) => [
    ...(left === 0 ? [] : [...fitRow(list[index] ?? [], left - 2), span("│ ", "quiet")]),
    ...fitRow(middle[index] ?? [], middleColumns),
    ...(right === 0 ? [] : [span(" │ ", "quiet"), ...fitRow(people[index] ?? [], right - 3)]),
  ]);
}

/** The transcript, or what covers it; warnings above. */
function middleRows(
  state: ScreenState,
  { columns, height }: { columns: number; height: number },
): readonly Row[] {
  const alarms = alarmRows(state, columns).slice(0, Math.max(1, height - 2));
  const rest = height - alarms.length;
  const { panel, emoji, hasArchive, conversations } = state;
  if (panel !== undefined)
    return [...alarms, ...panelRows(panel, { columns, height: rest, emoji, hasArchive })];
  if (conversations.current === undefined)
    return [...alarms, ...homeRows(state, { columns, height: rest, look: look(state) })];
  if (conversations.transcript?.entries.length === 0)
    return [...alarms, ...emptyRows(conversations.current, { columns, height: rest })];
  const rows = windowRows(transcriptRows(state, columns), state.anchor, rest);
  // The newest message stands just above the input.
  const empty = Array.from({ length: Math.max(0, rest - rows.length) }, (): Row => []);
  return [...alarms, ...empty, ...rows];
}

/** What one may do where nothing has been said, just above the input. */
function emptyRows(
  { title }: { readonly title: string },
  { columns, height }: { columns: number; height: number },
): readonly Row[] {
  const whom = title.startsWith("#") ? `all who are in ${messageText(title)}` : messageText(title);
  const text = `Nothing was said here yet. Type below, and Enter sends it to ${whom}.`;
  const rows = wrapToWidth(text, Math.max(1, columns - 2)).map((row): Row => [span(` ${row}`, "quiet")]);
  const shown = rows.slice(0, height);
  return [...Array.from({ length: height - shown.length }, (): Row => []), ...shown];
}

function look({ emoji, wall }: ScreenState): Look {
  return { emoji, today: dayOf(wall) };
}
