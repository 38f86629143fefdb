import type { Command } from "commander";
import type { Output } from "./output.ts";
import type { Registry } from "./registry.ts";

export interface Context {
  readonly registry: Registry;
  readonly output: Output;
}

/** Makes a commander action of `work`, which gets the context of the run and gives back the exit code. */
export type Run = <Args extends unknown[]>(
  work: (context: Context, ...args: Args) => Promise<number>,
) => (...args: Args) => Promise<void>;

/** Each file in commands/ exports one of these, and nothing else. */
export type AddCommand = (program: Command, run: Run) => void;

export function examples(...lines: readonly string[]): string {
  return ["", lines.length > 1 ? "Examples:" : "Example:", ...lines.map((line) => `  ${line}`)].join("\n");
}
