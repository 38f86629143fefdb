import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * `run.json` in the state directory: when the registry last ran, how that ended, and its last error. Tells an admin
 * after a crash what came before. Nothing depends on it: unreadable or unwritable, the registry runs all the same.
 */
export interface RunRecord {
  readonly startedAt: string;
  /** Null while it runs, and for ever when it was killed. */
  readonly endedAt: string | null;
  readonly lastError: { readonly at: string; readonly text: string } | null;
}

const MAX_BYTES = 16_384;

/** The record of the run before; undefined when there is none that can be read. */
export function readRunRecord(stateDirectory: string): RunRecord | undefined {
  try {
    const text = readFileSync(join(stateDirectory, "run.json"), "utf8");
    if (text.length > MAX_BYTES) return undefined;
    const { startedAt, endedAt, lastError } = JSON.parse(text) as Partial<RunRecord>;
    if (typeof startedAt !== "string" || !(endedAt === null || typeof endedAt === "string")) return undefined;
    const { at, text: what } = lastError ?? {};
    const error = typeof at === "string" && typeof what === "string" ? { at, text: what } : null;
    return { startedAt, endedAt, lastError: error };
  } catch {
    return undefined;
  }
}

/**
 * Replaces the record in one step, as a reader sees it; makes the directory if it is not there. Throws what the file
 * system throws.
 */
export function writeRunRecord(stateDirectory: string, record: RunRecord): void {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const path = join(stateDirectory, "run.json");
  writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
