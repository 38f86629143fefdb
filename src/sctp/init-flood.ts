import type { Millis } from "../base/clock.ts";
import type { InitPressure } from "./api.ts";
import { FLOOD_INITS, FLOOD_WINDOW, INITS_READ_IN_FLOOD } from "./constants.ts";

/** Shares closer to each other than by this factor are the same: no change is made for them. */
const SAME = 1.5;
/** By how much the share may grow from one window to the next, so that a flood in pulses is not read again in each. */
const GROWTH = 4;
const NONE: InitPressure = { share: 1, perSecond: 0 };

/**
 * How many of the INITs that are sent to us are worth reading. In a flood from many addresses, answers are limited for
 * all together, so most INITs are read to be thrown away, and that costs the processor more than all associations do.
 * From then on only a share of them is wanted, still several times what is answered: nobody's chance gets worse. The
 * transport leaves the rest to the kernel.
 */
export class InitFlood {
  #pressure = NONE;
  /** INITs of this window that were read and turned away because all together had had enough answers. */
  #turnedAway = 0;
  #begin: Millis;

  constructor(now: Millis) {
    this.#begin = now;
  }

  get pressure(): InitPressure {
    return this.#pressure;
  }

  /** When {@link review} is due: a flood may end without another packet. */
  nextDeadline(): Millis | undefined {
    return this.#pressure === NONE ? undefined : this.#begin + FLOOD_WINDOW;
  }

  turnedAway(now: Millis): void {
    this.#turnedAway += 1;
    this.review(now);
  }

  review(now: Millis): void {
    const elapsed = now - this.#begin;
    if (elapsed < FLOOD_WINDOW) return;
    const { share } = this.#pressure;
    const perSecond = (this.#turnedAway * 1_000) / elapsed / share;
    this.#begin = now;
    this.#turnedAway = 0;
    if (this.#pressure === NONE && perSecond < FLOOD_INITS) return;
    const wanted = Math.min(1, share * GROWTH, INITS_READ_IN_FLOOD / perSecond);
    if (wanted === 1) this.#pressure = NONE;
    else if (wanted > share * SAME || wanted < share / SAME) this.#pressure = { share: wanted, perSecond };
  }
}
