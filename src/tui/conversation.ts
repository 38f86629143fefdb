import type { Clock } from "../base/clock.ts";
import { COMMAND_HELP, parseCommand } from "../chat/commands.ts";
import { parseDestination } from "../chat/known-peers.ts";
import type { ChatNotice } from "../chat/notices.ts";
import {
  type Line,
  MARKS_HELP,
  messageText,
  noticeLines,
  rosterLines,
  type SearchContext,
  senderText,
} from "../chat/wording.ts";
import type { ChatShell } from "../io/chat-shell.ts";
import { foldNickname } from "../wire/nickname.ts";
import { timeOfDay, timeOfDayAt } from "./time.ts";

/** What a line led to. */
export type Entered =
  | { readonly type: "lines"; readonly lines: readonly Line[] }
  /** A notice with this id follows. */
  | { readonly type: "sent"; readonly to: string; readonly id: number }
  | { readonly type: "leave" };

/** What both line interfaces share: commands in, lines out, and who one is talking to. */
export class Conversation {
  readonly #shell: ChatShell;
  readonly #clock: Clock;
  readonly #context: SearchContext;
  #partner: string | undefined;
  #undelivered = 0;

  constructor(options: { shell: ChatShell; clock: Clock; context: SearchContext }) {
    this.#shell = options.shell;
    this.#clock = options.clock;
    this.#context = options.context;
  }

  /** Whom bare text goes to: the last one written to, else who wrote first, else the only one online. */
  get partner(): string | undefined {
    if (this.#partner !== undefined) return this.#partner;
    const online = this.#shell.snapshot.roster.filter((item) => item.online);
    return online.length === 1 ? online[0]?.nickname : undefined;
  }

  /** Messages that did not arrive, so far. */
  get undelivered(): number {
    return this.#undelivered;
  }

  /** Names for completion, online first. */
  get names(): readonly string[] {
    return this.#shell.snapshot.roster.map((item) => item.nickname);
  }

  /** Carries out a line. */
  enter(text: string): Entered {
    const command = parseCommand(text);
    switch (command.type) {
      case "exit":
        return { type: "leave" };
      case "list":
        return { type: "lines", lines: this.#roster() };
      case "help":
        return { type: "lines", lines: helpLines() };
      case "message":
        return this.#send(command.to, command.text);
      case "say":
        return this.#say(command.text);
      case "wrong":
        return { type: "lines", lines: [{ tone: "bad", text: messageText(command.text) }] };
      case "nothing":
        return { type: "lines", lines: [] };
    }
  }

  /** The lines that a notice is worth. */
  lines(notice: ChatNotice): readonly Line[] {
    const time = timeOfDay(this.#clock.wall());
    switch (notice.type) {
      case "online":
        return [
          ...noticeLines(notice, this.#context),
          ...(notice.again ? [] : [...this.#roster(), this.#invitation()]),
        ];
      case "received":
        this.#partner ??= notice.message.standing === "unverified" ? notice.message.from : undefined;
        return [
          {
            tone: "chat",
            text: `${time} ${senderText(notice.message)}: ${messageText(notice.message.text)}`,
          },
        ];
      case "delivered":
        return [{ tone: "sent", text: `${this.#sentHead(notice.to)}: ${messageText(notice.text)} ✓` }];
      case "undelivered":
        this.#undelivered += 1;
        return [
          { tone: "sent", text: `${this.#sentHead(notice.message.to)}: ${messageText(notice.message.text)}` },
          ...noticeLines(notice, this.#context),
        ];
      default:
        return noticeLines(notice, this.#context);
    }
  }

  #say(text: string): Entered {
    const to = this.partner;
    if (to !== undefined) return this.#send(to, text);
    return { type: "lines", lines: [{ tone: "bad", text: "not sent: to whom? write: msg NAME TEXT" }] };
  }

  #send(to: string, text: string): Entered {
    // Not a name that was mistyped: the next bare text shall reach somebody.
    const listed = this.#shell.snapshot.roster.find(
      (item) => foldNickname(item.nickname) === foldNickname(to),
    );
    if (listed !== undefined) this.#partner = listed.nickname;
    else if (parseDestination(to) !== undefined) this.#partner = to;
    return { type: "sent", to, id: this.#shell.send(to, text) };
  }

  #roster(): readonly Line[] {
    const { snapshot } = this.#shell;
    const lostAt = snapshot.registryLostAt;
    return rosterLines(snapshot, lostAt === undefined ? undefined : timeOfDayAt(this.#clock, lostAt));
  }

  #invitation(): Line {
    const partner = this.partner;
    const how =
      partner === undefined ? "write with: msg NAME TEXT" : `what you type goes to ${messageText(partner)}`;
    return { tone: "quiet", text: `${how}; /help tells more` };
  }

  #sentHead(to: string): string {
    return `${timeOfDay(this.#clock.wall())} to ${messageText(to)}`;
  }
}

function helpLines(): readonly Line[] {
  const width = Math.max(...COMMAND_HELP.map(([usage]) => usage.length));
  const commands = COMMAND_HELP.map(([usage, meaning]) => `${usage.padEnd(width)}  ${meaning}`);
  const keys = "Tab completes commands and names, Up and Down bring back what was typed.";
  const confirmed = "What you wrote appears with ✓ once the other machine confirmed it.";
  return [...commands, ...MARKS_HELP, confirmed, keys].map((text) => ({ tone: "plain", text }) as const);
}
