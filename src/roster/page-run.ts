import type { Listed, Page, Seq } from "./listed.ts";

/** The pages of one snapshot as they come, in any order. */
export class PageRun {
  readonly seq: Seq;
  readonly #count: number;
  readonly #pages = new Map<number, readonly Listed[]>();
  #entries = 0;
  /** No page below it is missing. */
  #firstMissing = 0;

  /** For the run that `page` belongs to; `page` itself is still to be added. */
  constructor(page: Page) {
    this.seq = page.seq;
    this.#count = page.count;
  }

  /** The first page to ask for. */
  get firstMissing(): number {
    return this.#firstMissing;
  }

  get isComplete(): boolean {
    return this.#pages.size === this.#count;
  }

  /** Entries so far. */
  get size(): number {
    return this.#entries;
  }

  /** Whether `page` is one of this run that is not here yet. */
  lacks(page: Page): boolean {
    return page.seq === this.seq && page.count === this.#count && !this.#pages.has(page.index);
  }

  add(page: Page): void {
    this.#pages.set(page.index, page.entries);
    this.#entries += page.entries.length;
    while (this.#pages.has(this.#firstMissing)) this.#firstMissing += 1;
  }

  *entries(): Generator<Listed> {
    for (const entries of this.#pages.values()) yield* entries;
  }
}
