import { emitKeypressEvents } from "node:readline";
import type { ReadStream, WriteStream } from "node:tty";
import type { Clock, Millis } from "../base/clock.ts";
import { conversationWith } from "../chat/archive.ts";
import { parseRoom } from "../chat/commands.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import { Alarm } from "../io/alarm.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { parseNickname } from "../wire/nickname.ts";
import { Conversation } from "./conversation.ts";
import { complete } from "./line-complete.ts";
import { type EditorEffect, type Key, LineEditor, MAX_LINE } from "./line-editor.ts";
import { HistoryFile } from "./line-history.ts";
import { LineScreen } from "./line-screen.ts";
import { messageText } from "./lines.ts";
import { pathsFrom } from "./path-complete.ts";
import { endCode } from "./scripts.ts";
import { TypingSigns } from "./typing.ts";
import type { SearchContext } from "./wording.ts";

/** Two interrupts within this time leave. */
const INTERRUPT_MILLIS: Millis = 2_000;
/** A message that is not through by then is said to be on its way. */
const SLOW_MILLIS: Millis = 500;

export interface LineFaceOptions {
  readonly session: ChatSession;
  readonly clock: Clock;
  readonly context: SearchContext;
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly hasColor: boolean;
  readonly historyPath: string;
}

/** The line interface in a terminal. */
export class LineFace {
  readonly #session: ChatSession;
  readonly #clock: Clock;
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #screen: LineScreen;
  readonly #conversation: Conversation;
  readonly #history: HistoryFile;
  readonly #slow = new Map<MessageId, Alarm>();
  readonly #typing: TypingSigns;
  #editor: LineEditor;
  /** While the user is asked for a nickname: the one that Enter takes, and what was being typed. */
  #naming: { readonly suggestion: string; readonly interrupted: LineEditor } | undefined;
  #interruptedAt: Millis = -Infinity;
  #exitCode: number = EXIT.ok;
  #ended: () => void = () => {};

  constructor(options: LineFaceOptions) {
    this.#session = options.session;
    this.#clock = options.clock;
    this.#input = options.input;
    this.#output = options.output;
    this.#screen = new LineScreen(options.output, { hasColor: options.hasColor });
    this.#conversation = new Conversation(options);
    this.#history = new HistoryFile(options.historyPath);
    this.#typing = new TypingSigns({ ...options, faded: () => this.#drawPrompt() });
    this.#editor = new LineEditor(this.#history.load());
  }

