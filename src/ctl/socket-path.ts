import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../base/errors.ts";

const SYSTEM_SOCKET = "/run/multiproto/control.sock";

/** Where the control socket is, unless --socket says otherwise. Empty variables count as unset. */
export function defaultSocketPath(environment: NodeJS.ProcessEnv): string {
  const { MULTIPROTO_SOCKET, RUNTIME_DIRECTORY, XDG_RUNTIME_DIR } = environment;
  if (MULTIPROTO_SOCKET) return MULTIPROTO_SOCKET;
  // systemd.exec(5): several directories are separated by colons.
  if (RUNTIME_DIRECTORY) return join(RUNTIME_DIRECTORY.split(":")[0] ?? "", "control.sock");
  if (XDG_RUNTIME_DIR && !exists(SYSTEM_SOCKET)) {
    const own = join(XDG_RUNTIME_DIR, "multiproto", "control.sock");
    if (exists(own)) return own;
  }
  return SYSTEM_SOCKET;
}

/** A file behind a directory that we may not search counts as there: "not permitted" is the truer answer. */
function exists(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch (error) {
    return errorCode(error) === "EACCES";
  }
}
