import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { makePrivateDirectory } from "./private-file.ts";

/**
 * Where what was said is kept: `$XDG_STATE_HOME/multiproto/PROFILE/chat.sqlite` (XDG Base Directory Specification), or in
 * the data directory that the user chose, since it belongs to the key there.
 */
export function archivePath(
  environment: Readonly<Record<string, string | undefined>>,
  chosen?: string,
  profile = "default",
): string {
  if (chosen !== undefined) return join(resolve(chosen), "chat.sqlite");
  const state = environment.XDG_STATE_HOME ?? "";
  const base = isAbsolute(state) ? state : join(homedir(), ".local", "state");
  return join(base, "multiproto", profile, "chat.sqlite");
}

/** The same; makes the directory. Errors: {@link SystemError}. */
export function makeArchivePlace(...where: Parameters<typeof archivePath>): string {
  const path = archivePath(...where);
  try {
    makePrivateDirectory(dirname(path));
  } catch (error) {
    // One that is full or read-only is no reason not to chat: opening the archive tells.
    if (["EROFS", "ENOSPC", "EDQUOT"].includes(errorCode(error))) return path;
    const what = escapeText(dirname(path));
    throw new SystemError(`Cannot make the state directory ${what}: ${errorText(error)}`, errorCode(error), {
      cause: error,
    });
  }
  return path;
}
