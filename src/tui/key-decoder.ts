/**
 * What a terminal sends, as keys. Pure: text goes in, keys come out; a sequence may come in pieces. (Node's own decoder
 * tells a paste as so many keys, and cannot tell Ctrl-J from Enter or what a terminal answers from what was typed.)
 */

export type Input =
  /** "a", "return", "ctrl-n", "alt-1", "alt-up", "f1"; `text`: what it writes, if anything. */
  | { readonly type: "key"; readonly name: string; readonly text: string | undefined }
  | { readonly type: "paste"; readonly text: string }
  /** An answer to "where is the cursor?", counted from 1. */
  | { readonly type: "cursor"; readonly row: number; readonly column: number }
  /** The terminal's window got the keyboard, or lost it: told by those that were asked (xterm's mode 1004). */
  | { readonly type: "focus"; readonly isFocused: boolean };

/** More of a paste is not kept: no message holds so much. */
const MAX_PASTE = 1_048_576;
/** A sequence that goes on longer is none that a keyboard sends. */
const MAX_SEQUENCE = 64;

const PASTE_START = "\x1b[200~";
const PASTE_END = "\x1b[201~";

/** ECMA-48 §5.4: CSI, parameters, intermediates, final; or SS3 and one character. With Alt one more escape before it. */
const ESCAPE = "\x1b";
const SEQUENCE = new RegExp(`^${ESCAPE}${ESCAPE}?(?:\\[[0-?]*[ -/]*[@-~]|O[ -~])`);
const BEGUN = new RegExp(`^(?:${ESCAPE}|${ESCAPE}${ESCAPE}(?=[[O]))(?:\\[[0-?]*[ -/]*|O)$`);

export class KeyDecoder {
  #rest = "";
  /** What of a paste has come. */
  #pasted: string | undefined;

  push(text: string): readonly Input[] {
    this.#rest += text;
    const inputs: Input[] = [];
    for (let input = this.#next(); input !== "more"; input = this.#next())
      if (input !== "nothing") inputs.push(input);
    return inputs;
  }

  /** An escape has come, and it is not yet clear whether it was the key or begins a sequence. */
  get isUndecided(): boolean {
    return this.#rest !== "" && this.#pasted === undefined;
  }

  /** Nothing followed: the key it was. */
  flush(): readonly Input[] {
    const rest = this.#rest;
    if (!this.isUndecided) return [];
    this.#rest = "";
    return /^[^[O]*$/.test(rest) ? Array.from(rest, () => key("escape")) : [];
  }

  #next(): Input | "nothing" | "more" {
    if (this.#pasted !== undefined) return this.#paste(this.#pasted);
    const [first] = this.#rest;
    if (first === undefined) return "more";
    if (first === "\x1b") return this.#escape();
    const character = String.fromCodePoint(this.#rest.codePointAt(0) ?? 0);
    this.#rest = this.#rest.slice(character.length);
    return plainKey(character) ?? "nothing";
  }

  #paste(pasted: string): Input | "more" {
    const all = pasted + this.#rest;
    const end = all.indexOf(PASTE_END, Math.max(0, pasted.length - PASTE_END.length));
    if (end < 0) {
      // The end may have come in part.
      this.#pasted = all.length > MAX_PASTE ? all.slice(0, MAX_PASTE - 8) + all.slice(-8) : all;
      this.#rest = "";
      return "more";
    }
    this.#pasted = undefined;
    this.#rest = all.slice(end + PASTE_END.length);
    return { type: "paste", text: all.slice(0, end) };
  }

  #escape(): Input | "nothing" | "more" {
    const rest = this.#rest;
    if (rest === "\x1b" || rest === "\x1b\x1b") return "more";
    const [sequence] = SEQUENCE.exec(rest) ?? [];
    if (sequence !== undefined) {
      this.#rest = rest.slice(sequence.length);
      return this.#sequence(sequence);
    }
    if (BEGUN.test(rest) && rest.length < MAX_SEQUENCE) return "more";
    if (rest.startsWith("\x1b\x1b") || rest.startsWith("\x1b[")) {
      this.#rest = rest.slice(rest.startsWith("\x1b[") ? 2 : 1);
      return rest.startsWith("\x1b[") ? "nothing" : key("escape");
    }
    const character = String.fromCodePoint(rest.codePointAt(1) ?? 0);
    this.#rest = rest.slice(1 + character.length);
    const plain = plainKey(character);
    return plain === undefined ? "nothing" : key(`alt-${plain.name}`);
  }

  #sequence(sequence: string): Input | "nothing" {
    if (sequence === PASTE_START) {
      this.#pasted = "";
      return "nothing";
    }
    const alt = sequence.startsWith("\x1b\x1b") ? "alt-" : "";
    const body = alt === "" ? sequence.slice(1) : sequence.slice(2);
    const cursor = /^\[(\d{1,5});(\d{1,5})R$/.exec(body);
    if (cursor !== null) return { type: "cursor", row: Number(cursor[1]), column: Number(cursor[2]) };
    if (body === "[I" || body === "[O") return { type: "focus", isFocused: body === "[I" };
    const [, introducer = "", number = "", modifiers = "1", final = ""] =
      /^([[O])(\d*)(?:;(\d+))?([A-Za-z~])$/.exec(body) ?? [];
    const name = final === "~" ? NUMBERED[number] : LETTERED[final];
    if (introducer === "" || name === undefined) return "nothing";
    return key(`${alt}${modified(Number(modifiers))}${name}`);
  }
}

const LETTERED: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  P: "f1",
  Q: "f2",
  R: "f3",
  S: "f4",
  Z: "shift-tab",
};

const NUMBERED: Readonly<Record<string, string>> = {
  "1": "home",
  "2": "insert",
  "3": "delete",
  "4": "end",
  "5": "pageup",
  "6": "pagedown",
  "7": "home",
  "8": "end",
  "11": "f1",
  "12": "f2",
  "13": "f3",
  "14": "f4",
};

/** xterm: one more than the sum of shift 1, alt 2, ctrl 4. */
function modified(modifiers: number): string {
  const sum = modifiers - 1;
  return `${(sum & 4) !== 0 ? "ctrl-" : ""}${(sum & 2) !== 0 ? "alt-" : ""}`;
}

function key(name: string, text?: string): Extract<Input, { type: "key" }> {
  return { type: "key", name, text };
}

function plainKey(character: string): Extract<Input, { type: "key" }> | undefined {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x0d) return key("return");
  if (code === 0x09) return key("tab");
  if (code === 0x7f || code === 0x08) return key("backspace");
  if (code === 0x20) return key("space", " ");
  if (code >= 1 && code <= 26) return key(`ctrl-${String.fromCharCode(code + 96)}`);
  if (code < 0x20 || (code >= 0x80 && code < 0xa0)) return undefined;
  return key(character, character);
}
