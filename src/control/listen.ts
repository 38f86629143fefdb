/** Getting a listening Unix socket: an inherited one, or one of our own at a path, private from its first moment. */
import { lstatSync, unlinkSync } from "node:fs";
import { createConnection, type Server } from "node:net";
import { errorCode, errorText, SystemError } from "../base/errors.ts";

export type ListenAt = { readonly fd: number } | { readonly path: string };

/** sockaddr_un.sun_path holds 108 bytes with the closing zero (unix(7)). */
const MAX_PATH_BYTES = 107;

/** How long somebody who holds the path may take to accept before the path counts as taken all the same. */
const PROBE_MILLIS = 1000;

/**
 * Makes `server` listen. An inherited socket keeps the owner, mode and path that its maker gave it; a path is made with
 * mode 0660 in the directory's group. Throws {@link SystemError}.
 */
export async function listen(server: Server, at: ListenAt): Promise<void> {
  if ("fd" in at) {
    await bound(server, `inherited socket ${at.fd}`, () => server.listen({ fd: at.fd }));
    return;
  }
  if (Buffer.byteLength(at.path) > MAX_PATH_BYTES) {
    throw new SystemError(
      `Cannot listen on ${at.path}: a socket's path may be ${MAX_PATH_BYTES} bytes long (choose a shorter --runtime-dir)`,
      "ENAMETOOLONG",
    );
  }
  await clearPath(at.path);
  await bound(server, at.path, () => {
    // The mode comes from the umask as bind() reads it, so that there is no moment in which others could connect.
    // Node binds a path within listen(), before it returns.
    const before = process.umask(0o117);
    try {
      server.listen({ path: at.path });
    } finally {
      process.umask(before);
    }
  });
}

function bound(server: Server, name: string, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      server.off("listening", done);
      reject(new SystemError(`Cannot listen on ${name}: ${hint(error)}`, errorCode(error), { cause: error }));
    };
    const done = () => {
      server.off("error", failed);
      resolve();
    };
    server.once("error", failed);
    server.once("listening", done);
    start();
  });
}

function hint(error: Error): string {
  switch (errorCode(error)) {
    case "EADDRINUSE":
      return "address in use (is another registry running? see: multiprotoctl status)";
    case "EACCES":
      return "permission denied (does the directory belong to the user that runs the registry?)";
    case "ENOENT":
      return "the directory does not exist (make it, or choose another --runtime-dir)";
    default:
      return errorText(error);
  }
}

/** Removes a socket that a dead registry left behind. One that somebody answers on is never touched. */
async function clearPath(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new SystemError(`Cannot listen on ${path}: a file that is not a socket is in the way`, "EEXIST");
  }
  const code = await probe(path);
  if (code !== "ECONNREFUSED") {
    const why = code === "" ? "another registry is running on it" : `it may be in use (${code})`;
    throw new SystemError(`Cannot listen on ${path}: ${why} (see: multiprotoctl status)`, "EADDRINUSE");
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw new SystemError(`Cannot remove the old socket ${path}: ${errorText(error)}`, errorCode(error));
  }
}

/** The code with which a connection to `path` fails; "" when it succeeds. */
function probe(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const settle = (code: string) => {
      socket.destroy();
      resolve(code);
    };
    socket.setTimeout(PROBE_MILLIS, () => settle("ETIMEDOUT"));
    socket.once("connect", () => settle(""));
    socket.once("error", (error) => settle(errorCode(error)));
  });
}
