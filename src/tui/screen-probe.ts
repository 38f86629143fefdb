import { EMOJI_PROBES, type EmojiSupport, NO_EMOJI_SEQUENCES } from "./screen-text.ts";

const NAMES = Object.keys(EMOJI_PROBES) as (keyof EmojiSupport)[];

/**
 * Asks the terminal how wide it draws sequences of emoji: it writes each and asks where the cursor is then (ECMA-48
 * §8.3.35, DSR 6). A terminal that does not answer gets no sequences.
 */
export class EmojiProbe {
  readonly #known: (support: EmojiSupport) => void;
  readonly #answers: number[] = [];

  constructor(known: (support: EmojiSupport) => void) {
    this.#known = known;
  }

  /** Drawn in the first row, which the next frame covers; the cursor stays where it was. */
  get question(): string {
    const probes = NAMES.map((name) => `\x1b[1;1H${EMOJI_PROBES[name]}\x1b[6n`);
    return `\x1b7${probes.join("")}\x1b[1;1H\x1b[2K\x1b8`;
  }

  answered(column: number): void {
    this.#answers.push(column);
    if (this.#answers.length !== NAMES.length) return;
    const support = NAMES.map((name, index) => [name, this.#answers[index] === 3]);
    this.#known({ ...NO_EMOJI_SEQUENCES, ...Object.fromEntries(support) });
  }
}
