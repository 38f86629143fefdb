import { graphemes } from "./width.ts";

/**
 * What is under a person's fingers: text, cursor, history. Pure: keys go in, what happened comes out.
 */

/** Longest text, UTF-16 units; a longer paste is cut with a warning. */
export const MAX_LINE = 16_384;
export const MAX_HISTORY = 1_000;

/** A key as `node:readline` decodes it. */
export interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly meta?: boolean | undefined;
  /** The characters it stands for, if any. */
  readonly text?: string | undefined;
}

export type EditorEffect =
  | { readonly type: "changed" }
  | { readonly type: "submit"; readonly line: string }
  | { readonly type: "complete" }
  | { readonly type: "interrupt" }
  | { readonly type: "end" }
  | { readonly type: "clear-screen" }
  | { readonly type: "suspend" }
  | { readonly type: "cut" }
  | { readonly type: "none" };

const CHANGED: EditorEffect = { type: "changed" };
const NONE: EditorEffect = { type: "none" };

/** Acts instead of shows; joiners stay, as some scripts and emoji are written with them. */
const ACTING = /(?!\u200C|\u200D|\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]/gu;

export class LineEditor {
  readonly #history: string[];
  readonly #keepsLines: boolean;
  #before = "";
  #after = "";
  /** Index into history while leafing through it; the length means: not leafing. */
  #leaf: number;
  #draft = "";
  #killed = "";
  #pasted: string | undefined;

  /** `history`: oldest first. `keepsLines`: the text may have several lines; else their breaks become spaces. */
  constructor(history: readonly string[] = [], { keepsLines = false }: { keepsLines?: boolean } = {}) {
    this.#keepsLines = keepsLines;
    this.#history = history.slice(-MAX_HISTORY);
    this.#leaf = this.#history.length;
  }

  get line(): string {
    return this.#before + this.#after;
  }

  get before(): string {
    return this.#before;
  }

  get after(): string {
    return this.#after;
  }

  /** As a paste, at the cursor. */
  insert(text: string): EditorEffect {
    return this.#insert(text);
  }

  /** Replaces the text before the cursor, as completion does. */
  replaceBefore(text: string): void {
    this.#before = text;
  }

  /** A text that was put aside. */
  restore({ before, after }: { readonly before: string; readonly after: string }): void {
    this.clear();
    this.#before = before;
    this.#after = after;
  }

  clear(): void {
    this.#set("");
    this.#leaf = this.#history.length;
  }

  key(key: Key): EditorEffect {
    if (this.#pasted !== undefined || key.name === "paste-start") return this.#paste(key);
    if (key.ctrl === true) return this.#control(key.name ?? "");
    if (key.meta === true) return this.#alt(key.name ?? "");
    return this.#plain(key);
  }

  /** A bracketed paste is one insertion: its line breaks become spaces and submit nothing. */
  #paste(key: Key): EditorEffect {
    if (key.name === "paste-start") this.#pasted = "";
    else if (key.name === "paste-end") {
      const pasted = this.#pasted ?? "";
      this.#pasted = undefined;
      return this.#insert(pasted.trim());
    } else if (this.#pasted !== undefined && this.#pasted.length <= MAX_LINE) {
      this.#pasted += key.name === "return" || key.name === "enter" ? "\n" : (key.text ?? "");
    }
    return NONE;
  }

