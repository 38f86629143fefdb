import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** Larger than any such file of a desktop. */
const MAX_LENGTH = 65_536;

/**
 * Where files go that come: `chosen` (with `~/` for the home directory), else the user's folder for downloads as
 * xdg-user-dirs has it (`XDG_DOWNLOAD_DIR` in `$XDG_CONFIG_HOME/user-dirs.dirs`), else `~/Downloads`.
 */
export function downloadsPath(
  environment: Readonly<Record<string, string | undefined>>,
  chosen?: string,
  home = homedir(),
): string {
  if (chosen !== undefined) return resolve(chosen.replace(/^~(?=\/|$)/, () => home));
  const configuration = environment.XDG_CONFIG_HOME ?? "";
  const folder = isAbsolute(configuration) ? configuration : join(home, ".config");
  return userDirectory(join(folder, "user-dirs.dirs"), home) ?? join(home, "Downloads");
}

/** user-dirs.dirs(5): `"$HOME/…"` or an absolute path, in double quotes, for a shell to read. */
function userDirectory(file: string, home: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").slice(0, MAX_LENGTH);
  } catch {
    return undefined;
  }
  const [, quoted] = /^[ \t]*XDG_DOWNLOAD_DIR="((?:[^"\\\n]|\\.)*)"/m.exec(text) ?? [];
  const path = quoted?.replace(/\\(.)/g, "$1").replace(/^\$HOME(?=\/|$)/, () => home);
  // The home directory itself means "none".
  return path !== undefined && isAbsolute(path) && resolve(path) !== resolve(home)
    ? resolve(path)
    : undefined;
}
