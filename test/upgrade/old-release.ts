import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { must } from "../lab/command.ts";

const PROJECT = resolve(import.meta.dirname, "../..");

/**
 * The first commit that made a package: its registry keeps no roster over a restart, so that there is a state to be
 * migrated. Once there are tags, the last one belongs here.
 */
export const OLD_COMMIT = "719dbcf0def168ccc4f2249235613d01e7c7c936";
/** What its package is called, so that dpkg takes it for the older one. */
const OLD_VERSION = "0.0.9";

export interface OldRelease {
  /** Its checkout, with the packages of today's: those that it does not use it leaves alone. */
  readonly tree: string;
  readonly deb: string;
}

/** Unpacks the old commit of this repository below `directory` and builds its package there, by its own scripts. */
export async function buildOldRelease(directory: string): Promise<OldRelease> {
  const tree = join(directory, "old");
  mkdirSync(tree, { recursive: true });
  const unpack = 'git -C "$1" archive "$2" | tar --extract --directory "$3"';
  await must(["bash", "-o", "pipefail", "-ec", unpack, "unpack", PROJECT, OLD_COMMIT, tree]);
  // Its crowd speaks mp1, too, and would do so for ever on a machine so busy that mp2 took more than 3 s.
  const crowd = join(tree, "test/support/crowd.ts");
  writeFileSync(crowd, readFileSync(crowd, "utf8").replace("legacy: true", "legacy: false"));
  cpSync(join(PROJECT, "node_modules"), join(tree, "node_modules"), {
    recursive: true,
    verbatimSymlinks: true,
  });
  const time = (await must(["git", "-C", PROJECT, "log", "-1", "--format=%ct", OLD_COMMIT])).trim();
  const command = [
    join(tree, "scripts/package.sh"),
    "deb",
    "--fast",
    "--version",
    OLD_VERSION,
    "--output",
    directory,
  ];
  const environment = { SOURCE_DATE_EPOCH: time };
  const text = await must(command, { timeoutMillis: 900_000, directory: tree, environment });
  return { tree, deb: String(text.trim().split("\n").at(-1)) };
}
