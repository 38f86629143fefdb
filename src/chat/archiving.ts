import type { Millis, UnixMillis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { ArchiveChange } from "./archive.ts";
import { BOUNDS } from "./bounds.ts";
import type { ChatEvent, ChatOutput } from "./events.ts";

/** Between two attempts to write what could not be written: a full disk is not emptied within a second. */
export const RETRY_MILLIS = { first: 1_000, last: 30_000 } as const;
/** Between two looks at what has become too old. */
const PRUNE_MILLIS: Millis = 3_600_000;
/** After the first message that search finds only by reading it: nobody waits for the index, nor does search for long. */
const INDEX_MILLIS: Millis = 1_000;
/** So much is not left to that time, nor to a search: that is some ten milliseconds of work. */
const UNINDEXED = { messages: 512, characters: 262_144 } as const;
/** A message waits 30 days at most; who has not heard that it arrived may send it again so much later. */
const IDS_MILLIS: Millis = 40 * 86_400_000;
/** What could not be written is tried in portions, so that one of them does not block everything. */
const PORTION = 1_000;

/** What became of a change: "failed" may be followed by one of the others. */
export type ArchiveOutcome = "stored" | "known" | "failed";
/** `seq`: where a message is from now on that was not known. */
type Done = (now: Millis, outcome: ArchiveOutcome, seq?: number) => void;

interface Entry {
  readonly number: number;
  readonly change: ArchiveChange;
  readonly done: Done | undefined;
  hasFailed: boolean;
}

export interface ArchivingOptions {
  readonly unixAt: (at: Millis) => UnixMillis;
  /** Texts are kept so long; undefined: for ever. */
  readonly retentionMillis: Millis | undefined;
  readonly emit: (output: ChatOutput) => void;
}

/**
 * What is to be stored, in order, until it is.
 *
 *     working ── a commit fails ──> failing ── a portion is stored ──> working
 *
 * While it is failing, nothing is asked for but at the deadline "retry": all that has not been stored, from the first on.
 */
export class Archiving {
  readonly #options: ArchivingOptions;
  readonly #deadlines = new Deadlines<"archive", "retry" | "prune" | "index">();
  readonly #entries = new Map<number, Entry>();
  #numbers = 0;
  /** Put since the index was last asked for. */
  #unindexed = { messages: 0, characters: 0 };
  #isLeaving = false;
  #state: { readonly type: "working" } | { readonly type: "failing"; readonly pause: Millis } = {
    type: "working",
  };

  constructor(options: ArchivingOptions) {
    this.#options = options;
  }

  start(now: Millis): void {
    this.#prune(now);
    // The process before this one may have been killed in between.
    this.#index(now);
  }

  /** Changes that are not on disk. */
  get size(): number {
    return this.#entries.size;
  }

  /** Nothing more can be remembered that the disk does not take. */
  get isFull(): boolean {
    return this.#entries.size >= BOUNDS.unstored;
  }

  put(now: Millis, change: ArchiveChange, done?: Done): void {
    this.#numbers += 1;
    const hasFailed = this.#state.type === "failing";
    const entry: Entry = { number: this.#numbers, change, done, hasFailed };
    this.#entries.set(entry.number, entry);
    if (hasFailed) done?.(now, "failed");
    else this.#options.emit({ type: "archive", entry: entry.number, change });
    if (change.type === "sent") this.#said(now, change.message.text);
    else if (change.type === "received") this.#said(now, change.message.message.text);
  }

  handle(now: Millis, event: Extract<ChatEvent, { type: "archived" | "archive-failed" }>): void {
    if (event.type === "archive-failed") this.#failed(now);
    else this.#stored(now, event);
  }

  /** A last attempt with what could not be stored. */
  leave(now: Millis): void {
    this.#isLeaving = true;
    if (this.#unindexed.messages > 0) this.#index(now);
    this.#deadlines.clearAll("archive");
    if (this.#state.type === "failing") this.#askAgain();
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      if (due.name === "prune") this.#prune(now);
      else if (due.name === "index") this.#index(now);
      else this.#askAgain();
    }
  }

  #stored(now: Millis, { through, known, seqs }: Extract<ChatEvent, { type: "archived" }>): void {
    const wasFailing = this.#state.type === "failing";
    this.#deadlines.clear("archive", "retry");
    const before = new Set(known);
    for (const entry of [...this.#entries.values()]) {
      if (entry.number > through) break;
      this.#entries.delete(entry.number);
      entry.done?.(now, before.has(entry.number) ? "known" : "stored", seqs.get(entry.number));
    }
    this.#state = { type: "working" };
    // What was put meanwhile has not been asked for.
    if (wasFailing) this.#askAgain();
  }

  #failed(now: Millis): void {
    const pause =
      this.#state.type === "failing"
        ? Math.min(this.#state.pause * 2, RETRY_MILLIS.last)
        : RETRY_MILLIS.first;
    this.#state = { type: "failing", pause };
    if (!this.#isLeaving) this.#deadlines.set("archive", "retry", now + pause);
    for (const entry of [...this.#entries.values()]) {
      if (entry.hasFailed) continue;
      entry.hasFailed = true;
      entry.done?.(now, "failed");
    }
  }

  #askAgain(): void {
    let left = PORTION;
    for (const { number: entry, change } of this.#entries.values()) {
      if (left === 0) {
        // The rest when these are stored.
        this.#state = { type: "failing", pause: RETRY_MILLIS.first };
        return;
      }
      left -= 1;
      this.#options.emit({ type: "archive", entry, change });
    }
  }

  #said(now: Millis, text: string): void {
    const { messages, characters } = this.#unindexed;
    this.#unindexed = { messages: messages + 1, characters: characters + text.length };
    const isMuch = messages + 1 >= UNINDEXED.messages || characters + text.length >= UNINDEXED.characters;
    if (isMuch) this.#index(now);
    else if (messages === 0) this.#deadlines.set("archive", "index", now + INDEX_MILLIS);
  }

  #index(now: Millis): void {
    this.#unindexed = { messages: 0, characters: 0 };
    this.#deadlines.clear("archive", "index");
    this.put(now, { type: "index" });
  }

  #prune(now: Millis): void {
    const { unixAt, retentionMillis } = this.#options;
    const wall = unixAt(now);
    const textsBefore = retentionMillis === undefined ? undefined : wall - retentionMillis;
    this.put(now, { type: "prune", textsBefore, idsBefore: wall - IDS_MILLIS });
    this.#deadlines.set("archive", "prune", now + PRUNE_MILLIS);
  }
}
