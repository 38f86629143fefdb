/**
 * A damaged database makes room for a new one and is kept. In steps that a crash may come between: the new one is made
 * whole under another name; once it is called `.new`, the old one and its WAL move aside and it takes their place.
 * Whoever finds a `.new` goes on from there.
 */
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { UnixMillis } from "../base/clock.ts";
import { asStoreError, storeError } from "./sqlite-faults.ts";

/** Damaged ones beside it. More mean a disk that somebody has to look at; nothing is deleted to make room. */
export const MAX_SET_ASIDE = 16;
const DAMAGED = ".damaged-";
/** The file, its WAL, and the index of the WAL where several programs share it. */
const SUFFIXES = ["", "-wal", "-shm"];

/**
 * Puts a new database in place of the damaged one: `fill` makes it whole where it is told. Returns where the damaged one
 * is now. Throws a StoreError.
 */
export function replaceDamaged(path: string, wall: UnixMillis, fill: (draft: string) => void): string {
  const draft = `${path}.draft`;
  try {
    asideName(path, wall);
    for (const suffix of SUFFIXES) rmSync(draft + suffix, { force: true });
    fill(draft);
    renameSync(draft, `${path}.new`);
    return resumeReplacement(path, wall) ?? path;
  } catch (error) {
    throw asStoreError("set aside", path, error);
  }
}

/** Ends a replacement that has come as far as `.new`, if there is one. Returns where the damaged database is then. */
export function resumeReplacement(path: string, wall: UnixMillis): string | undefined {
  if (!existsSync(`${path}.new`)) return undefined;
  const aside = asideName(path, wall);
  try {
    // The WAL must be gone before the new file has the name: SQLite would take it for the new one's.
    for (const suffix of SUFFIXES) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
    syncDirectory(dirname(path));
    renameSync(`${path}.new`, path);
    syncDirectory(dirname(path));
    return existsSync(aside) ? aside : `${path}${DAMAGED}*`;
  } catch (error) {
    throw asStoreError("set aside", path, error);
  }
}

/** "registry.sqlite.damaged-2026-11-25T00-14-42Z", with a number where that is taken. */
function asideName(path: string, wall: UnixMillis): string {
  const prefix = basename(path) + DAMAGED;
  const names = readdirSync(dirname(path)).filter(
    (name) => name.startsWith(prefix) && !/-(wal|shm)$/.test(name),
  );
  if (names.length >= MAX_SET_ASIDE) {
    const why = `${names.length} damaged ones are there already, check the disk and move them away`;
    throw storeError("set aside", path, "corrupt", why);
  }
  const date = new Date(wall).toISOString().replace(/\.\d+/, "").replaceAll(":", "-");
  for (let number = 1; ; number += 1) {
    const name = path + DAMAGED + date + (number === 1 ? "" : `-${number}`);
    if (!existsSync(name) && !existsSync(`${name}-wal`)) return name;
  }
}

/** So that renames survive a power cut. */
function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