  /** Runs until the user leaves; the terminal is as before then. Returns the exit code. */
  async run(): Promise<number> {
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    const onKey = (text: string | undefined, key: Omit<Key, "text">): void => this.#key({ ...key, text });
    emitKeypressEvents(this.#input);
    this.#input.setRawMode(true);
    this.#input.on("keypress", onKey);
    this.#input.on("end", this.#ended);
    // The terminal went away.
    this.#input.on("error", this.#ended);
    process.on("SIGCONT", this.#continued);
    this.#session.onNotice((notice) => this.#notice(notice));
    this.#session.start();
    this.#attend(true);
    this.#drawPrompt();
    await ended;
    process.removeListener("SIGCONT", this.#continued);
    this.#input.removeListener("keypress", onKey);
    for (const alarm of this.#slow.values()) alarm.clear();
    this.#typing.close();
    this.#screen.close();
    this.#input.setRawMode(false);
    this.#input.pause();
    return this.#exitCode;
  }

  #notice(notice: SessionNotice): void {
    if (notice.type === "ended") {
      this.#screen.print(...this.#conversation.lines(notice));
      this.#exitCode = endCode(notice.reason);
      this.#ended();
      return;
    }
    if (notice.type === "ring") this.#output.write("\x07");
    else if (notice.type === "typing") this.#typing.heard(notice.from, notice.active);
    else if (notice.type === "received") this.#typing.heard(notice.message.from, false);
    else if (notice.type === "delivered") this.#settle(notice.messageId);
    else if (notice.type === "waiting") this.#settle(notice.messageId);
    else if (notice.type === "undelivered") this.#settle(notice.message.messageId);
    const lines = this.#conversation.lines(notice);
    if (lines.length > 0) this.#screen.print(...lines);
    if (notice.type === "refused" && notice.next === "ask") this.#askName(notice.refusal.suggestion ?? "");
    this.#drawPrompt();
  }

  #key(key: Key): void {
    this.#conversation.seen();
    this.#attend(true);
    this.#perform(this.#editor.key(key));
    if (this.#naming === undefined)
      this.#typing.edited(this.#editor.before + this.#editor.after, this.#conversation.partner);
    this.#drawPrompt();
  }

  /** Of all that is printed, the conversation with whom one talks is the one that is looked at. */
  #attend(isActive: boolean): void {
    const { partner } = this.#conversation;
    const room = partner === undefined ? undefined : parseRoom(partner);
    const person = partner === undefined ? undefined : conversationWith(partner);
    const conversation = room === undefined ? person : (`#${room}` as const);
    this.#session.attend({ conversation, isFocused: true, isActive });
  }

  #perform(effect: EditorEffect): void {
    switch (effect.type) {
      case "submit":
        this.#submit(effect.line);
        return;
      case "complete":
        this.#complete();
        return;
      case "interrupt":
        this.#interrupt();
        return;
      case "end":
        this.#session.leave();
        return;
      case "clear-screen":
        this.#screen.clear();
        return;
      case "suspend":
        this.#suspend();
        return;
      case "cut":
        this.#screen.print({ tone: "bad", text: `the text was cut at ${MAX_LINE} characters` });
        return;
      default:
    }
  }

  #submit(line: string): void {
    if (this.#naming !== undefined) {
      this.#named(line, this.#naming);
      return;
    }
    this.#history.add(line);
    const entered = this.#conversation.enter(line);
    if (entered.type === "lines") this.#screen.print(...entered.lines);
    else if (entered.type === "leave") this.#session.leave();
    else {
      const alarm = new Alarm(this.#clock, () => {
        this.#screen.print({ tone: "quiet", text: `on its way to ${messageText(entered.to)} …` });
      });
      alarm.set(this.#clock.now() + SLOW_MILLIS);
      this.#slow.set(entered.id, alarm);
    }
  }

  #settle(id: MessageId): void {
    this.#slow.get(id)?.clear();
    this.#slow.delete(id);
  }

  #askName(suggestion: string): void {
    this.#naming = { suggestion, interrupted: this.#naming?.interrupted ?? this.#editor };
    this.#editor = new LineEditor();
  }

  #named(line: string, { suggestion, interrupted }: { suggestion: string; interrupted: LineEditor }): void {
    const parsed = parseNickname(line.trim() === "" ? suggestion : line);
    if (!parsed.ok) {
      this.#screen.print({ tone: "bad", text: parsed.text });
      return;
    }
    this.#naming = undefined;
    this.#editor = interrupted;
    this.#session.rename(parsed.nickname);
  }

  #complete(): void {
    if (this.#naming !== undefined) return;
    const { before, candidates } = complete(this.#editor.before, this.#conversation.names, pathsFrom);
    const isChanged = before !== this.#editor.before;
    this.#editor.replaceBefore(before);
    if (isChanged || candidates.length === 0) return;
    this.#screen.print({ tone: "quiet", text: candidates.slice(0, 100).map(messageText).join("  ") });
  }

  #interrupt(): void {
    const now = this.#clock.now();
    if (now - this.#interruptedAt <= INTERRUPT_MILLIS) {
      this.#session.leave();
      return;
    }
    this.#interruptedAt = now;
    this.#editor.clear();
    this.#screen.print({ tone: "quiet", text: "Ctrl-C again leaves" });
  }

  #suspend(): void {
    this.#screen.suspend();
    this.#input.setRawMode(false);
    process.kill(process.pid, "SIGTSTP");
  }

  readonly #continued = (): void => {
    this.#input.setRawMode(true);
    this.#screen.resume();
    this.#drawPrompt();
  };

  #writes(partner: string): string {
    return this.#typing.isWriting(partner) ? " (writing)" : "";
  }

  #drawPrompt(): void {
    const partner = this.#conversation.partner;
    const name = this.#naming === undefined ? "" : messageText(this.#naming.suggestion);
    const asking = name === "" ? "another nickname: " : `another nickname [${name}]: `;
    const talking = partner === undefined ? "> " : `to ${messageText(partner)}${this.#writes(partner)}> `;
    const label = this.#naming === undefined ? talking : asking;
    this.#screen.prompt({ label, before: this.#editor.before, after: this.#editor.after });
  }
}
