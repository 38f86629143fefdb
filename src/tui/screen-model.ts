import type { Millis } from "../base/clock.ts";
import type { ConversationKey } from "../chat/archive.ts";
import { parseCommand, SecondThoughts } from "../chat/commands.ts";
import type { SessionNotice } from "../chat/session.ts";
import { parseNickname } from "../wire/nickname.ts";
import type { Input } from "./key-decoder.ts";
import { complete } from "./line-complete.ts";
import { LineEditor, MAX_LINE } from "./line-editor.ts";
import { bad, messageText, plain, quiet } from "./lines.ts";
import { pathsFrom } from "./path-complete.ts";
import { ScreenCommands } from "./screen-commands.ts";
import { keyOf } from "./screen-conversations.ts";
import { ScreenDesk, type ScreenDeskOptions } from "./screen-desk.ts";
import { editorKey } from "./screen-editor-keys.ts";
import { type Intent, intentOf, placeOf } from "./screen-keys.ts";
import { type Frame, layOut, type Size, transcriptSize } from "./screen-layout.ts";
import { helpPage, type Panel, searchFor } from "./screen-panels.ts";
import { ScreenSearch } from "./screen-search.ts";
import type { EmojiSupport } from "./screen-text.ts";

/** Two interrupts within this time leave. */
const INTERRUPT_MILLIS: Millis = 2_000;

/** What a key asks of the terminal. */
export type ScreenEffect = "none" | "redraw" | "suspend" | { readonly entered: string };

/** To somebody who looks for a use of Enter; who comes is chosen by itself. */
const NOBODY_YET = "nobody is here yet: your text stays, and Enter sends it when somebody is";

/** The full-screen face without its screen: notices and keys go in, a frame comes out. */
export class ScreenModel {
  readonly #desk: ScreenDesk;
  readonly #commands: ScreenCommands;
  readonly #secondThoughts = new SecondThoughts();
  readonly #search: ScreenSearch;
  #interruptedAt: Millis = -Infinity;

  constructor(options: ScreenDeskOptions) {
    this.#desk = new ScreenDesk(options);
    this.#commands = new ScreenCommands(this.#desk);
    this.#search = new ScreenSearch(this.#desk);
  }

