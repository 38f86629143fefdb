import type { Clock, Millis } from "../base/clock.ts";
import type { ArchiveReader } from "../chat/archive.ts";
import { parseCommand, parseRoom } from "../chat/commands.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import type { MessageId, RoomName } from "../wire/mp2-values.ts";
import { parseNickname } from "../wire/nickname.ts";
import { Answers } from "./answers.ts";
import type { Input } from "./key-decoder.ts";
import { complete } from "./line-complete.ts";
import { LineEditor, MAX_LINE } from "./line-editor.ts";
import { bad, type Line, messageText, plain, quiet } from "./lines.ts";
import { Conversations, keyOf } from "./screen-conversations.ts";
import { editorKey } from "./screen-editor-keys.ts";
import type { MessageEntry } from "./screen-entries.ts";
import { type Intent, intentOf, placeOf } from "./screen-keys.ts";
import { type Frame, layOut, type Size, transcriptRows, transcriptSize } from "./screen-layout.ts";
import { NoticeBoard } from "./screen-notices.ts";
import { helpPage, type Panel, searchFor } from "./screen-panels.ts";
import { findPeer } from "./screen-panes.ts";
import { type Anchor, moveAnchor } from "./screen-scroll.ts";
import type { ScreenState } from "./screen-state.ts";
import { type EmojiSupport, NO_EMOJI_SEQUENCES } from "./screen-text.ts";
import { timeOfDayAt } from "./time.ts";
import { TypingSigns } from "./typing.ts";
import type { SearchContext } from "./wording.ts";

/** Two interrupts within this time leave. */
const INTERRUPT_MILLIS: Millis = 2_000;

export interface ScreenModelOptions {
  readonly session: ChatSession;
  readonly archive: ArchiveReader | undefined;
  readonly clock: Clock;
  readonly context: SearchContext;
  /** What was typed in earlier sessions, oldest first. */
  readonly history: readonly string[];
  readonly size: Size;
  /** Something has changed by itself: somebody stopped writing. */
  readonly changed: () => void;
}

/** What a key asks of the terminal. */
export type ScreenEffect = "none" | "redraw" | "suspend" | { readonly entered: string };

/** The full-screen face without its screen: notices and keys go in, a frame comes out. */
export class ScreenModel {
  readonly #session: ChatSession;
  readonly #archive: ArchiveReader | undefined;
  readonly #clock: Clock;
  readonly #answers: Answers;
  readonly #conversations: Conversations;
  readonly #board: NoticeBoard;
  readonly #typing: TypingSigns;
  readonly #cache: ScreenState["cache"] = new WeakMap();
  readonly #drafts = new Map<string, { readonly before: string; readonly after: string }>();
  #editor: LineEditor;
  #size: Size;
  #emoji: EmojiSupport = NO_EMOJI_SEQUENCES;
  #anchor: Anchor = "end";
  #panel: Panel | undefined;
  #flash: Line | undefined;
  /** The message that was found; the one that is being answered. */
  #found: number | undefined;
  #answering: { readonly key: number; readonly id: MessageId } | undefined;
  /** While the user is asked for a nickname: the one that Enter takes, and what was being typed. */
  #naming: { readonly suggestion: string; readonly interrupted: LineEditor } | undefined;
  #chosen: string | undefined;
  #interruptedAt: Millis = -Infinity;
  #keys = 0;

