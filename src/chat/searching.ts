import type { Millis, Random } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Mp1Membership } from "./mp1-membership.ts";
import type { Mp2Membership } from "./mp2-membership.ts";
import type { ChatNotice } from "./notices.ts";
import { jittered, PATIENT_MILLIS, RETURN_SPREAD_MILLIS } from "./pauses.ts";
import type { ChatSettings } from "./settings.ts";
import type { Trusted } from "./trust.ts";

/** Which protocol is asked for a registry, and when: mp2 first, and mp1 only where nobody with a key was ever met. */

export const HINT_MILLIS: Millis = 10_000;
/** A registry of mp2 has so long to answer before one without a key is asked, too … */
export const FALLBACK_MILLIS: Millis = 3_000;
/** … and so long when the one before had none. */
const FALLBACK_AGAIN_MILLIS: Millis = 500;

interface SearchingOptions {
  readonly mp1: Mp1Membership;
  readonly mp2: Mp2Membership;
  readonly settings: ChatSettings;
  readonly random: Random;
  readonly trusted: Trusted;
  readonly notice: (notice: ChatNotice) => void;
}

export class Searching {
  readonly #options: SearchingOptions;
  readonly #deadlines = new Deadlines<"search", "hint" | "fallback" | "again">();
  #wasOnline = false;
  /** The last registry that answered has no key. */
  #isKeyless = false;

  constructor(options: SearchingOptions) {
    this.#options = options;
  }

  /** Whether there ever was a registry. */
  get wasOnline(): boolean {
    return this.#wasOnline;
  }

  /** For the first time. */
  start(now: Millis): void {
    this.#options.notice({ type: "searching" });
    this.#deadlines.set("search", "hint", now + HINT_MILLIS);
    this.search(now, 0);
  }

  search(now: Millis, after: Millis): void {
    this.#deadlines.clear("search", "again");
    this.#options.mp2.search(now, this.#pauses, after);
    const time = this.#isKeyless ? FALLBACK_AGAIN_MILLIS : FALLBACK_MILLIS;
    if (this.#unverified === "asked") this.#deadlines.set("search", "fallback", now + after + time);
  }

  /** Everybody comes back at once: spread a little. `backIn`: what the registry said. */
  return(now: Millis, backIn: Millis): void {
    this.search(now, backIn + this.#options.random.below(RETURN_SPREAD_MILLIS));
  }

  /** Once more, but not soon. */
  later(now: Millis, pause: Millis | undefined): void {
    const time = pause ?? jittered(this.#options.random, PATIENT_MILLIS);
    this.#deadlines.set("search", "again", now + time);
  }

  /** By mp2; by mp1 also `everything`. */
  stop(everything: boolean): void {
    this.#deadlines.clear("search", "fallback");
    this.#deadlines.clear("search", "again");
    this.#options.mp2.stopSearch();
    if (everything) this.#options.mp1.stop();
  }

  /** Where there is a registry with a key, none without one is asked. */
  answered(): void {
    this.#deadlines.clear("search", "fallback");
    this.#isKeyless = false;
    this.#options.mp1.stop();
  }

  /** One without a key has answered. */
  keyless(): void {
    this.#isKeyless = true;
    this.found();
  }

  /** No hint is needed. */
  found(): void {
    this.#deadlines.clear("search", "hint");
  }

  online(): void {
    this.#wasOnline = true;
    this.found();
  }

  /** For good. */
  end(): void {
    this.#deadlines.clearAll("search");
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      if (due.name === "fallback") this.#options.mp1.start(now, this.#pauses);
      else if (due.name === "again") this.search(now, 0);
      else {
        const unverified = this.#unverified;
        this.#options.notice({ type: "search-hint", waitedMillis: HINT_MILLIS, unverified });
      }
    }
  }

  get #pauses(): "first" | "return" {
    return this.#wasOnline ? "return" : "first";
  }

  /** Whether registries without a key are asked, and if not, why. */
  get #unverified(): "asked" | "pinned" | "off" {
    const { settings, trusted, mp2 } = this.#options;
    if (!settings.legacy) return "off";
    return mp2.hasMet || trusted.knowsRegistry(settings.hosts) ? "pinned" : "asked";
  }
}
