import type { Clock } from "../base/clock.ts";
import { isOver, type Transfer, type TransferChange } from "../chat/files/transfer.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import { foldNickname } from "../wire/nickname.ts";
import type { FileAnswers } from "./file-answers.ts";
import { type Line, nameText, quiet } from "./lines.ts";
import { type Conversations, keyOf } from "./screen-conversations.ts";
import type { TypingSigns } from "./typing.ts";
import { noticeLines, type SearchContext } from "./wording.ts";
import { undeliveredText, waitingText } from "./wording-delivery.ts";
import { fileLines } from "./wording-files.ts";
import { firstContactLines } from "./wording-peers.ts";
import { roomLines, unpostedText } from "./wording-rooms.ts";

/** Lines kept at home. */
const MAX_LOG = 200;
/** Warnings that wait to be read; of more the oldest stay. */
const MAX_ALARMS = 50;

/** Where each notice goes: into a transcript, on the list of warnings, on the status line, into home's log. */
export class NoticeBoard {
  readonly #conversations: Conversations;
  readonly #typing: TypingSigns;
  readonly #files: FileAnswers;
  readonly #clock: Clock;
  readonly #context: SearchContext;
  readonly #session: Pick<ChatSession, "pins" | "files">;
  #alarms: readonly (readonly Line[])[] = [];
  #log: readonly Line[] = [];
  #flash: Line | undefined;

  constructor(options: {
    conversations: Conversations;
    typing: TypingSigns;
    files: FileAnswers;
    clock: Clock;
    context: SearchContext;
    session: Pick<ChatSession, "pins" | "files">;
  }) {
    this.#conversations = options.conversations;
    this.#typing = options.typing;
    this.#files = options.files;
    this.#clock = options.clock;
    this.#context = options.context;
    this.#session = options.session;
  }

  get alarms(): readonly (readonly Line[])[] {
    return this.#alarms;
  }

  get log(): readonly Line[] {
    return this.#log;
  }

  /** What happened since the last key. */
  get flash(): Line | undefined {
    return this.#flash;
  }

  attend(): void {
    this.#flash = undefined;
  }

  dismiss(): void {
    const [first, ...others] = this.#alarms;
    this.#alarms = others;
    // It can be read again at home.
    if (first !== undefined) this.#keep(first);
  }

