import { sha256 } from "../../src/base/hash.ts";
import type { Listed } from "../../src/roster/listed.ts";

/** The same for the same roster, in whatever order. */
export function digestOf(entries: Iterable<Listed>): string {
  const lines = [...entries].map((entry) => JSON.stringify(Object.entries(entry).sort())).sort();
  return Buffer.from(sha256(Buffer.from(lines.join("\n")))).toString("hex");
}
