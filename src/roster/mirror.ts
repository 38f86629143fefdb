import type { Millis } from "../base/clock.ts";
import { foldNickname } from "../wire/nickname.ts";
import { EarlyDeltas } from "./early-deltas.ts";
import {
  type Ask,
  baseOf,
  type Change,
  type Delta,
  type Epoch,
  type Listed,
  type Page,
  type Seq,
  sameListed,
} from "./listed.ts";
import { PageRun } from "./page-run.ts";

/** Every bound of the mirror and why it is what it is: a registry may be broken, or not the one it seems to be. */
export interface MirrorLimits {
  /** Entries, and those of a run of pages besides: twice what a registry serves unless told otherwise. */
  readonly maxEntries: number;
  /** Pages of a run. */
  readonly maxPages: number;
  /** Changes held that came too early: more than a registry keeps to repair gaps. */
  readonly earlyChanges: number;
  /** An answer that has not come, or has stopped coming, for so long is asked for again. */
  readonly askMillis: Millis;
  /** Each try in vain doubles that up to here. */
  readonly askMillisAtMost: Millis;
}

export const DEFAULT_MIRROR_LIMITS: MirrorLimits = {
  maxEntries: 20_000,
  maxPages: 4_096,
  earlyChanges: 8_192,
  askMillis: 2_000,
  askMillisAtMost: 30_000,
};

/** What became of a message. */
export type Receipt =
  /** It is part of what the mirror shows now. */
  | "applied"
  /** It is kept until what it builds on is there. */
  | "kept"
  /** It says nothing new, or there was no room for it: nothing changed. */
  | "idle"
  /** It is of another epoch, or the registry has not been met yet. */
  | "foreign"
  /** No registry of ours sends this: numbers that cannot be, or more than the limits allow. */
  | "refused";

/** Where asking stands. All transitions are in {@link Mirror}. */
type Asking =
  /** Everything that is known to exist is here. */
  | { readonly step: "content" }
  /** Something lacks since `at`: `nextAsk` says what. */
  | { readonly step: "wanting"; readonly at: Millis }
  /** Asked `tries` times since something last came; again at `until`. */
  | { readonly step: "waiting"; readonly until: Millis; readonly tries: number };

/** Told of each difference that becomes visible: how an entry was, and how it is now. */
export type Changed = (before: Listed | undefined, after: Listed | undefined) => void;

/**
 * A client's copy of the registry's roster. Deltas and pages may come in any order, twice, late or never. What it shows
 * is at any time the roster exactly as it was at some number of its epoch; while another epoch's is being fetched, the
 * former one's last. docs/decisions/0011-roster-deltas.md has the rule and why it holds.
 */
export class Mirror {
  readonly #limits: MirrorLimits;
  readonly #changed: Changed;
  /** By folded nickname. */
  #entries = new Map<string, Listed>();
  #epoch: Epoch | undefined;
  /** `#entries` is the roster at this number of `#epoch`; undefined while it is none of that epoch. */
  #seq: Seq | undefined;
  /** The highest number known to exist. */
  #head: Seq = 0;
  #run: PageRun | undefined;
  readonly #early: EarlyDeltas;
  #asking: Asking = { step: "content" };

  constructor(options: { readonly limits?: Partial<MirrorLimits>; readonly changed?: Changed } = {}) {
    this.#limits = { ...DEFAULT_MIRROR_LIMITS, ...options.limits };
    this.#changed = options.changed ?? (() => undefined);
    this.#early = new EarlyDeltas(this.#limits.earlyChanges);
  }

  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  /** Undefined as long as nothing of the epoch is shown. */
  get seq(): Seq | undefined {
    return this.#seq;
  }

