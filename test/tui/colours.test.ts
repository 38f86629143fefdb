import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import type { WriteStream } from "node:tty";
import { LineScreen } from "../../src/tui/line-screen.ts";
import type { Tone } from "../../src/tui/lines.ts";
import { paintRow, type Style } from "../../src/tui/screen-style.ts";

/** Whatever the terminal's background is, what the faces paint can be read on it. */

type Rgb = readonly [number, number, number];

/** The eight base colours as xterm and the kernel's console (VGA) have them. */
const PALETTES: Readonly<Record<string, readonly Rgb[]>> = {
  xterm: [0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5].map(rgb),
  console: [0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa].map(rgb),
};
/** WCAG asks for 3 of large text; the console's red on black has 2.7, and its letters are large. */
const LEAST_CONTRAST = 2.7;

const STYLES: readonly Style[] = [
  ...(["plain", "quiet", "strong", "name", "own", "good", "bad", "alarm", "here", "hit"] as const),
];
const TONES: readonly Tone[] = ["chat", "sent", "quiet", "good", "bad", "alarm", "plain"];

function rgb(value: number): Rgb {
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Relative luminance and contrast ratio as WCAG 2 defines them. */
function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Rgb, other: Rgb): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** SGR 39: the terminal's own. */
const DEFAULT_COLOR = 39;

/** Base colours that a painted text sets, as 0 to 7; a background or any other colour is not foreseen. */
function colorsOf(painted: string): readonly number[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is sent
  const codes = [...painted.matchAll(/\x1b\[([\d;]*)m/g)].flatMap(([, list = ""]) =>
    list.split(";").map(Number),
  );
  for (const code of codes)
    assert.ok(code < 38 || code === DEFAULT_COLOR, `${code} is no base colour of the foreground`);
  return codes.filter((code) => code >= 30 && code < 38).map((code) => code - 30);
}

/** What the line interface writes for a line of that tone. */
function lineOf(tone: Tone): string {
  const output = new PassThrough() as unknown as WriteStream & PassThrough;
  const screen = new LineScreen(output, { hasColor: true });
  screen.print({ tone, text: "12:03 ola: hello" });
  screen.close();
  return String(output.read());
}

function assertLegible(painted: string, what: string): void {
  for (const color of colorsOf(painted))
    for (const [name, palette] of Object.entries(PALETTES))
      for (const background of [rgb(0x000000), rgb(0xffffff)]) {
        const ratio = contrast(palette[color] as Rgb, background);
        assert.ok(
          ratio >= LEAST_CONTRAST,
          `${what}: colour ${color} of ${name} on ${background}: ${ratio.toFixed(1)}`,
        );
      }
}

describe("on a black and on a white background", () => {
  test("every style of the full screen can be read", () => {
    for (const style of STYLES) assertLegible(paintRow([{ text: "ola", style }], true), style);
  });

  test("every tone of the line interface can be read", () => {
    for (const tone of TONES) assertLegible(lineOf(tone), tone);
  });

  test("some are coloured, and without colours none is", () => {
    assert.ok(STYLES.some((style) => colorsOf(paintRow([{ text: "ola", style }], true)).length > 0));
    for (const style of STYLES) assert.deepEqual(colorsOf(paintRow([{ text: "ola", style }], false)), []);
    assert.throws(() => assertLegible("\u001b[36mola", "cyan"), /cyan: colour 6 of xterm on 255,255,255/);
  });
});
