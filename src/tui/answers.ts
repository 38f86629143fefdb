import type { Clock, Millis } from "../base/clock.ts";
import { fingerprintText } from "../base/fingerprint.ts";
import { COMMAND_HELP, type Command } from "../chat/commands.ts";
import type { Peer } from "../chat/notices.ts";
import type { ChatSession } from "../chat/session.ts";
import { MAX_UNIX_MILLIS, parseStatusText, type RoomName } from "../wire/mp2-values.ts";
import { foldNickname, parseNickname } from "../wire/nickname.ts";
import { FileAnswers, type FilesSession } from "./file-answers.ts";
import { bad, type Line, messageText, nameText, plain, quiet } from "./lines.ts";
import { liftChange, restrictChange } from "./restriction-changes.ts";
import { timeOfDayAt } from "./time.ts";
import { acceptKey, forgetKey, type TrustChange } from "./trust-changes.ts";
import { MARKS_HELP, peerKeyLines, rosterLines, verifyLines } from "./wording-peers.ts";
import { joinedLines, roomsLines, roomText } from "./wording-rooms.ts";
import { pinLines, restrictionLine, trustChangedText } from "./wording-trust.ts";

/** The commands that every face carries out alike, and answers in lines. */
export type AnsweredCommand = Exclude<
  Command,
  { type: "exit" | "message" | "say" | "talk" | "join" | "part" }
>;

/** What of the session they need. */
export type AnswersSession = Pick<
  ChatSession,
  | "snapshot"
  | "pins"
  | "fingerprint"
  | "rename"
  | "setStatus"
  | "join"
  | "part"
  | "accept"
  | "forget"
  | "restrict"
  | "setQuiet"
> &
  FilesSession;

export class Answers {
  readonly #session: AnswersSession;
  readonly #clock: Clock;
  readonly files: FileAnswers;

  constructor(options: { session: AnswersSession; clock: Clock }) {
    this.#session = options.session;
    this.#clock = options.clock;
    this.files = new FileAnswers(options.session);
  }

  /** `partner`: whom one talks to. */
  to(command: AnsweredCommand, partner: string | undefined): readonly Line[] {
    switch (command.type) {
      case "list":
        return this.roster();
      case "help":
        return helpLines();
      case "away":
        return this.#away(command.text);
      case "back":
        this.#session.setStatus(false, undefined);
        return [quiet("you are back")];
      case "quiet":
        this.#setQuiet(command.how);
        return [];
      case "nick":
        return this.#rename(command.name);
      case "fingerprint":
        return this.#fingerprint(command.name);
      case "rooms":
        return roomsLines(this.#session.snapshot);
      case "verify":
        return this.#verify(command.name);
      case "trust-list":
      case "trust-accept":
      case "trust-forget":
        return this.#trust(command);
      case "send-file":
      case "files":
      case "file":
        return this.files.to(command, partner);
      case "restrict":
      case "lift":
        return this.#restrict(command);
      case "restrictions":
        return this.#restrictions();
      case "wrong":
        return [bad(messageText(command.text))];
      case "nothing":
        return [];
    }
  }

  join(room: RoomName): { readonly isThere: boolean; readonly lines: readonly Line[] } {
    const isThere = this.#session.join(room);
    if (!isThere) return { isThere, lines: [bad("not joined: you are in 16 rooms already (/part #ROOM)")] };
    return { isThere, lines: joinedLines(this.#session.snapshot, room) };
  }

  part(room: RoomName | undefined): { readonly isThere: boolean; readonly lines: readonly Line[] } {
    if (room === undefined || !this.#session.part(room))
      return { isThere: true, lines: [bad("you are not in that room; see /rooms")] };
    return { isThere: false, lines: [quiet(`you left ${roomText(room)}`)] };
  }

  /** Who is there. */
  roster(): readonly Line[] {
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

  /** What it is from then on is a notice, for all programs of the user. */
  #setQuiet(how: Millis | "on" | "off"): void {
    const until = { on: MAX_UNIX_MILLIS, off: undefined };
    this.#session.setQuiet(typeof how === "number" ? Math.round(this.#clock.wall() + how) : until[how]);
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

  /** What has changed is a notice, for all programs of the user. */
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
    const { subject, fingerprint } = change;
    const pin = pins.find(subject);
    const isNews = pin?.by !== "user" || pin.fingerprint !== fingerprint;
    this.#session.accept(subject, fingerprint);
    return isNews ? [] : [quiet(trustChangedText({ change: "accepted", subject, fingerprint }))];
  }

  #forget(change: TrustChange): readonly Line[] {
    if (!change.ok) return [bad(change.text)];
    this.#session.forget(change.subject);
    return [];
  }

  /** What has become of it is a notice, for all programs of the user. */
  #restrict({ type, level, name }: Extract<Command, { type: "restrict" | "lift" }>): readonly Line[] {
    const { pins } = this.#session;
    const listed = this.#listed(name);
    const change =
      type === "lift"
        ? liftChange(pins, { name, level }, listed)
        : restrictChange(pins, listed?.nickname ?? name, listed);
    if (!change.ok) return [bad(messageText(change.text))];
    const isNews = type === "lift" || change.all.some((who) => pins.restrictions.of(who) !== level);
    for (const who of change.all) this.#session.restrict(who, type === "lift" ? undefined : level);
    return isNews ? [] : [quiet(`${nameText(name)} is ${level} already`)];
  }

  #restrictions(): readonly Line[] {
    const lines = this.#session.pins.restrictions.list().map(restrictionLine);
    return lines.length === 0 ? [quiet("nobody is ignored or blocked")] : lines;
  }

  #verify(name: string): readonly Line[] {
    const listed = this.#listed(name);
    if (listed === undefined) return [bad(`nobody here is called ${nameText(name)}`)];
    return verifyLines(listed, this.#session.fingerprint);
  }

  #listed(name: string): Peer | undefined {
    const key = foldNickname(name);
    return this.#session.snapshot.roster.find((item) => foldNickname(item.nickname) === key);
  }
}

function helpLines(): readonly Line[] {
  const width = Math.max(...COMMAND_HELP.map(([usage]) => usage.length));
  const commands = COMMAND_HELP.map(([usage, meaning]) => `${usage.padEnd(width)}  ${meaning}`);
  const keys = "Tab completes commands and names, Up and Down bring back what was typed.";
  const confirmed = "What you wrote appears with ✓ once the other machine confirmed it.";
  return [...commands, ...MARKS_HELP, confirmed, keys].map(plain);
}
