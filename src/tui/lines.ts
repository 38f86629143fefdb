import { escapeText } from "../base/text.ts";

/** How a line should look: its words never depend on it. */
export type Tone = "chat" | "sent" | "quiet" | "good" | "bad" | "alarm" | "plain";

/** A line for people, safe for a terminal. */
export interface Line {
  readonly tone: Tone;
  readonly text: string;
}

export function plain(text: string): Line {
  return { tone: "plain", text };
}

export function quiet(text: string): Line {
  return { tone: "quiet", text };
}

export function good(text: string): Line {
  return { tone: "good", text };
}

export function bad(text: string): Line {
  return { tone: "bad", text };
}

/** What nobody may miss: several lines, each marked so that it is seen without colours and in a log, too. */
export function alarm(...texts: readonly string[]): readonly Line[] {
  return texts.map((text) => ({ tone: "alarm", text: `!!! ${text}` }) as const);
}

/** A nickname, realm or address as it came. */
export function nameText(name: string): string {
  return escapeText(name, 64);
}

/** A message's text on one line: line breaks and tabs become spaces, the rest of what acts is written out. */
export function messageText(text: string): string {
  return escapeText(text.replace(/[\r\n\t]+/g, " "), 1_048_576);
}

export function pad(text: string, width: number): string {
  return text.length >= width ? text : text + " ".repeat(width - text.length);
}