  #plain(key: Key): EditorEffect {
    switch (key.name) {
      case "return":
      case "enter":
        return this.#submit();
      case "tab":
        return { type: "complete" };
      case "backspace":
        return this.#eraseBefore(lastGrapheme(this.#before).length);
      case "delete":
        return this.#eraseAfter(firstGrapheme(this.#after).length);
      case "left":
        return this.#move(-lastGrapheme(this.#before).length);
      case "right":
        return this.#move(firstGrapheme(this.#after).length);
      case "home":
        return this.#move(-lineBefore(this.#before));
      case "end":
        return this.#move(lineAfter(this.#after));
      case "up":
        return this.#upwards();
      case "down":
        return this.#downwards();
      default:
        return key.text === undefined ? NONE : this.#insert(key.text);
    }
  }

  #control(name: string): EditorEffect {
    switch (name) {
      case "a":
        return this.#move(-lineBefore(this.#before));
      case "e":
        return this.#move(lineAfter(this.#after));
      case "b":
        return this.#move(-lastGrapheme(this.#before).length);
      case "f":
        return this.#move(firstGrapheme(this.#after).length);
      case "left":
        return this.#move(-wordBefore(this.#before));
      case "right":
        return this.#move(wordAfter(this.#after));
      case "h":
        return this.#eraseBefore(lastGrapheme(this.#before).length);
      case "w":
        return this.#kill("before", wordBefore(this.#before));
      case "u":
        return this.#kill("before", lineBefore(this.#before));
      case "k":
        return this.#kill("after", lineAfter(this.#after));
      case "y":
        return this.#insert(this.#killed);
      case "p":
        return this.#leafTo(this.#leaf - 1);
      case "n":
        return this.#leafTo(this.#leaf + 1);
      case "d":
        if (this.line === "") return { type: "end" };
        return this.#eraseAfter(firstGrapheme(this.#after).length);
      case "c":
        return { type: "interrupt" };
      case "l":
        return { type: "clear-screen" };
      case "z":
        return { type: "suspend" };
      default:
        return NONE;
    }
  }

  #alt(name: string): EditorEffect {
    switch (name) {
      case "b":
        return this.#move(-wordBefore(this.#before));
      case "f":
        return this.#move(wordAfter(this.#after));
      case "d":
        return this.#kill("after", wordAfter(this.#after));
      case "backspace":
        return this.#kill("before", wordBefore(this.#before));
      default:
        return NONE;
    }
  }

  #insert(text: string): EditorEffect {
    const lines = this.#keepsLines
      ? text.replace(/\r\n?|[\u2028\u2029]/g, "\n").replace(/\t/g, "    ")
      : text.replace(/[\r\n\t\u2028\u2029]+/g, " ");
    const clean = lines.replace(ACTING, "");
    const room = MAX_LINE - this.line.length;
    this.#before += clean.slice(0, room).replace(/[\uD800-\uDBFF]$/, "");
    return clean.length > room ? { type: "cut" } : CHANGED;
  }

  /** A line up or, from the first one, back in history. */
  #upwards(): EditorEffect {
    const column = lineBefore(this.#before);
    if (column === this.#before.length) return this.#leafTo(this.#leaf - 1);
    const above = lineBefore(this.#before.slice(0, this.#before.length - column - 1));
    return this.#move(-(column + 1 + Math.max(0, above - column)));
  }

  #downwards(): EditorEffect {
    const rest = lineAfter(this.#after);
    if (rest === this.#after.length) return this.#leafTo(this.#leaf + 1);
    const below = lineAfter(this.#after.slice(rest + 1));
    return this.#move(rest + 1 + Math.min(lineBefore(this.#before), below));
  }

  #submit(): EditorEffect {
    const line = this.line;
    this.#remember(line);
    this.clear();
    return { type: "submit", line };
  }

  #remember(line: string): void {
    if (line.trim() === "" || line === this.#history.at(-1)) return;
    this.#history.push(line);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
  }

  #leafTo(index: number): EditorEffect {
    if (index < 0 || index > this.#history.length) return NONE;
    if (this.#leaf === this.#history.length) this.#draft = this.line;
    this.#leaf = index;
    this.#set(this.#history[index] ?? this.#draft);
    return CHANGED;
  }

  #set(line: string): void {
    this.#before = line;
    this.#after = "";
  }

  /** Moves the cursor by so many UTF-16 units. */
  #move(by: number): EditorEffect {
    const line = this.line;
    const cursor = this.#before.length + by;
    this.#before = line.slice(0, cursor);
    this.#after = line.slice(cursor);
    return CHANGED;
  }

  #eraseBefore(length: number): EditorEffect {
    this.#before = this.#before.slice(0, this.#before.length - length);
    return CHANGED;
  }

  #eraseAfter(length: number): EditorEffect {
    this.#after = this.#after.slice(length);
    return CHANGED;
  }

  #kill(side: "before" | "after", length: number): EditorEffect {
    if (length > 0) {
      this.#killed = side === "before" ? this.#before.slice(-length) : this.#after.slice(0, length);
    }
    return side === "before" ? this.#eraseBefore(length) : this.#eraseAfter(length);
  }
}

function lastGrapheme(text: string): string {
  // No grapheme that anybody types is longer.
  return graphemes(text.slice(-64)).at(-1) ?? "";
}

function firstGrapheme(text: string): string {
  return graphemes(text.slice(0, 64))[0] ?? "";
}

/** UTF-16 units from the start of the cursor's line to the cursor; to its end. */
function lineBefore(text: string): number {
  return text.length - text.lastIndexOf("\n") - 1;
}

function lineAfter(text: string): number {
  const end = text.indexOf("\n");
  return end < 0 ? text.length : end;
}

function wordBefore(text: string): number {
  return /\S*\s*$/u.exec(text)?.[0].length ?? 0;
}

function wordAfter(text: string): number {
  return /^\s*\S*/u.exec(text)?.[0].length ?? 0;
}
