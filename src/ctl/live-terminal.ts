/** A terminal that shows one screen after the other and tells its keys, and is given back as it was. */
import type { ReadStream, WriteStream } from "node:tty";

/** What somebody has pressed, as far as it means something. */
export type Key = "leave" | "order" | "up" | "down" | "page-up" | "page-down" | "first";

const KEYS: ReadonlyMap<string, Key> = new Map(
  Object.entries({
    q: "leave",
    Q: "leave",
    // Ctrl-C and Ctrl-D, which the terminal hands on as they are.
    "\x03": "leave",
    "\x04": "leave",
    s: "order",
    k: "up",
    j: "down",
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page-up",
    "\x1b[6~": "page-down",
    "\x1b[H": "first",
    "\x1bOH": "first",
  } satisfies Readonly<Record<string, Key>>),
);

/** Alternate screen, no cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT"] as const;

export interface LiveTerminalOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly onKey: (key: Key) => void;
  /** It has another size: what is shown no longer fits. */
  readonly onResize: () => void;
}

export class LiveTerminal {
  readonly #options: LiveTerminalOptions;
  readonly #onData = (data: Buffer): void => {
    for (const key of keysOf(data.toString("latin1"))) this.#options.onKey(key);
  };
  readonly #onResize = (): void => this.#options.onResize();
  readonly #onEnd = (): void => this.#options.onKey("leave");
  /** Whatever ends the process: the terminal is somebody's. */
  readonly #onExit = (): void => this.close();
  #isOpen = false;

  constructor(options: LiveTerminalOptions) {
    this.#options = options;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#options.output;
    // A terminal of size 0 is one that does not say.
    return { columns: columns || 80, rows: rows || 24 };
  }

  open(): void {
    const { input, output } = this.#options;
    this.#isOpen = true;
    process.once("exit", this.#onExit);
    for (const signal of SIGNALS) process.on(signal, this.#onEnd);
    input.setRawMode(true);
    input.on("data", this.#onData);
    input.on("end", this.#onEnd);
    output.on("resize", this.#onResize);
    output.write(ENTER);
  }

  /** In one piece, over what was there: nothing flickers. */
  show(lines: readonly string[]): void {
    if (this.#isOpen) this.#options.output.write(`\x1b[H${lines.join("\x1b[K\r\n")}\x1b[K\x1b[J`);
  }

  close(): void {
    if (!this.#isOpen) return;
    const { input, output } = this.#options;
    this.#isOpen = false;
    process.off("exit", this.#onExit);
    for (const signal of SIGNALS) process.off(signal, this.#onEnd);
    output.off("resize", this.#onResize);
    output.write(LEAVE);
    input.off("data", this.#onData);
    input.off("end", this.#onEnd);
    input.setRawMode(false);
    input.pause();
  }
}

/** Keys that mean nothing are skipped; one that came in two pieces is taken for two that mean nothing. */
export function keysOf(data: string): readonly Key[] {
  // A control sequence (ECMA-48 §5.4), a function key of the application mode, or one character. Bytes have no such sign
  // for ESC, and in a pattern it can be seen.
  const parts = data.replaceAll("\x1b", "␛").match(/␛\[[0-?]*[ -/]*[@-~]|␛O[@-~]|./gs) ?? [];
  return parts.flatMap((part) => {
    const key = KEYS.get(part.replace("␛", "\x1b"));
    return key === undefined ? [] : [key];
  });
}
