import { existsSync, statSync } from "node:fs";
import { StoreError } from "../roster/store.ts";
import { withCopy } from "./sqlite-copy.ts";
import { MIGRATIONS } from "./sqlite-schema.ts";
import { MAX_FILE_PAGES, SqliteSession } from "./sqlite-session.ts";

/** How a database is that nobody has open. */
export type DatabaseCondition =
  | { readonly state: "none" }
  | { readonly state: "sound"; readonly bindings: number; readonly bans: number }
  | { readonly state: "damaged" | "newer"; readonly why: string };

/**
 * Reads all of a copy of the registry's database, as a registry does when it starts; the file itself is only read.
 * Throws a StoreError where it cannot be copied, or may not be read.
 */
export function checkDatabase(path: string): DatabaseCondition {
  if (!existsSync(path) || statSync(path).size === 0) return { state: "none" };
  try {
    return withCopy(path, (copy) => {
      const session = SqliteSession.open(copy, { migrations: MIGRATIONS, maxPages: MAX_FILE_PAGES });
      try {
        const { bindings, bans } = session.load();
        return { state: "sound", bindings: bindings.length, bans: bans.length };
      } finally {
        session.close();
      }
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // What it says names the copy, then what is wrong, then what a registry would do.
    const why = error.message.replace(/^.*?copy\.sqlite: /s, "").replace(/ \([^()]*\)$/, "");
    if (error.fault === "corrupt") return { state: "damaged", why };
    if (error.fault === "newer-schema") return { state: "newer", why };
    throw error;
  }
}
