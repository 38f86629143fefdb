import { type parseCommand, parseRoom } from "../chat/commands.ts";
import type { RoomName } from "../wire/mp2-values.ts";
import type { Answers } from "./answers.ts";
import { bad, messageText } from "./lines.ts";
import { keyOf } from "./screen-conversations.ts";
import type { ScreenDesk } from "./screen-desk.ts";
import { helpPage } from "./screen-panels.ts";
import { findPeer } from "./screen-panes.ts";

/** Carries out what was entered. */
export class ScreenCommands {
  readonly #desk: ScreenDesk;
  readonly #answers: Answers;

  constructor(desk: ScreenDesk) {
    this.#desk = desk;
    this.#answers = desk.answers;
  }

  carryOut(command: ReturnType<typeof parseCommand>, partner: string | undefined): void {
    switch (command.type) {
      case "exit":
        this.#desk.session.leave();
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
        this.#desk.panel = helpPage();
        return;
      case "list":
        this.#desk.open(() => this.#desk.conversations.open(undefined));
        return;
      case "nothing":
        return;
      case "wrong":
        this.#desk.flash = bad(messageText(command.text));
        return;
      default:
        this.#desk.answer(this.#answers.to(command, partner), command.type);
    }
  }

  #talk(name: string): void {
    const { roster } = this.#desk.session.snapshot;
    const title = findPeer(roster, name)?.nickname ?? name;
    const isKnown = this.#desk.conversations.list.some(({ key }) => key === keyOf(title));
    if (findPeer(roster, name) === undefined && !isKnown) {
      this.#desk.flash = bad(`nobody here is called ${messageText(name)}`);
      return;
    }
    this.#desk.open(() => this.#desk.conversations.open(this.#desk.conversations.add(title).key));
  }

  #join(room: RoomName): void {
    const { isThere, lines } = this.#answers.join(room);
    if (!isThere) this.#desk.answer(lines, "join");
    else {
      this.#desk.open(() => this.#desk.conversations.open(this.#desk.conversations.add(`#${room}`).key));
      this.#desk.conversations.transcript?.note(lines, this.#desk.clock.wall());
    }
  }

  #part(room: RoomName | undefined): void {
    this.#desk.answer(this.#answers.part(room).lines, "part");
  }

  #send(to: string, text: string): void {
    const title = findPeer(this.#desk.session.snapshot.roster, to)?.nickname ?? to;
    const entry = this.#desk.conversations.add(title);
    const answering = this.#desk.conversations.current?.key === entry.key ? this.#desk.answering : undefined;
    this.#desk.open(() => this.#desk.conversations.open(entry.key));
    const reply = answering?.id;
    const id = this.#desk.session.send(title, text, reply === undefined ? {} : { reply });
    this.#desk.conversations.transcriptOf(entry.key).sent({ id, text, reply, at: this.#desk.clock.wall() });
    this.#desk.answering = undefined;
    this.#desk.found = undefined;
    this.#desk.anchor = "end";
  }
}
