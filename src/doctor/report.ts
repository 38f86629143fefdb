import { escapeText } from "../base/text.ts";
import type { Tone } from "../base/tones.ts";
import { type Finding, LEVELS, type Level, worstFirst } from "./finding.ts";

/** What a doctor prints for people. Everything in it is escaped here: it quotes other programs, files and the network. */

export type Paint = (tone: Tone, text: string) => string;

const TONES: Readonly<Record<Level, Tone>> = {
  problem: "bad",
  warning: "warning",
  unknown: "strong",
  note: "quiet",
  ok: "good",
};

/** `paint` gets text that is safe already. The conclusions, the findings with the worst first, and how many there are. */
export function reportLines(
  findings: readonly Finding[],
  conclusions: readonly string[],
  paint: Paint,
): readonly string[] {
  const sorted = worstFirst(findings);
  const level = Math.max(...LEVELS.map(({ length }) => length));
  const check = Math.max(0, ...sorted.map(({ check: name }) => name.length));
  const indent = " ".repeat(level + check + 4);
  const rows = sorted.flatMap((each) => {
    const head = `${paint(TONES[each.level], each.level.padEnd(level))}  ${each.check.padEnd(check)}  `;
    const under = each.level === "ok" ? [] : [paint("quiet", `seen: ${escapeText(each.evidence, 1_000)}`)];
    if (each.fix !== null) under.push(`fix:  ${escapeText(each.fix, 1_000)}`);
    return [`${head}${escapeText(each.finding, 1_000)}`, ...under.map((line) => indent + line)];
  });
  const short = conclusions.map((text) => `- ${escapeText(text, 1_000)}`);
  return [...rows, "", ...short, countText(sorted)];
}

function countText(findings: readonly Finding[]): string {
  const count = (level: Level): number => findings.filter((each) => each.level === level).length;
  const parts = LEVELS.map((level) => ({ level, number: count(level) })).filter(({ number }) => number > 0);
  return parts
    .map(({ level, number }) =>
      level === "ok" ? `${number} ok` : `${number} ${level}${number === 1 || level === "unknown" ? "" : "s"}`,
    )
    .join(", ");
}
