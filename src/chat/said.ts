import type { ChatOutput } from "./events.ts";

/** Troubles of a search that are told once, not each time that they happen. */
export class Said {
  readonly #emit: (output: ChatOutput) => void;
  #lastFailure = "";
  #isPresenceFailing = false;

  constructor(emit: (output: ChatOutput) => void) {
    this.#emit = emit;
  }

  searchFailing(text: string): void {
    if (text === this.#lastFailure) return;
    this.#lastFailure = text;
    this.#emit({ type: "notice", notice: { type: "search-failing", text } });
  }

  presenceFailed(registry: string): void {
    if (!this.#isPresenceFailing)
      this.#emit({ type: "notice", notice: { type: "presence-failed", registry } });
    this.#isPresenceFailing = true;
  }

  /** All is well: what happens from now on is news. */
  online(): void {
    this.#lastFailure = "";
    this.#isPresenceFailing = false;
  }
}
