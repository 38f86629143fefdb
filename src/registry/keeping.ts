import type { Millis } from "../base/clock.ts";
import type { Published, RosterKeeper } from "../roster/keeper.ts";
import type { Publication } from "../roster/publication.ts";
import { line } from "./lines.ts";
import type { Emit } from "./output.ts";

/** The roster's keeper at the registry: begins with what is published, tries again, and tells what fails. */
export class Keeping {
  readonly #keeper: RosterKeeper | undefined;
  readonly #publication: Publication;
  readonly #emit: Emit;
  #told: string | undefined;

  constructor(options: {
    readonly now: Millis;
    readonly keeper: RosterKeeper | undefined;
    readonly publication: Publication;
    readonly emit: Emit;
  }) {
    this.#keeper = options.keeper;
    this.#publication = options.publication;
    this.#emit = options.emit;
    if (this.#keeper?.left === undefined) this.#keeper?.begin(options.now, this.#published);
  }

  nextDeadline(): Millis | undefined {
    return this.#keeper?.nextDeadline();
  }

  advance(now: Millis): void {
    this.#keeper?.advance(now, this.#published);
    const trouble = this.#keeper?.trouble?.message;
    if (trouble === this.#told) return;
    this.#told = trouble;
    const entry =
      trouble === undefined
        ? line("info", "The roster is kept over a restart again")
        : line("error", `${trouble}; until then a restart is seen by everybody`, {}, "keep");
    this.#emit({ type: "log", entry });
  }

  get #published(): Published {
    const { epoch, seq } = this.#publication;
    return { epoch, seq, entries: () => this.#publication.entries() };
  }
}
