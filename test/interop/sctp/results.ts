import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What was measured with one peer, from which report.ts makes a column of docs/interop.md. */
export interface Column {
  readonly title: string;
  readonly version: string;
  /** By name of the behaviour. */
  readonly cells: Readonly<Record<string, string>>;
}

/** Where results are to be left, an absolute path; without it they only go into the test's diagnostics. */
export const RESULTS_VARIABLE = "MULTIPROTO_INTEROP_RESULTS";

export function saveColumn(column: Column): void {
  const directory = process.env[RESULTS_VARIABLE];
  if (directory === undefined) return;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${column.title}.json`), JSON.stringify(column, undefined, 2));
}
