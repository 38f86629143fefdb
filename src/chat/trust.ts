import type { Millis, UnixMillis } from "../base/clock.ts";
import { type Fingerprint, isSameFingerprint } from "../base/fingerprint.ts";
import type { Nickname } from "../wire/nickname.ts";
import { BOUNDS } from "./bounds.ts";
import type { ChatOutput, PinChange } from "./events.ts";
import type { Judgement } from "./known-peers.ts";
import type { Trust } from "./notices.ts";
import type { Pin, PinSubject, Pins } from "./pins.ts";
import type { Restricted, RestrictionLevel, Restrictions } from "./restrictions.ts";

/** A key under a name where another one is pinned. */
interface Contradiction {
  readonly subject: PinSubject;
  readonly address: string;
  /** Undefined: no key at all. */
  readonly offered: Fingerprint | undefined;
  readonly proved: boolean;
}

/**
 * What to think of a key. The set on disk is the shell's; here is what it was last, with what we asked to have changed
 * since, so that nothing is asked twice and no second key slips in meanwhile.
 */
export class Trusted {
  readonly #emit: (output: ChatOutput) => void;
  readonly #unixAt: (at: Millis) => UnixMillis;
  #pins: Pins;
  /** Contradictions that the user has been told, with the key that was pinned then. */
  readonly #told = new Map<string, Fingerprint>();

  constructor(options: {
    pins: Pins;
    unixAt: (at: Millis) => UnixMillis;
    emit: (output: ChatOutput) => void;
  }) {
    this.#pins = options.pins;
    this.#unixAt = options.unixAt;
    this.#emit = options.emit;
  }

  /** As they are now: all that {@link judgePeer} goes by. */
  get pins(): Pins {
    return this.#pins;
  }

  /** The set on disk, as the shell read it. */
  replace(pins: Pins): void {
    this.#take(pins);
  }

  /** Whether the user wants to hear whoever has that key or, without one, that name. */
  restrictionOf(name: string, fingerprint: Fingerprint | undefined): RestrictionLevel | undefined {
    return this.#pins.restrictions.of({ name, fingerprint });
  }

  isBlocked(fingerprint: Fingerprint): boolean {
    return this.restrictionOf("", fingerprint) === "blocked";
  }

  /** False when there is nothing to change, or there are too many. */
  restrict(now: Millis, who: Restricted, level: RestrictionLevel | undefined): boolean {
    return this.#change({ type: "restrict", who, level, at: this.#unixAt(now) });
  }

  /** "unverified" without a key, unless a key is pinned for that name. */
  judge(subject: PinSubject, fingerprint: Fingerprint | undefined): Trust {
    const pin = this.#pins.find(subject);
    if (fingerprint === undefined) return pin === undefined ? "unverified" : "changed";
    if (pin === undefined) return "new";
    if (!isSameFingerprint(pin.fingerprint, fingerprint)) return "changed";
    return pin.by === "user" ? "verified" : "pinned";
  }

  /** For {@link KnownPeers}. */
  readonly judgePeer = (nickname: Nickname, fingerprint: Fingerprint | undefined): Judgement => ({
    trust: this.judge({ kind: "peer", name: nickname }, fingerprint),
    restriction: this.restrictionOf(nickname, fingerprint),
  });

  find(subject: PinSubject): Pin | undefined {
    return this.#pins.find(subject);
  }

