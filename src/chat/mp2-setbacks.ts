import type { Millis } from "../base/clock.ts";
import { BOUNDS } from "./bounds.ts";
import { strangerText } from "./mp1-membership.ts";
import type { RegistrationFailure } from "./mp2-registration.ts";

/** What the user is told of registries that answered and are of no use, a line each. */
export class Setbacks {
  readonly #say: (now: Millis, text: string) => void;
  #isStrangerTold = false;
  /** Addresses with which no registration came about since the last one that did. */
  readonly #told = new Set<string>();

  constructor(say: (now: Millis, text: string) => void) {
    this.#say = say;
  }

  /** A registration came about. */
  over(): void {
    this.#told.clear();
  }

  /** It was not asked, and answers. */
  stranger(now: Millis, address: string): void {
    if (this.#isStrangerTold) return;
    this.#isStrangerTold = true;
    this.#say(now, strangerText(address));
  }

  /** Its call comes from another address: somebody passes it on, or it has several and is of another maker than ours. */
  passedOn(now: Millis, registry: string, address: string): void {
    if (!this.#isNews(address)) return;
    const advice = `the same machine? then use --registry ${address}`;
    this.#say(
      now,
      `not accepted: the registry at ${registry} seems to call back from ${address}, so somebody there may be passing its call on (${advice})`,
    );
  }

  /** Of what happens to a good registry, too, when it is restarted or has too much to do, nothing is said. */
  failed(now: Millis, address: string, why: RegistrationFailure): void {
    if (why === "other-search" || why === "broken-off") return;
    if (!this.#isNews(address)) return;
    const what =
      why === "too-slow"
        ? "does not finish what it began"
        : "sends what no registry sends (it is broken, or only pretends to be one)";
    this.#say(now, `cannot register at ${address}: it ${what}; still searching`);
  }

  /** Once for each address, and not of any number of them: who makes them up fills no screen. */
  #isNews(address: string): boolean {
    if (this.#told.has(address) || this.#told.size >= BOUNDS.unusableTold) return false;
    this.#told.add(address);
    return true;
  }
}
