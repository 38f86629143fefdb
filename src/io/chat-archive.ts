import type { ArchiveStore } from "../chat/archive.ts";
import type { ChatEvent, ChatOutput } from "../chat/events.ts";

type Asked = Extract<ChatOutput, { type: "archive" }>;

/** What the core wants stored, gathered to one transaction a pump, and what the user has to know of it. */
export class GatheredChanges {
  readonly #archive: ArchiveStore;
  readonly #onTrouble: (text: string) => void;
  #asked: Asked[] = [];
  #trouble = "";

  constructor(options: { archive: ArchiveStore; onTrouble: (text: string) => void }) {
    this.#archive = options.archive;
    this.#onTrouble = options.onTrouble;
  }

  add(asked: Asked): void {
    this.#asked.push(asked);
  }

  /** Stores all of it; undefined if there is nothing. */
  store(): Extract<ChatEvent, { type: "archived" | "archive-failed" }> | undefined {
    const asked = this.#asked;
    const last = asked.at(-1);
    if (last === undefined) return undefined;
    this.#asked = [];
    const result = this.#archive.commit(asked.map(({ change }) => change));
    if (result.type === "failed") {
      this.#tell(result.text);
      return { type: "archive-failed" };
    }
    if (this.#trouble !== "") this.#onTrouble("what is said is kept on disk again");
    this.#trouble = "";
    const entryAt = (index: number): number => asked[index]?.entry ?? 0;
    const seqs = new Map([...result.seqs].map(([index, seq]) => [entryAt(index), seq]));
    return { type: "archived", through: last.entry, known: result.known.map(entryAt), seqs };
  }

  /** Once, however often it happens. */
  #tell(text: string): void {
    if (text === this.#trouble) return;
    this.#trouble = text;
    const meanwhile = "what you send is in memory only, what others send stays with them";
    this.#onTrouble(`${text}; until that is repaired, ${meanwhile}`);
  }
}