  /** Whether it shows the newest that it has heard of. */
  get isCurrent(): boolean {
    return this.#epoch !== undefined && this.#seq !== undefined && this.#seq >= this.#head;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Entries and changes held in all, shown or not. */
  get held(): number {
    return this.#entries.size + (this.#run?.size ?? 0) + this.#early.size;
  }

  entries(): Iterable<Listed> {
    return this.#entries.values();
  }

  find(nickname: string): Listed | undefined {
    return this.#entries.get(foldNickname(nickname));
  }

  /**
   * A session begins: the registry, authenticated, says that its roster is at `seq` of `epoch`. What is shown stays until
   * something newer is complete, so that nobody seems to leave. `promised`: what lacks is on its way without being asked.
   * Messages of the session before must not come any more (its keys see to that): its registry may have cut other pages.
   */
  begin(now: Millis, epoch: Epoch, seq: Seq, promised = false): void {
    const goesOn = epoch === this.#epoch && this.#seq !== undefined && this.#seq <= seq;
    if (!goesOn) this.#seq = undefined;
    this.#run = undefined;
    this.#early.clear();
    this.#epoch = epoch;
    this.#head = seq;
    if (this.isCurrent) this.#asking = { step: "content" };
    else this.#asking = promised ? this.#waiting(now, 0) : { step: "wanting", at: now };
  }

  /**
   * The registry has said that its roster is at `seq` (a beacon, `attached`). Another epoch needs a new session.
   * `promised`: what lacks is on its way without being asked; some of it may have overtaken this.
   */
  heard(now: Millis, epoch: Epoch, seq: Seq, promised = false): void {
    if (epoch !== this.#epoch) return;
    this.#head = Math.max(this.#head, seq);
    if (promised && !this.isCurrent) this.#asking = this.#waiting(now, 0);
    else this.#wantWhatLacks(now);
  }

  receive(now: Millis, message: Delta | Page): Receipt {
    if (message.epoch !== this.#epoch) return "foreign";
    return message.type === "delta" ? this.#delta(now, message) : this.#page(now, message);
  }

  /** When `nextAsk` is to be called. */
  nextDeadline(): Millis | undefined {
    if (this.#asking.step === "wanting") return this.#asking.at;
    return this.#asking.step === "waiting" ? this.#asking.until : undefined;
  }

  /** What to ask the registry for now. The caller sends it; if no answer comes, it is asked again. */
  nextAsk(now: Millis): Ask | undefined {
    const deadline = this.nextDeadline();
    if (deadline === undefined || now < deadline || this.#epoch === undefined) return undefined;
    this.#asking = this.#waiting(now, this.#asking.step === "waiting" ? this.#asking.tries + 1 : 1);
    if (this.#run !== undefined) {
      return { type: "pages", epoch: this.#epoch, seq: this.#run.seq, from: this.#run.firstMissing };
    }
    if (this.#seq === undefined) return { type: "roster" };
    return { type: "changes", epoch: this.#epoch, seq: this.#seq };
  }

  // Deltas

  #delta(now: Millis, delta: Delta): Receipt {
    const { seq, changes } = delta;
    if (!Number.isSafeInteger(seq) || changes.length === 0 || baseOf(delta) < 0) return "refused";
    if (changes.length > this.#limits.earlyChanges) return "refused";
    if (this.#seq !== undefined && seq <= this.#seq) return "idle";
    if (this.#seq === undefined || baseOf(delta) > this.#seq) {
      this.#head = Math.max(this.#head, seq);
      const kept = this.#early.add(delta);
      this.#wantWhatLacks(now);
      return kept ? "kept" : "idle";
    }
    if (!this.#apply(delta)) return "refused";
    this.#catchUp();
    this.#progress(now);
    return "applied";
  }

  /** Applies what is new of a delta that begins at or before `#seq`; false if there is no room. */
  #apply(delta: Delta): boolean {
    const changes = delta.changes.slice((this.#seq ?? 0) - baseOf(delta));
    if (!this.#hasRoomFor(changes)) return false;
    for (const change of changes) {
      if (change.type === "put") this.#put(change.entry);
      else this.#remove(foldNickname(change.nick));
    }
    this.#seq = delta.seq;
    this.#head = Math.max(this.#head, delta.seq);
    if (this.#run !== undefined && this.#run.seq <= delta.seq) this.#run = undefined;
    return true;
  }

  /** Removals are not counted: what a registry may have, a mirror has room for twice. */
  #hasRoomFor(changes: readonly Change[]): boolean {
    if (this.#entries.size + changes.length <= this.#limits.maxEntries) return true;
    const newcomers = changes.filter(
      (change) => change.type === "put" && !this.#entries.has(foldNickname(change.entry.nick)),
    );
    return this.#entries.size + newcomers.length <= this.#limits.maxEntries;
  }

  /** Applies those that came early and build on what is there now. */
  #catchUp(): void {
    if (this.#seq === undefined) return;
    for (const delta of this.#early.take(this.#seq)) if (!this.#apply(delta)) return;
  }

  // Pages

  #page(now: Millis, page: Page): Receipt {
    const { seq, index, count, entries } = page;
    if (!Number.isSafeInteger(seq) || seq < 0 || count > this.#limits.maxPages) return "refused";
    if (!Number.isSafeInteger(index) || index < 0 || index >= count) return "refused";
    if (this.#seq !== undefined && seq <= this.#seq) return "idle";
    const run = this.#run !== undefined && this.#run.seq >= seq ? this.#run : new PageRun(page);
    if (!run.lacks(page)) return "idle";
    if (run.size + entries.length > this.#limits.maxEntries) return "refused";
    run.add(page);
    this.#run = run;
    this.#head = Math.max(this.#head, seq);
    if (run.isComplete) this.#replace(run);
    this.#progress(now);
    return run.isComplete ? "applied" : "kept";
  }

  /** The run is complete: what it says is shown instead of all that was. */
  #replace(run: PageRun): void {
    const gone = new Set(this.#entries.keys());
    for (const entry of run.entries()) {
      gone.delete(foldNickname(entry.nick));
      this.#put(entry);
    }
    for (const key of gone) this.#remove(key);
    this.#run = undefined;
    this.#seq = run.seq;
    this.#catchUp();
  }

  // What both have in common

  #put(entry: Listed): void {
    const key = foldNickname(entry.nick);
    const before = this.#entries.get(key);
    this.#entries.set(key, entry);
    if (!sameListed(before, entry)) this.#changed(before, entry);
  }

  #remove(key: string): void {
    const before = this.#entries.get(key);
    if (before !== undefined && this.#entries.delete(key)) this.#changed(before, undefined);
  }

  /** Something came that brings the mirror nearer: the rest of the answer gets its time anew. */
  #progress(now: Millis): void {
    if (this.isCurrent) this.#asking = { step: "content" };
    else if (this.#asking.step === "waiting") this.#asking = this.#waiting(now, 0);
    else this.#wantWhatLacks(now);
  }

  #wantWhatLacks(now: Millis): void {
    if (this.#asking.step === "content" && !this.isCurrent) this.#asking = { step: "wanting", at: now };
  }

  #waiting(now: Millis, tries: number): Asking {
    const { askMillis, askMillisAtMost } = this.#limits;
    // The first try, and progress after it, are not in vain yet.
    const doublings = Math.min(Math.max(0, tries - 1), 30);
    return { step: "waiting", until: now + Math.min(askMillis * 2 ** doublings, askMillisAtMost), tries };
  }
}
