import type { Clock } from "../base/clock.ts";
import { fingerprintText } from "../base/fingerprint.ts";
import { COMMAND_HELP, type Command, parseCommand } from "../chat/commands.ts";
import { parseDestination } from "../chat/known-peers.ts";
import type { Peer, ReceivedMessage } from "../chat/notices.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import { type MessageId, parseStatusText } from "../wire/mp2-values.ts";
import { foldNickname, parseNickname } from "../wire/nickname.ts";
import { bad, type Line, messageText, nameText, plain, quiet } from "./lines.ts";
import { timeOfDay, timeOfDayAt } from "./time.ts";
import { acceptKey, forgetKey, type TrustChange } from "./trust-changes.ts";
import { noticeLines, type SearchContext } from "./wording.ts";
import { firstContactLines, MARKS_HELP, peerKeyLines, rosterLines, senderText } from "./wording-peers.ts";
import { pinLines, pinName } from "./wording-trust.ts";

/** What a line led to. */
export type Entered =
  | { readonly type: "lines"; readonly lines: readonly Line[] }
  /** A notice with this id follows. */
  | { readonly type: "sent"; readonly to: string; readonly id: MessageId }
  | { readonly type: "leave" };

/** What of the client a conversation needs. */
export type ConversationSession = Pick<
  ChatSession,
  "snapshot" | "pins" | "fingerprint" | "send" | "rename" | "setStatus" | "markRead" | "accept" | "forget"
>;

/** What both line interfaces share: commands in, lines out, and who one is talking to. */
export class Conversation {
  readonly #session: ConversationSession;
  readonly #clock: Clock;
  readonly #context: SearchContext;
  #partner: string | undefined;
  #undelivered = 0;
  /** The last message to each peer, which "has read it" is about. */
  readonly #lastSent = new Map<string, MessageId>();
  /** Shown, and not yet told to be read: by the sender's folded name. */
  readonly #unread = new Map<string, MessageId[]>();

