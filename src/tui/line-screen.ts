import type { WriteStream } from "node:tty";
import type { Line, Tone } from "./lines.ts";
import { graphemes, graphemeWidth, textWidth } from "./width.ts";

/**
 * The terminal: lines scroll by above, the last row is the prompt with what is being typed. The prompt never takes
 * more than one row (a long text is shown in part, around the cursor), so that nothing above is ever torn.
 */

/** Red and magenta can be read on black and on white; yellow, green and cyan on one of them only. */
const STYLE: Readonly<Record<Tone, string>> = {
  chat: "1",
  sent: "35",
  quiet: "2",
  good: "",
  bad: "31",
  alarm: "1;31",
  plain: "",
};

export interface Prompt {
  readonly label: string;
  readonly before: string;
  readonly after: string;
}

export class LineScreen {
  readonly #out: WriteStream;
  readonly #hasColor: boolean;
  #prompt: Prompt = { label: "", before: "", after: "" };
  /** Columns from the left edge to the cursor, as drawn. */
  #cursor = 0;
  #isOpen = false;
  #drawAsked = false;
  /** What stands there: a screen reader reads out what is drawn again. */
  #drawn: Prompt | undefined;

  constructor(out: WriteStream, options: { hasColor: boolean }) {
    this.#out = out;
    this.#hasColor = options.hasColor;
    this.#out.on("resize", this.#resized);
    this.resume();
  }

  /** Prints a line above the prompt. Its text must be safe for a terminal. */
  print(...lines: readonly Line[]): void {
    const columns = this.#out.columns || 80;
    const text = lines.map((line) => `${this.#styled(line, columns)}\n`).join("");
    this.#out.write(`\r\x1b[J${text}`);
    this.#cursor = 0;
    if (this.#isOpen) this.#draw();
  }

  /** Shows the prompt; several calls at once are drawn once. */
  prompt(prompt: Prompt): void {
    this.#prompt = prompt;
    if (this.#drawAsked) return;
    this.#drawAsked = true;
    setImmediate(() => {
      this.#drawAsked = false;
      if (this.#isOpen && !isSame(this.#prompt, this.#drawn)) this.#draw();
    });
  }

  clear(): void {
    this.#out.write("\x1b[H\x1b[2J");
    this.#draw();
  }

  /** Takes the prompt away and gives the terminal back. */
  suspend(): void {
    this.#isOpen = false;
    this.#drawn = undefined;
    this.#out.write("\r\x1b[J\x1b[?2004l");
  }

  /** Bracketed paste on: a paste of several lines arrives marked as one. */
  resume(): void {
    this.#isOpen = true;
    this.#out.write("\x1b[?2004h");
  }

  close(): void {
    this.#out.removeListener("resize", this.#resized);
    this.suspend();
  }

  /** Terminals wrap the old prompt into the new width: go up to where it begins. */
  readonly #resized = (): void => {
    const rows = Math.floor(this.#cursor / Math.max(1, this.#out.columns));
    if (rows > 0) this.#out.write(`\x1b[${rows}A`);
    this.#draw();
  };

  #draw(): void {
    const { text, cursor } = fitPrompt(this.#prompt, Math.max(8, (this.#out.columns || 80) - 1));
    this.#cursor = cursor;
    this.#drawn = this.#prompt;
    this.#out.write(`\r\x1b[J${text}\r${cursor > 0 ? `\x1b[${cursor}C` : ""}`);
  }

  #styled({ tone, text }: Line, columns: number): string {
    const rows = wrapWords(text, columns);
    const style = STYLE[tone];
    if (!this.#hasColor || style === "") return rows.join("\n");
    if (tone !== "chat" && tone !== "sent") return rows.map((row) => paint(style, row)).join("\n");
    // Of a chat line only who says it stands out.
    const [first = "", ...rest] = rows;
    const head = /^\d\d:\d\d .*?: /u.exec(first)?.[0] ?? "";
    return [paint(style, head) + first.slice(head.length), ...rest].join("\n");
  }
}

function isSame(one: Prompt, other: Prompt | undefined): boolean {
  return one.label === other?.label && one.before === other.before && one.after === other.after;
}

function paint(style: string, text: string): string {
  return text === "" ? "" : `\x1b[${style}m${text}\x1b[0m`;
}

/** Where a line goes on in the next row. */
const INDENT = "      ";

/**
 * Breaks a line between words. A word longer than a row stays whole and is left to the terminal, so that what is
 * copied from there (an address of a web page) is whole as well.
 */
export function wrapWords(text: string, columns: number): readonly string[] {
  const rows: string[] = [];
  let row = "";
  let width = 0;
  for (const [, space = "", word = ""] of text.matchAll(/(\s*)(\S*)/gu)) {
    const wordWidth = textWidth(word);
    const isFull = width + space.length + wordWidth > columns && wordWidth <= columns - INDENT.length;
    if (isFull && row.trim() !== "") {
      rows.push(row);
      row = INDENT + word;
      width = INDENT.length + wordWidth;
    } else {
      row += space + word;
      // Of a word that wraps by itself its last row counts.
      width = (width + space.length + wordWidth) % columns;
    }
  }
  return [...rows, row];
}

/** What of the prompt fits into `columns`: all of it, or the part around the cursor. */
export function fitPrompt(prompt: Prompt, columns: number): { text: string; cursor: number } {
  const label = textWidth(prompt.label) > columns / 2 ? "> " : prompt.label;
  const room = columns - textWidth(label);
  const width = textWidth(prompt.before) + textWidth(prompt.after);
  if (width <= room) {
    const text = label + prompt.before + prompt.after;
    return { text, cursor: textWidth(label) + textWidth(prompt.before) };
  }
  // Some of what follows the cursor stays in view.
  const after = takeColumns(graphemes(prompt.after), Math.floor(room / 4));
  const before = takeColumns(graphemes(prompt.before).toReversed(), room - after.width - 1);
  const isCut = before.taken.length < graphemes(prompt.before).length;
  const text = label + (isCut ? "…" : "") + before.taken.toReversed().join("") + after.taken.join("");
  return { text, cursor: textWidth(label) + (isCut ? 1 : 0) + before.width };
}

function takeColumns(from: readonly string[], columns: number): { taken: readonly string[]; width: number } {
  const taken: string[] = [];
  let width = 0;
  for (const grapheme of from) {
    const next = width + graphemeWidth(grapheme);
    if (next > columns) break;
    width = next;
    taken.push(grapheme);
  }
  return { taken, width };
}
