import type { Millis } from "../base/clock.ts";
import { utf8Length } from "../base/text.ts";
import { KeyedBuckets } from "../base/tokens.ts";

/** What one peer may have us store by itself, in bytes: so much at once, and so much a day in the long run. */
export interface Allowances {
  /** Of messages, with what stands around each on disk. */
  readonly messageBytesPerDay: number;
  /** Of files that are taken without a question. */
  readonly fileBytesPerDay: number;
}

const MIB = 1_024 ** 2;
/** Messages: a novel every few minutes, and no more than 25 GB a year. Files: some films. */
export const DEFAULT_ALLOWANCES: Allowances = {
  messageBytesPerDay: 64 * MIB,
  fileBytesPerDay: 10 * 1_024 * MIB,
};

/** A message of one letter takes so much: its row, its id, its words in the index. */
export const MESSAGE_OVERHEAD_BYTES = 512;
const DAY_SECONDS = 86_400;
/** Peers that are counted: more than write in a day. */
const COUNTED_PEERS = 1_024;
/** That somebody sends too much is told once in so long. */
const TOLD_EVERY_SECONDS = 3_600;

/** `who`: a fingerprint or, of those who have no key, an address. */
export class Allowance {
  readonly #messages: KeyedBuckets;
  readonly #files: KeyedBuckets;
  readonly #told: KeyedBuckets;
  readonly #tell: (who: string, of: "messages" | "files") => void;

  constructor(allowances: Allowances, tell: (who: string, of: "messages" | "files") => void) {
    const daily = (bytes: number) => ({ perSecond: bytes / DAY_SECONDS, burst: bytes });
    this.#messages = new KeyedBuckets(daily(allowances.messageBytesPerDay), COUNTED_PEERS);
    this.#files = new KeyedBuckets(daily(allowances.fileBytesPerDay), COUNTED_PEERS);
    this.#told = new KeyedBuckets({ perSecond: 1 / TOLD_EVERY_SECONDS, burst: 1 }, COUNTED_PEERS);
    this.#tell = tell;
  }

  /** Whether a message of theirs is to be stored; it counts if it is. */
  takesMessage(now: Millis, who: string, text: string): boolean {
    const isWithin = this.#messages.take(who, now, storedBytes(text));
    if (!isWithin) this.#tellOnce(now, who, "messages");
    return isWithin;
  }

  /** It had been stored before. */
  wasKnown(who: string, text: string): void {
    this.#messages.give(who, storedBytes(text));
  }

  /** Whether a file of that size may be taken without a question; it counts if it is. */
  takesFile(now: Millis, who: string, size: number): boolean {
    const isWithin = this.#files.take(who, now, size);
    if (!isWithin) this.#tellOnce(now, who, "files");
    return isWithin;
  }

  #tellOnce(now: Millis, who: string, of: "messages" | "files"): void {
    if (this.#told.take(`${of} ${who}`, now)) this.#tell(who, of);
  }
}

function storedBytes(text: string): number {
  return utf8Length(text) + MESSAGE_OVERHEAD_BYTES;
}
