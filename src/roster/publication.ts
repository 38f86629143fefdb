import type { Millis } from "../base/clock.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import { ChangeLog } from "./change-log.ts";
import type { RosterKeeper } from "./keeper.ts";
import {
  type Ask,
  type Change,
  type Delta,
  type Epoch,
  type Listed,
  type Page,
  type Seq,
  sameListed,
  type Weigh,
  weighListed,
} from "./listed.ts";
import { portions } from "./portions.ts";

/** Every bound of the publication and why it is what it is. */
export interface PublicationLimits {
  /** Changes become one delta in this time. The first after a quiet time goes out at once: it waits for nobody. */
  readonly coalesceMillis: Millis;
  /** Weight of a delta: a quarter of the largest message, so that no other stream waits long behind one. */
  readonly deltaBytes: number;
  /** Weight of a page, for the same reason. */
  readonly pageBytes: number;
  /** Changes kept to repair gaps: some minutes of a busy LAN, and all that 1,000 clients do who come back at once. */
  readonly logChanges: number;
  /** A mirror that lacks more changes than there are entries is better off with pages, but not for so few. */
  readonly fewChanges: number;
}

export const DEFAULT_PUBLICATION_LIMITS: PublicationLimits = {
  coalesceMillis: 50,
  deltaBytes: 16_384,
  pageBytes: 16_384,
  logChanges: 4_096,
  fewChanges: 64,
};

/** The current one, and the one before for runs of pages that broke off. */
const SNAPSHOTS_KEPT = 2;

interface Numbered {
  readonly epoch: Epoch;
  readonly seq: Seq;
}

/** Where what is told is written before. */
export type Keep = Pick<RosterKeeper, "begin" | "publish">;

interface Snapshot {
  readonly seq: Seq;
  readonly pages: readonly Page[];
}

/**
 * The roster as told to mp2 clients. `note` takes how entries stand now; every `coalesceMillis` what has changed since
 * gets its numbers and becomes deltas, one object for all receivers. Only what is published counts: a snapshot shows
 * no change that has no number yet, and a change undone before that never gets one. So a shell that stores each delta
 * before handing it out never forgets what a client knows.
 */
export class Publication {
  readonly #nextNumber: () => Numbered;
  readonly #limits: PublicationLimits;
  readonly #weigh: Weigh;
  readonly #keep: Keep | undefined;
  #log: ChangeLog;
  /** By folded nickname, as of `#seq`. */
  readonly #entries = new Map<string, Listed>();
  /** How entries stand that may differ from `#entries`, the longest-waiting first. No more than there are names. */
  readonly #pending = new Map<string, Listed | undefined>();
  #snapshots: readonly Snapshot[] = [];
  #epoch: Epoch;
  #seq: Seq;
  #last: Millis = -Infinity;
  #publishAt: Millis | undefined;

  /**
   * Goes on with `entries` as they stood at `seq` of `epoch`. That must be the highest number ever told under it:
   * whoever is not sure of that begins another epoch. `nextNumber` gives the number of the next change; where it does
   * not go on in the epoch, the publication begins anew in that of the number.
   */
  constructor(options: {
    readonly epoch: Epoch;
    readonly seq?: Seq;
    readonly entries?: Iterable<Listed>;
    /** The changes that led to `seq`: the log goes back so far. */
    readonly recent?: readonly Change[];
    readonly limits?: Partial<PublicationLimits>;
    readonly weigh?: Weigh;
    readonly nextNumber?: () => Numbered;
    readonly keep?: Keep | undefined;
  }) {
    this.#epoch = options.epoch;
    this.#nextNumber = options.nextNumber ?? (() => ({ epoch: this.#epoch, seq: this.#seq + 1 }));
    this.#seq = options.seq ?? 0;
    this.#limits = { ...DEFAULT_PUBLICATION_LIMITS, ...options.limits };
    this.#weigh = options.weigh ?? weighListed;
    this.#keep = options.keep;
    for (const entry of options.entries ?? []) this.#entries.set(foldNickname(entry.nick), entry);
    const { recent = [] } = options;
    this.#seq -= recent.length;
    this.#log = new ChangeLog(this.#seq, this.#limits.logChanges);
    this.#numbered(recent);
  }