  constructor(options: ScreenModelOptions) {
    this.#session = options.session;
    this.#archive = options.archive;
    this.#clock = options.clock;
    this.#size = options.size;
    this.#answers = new Answers(options);
    this.#editor = new LineEditor(options.history, { keepsLines: true });
    const newKey = (): number => (this.#keys += 1);
    this.#conversations = new Conversations({ archive: options.archive, newKey });
    this.#typing = new TypingSigns({ ...options, faded: options.changed });
    this.#board = new NoticeBoard({ ...options, conversations: this.#conversations, typing: this.#typing });
  }

  frame(): Frame {
    return layOut(this.#state(), this.#size);
  }

  resized(size: Size): void {
    this.#size = size;
  }

  supports(emoji: EmojiSupport): void {
    this.#emoji = emoji;
  }

  close(): void {
    this.#typing.close();
  }

  notice(notice: SessionNotice): void {
    const opened = this.#board.notice(notice);
    // Whoever writes first to somebody who has not chosen yet is opened.
    if (opened !== undefined && this.#conversations.current === undefined && this.#editor.line === "")
      this.#open(() => this.#conversations.open(keyOf(opened)));
    if (notice.type === "refused" && notice.next === "ask") this.#askName(notice.refusal.suggestion ?? "");
  }

  key(input: Exclude<Input, { type: "cursor" }>): ScreenEffect {
    this.#flash = undefined;
    this.#seen();
    if (input.type === "paste" || input.name !== "ctrl-c") this.#interruptedAt = -Infinity;
    if (input.type === "paste") return this.#insert(input.text);
    const place = placeOf(input.name);
    if (this.#naming === undefined && place !== undefined) {
      this.#open(() => this.#conversations.openAt(place));
      return "none";
    }
    const intent = intentOf(input.name);
    const effect = intent === undefined ? this.#edit(input) : this.#intend(intent, input);
    if (this.#panel === undefined && this.#naming === undefined)
      this.#typing.edited(this.#editor.line, this.#partner);
    return effect;
  }

  /** Whom bare text goes to. */
  get #partner(): string | undefined {
    return this.#conversations.current?.title ?? this.#chosenPerson;
  }

  /** At home: who was chosen, or the only one there is. */
  get #chosenPerson(): string | undefined {
    const { roster } = this.#session.snapshot;
    if (this.#chosen !== undefined && findPeer(roster, this.#chosen) !== undefined) return this.#chosen;
    const online = roster.filter((peer) => peer.online);
    return online.length === 1 ? online[0]?.nickname : undefined;
  }

  #state(): ScreenState {
    const { snapshot } = this.#session;
    const { registryLostAt } = snapshot;
    const partner = this.#partner;
    const panel = this.#panel;
    return {
      snapshot,
      wall: this.#clock.wall(),
      lostSince: registryLostAt === undefined ? undefined : timeOfDayAt(this.#clock, registryLostAt),
      conversations: this.#conversations,
      anchor: this.#anchor,
      marked: this.#answering?.key ?? this.#found,
      panel,
      alarms: this.#board.alarms,
      log: this.#board.log,
      flash: this.#flash ?? this.#board.flash,
      partner,
      chosen: this.#conversations.current === undefined ? this.#chosenPerson : undefined,
      isPartnerWriting: partner !== undefined && this.#typing.isWriting(partner),
      input:
        panel?.type === "search"
          ? { label: "search: ", before: panel.words, after: "" }
          : { label: this.#label(partner), before: this.#editor.before, after: this.#editor.after },
      hasArchive: this.#archive !== undefined,
      emoji: this.#emoji,
      cache: this.#cache,
    };
  }

  #label(partner: string | undefined): string {
    if (this.#naming !== undefined) {
      const name = messageText(this.#naming.suggestion);
      return name === "" ? "another nickname: " : `another nickname [${name}]: `;
    }
    if (partner === undefined) return "> ";
    return `${this.#answering === undefined ? "to" : "answer"} ${messageText(partner)}> `;
  }

  /** Somebody is at the keyboard: what stands on the screen has been read. */
  #seen(): void {
    this.#board.attend();
    const { current, transcript } = this.#conversations;
    if (current === undefined || transcript === undefined) return;
    if (this.#panel !== undefined || this.#anchor !== "end") return;
    const ids = transcript.takeUnread();
    if (ids.length > 0 || current.unread > 0) this.#session.markRead(current.title, ids);
    this.#conversations.seen(current.key);
  }

  #insert(text: string): ScreenEffect {
    if (this.#panel?.type === "search") this.#search(this.#panel.words + text.replace(/\s+/gu, " "));
    else if (this.#panel === undefined && this.#editor.insert(text.replace(/\s+$/u, "")).type === "cut")
      this.#flash = bad(`the text was cut at ${MAX_LINE} characters`);
    return "none";
  }

  #edit(input: Extract<Input, { type: "key" }>): ScreenEffect {
    const panel = this.#panel;
    if (panel?.type === "search") this.#editSearch(panel, input);
    else if (panel?.type === "page") this.#turn(panel, input.name);
    else if (this.#editor.line === "" && this.#moveInEmpty(input.name)) return "none";
    else if (this.#editor.key(editorKey(input)).type === "cut")
      this.#flash = bad(`the text was cut at ${MAX_LINE} characters`);
    return "none";
  }

  /** Keys that move in the text, while there is none: true if they did something else. */
  #moveInEmpty(name: string): boolean {
    if (name === "home" || name === "end") {
      this.#intendInTranscript(name === "home" ? "to-start" : "to-end");
      return true;
    }
    if (this.#conversations.current !== undefined || (name !== "up" && name !== "down")) return false;
    const { roster } = this.#session.snapshot;
    const at = roster.findIndex(({ nickname }) => nickname === this.#chosen);
    const next = roster[Math.max(0, Math.min(roster.length - 1, at + (name === "up" ? -1 : 1)))];
    this.#chosen = next?.nickname;
    return true;
  }

  #turn(panel: Extract<Panel, { type: "page" }>, name: string): void {
    const by = name === "up" ? -1 : name === "down" ? 1 : 0;
    if (by !== 0) this.#panel = { ...panel, top: Math.max(0, panel.top + by) };
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
        if (this.#editor.line === "") this.#session.leave();
        else this.#edit(input);
        return "none";
      case "dismiss":
        this.#dismiss();
        return "none";
      case "send":
        return this.#enter();
      case "new-line":
        return this.#naming === undefined ? this.#insertBreak() : "none";
      case "complete":
        this.#complete();
        return "none";
      default:
        if (this.#naming === undefined) this.#go(intent);
        return "none";
    }
  }

  #insertBreak(): ScreenEffect {
    if (this.#panel === undefined) this.#editor.insert("\n");
    return "none";
  }

  #go(intent: Intent): void {
    switch (intent) {
      case "help":
        this.#panel = this.#panel?.type === "page" ? undefined : helpPage();
        return;
      case "search":
        this.#panel = searchFor(this.#archive, "");
        return;
      case "next-conversation":
        this.#open(() => this.#conversations.step(1));
        return;
      case "previous-conversation":
        this.#open(() => this.#conversations.step(-1));
        return;
      case "next-unread":
        this.#open(() => {
          if (!this.#conversations.openUnread()) this.#flash = quiet("nothing new elsewhere");
        });
        return;
      case "go-home":
        this.#open(() => this.#conversations.open(undefined));
        return;
      case "reply":
        this.#chooseReply();
        return;
      default:
        this.#intendInTranscript(intent);
    }
  }

  #intendInTranscript(intent: Intent): void {
    const { columns, height } = transcriptSize(this.#size);
    const panel = this.#panel;
    const pages: Partial<Record<Intent, number>> = {
      "page-up": 2 - height,
      "page-down": height - 2,
      "line-up": -1,
      "line-down": 1,
      "to-start": -height * 40,
    };
    const by = pages[intent];
    if (panel?.type === "page")
      this.#panel = { ...panel, top: Math.max(0, Math.min(panel.top + (by ?? 0), panel.lines.length)) };
    else if (panel?.type === "search") this.#choose(panel, by ?? 0);
    else if (intent === "to-end") {
      this.#conversations.transcript?.toEnd();
      this.#anchor = "end";
      this.#found = undefined;
    } else if (by !== undefined) this.#scroll(by, { columns, height });
  }

  #scroll(by: number, { columns, height }: { columns: number; height: number }): void {
    const { transcript } = this.#conversations;
    if (transcript === undefined) return;
    const source = transcriptRows(this.#state(), columns);
    this.#anchor = moveAnchor(source, this.#anchor, {
      by,
      height,
      older: () => transcript.older(),
      newer: () => transcript.newer(),
    });
    if (this.#anchor === "end" && !transcript.isAtEnd) transcript.toEnd();
  }

  /** Changes what is on the screen: what was being typed stays with its conversation. */
  #open(change: () => void): void {
    const before = this.#conversations.current?.key ?? "";
    change();
    const after = this.#conversations.current?.key ?? "";
    this.#panel = undefined;
    if (before === after) return;
    this.#drafts.set(before, { before: this.#editor.before, after: this.#editor.after });
    this.#editor.restore(this.#drafts.get(after) ?? { before: "", after: "" });
    this.#drafts.delete(after);
    this.#anchor = "end";
    this.#answering = undefined;
    this.#found = undefined;
  }

  #dismiss(): void {
    if (this.#panel !== undefined) this.#panel = undefined;
    else if (this.#answering !== undefined) this.#answering = undefined;
    else if (this.#board.alarms.length > 0) this.#board.dismiss();
    else this.#intendInTranscript("to-end");
  }

  #interrupt(): void {
    const now = this.#clock.now();
    if (now - this.#interruptedAt <= INTERRUPT_MILLIS) {
      this.#session.leave();
      return;
    }
    this.#interruptedAt = now;
    this.#panel = undefined;
    this.#editor.clear();
    this.#flash = plain("Ctrl-C again leaves");
  }

  #complete(): void {
    if (this.#panel !== undefined || this.#naming !== undefined) return;
    const { roster, rooms } = this.#session.snapshot;
    const names = [...roster.map(({ nickname }) => nickname), ...rooms.map((room) => `#${room}`)];
    const { before, candidates } = complete(this.#editor.before, names);
    const isChanged = before !== this.#editor.before;
    this.#editor.replaceBefore(before);
    if (!isChanged && candidates.length > 0)
      this.#flash = plain(candidates.slice(0, 100).map(messageText).join("  "));
  }

  #chooseReply(): void {
    const entries = this.#conversations.transcript?.entries ?? [];
    const current = entries.findIndex(({ key }) => key === this.#answering?.key);
    const candidates = entries.slice(0, current < 0 ? entries.length : current);
    const isAnswerable = (entry: (typeof entries)[number]): entry is MessageEntry =>
      entry.kind === "message" && entry.id !== undefined;
    const chosen =
      candidates.findLast((entry) => isAnswerable(entry) && entry.from !== undefined) ??
      candidates.findLast(isAnswerable);
    if (chosen === undefined || !isAnswerable(chosen) || chosen.id === undefined) {
      this.#flash = quiet("no message to answer here");
      return;
    }
    this.#answering = { key: chosen.key, id: chosen.id };
  }

  #enter(): ScreenEffect {
    if (this.#naming !== undefined) return this.#named(this.#naming);
    if (this.#panel?.type === "search") return this.#openFound(this.#panel);
    if (this.#panel !== undefined) {
      this.#panel = undefined;
      return "none";
    }
    const text = this.#editor.line;
    const partner = this.#partner;
    if (text.trim() === "" && this.#conversations.current === undefined && partner !== undefined) {
      this.#open(() => this.#conversations.open(this.#conversations.add(partner).key));
      return "none";
    }
    // Nothing that was typed is lost: it stays in the input until somebody can get it.
    const command = parseCommand(text);
    if (command.type === "say" && partner === undefined) {
      this.#flash = bad("to whom? choose with Up and Down when the input is empty, or: /msg NAME TEXT");
      return "none";
    }
    this.#editor.key({ name: "return" });
    this.#carryOut(command, partner);
    return { entered: text };
  }

  #carryOut(command: ReturnType<typeof parseCommand>, partner: string | undefined): void {
    switch (command.type) {
      case "exit":
        this.#session.leave();
        return;
      case "say":
        if (partner !== undefined) this.#send(partner, command.text);
        return;
      case "message":
        this.#send(command.to, command.text);
        return;
      case "talk":
        this.#talk(command.name);
        return;
      case "join":
        this.#join(command.room);
        return;
      case "part":
        this.#part(command.room ?? parseRoom(partner ?? ""));
        return;
      case "help":
        this.#panel = helpPage();
        return;
      case "list":
        this.#open(() => this.#conversations.open(undefined));
        return;
      case "nothing":
        return;
      case "wrong":
        this.#flash = bad(messageText(command.text));
        return;
      default:
        this.#answer(this.#answers.to(command), command.type);
    }
  }

  /** One line is said in passing; more are a page. */
  #answer(lines: readonly Line[], title: string): void {
    const [first] = lines;
    if (lines.length === 1 && first !== undefined) this.#flash = first;
    else if (first !== undefined) this.#panel = { type: "page", title, lines, top: 0 };
  }

  #talk(name: string): void {
    const { roster } = this.#session.snapshot;
    const title = findPeer(roster, name)?.nickname ?? name;
    const isKnown = this.#conversations.list.some(({ key }) => key === keyOf(title));
    if (findPeer(roster, name) === undefined && !isKnown) {
      this.#flash = bad(`nobody here is called ${messageText(name)}`);
      return;
    }
    this.#open(() => this.#conversations.open(this.#conversations.add(title).key));
  }

  #join(room: RoomName): void {
    const { isThere, lines } = this.#answers.join(room);
    if (!isThere) this.#answer(lines, "join");
    else {
      this.#open(() => this.#conversations.open(this.#conversations.add(`#${room}`).key));
      this.#conversations.transcript?.note(lines, this.#clock.wall());
    }
  }

  #part(room: RoomName | undefined): void {
    this.#answer(this.#answers.part(room).lines, "part");
  }

  #send(to: string, text: string): void {
    const title = findPeer(this.#session.snapshot.roster, to)?.nickname ?? to;
    const entry = this.#conversations.add(title);
    const answering = this.#conversations.current?.key === entry.key ? this.#answering : undefined;
    this.#open(() => this.#conversations.open(entry.key));
    const reply = answering?.id;
    const id = this.#session.send(title, text, reply === undefined ? {} : { reply });
    this.#conversations.transcriptOf(entry.key).sent({ id, text, reply, at: this.#clock.wall() });
    this.#answering = undefined;
    this.#found = undefined;
    this.#anchor = "end";
  }

  #search(words: string): void {
    this.#panel = searchFor(this.#archive, words.slice(0, 200));
  }

