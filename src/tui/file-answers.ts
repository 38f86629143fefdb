import { resolve } from "node:path";
import type { FileCommand } from "../chat/files/commands.ts";
import { isOver, type Transfer, type TransferAction } from "../chat/files/transfer.ts";
import type { ChatSession } from "../chat/session.ts";
import type { TransferId } from "../wire/mp2-files.ts";
import { bad, type Line, plain, quiet } from "./lines.ts";
import { fileLine, fileLines } from "./wording-files.ts";

export type FilesSession = Pick<ChatSession, "files" | "sendFile" | "changeFile">;

/** The commands about files, alike in every face, and the numbers by which a face calls them. */
export class FileAnswers {
  readonly #session: FilesSession;
  readonly #numbers = new Map<TransferId, number>();

  constructor(session: FilesSession) {
    this.#session = session;
  }

  /** The same as long as the face runs. */
  numberOf(id: TransferId): number {
    const number = this.#numbers.get(id) ?? this.#numbers.size + 1;
    this.#numbers.set(id, number);
    return number;
  }

  /** Those that were offered before this face began. */
  open(): readonly Line[] {
    return this.#session.files.flatMap((file) => {
      if (isOver(file.state)) return [];
      const number = this.numberOf(file.id);
      const isAsking = file.direction === "in" && file.state === "offered";
      return isAsking ? fileLines(file, "offered", number) : [quiet(`file ${fileLine(file, number).trim()}`)];
    });
  }

  /** `partner`: whom one talks to. What happens then is told by notices. */
  to(command: FileCommand, partner: string | undefined): readonly Line[] {
    if (command.type === "files") return this.#list();
    if (command.type === "file") return this.#change(command.action, command.number);
    const to = command.to ?? partner;
    if (to === undefined) return [bad("to whom? /send-file NAME PATH")];
    if (to.startsWith("#")) return [bad("a file goes to one person: /send-file NAME PATH")];
    this.#session.sendFile(to, absolutePath(command.path));
    return [];
  }

  #list(): readonly Line[] {
    const { files } = this.#session;
    if (files.length === 0) return [quiet("no files; send one: /send-file NAME PATH")];
    return files.map((file) => plain(fileLine(file, this.numberOf(file.id))));
  }

  #change(action: TransferAction, number: number | undefined): readonly Line[] {
    const possible = this.#session.files.filter((file) => canBe(file, action));
    const chosen =
      number === undefined ? possible : possible.filter(({ id }) => this.numberOf(id) === number);
    const [file] = chosen;
    if (file === undefined)
      return [bad(`there is no file ${number === undefined ? "" : `${number} `}to ${action}; see /files`)];
    if (chosen.length > 1)
      return [
        bad(`which? /${action} N`),
        ...chosen.map((each) => plain(fileLine(each, this.numberOf(each.id)))),
      ];
    this.#session.changeFile(file.id, action);
    return [];
  }
}

/** What was typed, for whoever holds the presence and may stand elsewhere. */
export function absolutePath(typed: string): string {
  const home = process.env.HOME ?? "/";
  return resolve(typed.replace(/^~(?=\/|$)/, () => home));
}

function canBe({ state, direction, why }: Transfer, action: TransferAction): boolean {
  switch (action) {
    case "accept":
      return direction === "in" && state === "offered";
    case "refuse":
      return direction === "in" && !isOver(state);
    case "pause":
      return state === "running" || state === "waiting" || (direction === "out" && state === "offered");
    case "resume":
      return state === "paused" && why !== "there";
    case "cancel":
      return !isOver(state) && (direction === "out" || state !== "offered");
  }
}
