import type { Clock } from "../base/clock.ts";
import type { ArchiveReader } from "../chat/archive.ts";
import type { ChatSession } from "../chat/session.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { Answers } from "./answers.ts";
import { LineEditor } from "./line-editor.ts";
import { type Line, messageText, quiet } from "./lines.ts";
import { Conversations } from "./screen-conversations.ts";
import type { MessageEntry } from "./screen-entries.ts";
import { type Size, transcriptRows } from "./screen-layout.ts";
import { NoticeBoard } from "./screen-notices.ts";
import type { Panel } from "./screen-panels.ts";
import { findPeer } from "./screen-panes.ts";
import { type Anchor, moveAnchor } from "./screen-scroll.ts";
import type { ScreenState } from "./screen-state.ts";
import { type EmojiSupport, NO_EMOJI_SEQUENCES } from "./screen-text.ts";
import { timeOfDayAt } from "./time.ts";
import { TypingSigns } from "./typing.ts";
import type { SearchContext } from "./wording.ts";

export interface ScreenDeskOptions {
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

/** What lies on the screen: the conversation that is open, what is being typed, what covers it, where it is scrolled to. */
export class ScreenDesk {
  readonly session: ChatSession;
  readonly archive: ArchiveReader | undefined;
  readonly clock: Clock;
  readonly conversations: Conversations;
  readonly board: NoticeBoard;
  readonly typing: TypingSigns;
  readonly answers: Answers;
  size: Size;
  emoji: EmojiSupport = NO_EMOJI_SEQUENCES;
  editor: LineEditor;
  anchor: Anchor = "end";
  panel: Panel | undefined;
  flash: Line | undefined;
  /** The message that was found; the one that is being answered. */
  found: number | undefined;
  answering: { readonly key: number; readonly id: MessageId } | undefined;
  /** While the user is asked for a nickname: the one that Enter takes, and what was being typed. */
  naming: { readonly suggestion: string; readonly interrupted: LineEditor } | undefined;
  /** At home, by the arrows. */
  chosen: string | undefined;
  readonly #cache: ScreenState["cache"] = new WeakMap();
  /** What was being typed, by conversation. */
  readonly #drafts = new Map<string, { readonly before: string; readonly after: string }>();
  #keys = 0;

  constructor(options: ScreenDeskOptions) {
    this.session = options.session;
    this.archive = options.archive;
    this.clock = options.clock;
    this.size = options.size;
    this.editor = new LineEditor(options.history, { keepsLines: true });
    const newKey = (): number => (this.#keys += 1);
    this.conversations = new Conversations({ archive: options.archive, newKey });
    this.typing = new TypingSigns({ ...options, faded: options.changed });
    this.answers = new Answers(options);
    const { conversations, typing, answers } = this;
    this.board = new NoticeBoard({ ...options, conversations, typing, files: answers.files });
  }

  /** Whom bare text goes to. */
  get partner(): string | undefined {
    return this.conversations.current?.title ?? this.chosenPerson;
  }

  /** At home: who was chosen, or the only one there is. */
  get chosenPerson(): string | undefined {
    const { roster } = this.session.snapshot;
    if (this.chosen !== undefined && findPeer(roster, this.chosen) !== undefined) return this.chosen;
    const online = roster.filter((peer) => peer.online);
    return online.length === 1 ? online[0]?.nickname : undefined;
  }

  state(): ScreenState {
    const { snapshot } = this.session;
    const { registryLostAt } = snapshot;
    const partner = this.partner;
    const panel = this.panel;
    return {
      snapshot,
      wall: this.clock.wall(),
      lostSince: registryLostAt === undefined ? undefined : timeOfDayAt(this.clock, registryLostAt),
      conversations: this.conversations,
      anchor: this.anchor,
      marked: this.answering?.key ?? this.found,
      panel,
      alarms: this.board.alarms,
      log: this.board.log,
      flash: this.flash ?? this.board.flash,
      partner,
      chosen: this.conversations.current === undefined ? this.chosenPerson : undefined,
      isPartnerWriting: partner !== undefined && this.typing.isWriting(partner),
      input:
        panel?.type === "search"
          ? { label: "search: ", before: panel.words, after: "" }
          : { label: this.#label(partner), before: this.editor.before, after: this.editor.after },
      hasArchive: this.archive !== undefined,
      emoji: this.emoji,
      cache: this.#cache,
    };
  }

  #label(partner: string | undefined): string {
    if (this.naming !== undefined) {
      const name = messageText(this.naming.suggestion);
      return name === "" ? "another nickname: " : `another nickname [${name}]: `;
    }
    if (partner === undefined) return "> ";
    return `${this.answering === undefined ? "to" : "answer"} ${messageText(partner)}> `;
  }

  scroll(by: number, { columns, height }: { columns: number; height: number }): void {
    const { transcript } = this.conversations;
    if (transcript === undefined) return;
    const source = transcriptRows(this.state(), columns);
    this.anchor = moveAnchor(source, this.anchor, {
      by,
      height,
      older: () => transcript.older(),
      newer: () => transcript.newer(),
    });
    if (this.anchor === "end" && !transcript.isAtEnd) transcript.toEnd();
  }

  /** Changes what is on the screen: what was being typed stays with its conversation. */
  open(change: () => void): void {
    const before = this.conversations.current?.key ?? "";
    change();
    const after = this.conversations.current?.key ?? "";
    this.panel = undefined;
    if (before === after) return;
    this.#drafts.set(before, { before: this.editor.before, after: this.editor.after });
    this.editor.restore(this.#drafts.get(after) ?? { before: "", after: "" });
    this.#drafts.delete(after);
    this.anchor = "end";
    this.answering = undefined;
    this.found = undefined;
  }

  /** One line is said in passing; more are a page. */
  answer(lines: readonly Line[], title: string): void {
    const [first] = lines;
    if (lines.length === 1 && first !== undefined) this.flash = first;
    else if (first !== undefined) this.panel = { type: "page", title, lines, top: 0 };
  }

  /** The newest message of others; the one before, when one is chosen already. */
  chooseReply(): void {
    const entries = this.conversations.transcript?.entries ?? [];
    const current = entries.findIndex(({ key }) => key === this.answering?.key);
    const candidates = entries.slice(0, current < 0 ? entries.length : current);
    const isAnswerable = (entry: (typeof entries)[number]): entry is MessageEntry =>
      entry.kind === "message" && entry.id !== undefined;
    const chosen =
      candidates.findLast((entry) => isAnswerable(entry) && entry.from !== undefined) ??
      candidates.findLast(isAnswerable);
    if (chosen === undefined || !isAnswerable(chosen) || chosen.id === undefined) {
      this.flash = quiet("no message to answer here");
      return;
    }
    this.answering = { key: chosen.key, id: chosen.id };
  }
}