  frame(): Frame {
    return layOut(this.#desk.state(), this.#desk.size);
  }

  resized(size: Size): void {
    this.#desk.size = size;
  }

  supports(emoji: EmojiSupport): void {
    this.#desk.emoji = emoji;
  }

  close(): void {
    this.#desk.typing.close();
  }

  notice(notice: SessionNotice): void {
    const opened = this.#desk.board.notice(notice);
    // Whoever writes first to somebody who has not chosen yet is opened.
    if (
      opened !== undefined &&
      this.#desk.conversations.current === undefined &&
      this.#desk.editor.line === ""
    )
      this.#desk.open(() => this.#desk.conversations.open(keyOf(opened)));
    if (notice.type === "refused" && notice.next === "ask") this.#askName(notice.refusal.suggestion ?? "");
  }

  /** The conversation on the screen; undefined: none, or something covers it. */
  get shown(): ConversationKey | undefined {
    const { panel, anchor, conversations } = this.#desk;
    return panel === undefined && anchor === "end" ? conversations.current?.key : undefined;
  }

  key(input: Exclude<Input, { type: "cursor" | "focus" }>): ScreenEffect {
    this.#desk.flash = undefined;
    this.#seen();
    if (input.type === "paste" || input.name !== "ctrl-c") this.#interruptedAt = -Infinity;
    if (input.type === "paste") return this.#insert(input.text);
    const place = placeOf(input.name);
    if (this.#desk.naming === undefined && place !== undefined) {
      this.#desk.open(() => this.#desk.conversations.openAt(place));
      return "none";
    }
    const intent = intentOf(input.name);
    const effect = intent === undefined ? this.#edit(input) : this.#intend(intent, input);
    if (this.#desk.panel === undefined && this.#desk.naming === undefined)
      this.#desk.typing.edited(this.#desk.editor.line, this.#desk.partner);
    return effect;
  }

  /** Somebody is at the keyboard: what stands on the screen has been read. */
  #seen(): void {
    this.#desk.board.attend();
    const { current, transcript } = this.#desk.conversations;
    if (current === undefined || transcript === undefined) return;
    if (this.#desk.panel !== undefined || this.#desk.anchor !== "end") return;
    const ids = transcript.takeUnread();
    if (ids.length > 0 || current.unread > 0) this.#desk.session.markRead(current.title, ids);
    this.#desk.conversations.seen(current.key);
  }

  #insert(text: string): ScreenEffect {
    if (this.#desk.panel?.type === "search")
      this.#search.look(this.#desk.panel.words + text.replace(/\s+/gu, " "));
    else if (
      this.#desk.panel === undefined &&
      this.#desk.editor.insert(text.replace(/\s+$/u, "")).type === "cut"
    )
      this.#desk.flash = bad(`the text was cut at ${MAX_LINE} characters`);
    return "none";
  }

  #edit(input: Extract<Input, { type: "key" }>): ScreenEffect {
    const panel = this.#desk.panel;
    if (panel?.type === "search") this.#search.key(panel, input);
    else if (panel?.type === "page") this.#turn(panel, input.name);
    else if (this.#desk.editor.line === "" && this.#moveInEmpty(input.name)) return "none";
    else if (this.#desk.editor.key(editorKey(input)).type === "cut")
      this.#desk.flash = bad(`the text was cut at ${MAX_LINE} characters`);
    return "none";
  }

  /** Keys that move in the text, while there is none: true if they did something else. */
  #moveInEmpty(name: string): boolean {
    if (name === "home" || name === "end") {
      this.#intendInTranscript(name === "home" ? "to-start" : "to-end");
      return true;
    }
    if (this.#desk.conversations.current !== undefined || (name !== "up" && name !== "down")) return false;
    const { roster } = this.#desk.session.snapshot;
    const at = roster.findIndex(({ nickname }) => nickname === this.#desk.chosen);
    const next = roster[Math.max(0, Math.min(roster.length - 1, at + (name === "up" ? -1 : 1)))];
    this.#desk.chosen = next?.nickname;
    return true;
  }

  #turn(panel: Extract<Panel, { type: "page" }>, name: string): void {
    const by = name === "up" ? -1 : name === "down" ? 1 : 0;
    if (by !== 0) this.#desk.panel = { ...panel, top: Math.max(0, panel.top + by) };
  }

  #intend(intent: Intent, input: Extract<Input, { type: "key" }>): ScreenEffect {
    switch (intent) {
      case "redraw":
      case "suspend":
        return intent;
      case "interrupt":
        this.#interrupt();
        return "none";
      case "leave":
        if (this.#desk.editor.line === "") this.#desk.session.leave();
        else this.#edit(input);
        return "none";
      case "dismiss":
        this.#dismiss();
        return "none";
      case "send":
        return this.#enter();
      case "new-line":
        return this.#desk.naming === undefined ? this.#insertBreak() : "none";
      case "complete":
        this.#complete();
        return "none";
      default:
        if (this.#desk.naming === undefined) this.#go(intent);
        return "none";
    }
  }

  #insertBreak(): ScreenEffect {
    if (this.#desk.panel === undefined) this.#desk.editor.insert("\n");
    return "none";
  }

  #go(intent: Intent): void {
    switch (intent) {
      case "help":
        this.#desk.panel = this.#desk.panel?.type === "page" ? undefined : helpPage();
        return;
      case "search":
        this.#desk.panel = searchFor(this.#desk.archive, "");
        return;
      case "next-conversation":
        this.#desk.open(() => this.#desk.conversations.step(1));
        return;
      case "previous-conversation":
        this.#desk.open(() => this.#desk.conversations.step(-1));
        return;
      case "next-unread":
        this.#desk.open(() => {
          if (!this.#desk.conversations.openUnread()) this.#desk.flash = quiet("nothing new elsewhere");
        });
        return;
      case "go-home":
        this.#desk.open(() => this.#desk.conversations.open(undefined));
        return;
      case "reply":
        this.#desk.chooseReply();
        return;
      default:
        this.#intendInTranscript(intent);
    }
  }

  #intendInTranscript(intent: Intent): void {
    const { columns, height } = transcriptSize(this.#desk.size);
    const panel = this.#desk.panel;
    const pages: Partial<Record<Intent, number>> = {
      "page-up": 2 - height,
      "page-down": height - 2,
      "line-up": -1,
      "line-down": 1,
      "to-start": -height * 40,
    };
    const by = pages[intent];
    if (panel?.type === "page")
      this.#desk.panel = { ...panel, top: Math.max(0, Math.min(panel.top + (by ?? 0), panel.lines.length)) };
    else if (panel?.type === "search") this.#search.choose(panel, by ?? 0);
    else if (intent === "to-end") {
      this.#desk.conversations.transcript?.toEnd();
      this.#desk.anchor = "end";
      this.#desk.found = undefined;
    } else if (by !== undefined) this.#desk.scroll(by, { columns, height });
  }

  #dismiss(): void {
    if (this.#desk.panel !== undefined) this.#desk.panel = undefined;
    else if (this.#desk.answering !== undefined) this.#desk.answering = undefined;
    else if (this.#desk.board.alarms.length > 0) this.#desk.board.dismiss();
    else this.#intendInTranscript("to-end");
  }

  #interrupt(): void {
    const now = this.#desk.clock.now();
    if (now - this.#interruptedAt <= INTERRUPT_MILLIS) {
      this.#desk.session.leave();
      return;
    }
    this.#interruptedAt = now;
    this.#desk.panel = undefined;
    this.#desk.editor.clear();
    this.#desk.flash = plain("Ctrl-C again leaves");
  }

  #complete(): void {
    if (this.#desk.panel !== undefined || this.#desk.naming !== undefined) return;
    const { roster, rooms } = this.#desk.session.snapshot;
    const names = [...roster.map(({ nickname }) => nickname), ...rooms.map((room) => `#${room}`)];
    const { before, candidates } = complete(this.#desk.editor.before, names, pathsFrom);
    const isChanged = before !== this.#desk.editor.before;
    this.#desk.editor.replaceBefore(before);
    if (!isChanged && candidates.length > 0)
      this.#desk.flash = plain(candidates.slice(0, 100).map(messageText).join("  "));
  }

  #enter(): ScreenEffect {
    if (this.#desk.naming !== undefined) return this.#named(this.#desk.naming);
    if (this.#desk.panel?.type === "search") {
      this.#search.open(this.#desk.panel);
      return "none";
    }
    if (this.#desk.panel !== undefined) {
      this.#desk.panel = undefined;
      return "none";
    }
    const text = this.#desk.editor.line;
    const partner = this.#desk.partner;
    if (text.trim() === "" && this.#desk.conversations.current === undefined && partner !== undefined) {
      this.#desk.open(() => this.#desk.conversations.open(this.#desk.conversations.add(partner).key));
      return "none";
    }
    // Nothing that was typed is lost: it stays in the input until somebody can get it.
    const question = this.#secondThoughts.about(text);
    if (question !== undefined) {
      this.#desk.flash = bad(question);
      return "none";
    }
    const command = parseCommand(text);
    if (command.type === "say" && partner === undefined) {
      const isAlone = this.#desk.session.snapshot.roster.length === 0;
      this.#desk.flash = bad(
        isAlone ? NOBODY_YET : "to whom? Up and Down choose when the input is empty; or: /msg NAME TEXT",
      );
      return "none";
    }
    this.#desk.editor.key({ name: "return" });
    this.#commands.carryOut(command, partner);
    return { entered: text };
  }

  #askName(suggestion: string): void {
    this.#desk.naming = { suggestion, interrupted: this.#desk.naming?.interrupted ?? this.#desk.editor };
    this.#desk.editor = new LineEditor();
    this.#desk.panel = undefined;
  }

  #named({ suggestion, interrupted }: { suggestion: string; interrupted: LineEditor }): ScreenEffect {
    const line = this.#desk.editor.line;
    const parsed = parseNickname(line.trim() === "" ? suggestion : line);
    if (!parsed.ok) {
      this.#desk.flash = bad(parsed.text);
      return "none";
    }
    this.#desk.naming = undefined;
    this.#desk.editor = interrupted;
    this.#desk.session.rename(parsed.nickname);
    return "none";
  }
}
