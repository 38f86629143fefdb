import type { ReadStream, WriteStream } from "node:tty";
import type { Clock, Millis } from "../base/clock.ts";
import type { ArchiveReader } from "../chat/archive.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import { Alarm } from "../io/alarm.ts";
import { type Input, KeyDecoder } from "./key-decoder.ts";
import { HistoryFile } from "./line-history.ts";
import { type ScreenEffect, ScreenModel } from "./screen-model.ts";
import { EmojiProbe } from "./screen-probe.ts";
import { paintParts } from "./screen-style.ts";
import type { ScreenView } from "./screen-view.tsx";
import { endCode } from "./scripts.ts";
import { noticeLines, type SearchContext } from "./wording.ts";

/** An escape that nothing follows is the key. Over SSH the rest of a sequence comes well within this. */
const ESCAPE_MILLIS: Millis = 50;

export interface ScreenFaceOptions {
  readonly session: ChatSession;
  readonly archive: ArchiveReader | undefined;
  readonly clock: Clock;
  readonly context: SearchContext;
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly hasColor: boolean;
  readonly historyPath: string;
}

/** Runs the full-screen face until the user leaves; the terminal is as before then. Returns the exit code. */
export async function runScreen(options: ScreenFaceOptions): Promise<number> {
  // React's other build checks what it is given at every step, and keeps records of it.
  process.env.NODE_ENV ??= "production";
  const { openView } = await import("./screen-view.tsx");
  return new ScreenFace(options, () => openView(options)).run();
}

class ScreenFace {
  readonly #options: ScreenFaceOptions;
  readonly #openView: () => ScreenView;
  readonly #model: ScreenModel;
  readonly #decoder = new KeyDecoder();
  readonly #escape: Alarm;
  readonly #history: HistoryFile;
  readonly #probe: EmojiProbe;
  #view: ScreenView | undefined;
  #isDrawAsked = false;
  /** Until the terminal says otherwise. */
  #isFocused = true;
  #farewell = "";
  #exitCode: number = EXIT.ok;
  #ended: () => void = () => {};

  constructor(options: ScreenFaceOptions, open: () => ScreenView) {
    this.#options = options;
    this.#openView = open;
    this.#history = new HistoryFile(options.historyPath);
    this.#escape = new Alarm(options.clock, () => this.#inputs(this.#decoder.flush()));
    this.#model = new ScreenModel({
      ...options,
      history: this.#history.load(),
      size: this.#size,
      changed: () => this.#draw(),
    });
    this.#probe = new EmojiProbe((emoji) => {
      this.#model.supports(emoji);
      this.#draw();
    });
  }

  async run(): Promise<number> {
    const { input, output, session } = this.#options;
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    input.setEncoding("utf8");
    input.on("data", this.#data);
    input.on("end", this.#ended);
    // The terminal went away.
    input.on("error", this.#ended);
    output.on("resize", this.#resized);
    process.on("SIGCONT", this.#continued);
    this.#open();
    output.write(this.#probe.question);
    this.#redraw();
    const stop = session.onNotice((notice) => this.#notice(notice));
    session.start();
    this.#attend(true);
    await ended;
    stop();
    process.removeListener("SIGCONT", this.#continued);
    output.removeListener("resize", this.#resized);
    input.removeListener("data", this.#data);
    this.#escape.clear();
    this.#model.close();
    this.#close();
    input.pause();
    output.write(this.#farewell);
    return this.#exitCode;
  }

  get #size(): { columns: number; rows: number } {
    const { columns, rows } = this.#options.output;
    return { columns: columns || 80, rows: rows || 24 };
  }

  #open(): void {
    const { input, output } = this.#options;
    input.setRawMode(true);
    this.#view = this.#openView();
    this.#show();
    // Bracketed paste on; what is too wide by this terminal's own count must not wrap into the next row.
    // And whether the window has the keyboard, where the terminal can tell.
    output.write("\x1b[?2004h\x1b[?7l\x1b[?1004h");
  }

  #close(): void {
    const { input, output } = this.#options;
    output.write("\x1b[?1004l\x1b[?2004l\x1b[?7h");
    this.#view?.close();
    this.#view = undefined;
    input.setRawMode(false);
  }

  #redraw(): void {
    this.#view?.forget();
    this.#options.output.write("\x1b[2J\x1b[H");
    this.#show();
  }

  readonly #data = (text: string): void => {
    this.#escape.clear();
    this.#inputs(this.#decoder.push(text));
    if (this.#decoder.isUndecided) this.#escape.set(this.#options.clock.now() + ESCAPE_MILLIS);
  };

  readonly #resized = (): void => {
    this.#model.resized(this.#size);
    this.#draw();
  };

  readonly #continued = (): void => {
    if (this.#view === undefined) this.#open();
    else this.#redraw();
  };

  #inputs(inputs: readonly Input[]): void {
    for (const input of inputs) {
      if (input.type === "cursor") this.#probe.answered(input.column);
      else if (input.type === "focus") this.#isFocused = input.isFocused;
      else this.#perform(this.#model.key(input));
    }
    if (inputs.length === 0) return;
    this.#attend(inputs.some(({ type }) => type === "key" || type === "paste"));
    this.#draw();
  }

  #attend(isActive: boolean): void {
    const conversation = this.#model.shown;
    this.#options.session.attend({ conversation, isFocused: this.#isFocused, isActive });
  }

  #perform(effect: ScreenEffect): void {
    if (effect === "redraw") {
      this.#redraw();
    } else if (effect === "suspend") {
      this.#close();
      process.kill(process.pid, "SIGTSTP");
      // Here it goes on when it is brought back; or at once, where nobody could bring it back.
      setImmediate(() => this.#continued());
    } else if (effect !== "none") this.#history.add(effect.entered.replace(/\n/g, " "));
  }

  #notice(notice: SessionNotice): void {
    if (notice.type === "ended") {
      const lines = noticeLines(notice, this.#options.context);
      this.#farewell = lines.map(({ text }) => `${text}\n`).join("");
      this.#exitCode = endCode(notice.reason);
      this.#ended();
      return;
    }
    if (notice.type === "ring") this.#options.output.write("\x07");
    this.#model.notice(notice);
    // Whoever writes first is opened.
    this.#attend(false);
    this.#draw();
  }

  /** Several changes at once are drawn once. */
  #draw(): void {
    if (this.#isDrawAsked) return;
    this.#isDrawAsked = true;
    setImmediate(() => {
      this.#isDrawAsked = false;
      this.#show();
    });
  }

  #show(): void {
    if (this.#view === undefined) return;
    const { rows, cursor } = this.#model.frame();
    this.#view.show(
      rows.map((row) => paintParts(row, this.#options.hasColor)),
      cursor,
    );
  }
}
