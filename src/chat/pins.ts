import type { UnixMillis } from "../base/clock.ts";
import { type Fingerprint, isSameFingerprint } from "../base/fingerprint.ts";
import { foldNickname } from "../wire/nickname.ts";
import { type Restricted, type RestrictionLevel, Restrictions } from "./restrictions.ts";

/**
 * Trust on first use, as ssh does it: the first key that comes under a name is pinned to it; another one is refused
 * until the user accepts it. Nothing here forgets or replaces a pin by itself, since whoever could make it do so would
 * have got past it.
 *
 *     unknown ── first use ──> pinned ── another key ──> changed ── accept ──> pinned
 *        ^                        └───────── forget ─────────┘
 */

/** Far beyond the people of a LAN; a roster of made-up names fills it no further. */
export const MAX_PINS = 4_096;
/** Realms, host names, nicknames: none is longer. */
export const MAX_PIN_NAME_LENGTH = 255;

/**
 * Whose key: a registry by the realm that it calls itself or, where the user named a host, by that as typed; a peer by
 * nickname.
 */
export interface PinSubject {
  readonly kind: "realm" | "host" | "peer";
  readonly name: string;
}

export interface Pin extends PinSubject {
  readonly fingerprint: Fingerprint;
  /** How it came to be trusted: by being the first, or because the user said so. */
  readonly by: "first-use" | "user";
  readonly since: UnixMillis;
  /** The last other key that came under this name, refused, and when it first did. */
  readonly refused?: { readonly fingerprint: Fingerprint; readonly at: UnixMillis };
}

export type PinVerdict =
  | { readonly state: "unknown" }
  | { readonly state: "pinned"; readonly pin: Pin }
  /** An attack, or a new key after a reinstallation. To be refused. */
  | { readonly state: "changed"; readonly pin: Pin };

/**
 * An immutable set of pins, and of whom the user does not want to hear; every operation that changes something returns
 * another set.
 */
export class Pins {
  static readonly none = new Pins(new Map(), Restrictions.none);
  readonly #pins: ReadonlyMap<string, Pin>;
  readonly restrictions: Restrictions;

  private constructor(pins: ReadonlyMap<string, Pin>, restrictions: Restrictions) {
    this.#pins = pins;
    this.restrictions = restrictions;
  }

  /** The set of these; undefined when two are of one subject, or there are too many. */
  static from(pins: readonly Pin[], restrictions = Restrictions.none): Pins | undefined {
    const map = new Map(pins.map((pin) => [keyOf(pin), pin]));
    return map.size === pins.length && map.size <= MAX_PINS ? new Pins(map, restrictions) : undefined;
  }

  /** The user does not want to hear those, or does again; the same set when there is nothing to change, or it is full. */
  restrict(who: Restricted, level: RestrictionLevel | undefined, at: UnixMillis): Pins {
    const before = this.restrictions;
    const after = level === undefined ? before.without(who) : before.with(who, level, at);
    return after === before ? this : new Pins(this.#pins, after);
  }

  /** By kind, then by name. */
  list(): readonly Pin[] {
    return [...this.#pins].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, pin]) => pin);
  }

  find(subject: PinSubject): Pin | undefined {
    return this.#pins.get(keyOf(subject));
  }

  /** Other names of the same kind under which this key is pinned: "ola" may have become "olga". */
  othersOf(subject: PinSubject, fingerprint: Fingerprint): readonly Pin[] {
    return this.list().filter(
      (pin) =>
        pin.kind === subject.kind &&
        keyOf(pin) !== keyOf(subject) &&
        isSameFingerprint(pin.fingerprint, fingerprint),
    );
  }

  /** What to make of `fingerprint` under that name. Changes nothing. */
  judge(subject: PinSubject, fingerprint: Fingerprint): PinVerdict {
    const pin = this.find(subject);
    if (pin === undefined) return { state: "unknown" };
    return { state: isSameFingerprint(pin.fingerprint, fingerprint) ? "pinned" : "changed", pin };
  }

  /**
   * Somebody proved to have this key: pins it if the name is unknown, notes it as refused if another one is pinned.
   * The same set when there is nothing to change, and when it is full: then the name stays unknown.
   */
  meet(subject: PinSubject, fingerprint: Fingerprint, at: UnixMillis): Pins {
    const verdict = this.judge(subject, fingerprint);
    if (verdict.state === "pinned") return this;
    if (verdict.state === "changed") return this.#refuse(verdict.pin, fingerprint, at);
    return this.#add({ ...bare(subject), fingerprint, by: "first-use", since: at });
  }

  /** The user trusts this key from now on, whatever was pinned. The same set when it is full. */
  accept(subject: PinSubject, fingerprint: Fingerprint, at: UnixMillis): Pins {
    return this.#add({ ...bare(subject), fingerprint, by: "user", since: at });
  }

  /** The name is unknown again; the same set when it was. */
  forget(subject: PinSubject): Pins {
    if (this.find(subject) === undefined) return this;
    const pins = new Map(this.#pins);
    pins.delete(keyOf(subject));
    return new Pins(pins, this.restrictions);
  }

  /** The same set when it is noted already: an attacker who tries again and again causes one write. */
  #refuse(pin: Pin, fingerprint: Fingerprint, at: UnixMillis): Pins {
    const { refused } = pin;
    if (refused !== undefined && isSameFingerprint(refused.fingerprint, fingerprint)) return this;
    return this.#with({ ...pin, refused: { fingerprint, at } });
  }

  #add(pin: Pin): Pins {
    return this.#pins.size >= MAX_PINS && this.find(pin) === undefined ? this : this.#with(pin);
  }

  #with(pin: Pin): Pins {
    return new Pins(new Map(this.#pins).set(keyOf(pin), pin), this.restrictions);
  }
}

function bare({ kind, name }: PinSubject): PinSubject {
  return { kind, name };
}

/** Names that are the same to people are one: nicknames by RFC 8266, hosts without regard to case. */
function keyOf({ kind, name }: PinSubject): string {
  return `${kind} ${kind === "peer" ? foldNickname(name) : name.normalize("NFC").toLowerCase()}`;
}