  /** Returns who wrote, if it is a message. */
  notice(notice: SessionNotice): string | undefined {
    switch (notice.type) {
      case "received":
        return this.#received(notice);
      case "delivered":
      case "read":
        this.#settle(notice.to, notice.messageId, { type: notice.type });
        return undefined;
      case "waiting":
        this.#settle(notice.to, notice.messageId, { type: "waiting", why: waitingText(notice) });
        return undefined;
      case "undelivered":
        this.#undelivered(notice);
        return undefined;
      case "room-delivered":
        this.#settle(`#${notice.room}`, notice.messageId, {
          type: "delivered",
          reached: notice.reached.length,
        });
        return undefined;
      case "room-undelivered":
        this.#settle(`#${notice.room}`, notice.messageId, { type: "failed", why: unpostedText(notice) });
        return undefined;
      case "room":
        this.#room(notice);
        return undefined;
      case "file":
        return this.#file(notice);
      case "online":
        if (!notice.again) this.#showOpen();
        this.#say(notice);
        return undefined;
      case "typing":
        this.#typing.heard(notice.from, notice.active);
        return undefined;
      case "presence":
        this.#presence(notice);
        return undefined;
      case "presence-moved":
        this.#conversations.refresh();
        this.#say(notice);
        return undefined;
      default:
        this.#say(notice);
        return undefined;
    }
  }

  #received({ message, stored }: Extract<SessionNotice, { type: "received" }>): string {
    const { from, fingerprint, room } = message;
    this.#typing.heard(from, false);
    const title = room === undefined ? from : `#${room}`;
    const conversation = this.#conversations.add(title);
    const at = stored?.at ?? this.#clock.wall();
    this.#conversations.received(conversation.key);
    const others =
      fingerprint === undefined ? [] : this.#session.pins.othersOf({ kind: "peer", name: from }, fingerprint);
    const contact = firstContactLines(message, others);
    // What is not in memory is read from the archive when it is opened; what is said here is kept nowhere else.
    if (contact.length > 0 || this.#conversations.isLoaded(conversation.key)) {
      const transcript = this.#conversations.transcriptOf(conversation.key);
      transcript.received(message, at);
      transcript.note(contact, at);
    }
    return title;
  }

  /** In the conversation with whoever has it, in its place there. Returns who offers one. */
  #file({ transfer, change }: Extract<SessionNotice, { type: "file" }>): string | undefined {
    const { peer, direction, fingerprint } = transfer;
    const isOffer = change === "offered" && direction === "in";
    // There is no conversation with a name that nobody has.
    const key = fingerprint === undefined ? keyOf(peer) : this.#conversations.add(peer).key;
    if (isOffer) this.#conversations.received(key);
    this.#show(transfer, change !== "progress");
    const [line] = fileLines(transfer, change, this.#files.numberOf(transfer.id));
    const isShown = this.#conversations.current?.key === key;
    if (!isShown && line !== undefined && LOUD.has(change)) {
      // Whoever offers one is opened where nobody is.
      if (!isOffer || this.#conversations.current !== undefined) this.#flash = line;
      this.#keep([line]);
    }
    return isOffer ? peer : undefined;
  }

  /** `isNews`: also where the conversation would have to be read for it. */
  #show(transfer: Transfer, isNews: boolean): void {
    const key = keyOf(transfer.peer);
    if (!this.#conversations.list.some((entry) => entry.key === key)) return;
    if (!isNews && !this.#conversations.isLoaded(key)) return;
    const number = this.#files.numberOf(transfer.id);
    this.#conversations.transcriptOf(key).file(transfer, number, this.#clock.wall());
  }

  /** Files that were under way before this face began. */
  #showOpen(): void {
    for (const transfer of this.#session.files) {
      if (isOver(transfer.state)) continue;
      this.#conversations.add(transfer.peer);
      this.#show(transfer, true);
    }
  }

  #room({ change }: Extract<SessionNotice, { type: "room" }>): void {
    const key = keyOf(`#${change.room}`);
    if (this.#conversations.list.some((entry) => entry.key === key) && this.#conversations.isLoaded(key))
      this.#conversations.transcriptOf(key).note(roomLines(change), this.#clock.wall());
  }

  #settle(
    to: string,
    id: Parameters<ReturnType<Conversations["transcriptOf"]>["settle"]>[0],
    state: Parameters<ReturnType<Conversations["transcriptOf"]>["settle"]>[1],
  ): void {
    const key = keyOf(to);
    if (this.#conversations.isLoaded(key)) this.#conversations.transcriptOf(key).settle(id, state);
  }

  #undelivered({ message }: Extract<SessionNotice, { type: "undelivered" }>): void {
    const why = undeliveredText(message);
    this.#settle(message.to, message.messageId, { type: "failed", why });
    const isShown = this.#conversations.current?.key === keyOf(message.to);
    if (!isShown) this.#flash = { tone: "bad", text: `to ${nameText(message.to)}: ${why}` };
  }

  /** Who comes and goes is said where it matters: in the conversation with them, and at home. */
  #presence(notice: Extract<SessionNotice, { type: "presence" }>): void {
    const { current, transcript } = this.#conversations;
    const isOf = (name: string): boolean =>
      current !== undefined && foldNickname(name) === foldNickname(current.title);
    const at = this.#clock.wall();
    if (notice.online.some(isOf))
      transcript?.note([quiet(`${nameText(current?.title ?? "")} is online`)], at);
    if (notice.offline.some(isOf))
      transcript?.note([quiet(`${nameText(current?.title ?? "")} is offline`)], at);
    this.#keep(noticeLines(notice, this.#context));
  }

  #say(notice: SessionNotice): void {
    const lines = noticeLines(notice, this.#context);
    if (lines.length === 0) return;
    if (lines.some(({ tone }) => tone === "alarm")) {
      const isThere = this.#alarms.some((alarm) => textOf(alarm) === textOf(lines));
      if (!isThere && this.#alarms.length < MAX_ALARMS) this.#alarms = [...this.#alarms, lines];
      return;
    }
    this.#keep(lines);
    if (this.#conversations.current === undefined) return;
    this.#conversations.transcript?.note(lines, this.#clock.wall());
  }

  #keep(lines: readonly Line[]): void {
    this.#log = [...this.#log, ...lines].slice(-MAX_LOG);
  }
}

/** What is said in passing wherever one is. */
const LOUD: ReadonlySet<TransferChange> = new Set(["offered", "not-accepted", "done", "refused", "failed"]);

function textOf(lines: readonly Line[]): string {
  return lines.map(({ text }) => text).join("\n");
}
