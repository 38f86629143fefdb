/** How plain text that is printed once is stressed on a terminal. The words say it all: a tone only helps to find them. */
export type Tone = "good" | "warning" | "bad" | "quiet" | "strong";

/**
 * SGR codes (ECMA-48 §8.3.117). Of the eight colours red and magenta can be read on black and on white; green and yellow are
 * lost on white.
 */
const SGR: Readonly<Record<Tone, number>> = { good: 1, strong: 1, quiet: 2, bad: 31, warning: 35 };

/** `text`, which is safe already, in its tone. */
export function toned(tone: Tone, text: string): string {
  return `\u001b[${SGR[tone]}m${text}\u001b[0m`;
}

/** Whether whoever reads wants that: a terminal that can, without NO_COLOR (https://no-color.org: present and not empty). */
export function wantsTones(isTerminal: boolean | undefined, environment: NodeJS.ProcessEnv): boolean {
  return isTerminal === true && (environment.NO_COLOR ?? "") === "" && environment.TERM !== "dumb";
}