  constructor(options: { session: ConversationSession; clock: Clock; context: SearchContext }) {
    this.#session = options.session;
    this.#clock = options.clock;
    this.#context = options.context;
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

  /** Names for completion, online first. */
  get names(): readonly string[] {
    return this.#session.snapshot.roster.map((item) => item.nickname);
  }

  /** Somebody is at the keyboard: what was shown has been read. */
  seen(): void {
    for (const [from, ids] of this.#unread) this.#session.markRead(from, ids);
    this.#unread.clear();
  }

  /** Carries out a line. */
  enter(text: string): Entered {
    const command = parseCommand(text);
    switch (command.type) {
      case "exit":
        return { type: "leave" };
      case "message":
        return this.#send(command.to, command.text);
      case "say":
        return this.#say(command.text);
      default:
        return { type: "lines", lines: this.#answer(command) };
    }
  }

  /** The lines that a notice is worth. */
  lines(notice: SessionNotice): readonly Line[] {
    switch (notice.type) {
      case "online":
        return [
          ...noticeLines(notice, this.#context),
          ...(notice.again ? [] : [...this.#roster(), this.#invitation()]),
        ];
      case "received":
        return this.#received(notice.message);
      case "delivered":
        return [{ tone: "sent", text: `${this.#sentHead(notice.to)}: ${messageText(notice.text)} ✓` }];
      case "read":
        // Of several at once the last one says it all.
        if (this.#lastSent.get(foldNickname(notice.to)) !== notice.messageId) return [];
        return [quiet(`${nameText(notice.to)} has read it ✓✓`)];
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

  #received(message: ReceivedMessage): readonly Line[] {
    if (message.standing !== "mismatch") this.#partner ??= message.from;
    if (message.messageId !== undefined) {
      const key = foldNickname(message.from);
      this.#unread.set(key, [...(this.#unread.get(key) ?? []), message.messageId]);
    }
    const head = `${timeOfDay(this.#clock.wall())} ${senderText(message)}`;
    const { from: name, fingerprint } = message;
    const others =
      fingerprint === undefined ? [] : this.#session.pins.othersOf({ kind: "peer", name }, fingerprint);
    return [
      { tone: "chat", text: `${head}: ${messageText(message.text)}` },
      ...firstContactLines(message, others),
    ];
  }

  #answer(
    command: Exclude<Command, { type: "exit" } | { type: "message" } | { type: "say" }>,
  ): readonly Line[] {
    switch (command.type) {
      case "list":
        return this.#roster();
      case "help":
        return helpLines();
      case "away":
        return this.#away(command.text);
      case "back":
        this.#session.setStatus(false, undefined);
        return [quiet("you are back")];
      case "nick":
        return this.#rename(command.name);
      case "fingerprint":
        return this.#fingerprint(command.name);
      case "trust-list":
      case "trust-accept":
      case "trust-forget":
        return this.#trust(command);
      case "wrong":
        return [bad(messageText(command.text))];
      case "nothing":
        return [];
    }
  }

  #say(text: string): Entered {
    const to = this.partner;
    if (to !== undefined) return this.#send(to, text);
    return { type: "lines", lines: [bad("not sent: to whom? write: msg NAME TEXT")] };
  }

  #send(to: string, text: string): Entered {
    // Not a name that was mistyped: the next bare text shall reach somebody.
    const listed = this.#listed(to);
    if (listed !== undefined) this.#partner = listed.nickname;
    else if (parseDestination(to) !== undefined) this.#partner = to;
    const id = this.#session.send(to, text);
    this.#lastSent.set(foldNickname(to), id);
    return { type: "sent", to, id };
  }

  #listed(name: string): Peer | undefined {
    const key = foldNickname(name);
    return this.#session.snapshot.roster.find((item) => foldNickname(item.nickname) === key);
  }

  #roster(): readonly Line[] {
    const { snapshot } = this.#session;
    const lostAt = snapshot.registryLostAt;
    return rosterLines(snapshot, lostAt === undefined ? undefined : timeOfDayAt(this.#clock, lostAt));
  }

  #away(text: string): readonly Line[] {
    const status = text === "" ? undefined : parseStatusText(text.normalize("NFC").replace(/\s+/gu, " "));
    if (text !== "" && status === undefined)
      return [bad("not set: that text has more than 128 characters, or some that cannot be shown")];
    this.#session.setStatus(true, status);
    return [quiet(`you are away${status === undefined ? "" : `: ${messageText(status)}`}; /back ends that`)];
  }

  #rename(name: string): readonly Line[] {
    const parsed = parseNickname(name);
    if (!parsed.ok) return [bad(parsed.text)];
    if (this.#session.rename(parsed.nickname)) return [quiet(`asking for the name ${nameText(name)} …`)];
    return [bad("the name cannot be changed here (leave, and come with: --nick NAME)")];
  }

  #fingerprint(name: string | undefined): readonly Line[] {
    if (name === undefined) {
      const digits = fingerprintText(this.#session.fingerprint);
      return [plain(`you: ${digits}`), quiet("others see this by: /fingerprint and your name")];
    }
    const listed = this.#listed(name);
    if (listed !== undefined) return peerKeyLines(listed);
    const pin = this.#session.pins.find({ kind: "peer", name });
    return pin === undefined ? [bad(`nobody here is called ${nameText(name)}`)] : pinLines(pin);
  }

  #trust(
    command: Extract<Command, { type: "trust-list" | "trust-accept" | "trust-forget" }>,
  ): readonly Line[] {
    const { pins } = this.#session;
    if (command.type === "trust-list") {
      const lines = pins.list().flatMap(pinLines);
      return lines.length === 0 ? [quiet("no key has been seen yet")] : lines;
    }
    const { name } = command;
    if (command.type === "trust-forget") return this.#forget(forgetKey(pins, name, undefined));
    const { spoken } = command;
    const listed = this.#listed(name)?.fingerprint;
    const at = this.#clock.wall();
    const change = acceptKey(pins, { name, whose: listed && "peer", spoken, at, listed });
    if (!change.ok) return [bad(change.text)];
    this.#session.accept(change.subject, change.fingerprint);
    return [quiet(`accepted: ${pinName(change.subject)} ${fingerprintText(change.fingerprint)}`)];
  }

  #forget(change: TrustChange): readonly Line[] {
    if (!change.ok) return [bad(change.text)];
    this.#session.forget(change.subject);
    return [quiet(`forgotten: ${pinName(change.subject)}; the next key is taken as the first`)];
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

function helpLines(): readonly Line[] {
  const width = Math.max(...COMMAND_HELP.map(([usage]) => usage.length));
  const commands = COMMAND_HELP.map(([usage, meaning]) => `${usage.padEnd(width)}  ${meaning}`);
  const keys = "Tab completes commands and names, Up and Down bring back what was typed.";
  const confirmed = "What you wrote appears with ✓ once the other machine confirmed it.";
  return [...commands, ...MARKS_HELP, confirmed, keys].map(plain);
}
