import type { UnixMillis } from "../base/clock.ts";
import { type Fingerprint, isSameFingerprint } from "../base/fingerprint.ts";
import { foldNickname } from "../wire/nickname.ts";

/**
 * Whom the user does not want to hear. "ignored": what they say is stored, and neither shown nor counted nor told to
 * anybody. "blocked": they are not connected with at all, and learn no more than that we are busy.
 */
export type RestrictionLevel = "ignored" | "blocked";

/** By key, so that another name changes nothing; those who have none (mp1) by name, which anybody may give up. */
export interface Restricted {
  /** As it was when it was said. */
  readonly name: string;
  readonly fingerprint: Fingerprint | undefined;
}

export interface Restriction extends Restricted {
  readonly level: RestrictionLevel;
  readonly since: UnixMillis;
}

/** Far beyond the people of a LAN that anybody quarrels with. */
export const MAX_RESTRICTIONS = 1_024;

/** An immutable set; every operation that changes something returns another one. */
export class Restrictions {
  static readonly none = new Restrictions(new Map());
  readonly #all: ReadonlyMap<string, Restriction>;

  private constructor(all: ReadonlyMap<string, Restriction>) {
    this.#all = all;
  }

  /** The set of these; undefined when two are of one key or name, or there are too many. */
  static from(restrictions: readonly Restriction[]): Restrictions | undefined {
    const all = new Map(restrictions.map((restriction) => [keyOf(restriction), restriction]));
    return all.size === restrictions.length && all.size <= MAX_RESTRICTIONS
      ? new Restrictions(all)
      : undefined;
  }

  get isFull(): boolean {
    return this.#all.size >= MAX_RESTRICTIONS;
  }

  /** By name. */
  list(): readonly Restriction[] {
    return [...this.#all.values()].sort((left, right) => (labelOf(left) < labelOf(right) ? -1 : 1));
  }

  /** Of whoever has that key or, without one, that name. */
  of(who: Restricted): RestrictionLevel | undefined {
    return this.#all.get(keyOf(who))?.level;
  }

  /** Those that were of that name when it was said, and the one of that key. */
  called(name: string, fingerprint: Fingerprint | undefined): readonly Restriction[] {
    const folded = foldNickname(name);
    const isKey = (other: Fingerprint | undefined): boolean =>
      other !== undefined && fingerprint !== undefined && isSameFingerprint(other, fingerprint);
    return this.list().filter((item) => isKey(item.fingerprint) || foldNickname(item.name) === folded);
  }

  /** In place of what was; the same set when there is nothing to change, and when it is full. */
  with(who: Restricted, level: RestrictionLevel, at: UnixMillis): Restrictions {
    const key = keyOf(who);
    const before = this.#all.get(key);
    if (before?.level === level || (before === undefined && this.isFull)) return this;
    const { name, fingerprint } = who;
    return new Restrictions(new Map(this.#all).set(key, { name, fingerprint, level, since: at }));
  }

  /** The same set when there is none. */
  without(who: Restricted): Restrictions {
    const key = keyOf(who);
    if (!this.#all.has(key)) return this;
    const all = new Map(this.#all);
    all.delete(key);
    return new Restrictions(all);
  }
}

function keyOf({ name, fingerprint }: Restricted): string {
  return fingerprint === undefined ? `name ${foldNickname(name)}` : `key ${fingerprint}`;
}

function labelOf(restriction: Restriction): string {
  return `${foldNickname(restriction.name)} ${keyOf(restriction)}`;
}
