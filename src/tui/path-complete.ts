import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { absolutePath } from "./file-answers.ts";

/** Names of one folder that are looked at. */
const MAX_NAMES = 2_000;

/** Paths that begin with what was typed, folders with a "/" at their end. */
export function pathsFrom(typed: string): readonly string[] {
  const start = typed.endsWith("/") ? "" : basename(typed);
  const head = typed.slice(0, typed.length - start.length);
  try {
    return readdirSync(absolutePath(typed.endsWith("/") ? typed : dirname(typed)), { withFileTypes: true })
      .slice(0, MAX_NAMES)
      .filter(({ name }) => name.startsWith(start) && (start !== "" || !name.startsWith(".")))
      .map((found) => `${head}${found.name}${found.isDirectory() ? "/" : ""}`)
      .sort();
  } catch {
    return [];
  }
}
