/** What commands print, as text for people or as one JSON object a command. Everything shown is escaped here. */
import { escapeJson, escapeText } from "../base/text.ts";
import { SCHEMA } from "../control/reports.ts";
import type { CommandFailure } from "./failure.ts";

export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export type Colour = "green" | "yellow" | "red" | "dim" | "bold";

const SGR: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

export class Output {
  readonly json: boolean;
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly #coloured: boolean;

  constructor(json: boolean, stdout: Stream, stderr: Stream, environment: NodeJS.ProcessEnv) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    // https://no-color.org: present and not empty.
    const refused = (environment.NO_COLOR ?? "") !== "" || environment.TERM === "dumb";
    this.#coloured = stdout.isTTY === true && !refused;
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

  /** `text` made safe, and coloured where colours are wanted. */
  paint(colour: Colour, text: string): string {
    const safe = escapeText(text);
    return this.#coloured ? `\u001b[${SGR[colour]}m${safe}\u001b[0m` : safe;
  }

  /** "label   value" lines with the values below each other. */
  pairs(rows: readonly (readonly [label: string, value: string])[]): string[] {
    const width = Math.max(...rows.map(([label]) => label.length));
    return rows.map(([label, value]) => `  ${this.paint("dim", label.padEnd(width))}  ${escapeText(value)}`);
  }
}