  /** Another than before means: nobody's copy counts any more, and all are to be told everything. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The number of the last published change. */
  get seq(): Seq {
    return this.#seq;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** As published. */
  entries(): Iterable<Listed> {
    return this.#entries.values();
  }

  /** `nick` is held as `entry` says, or by nobody, from now on. */
  note(now: Millis, nick: Nickname, entry: Listed | undefined): void {
    const key = foldNickname(nick);
    if (sameListed(this.#entries.get(key), entry)) this.#pending.delete(key);
    else this.#pending.set(key, entry);
    if (this.#pending.size === 0) this.#publishAt = undefined;
    else this.#publishAt ??= Math.max(now, this.#last + this.#limits.coalesceMillis);
  }

  nextDeadline(): Millis | undefined {
    return this.#publishAt;
  }

  /** What is to be told to everybody now, in order; mostly nothing or one delta. Nothing when the {@link epoch} changes. */
  advance(now: Millis): readonly Delta[] {
    if (this.#publishAt === undefined || this.#publishAt > now) return [];
    this.#publishAt = undefined;
    this.#last = now;
    const changes = [...this.#pending].map(([key, entry]) => this.#change(key, entry));
    this.#pending.clear();
    const numbers = changes.map(() => this.#nextNumber());
    const last = numbers.at(-1);
    if (last === undefined) return [];
    if (last.epoch !== this.#epoch) return this.#renew(now, last);
    const seq = this.#seq + changes.length;
    const published = { epoch: this.#epoch, seq, entries: () => this.entries() };
    if (this.#keep?.publish(now, published, changes) === false) return this.#renew(now, this.#nextNumber());
    return this.#numbered(changes);
  }

  /** What a mirror that asks for this is sent: one or the other, or both. Deltas and pages may overtake each other. */
  answer(ask: Ask): readonly (Delta | Page)[] {
    if (ask.type === "changes" && ask.epoch === this.epoch && this.#isNear(ask.seq)) {
      const deltas = this.#log.since(ask.seq);
      if (deltas !== undefined) return deltas;
    }
    if (ask.type === "pages" && ask.epoch === this.epoch) {
      const snapshot = this.#snapshots.find(({ seq }) => seq === ask.seq);
      const deltas = this.#log.since(ask.seq);
      if (snapshot !== undefined && deltas !== undefined)
        return [...snapshot.pages.slice(ask.from), ...deltas];
    }
    const { seq, pages } = this.#snapshot();
    return [...pages, ...(this.#log.since(seq) ?? [])];
  }

  /** A mirror that lacks less than that is given deltas: they cost it less than all entries would. */
  get #affordable(): number {
    return Math.max(this.#limits.fewChanges, this.#entries.size);
  }

  #isNear(seq: Seq): boolean {
    return seq <= this.#seq && this.#seq - seq <= this.#affordable;
  }

  #change(key: string, entry: Listed | undefined): Change {
    const former = this.#entries.get(key);
    if (entry !== undefined) {
      this.#entries.set(key, entry);
      return { type: "put", entry };
    }
    this.#entries.delete(key);
    // `note` lets nobody be pending who is neither here nor there.
    return { type: "remove", nick: former?.nick ?? (key as Nickname) };
  }

  #weighChange(change: Change): number {
    return this.#weigh(change.type === "put" ? change.entry : change.nick);
  }

  /** The changes are made, under a number that no delta leads to. */
  #renew(now: Millis, { epoch, seq }: Numbered): readonly Delta[] {
    this.#epoch = epoch;
    this.#seq = seq;
    this.#log = new ChangeLog(seq, this.#limits.logChanges);
    this.#snapshots = [];
    this.#keep?.begin(now, { epoch, seq, entries: () => this.entries() });
    return [];
  }

  #numbered(changes: readonly Change[]): readonly Delta[] {
    const weighed = portions(changes, (change) => this.#weighChange(change), this.#limits.deltaBytes);
    return weighed.map((portion) => this.#number(portion));
  }

  #number(changes: readonly Change[]): Delta {
    this.#seq += changes.length;
    const delta: Delta = { type: "delta", epoch: this.#epoch, seq: this.#seq, changes };
    this.#log.add(delta);
    return delta;
  }

  /**
   * One snapshot serves everybody as long as the changes since are few and in the log: a thousand clients that come back
   * at once cost a few of them, and making one costs a fraction of the changes that made the former one old.
   */
  #snapshot(): Snapshot {
    const { seq, epoch } = this;
    const latest = this.#snapshots.at(-1);
    if (latest !== undefined && seq - latest.seq <= this.#affordable / 2 && this.#log.reaches(latest.seq))
      return latest;
    const parts = portions(this.#entries.values(), this.#weigh, this.#limits.pageBytes);
    const count = Math.max(1, parts.length);
    const pages = Array.from({ length: count }, (_, index): Page => {
      return { type: "page", epoch, seq, index, count, entries: parts[index] ?? [] };
    });
    const snapshot: Snapshot = { seq, pages };
    this.#snapshots = [...this.#snapshots, snapshot].slice(-SNAPSHOTS_KEPT);
    return snapshot;
  }
}
