import type { Clock } from "../base/clock.ts";
import { parseCommand, parseRoom, SecondThoughts } from "../chat/commands.ts";
import { parseDestination } from "../chat/known-peers.ts";
import type { Peer } from "../chat/notices.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import type { MessageId, RoomName } from "../wire/mp2-values.ts";
import { foldNickname } from "../wire/nickname.ts";
import { Answers, type AnswersSession } from "./answers.ts";
import { bad, type Line, messageText, nameText, quiet } from "./lines.ts";
import { timeOfDay } from "./time.ts";
import { noticeLines, type SearchContext } from "./wording.ts";
import { fileLines } from "./wording-files.ts";
import { firstContactLines, senderText } from "./wording-peers.ts";
import { roomText } from "./wording-rooms.ts";

/** What a line led to. */
export type Entered =
  | { readonly type: "lines"; readonly lines: readonly Line[] }
  /** A notice with this id follows. */
  | { readonly type: "sent"; readonly to: string; readonly id: MessageId }
  | { readonly type: "leave" };

/** What of the client a conversation needs. */
export type ConversationSession = AnswersSession & Pick<ChatSession, "send" | "markRead">;

/** What both line interfaces share: commands in, lines out, and who one is talking to. */
export class Conversation {
  readonly #session: ConversationSession;
  readonly #clock: Clock;
  readonly #context: SearchContext;
  readonly #answers: Answers;
  readonly #secondThoughts = new SecondThoughts();
  #partner: string | undefined;
  #undelivered = 0;
  /** Under way from here; other programs of the user may have messages of their own. */
  readonly #own = new Set<MessageId>();
  /** The last message to each peer, which "has read it" is about. */
  readonly #lastSent = new Map<string, MessageId>();
  /** Shown, and not yet told to be read: by the sender's folded name. */
  readonly #unread = new Map<string, MessageId[]>();

  constructor(options: { session: ConversationSession; clock: Clock; context: SearchContext }) {
    this.#session = options.session;
    this.#clock = options.clock;
    this.#context = options.context;
    this.#answers = new Answers(options);
  }