  #editSearch(
    panel: Extract<Panel, { type: "search" }>,
    { name, text }: Extract<Input, { type: "key" }>,
  ): void {
    if (name === "backspace") this.#search(Array.from(panel.words).slice(0, -1).join(""));
    else if (name === "ctrl-u" || name === "ctrl-w") this.#search("");
    else if (name === "up" || name === "down") this.#choose(panel, name === "up" ? -1 : 1);
    else if (text !== undefined) this.#search(panel.words + text);
  }

  #choose(panel: Extract<Panel, { type: "search" }>, by: number): void {
    const chosen = Math.max(0, Math.min(panel.found.length - 1, panel.chosen + by));
    this.#panel = { ...panel, chosen };
  }

  #openFound({ found, chosen }: Extract<Panel, { type: "search" }>): ScreenEffect {
    const message = found[chosen];
    if (message === undefined) return "none";
    const title = message.conversation.startsWith("#") ? message.conversation : message.peer;
    this.#open(() => this.#conversations.open(this.#conversations.add(title).key));
    const { transcript } = this.#conversations;
    transcript?.around(message.seq);
    const entry = transcript?.entries.find((item) => item.kind === "message" && item.seq === message.seq);
    this.#found = entry?.key;
    // Some of what followed stays in view.
    if (entry === undefined) return "none";
    this.#anchor = { key: entry.key, row: 0 };
    const { columns, height } = transcriptSize(this.#size);
    this.#scroll(Math.floor(height / 2), { columns, height });
    return "none";
  }

  #askName(suggestion: string): void {
    this.#naming = { suggestion, interrupted: this.#naming?.interrupted ?? this.#editor };
    this.#editor = new LineEditor();
    this.#panel = undefined;
  }

  #named({ suggestion, interrupted }: { suggestion: string; interrupted: LineEditor }): ScreenEffect {
    const line = this.#editor.line;
    const parsed = parseNickname(line.trim() === "" ? suggestion : line);
    if (!parsed.ok) {
      this.#flash = bad(parsed.text);
      return "none";
    }
    this.#naming = undefined;
    this.#editor = interrupted;
    this.#session.rename(parsed.nickname);
    return "none";
  }
}
