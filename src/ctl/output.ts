/** What commands print, as text for people or as one JSON object a command. Everything shown is escaped here. */
import { escapeJson, escapeText } from "../base/text.ts";
import { type Tone, toned, wantsTones } from "../base/tones.ts";
import { SCHEMA } from "../control/reports.ts";
import type { CommandFailure } from "./failure.ts";

export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export class Output {
  readonly json: boolean;
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly #hasTones: boolean;

  constructor(json: boolean, stdout: Stream, stderr: Stream, environment: NodeJS.ProcessEnv) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#hasTones = wantsTones(stdout.isTTY, environment);
  }

  /** `report` under --json, with the schema's number first; `lines` otherwise, as made by this object's methods. */
  show(report: Readonly<Record<string, unknown>>, lines: () => readonly string[]): void {
    if (this.json) this.record(report);
    else
      this.#stdout.write(
        lines()
          .map((line) => `${line}\n`)
          .join(""),
      );
  }

  /** One object of many, on a line of its own, with --json or without. */
  record(report: Readonly<Record<string, unknown>>): void {
    this.#stdout.write(`${escapeJson(JSON.stringify({ schema: SCHEMA, ...report }))}\n`);
  }

  /** `text` made safe. */
  plain(text: string): string {
    return escapeText(text);
  }

  showFailure(failure: CommandFailure): void {
    if (this.json) {
      const { code, message, details } = failure;
      const error = details.length > 0 ? { code, text: message, details } : { code, text: message };
      this.#stdout.write(`${escapeJson(JSON.stringify({ schema: SCHEMA, error }))}\n`);
      return;
    }
    const lines = [`multiprotoctl: ${failure.message}`, ...failure.details.map((line) => `  ${line}`)];
    this.#stderr.write(lines.map((line) => `${escapeText(line)}\n`).join(""));
  }

  /** `text` made safe, and in its tone where that is wanted. */
  paint(tone: Tone, text: string): string {
    const safe = escapeText(text);
    return this.#hasTones ? toned(tone, safe) : safe;
  }

  /** "label   value" lines with the values below each other. */
  pairs(rows: readonly (readonly [label: string, value: string])[]): string[] {
    const width = Math.max(...rows.map(([label]) => label.length));
    return rows.map(
      ([label, value]) => `  ${this.paint("quiet", label.padEnd(width))}  ${escapeText(value)}`,
    );
  }
}
