import type { Millis, UnixMillis } from "../../base/clock.ts";
import { ed25519Spki, verifyEd25519 } from "../../base/ed25519.ts";
import { type Fingerprint, fingerprintOfSpki } from "../../base/fingerprint.ts";
import { TokenBucket } from "../../base/tokens.ts";
import { type Beacon, decodeAnnouncement, type SignedAnnouncement } from "../../wire/mp2-announcement.ts";
import type { Realm, RunId } from "../../wire/mp2-values.ts";
import type { IgnoredReason, Source } from "../discovery.ts";
import type { RegistryLimits } from "../limits.ts";
import { neighbourGoneLine, neighbourLine } from "../lines.ts";
import type { Emit } from "../output.ts";

/** Another registry whose beacons come to this one: people at one do not see those at the other. */
export interface Neighbour {
  /** Where its last beacon came from; of a link with its zone. */
  readonly address: string;
  readonly fingerprint: Fingerprint;
  readonly realm: Realm;
  /** It has our own key, and is another process: somebody runs a copy of our state. */
  readonly isTwin: boolean;
  /** Since when it is heard. */
  readonly since: Millis;
}

interface Heard extends Neighbour {
  readonly heardAt: Millis;
  /** Of its last announcement. */
  readonly sent: UnixMillis;
}

export interface NeighboursOptions {
  readonly limits: RegistryLimits;
  readonly emit: Emit;
  readonly own: { readonly fingerprint: Fingerprint; readonly run: RunId };
  readonly now: Millis;
  /** What the wall clock showed then: what our key signed before was of a former run. */
  readonly begunAt: UnixMillis;
}

/**
 * Which other registries there are, by their beacons. Anybody can make up as many as he likes, so nothing follows from
 * them but that an admin is told.
 *
 *     unknown ── beacon, warning ──> heard ── nothing for `neighbourMillis`, or its good-bye; a line ──> unknown
 *                                      └─ beacon with a greater `sent` ─> heard
 */
export class Neighbours {
  readonly #options: NeighboursOptions;
  readonly #heard = new Map<Fingerprint, Heard>();
  readonly #known: TokenBucket;
  readonly #strange: TokenBucket;

  constructor(options: NeighboursOptions) {
    this.#options = options;
    const { limits, now } = options;
    this.#known = new TokenBucket(limits.neighbourAnnouncements, now);
    this.#strange = new TokenBucket(limits.strangeAnnouncements, now);
  }

  /** In the order in which they were found. */
  get all(): readonly Neighbour[] {
    return [...this.#heard.values()];
  }

  /** An announcement came to the discovery port. Why it says nothing, if so. */
  announcement(now: Millis, source: Source, bytes: Uint8Array): IgnoredReason | undefined {
    let isLookedAt = true;
    const decoded = decodeAnnouncement(bytes, (publicKey, signed, signature) => {
      isLookedAt = this.#isWorthIt(now, fingerprintOfSpki(ed25519Spki(publicKey)));
      return isLookedAt && verifyEd25519(publicKey, signed, signature);
    });
    if (!isLookedAt) return "not-for-us";
    if (!decoded.ok) return "malformed";
    const { announcement, fingerprint } = decoded.value;
    const before = this.#heard.get(fingerprint);
    // The same one by another interface or family, or a replayed one.
    if (before !== undefined && announcement.sent <= before.sent) return "not-for-us";
    if (this.#isOurs(decoded.value)) return "not-for-us";
    if (announcement.type === "beacon") this.#beacon(now, source, fingerprint, announcement);
    else if (before === undefined) return "not-for-us";
    else if (announcement.reason === "restart")
      this.#heard.set(fingerprint, { ...before, sent: announcement.sent });
    else this.#gone(before, "it said good-bye");
    return undefined;
  }

  nextDeadline(): Millis | undefined {
    const times = Array.from(this.#heard.values(), (heard) => this.#endOf(heard));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  advance(now: Millis): void {
    for (const heard of [...this.#heard.values()])
      if (now >= this.#endOf(heard)) this.#gone(heard, "its beacons come no more");
  }

  #endOf({ heardAt }: Heard): Millis {
    return heardAt + this.#options.limits.neighbourMillis;
  }

  /** Before any arithmetic: those that are heard already have a share of their own, so a flood makes nobody forgotten. */
  #isWorthIt(now: Millis, fingerprint: Fingerprint): boolean {
    if (this.#heard.has(fingerprint)) return this.#known.take(now);
    return this.#heard.size < this.#options.limits.maxNeighbours && this.#strange.take(now);
  }

  /** Thrown back at us, from a former run, or of one that does not tell its run: no reason to believe in a twin. */
  #isOurs({ announcement, fingerprint }: SignedAnnouncement): boolean {
    const { own, begunAt } = this.#options;
    if (fingerprint !== own.fingerprint) return false;
    if (announcement.sent <= begunAt) return true;
    return announcement.type === "beacon" && (announcement.run === undefined || announcement.run === own.run);
  }

  #beacon(now: Millis, { address }: Source, fingerprint: Fingerprint, { realm, sent }: Beacon): void {
    const { own, emit } = this.#options;
    const before = this.#heard.get(fingerprint);
    const isTwin = fingerprint === own.fingerprint;
    const heard = { address, fingerprint, realm, isTwin, since: before?.since ?? now, heardAt: now, sent };
    this.#heard.set(fingerprint, heard);
    if (before === undefined) emit({ type: "log", entry: neighbourLine(heard) });
  }

  #gone(heard: Heard, how: string): void {
    this.#heard.delete(heard.fingerprint);
    this.#options.emit({ type: "log", entry: neighbourGoneLine(heard, how) });
  }
}