  /** Whether a registry of one of these hosts is pinned or, without hosts, any by its realm. */
  knowsRegistry(hosts: readonly string[]): boolean {
    if (hosts.length === 0) return this.#pins.list().some((pin) => pin.kind === "realm");
    return hosts.some((name) => this.#pins.find({ kind: "host", name }) !== undefined);
  }

  /** Whether it is the pinned key of one of these hosts or, without hosts, of any registry. */
  isRegistry(fingerprint: Fingerprint, hosts: readonly string[]): boolean {
    const pins =
      hosts.length === 0
        ? this.#pins.list().filter(({ kind }) => kind !== "peer")
        : hosts.map((name) => this.#pins.find({ kind: "host", name }));
    return pins.some((pin) => pin !== undefined && isSameFingerprint(pin.fingerprint, fingerprint));
  }

  /** A key was proved under that name. */
  meet(now: Millis, subject: PinSubject, fingerprint: Fingerprint): void {
    this.#change({ type: "meet", subject, fingerprint, at: this.#unixAt(now) });
  }

  /** The user accepts a key: this one, or the one that was refused last. */
  accept(now: Millis, subject: PinSubject, fingerprint?: Fingerprint): Fingerprint | undefined {
    const chosen = fingerprint ?? this.#pins.find(subject)?.refused?.fingerprint;
    if (chosen !== undefined)
      this.#change({ type: "accept", subject, fingerprint: chosen, at: this.#unixAt(now) });
    return chosen;
  }

  forget(subject: PinSubject): boolean {
    return this.#change({ type: "forget", subject });
  }

  /** Notes a key that is refused, and tells the user once. */
  contradicted(now: Millis, { subject, address, offered, proved }: Contradiction): void {
    const pinned = this.#pins.find(subject)?.fingerprint;
    if (pinned === undefined) return;
    if (offered !== undefined) this.meet(now, subject, offered);
    const key = `${subject.kind} ${subject.name} ${offered}`;
    const isFull = this.#told.size >= BOUNDS.contradictionsTold && !this.#told.has(key);
    if (this.#told.get(key) === pinned || isFull) return;
    this.#told.set(key, pinned);
    if (subject.kind === "peer") {
      const nickname = subject.name as Nickname;
      this.#tell({ type: "peer-changed", nickname, address, pinned, offered, proved });
    } else if (offered !== undefined)
      this.#tell({ type: "registry-changed", subject: subject.name, address, pinned, offered });
  }

  #tell(notice: Extract<ChatOutput, { type: "notice" }>["notice"]): void {
    this.#emit({ type: "notice", notice });
  }

  #change(change: PinChange): boolean {
    const after = applyPinChange(this.#pins, change);
    if (after === this.#pins) return false;
    this.#take(after);
    this.#emit({ type: "pin", change });
    return true;
  }

  /** What the user has changed is told, whichever program it was done by. */
  #take(pins: Pins): void {
    const before = this.#pins;
    this.#pins = pins;
    if (before === pins) return;
    this.#tellTrust(before, pins);
    this.#tellRestrictions(before.restrictions, pins.restrictions);
  }

  #tellTrust(before: Pins, after: Pins): void {
    for (const { kind, name, fingerprint, by } of after.list()) {
      const was = before.find({ kind, name });
      const isSame = was?.by === "user" && isSameFingerprint(was.fingerprint, fingerprint);
      if (by === "user" && !isSame)
        this.#tell({ type: "trust", change: "accepted", subject: { kind, name }, fingerprint });
    }
    for (const { kind, name, fingerprint } of before.list())
      if (after.find({ kind, name }) === undefined)
        this.#tell({ type: "trust", change: "forgotten", subject: { kind, name }, fingerprint });
  }

  #tellRestrictions(before: Restrictions, after: Restrictions): void {
    if (before === after) return;
    for (const { name, fingerprint, level } of after.list())
      if (before.of({ name, fingerprint }) !== level)
        this.#tell({ type: "restricted", name, fingerprint, level });
    for (const { name, fingerprint } of before.list())
      if (after.of({ name, fingerprint }) === undefined)
        this.#tell({ type: "restricted", name, fingerprint, level: undefined });
  }
}

/** What the user changes: keys are met by the presence alone. */
export type TrustedChange = Exclude<PinChange, { type: "meet" }>;

/** Finds what is to be changed in the keys as they are now. Asked again when another program was faster. */
export type ChooseChanges = (pins: Pins) => readonly TrustedChange[];

/** The set after a change; the same when there is nothing to change. */
export function applyPinChange(pins: Pins, change: PinChange): Pins {
  if (change.type === "forget") return pins.forget(change.subject);
  if (change.type === "restrict") return pins.restrict(change.who, change.level, change.at);
  const { subject, fingerprint, at } = change;
  return change.type === "meet" ? pins.meet(subject, fingerprint, at) : pins.accept(subject, fingerprint, at);
}