  /** Whom bare text goes to: the last one written to, else who wrote first, else the only one online. */
  get partner(): string | undefined {
    if (this.#partner !== undefined) return this.#partner;
    const online = this.#session.snapshot.roster.filter((item) => item.online);
    return online.length === 1 ? online[0]?.nickname : undefined;
  }

  /** Messages that did not arrive, so far. */
  get undelivered(): number {
    return this.#undelivered;
  }

  /** Names for completion, online first, then rooms. */
  get names(): readonly string[] {
    const { roster, rooms } = this.#session.snapshot;
    return [...roster.map(({ nickname }) => nickname), ...rooms.map((room) => `#${room}`)];
  }

  /** Somebody is at the keyboard: what was shown has been read. */
  seen(): void {
    for (const [from, ids] of this.#unread) this.#session.markRead(from, ids);
    this.#unread.clear();
  }

  /** Carries out a line. */
  enter(text: string): Entered {
    const question = this.#secondThoughts.about(text);
    if (question !== undefined) return { type: "lines", lines: [bad(question)] };
    const command = parseCommand(text);
    switch (command.type) {
      case "exit":
        return { type: "leave" };
      case "message":
        return this.#send(command.to, command.text);
      case "say":
        return this.#say(command.text);
      case "talk":
        return this.#talk(command.name);
      case "join":
        return this.#join(command.room);
      case "part":
        return this.#part(command.room);
      default:
        return { type: "lines", lines: this.#answers.to(command, this.partner) };
    }
  }

  /** The lines that a notice is worth. */
  lines(notice: SessionNotice): readonly Line[] {
    switch (notice.type) {
      case "online":
        return [
          ...noticeLines(notice, this.#context),
          ...(notice.again
            ? []
            : [...this.#answers.roster(), ...this.#answers.files.open(), this.#invitation()]),
        ];
      case "file":
        return fileLines(notice.transfer, notice.change, this.#answers.files.numberOf(notice.transfer.id));
      case "received":
        return this.#received(notice);
      case "delivered":
        this.#own.delete(notice.messageId);
        return [{ tone: "sent", text: `${this.#sentHead(notice.to)}: ${messageText(notice.text)} ✓` }];
      case "read":
        // Of several at once the last one says it all.
        if (this.#lastSent.get(foldNickname(notice.to)) !== notice.messageId) return [];
        return [quiet(`${nameText(notice.to)} has read it ✓✓`)];
      case "waiting":
        return [
          { tone: "sent", text: `${this.#sentHead(notice.to)}: ${messageText(notice.text)}` },
          ...noticeLines(notice, this.#context),
        ];
      case "undelivered":
        if (this.#own.delete(notice.message.messageId)) this.#undelivered += 1;
        return [
          { tone: "sent", text: `${this.#sentHead(notice.message.to)}: ${messageText(notice.message.text)}` },
          ...noticeLines(notice, this.#context),
        ];
      default:
        return noticeLines(notice, this.#context);
    }
  }

  #received({ message, stored }: Extract<SessionNotice, { type: "received" }>): readonly Line[] {
    const { room } = message;
    if (message.standing !== "mismatch") this.#partner ??= room === undefined ? message.from : `#${room}`;
    if (message.messageId !== undefined) {
      const key = room === undefined ? foldNickname(message.from) : `#${room}`;
      this.#unread.set(key, [...(this.#unread.get(key) ?? []), message.messageId]);
    }
    const where = message.room === undefined ? "" : `${roomText(message.room)} `;
    const head = `${timeOfDay(stored?.at ?? this.#clock.wall())} ${where}${senderText(message)}`;
    const { from: name, fingerprint } = message;
    const others =
      fingerprint === undefined ? [] : this.#session.pins.othersOf({ kind: "peer", name }, fingerprint);
    return [
      { tone: "chat", text: `${head}: ${messageText(message.text)}` },
      ...firstContactLines(message, others),
    ];
  }

  #say(text: string): Entered {
    const to = this.partner;
    if (to !== undefined) return this.#send(to, text);
    return { type: "lines", lines: [bad("not sent: to whom? write: msg NAME TEXT")] };
  }

  #talk(name: string): Entered {
    const listed = this.#listed(name);
    if (listed === undefined)
      return { type: "lines", lines: [bad(`nobody here is called ${nameText(name)}`)] };
    this.#partner = listed.nickname;
    return { type: "lines", lines: [this.#invitation()] };
  }

  #send(to: string, text: string): Entered {
    // Not a name that was mistyped: the next bare text shall reach somebody.
    const listed = this.#listed(to);
    if (listed !== undefined) this.#partner = listed.nickname;
    else if (parseDestination(to) !== undefined || parseRoom(to) !== undefined) this.#partner = to;
    const id = this.#session.send(to, text);
    this.#own.add(id);
    this.#lastSent.set(foldNickname(to), id);
    return { type: "sent", to, id };
  }

  #join(room: RoomName): Entered {
    const { isThere, lines } = this.#answers.join(room);
    if (isThere) this.#partner = `#${room}`;
    return { type: "lines", lines };
  }

  #part(named: RoomName | undefined): Entered {
    const room = named ?? parseRoom(this.#partner ?? "");
    const { isThere, lines } = this.#answers.part(room);
    if (!isThere && this.#partner === `#${room}`) this.#partner = undefined;
    return { type: "lines", lines };
  }

  #listed(name: string): Peer | undefined {
    const key = foldNickname(name);
    return this.#session.snapshot.roster.find((item) => foldNickname(item.nickname) === key);
  }

  #invitation(): Line {
    const partner = this.partner;
    const how =
      partner === undefined ? "write with: msg NAME TEXT" : `what you type goes to ${messageText(partner)}`;
    return quiet(`${how}; /help tells more`);
  }

  #sentHead(to: string): string {
    return `${timeOfDay(this.#clock.wall())} to ${messageText(to)}`;
  }
}
