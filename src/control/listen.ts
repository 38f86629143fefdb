/** Getting a listening Unix socket: an inherited one, or one of our own at a path, private from its first moment. */
import { lstatSync, unlinkSync } from "node:fs";
import { createConnection, type Server } from "node:net";
import { errorCode, errorText, SystemError } from "../base/errors.ts";

export type ListenAt =
  | { readonly fd: number }
  /** `mode`: of the socket, 0660 unless it says otherwise. */
  | { readonly path: string; readonly mode?: number };

/** What to do about a socket that cannot be had, in the words of whoever listens. */
export interface ListenWords {
  /** "another registry is running on it". */
  readonly taken: string;
  /** "see: multiprotoctl status". */
  readonly look: string;
  /** "choose another --runtime-dir". */
  readonly elsewhere: string;
  /** Whose the directory should be: "does the directory belong to the user that runs the registry?". */
  readonly denied: string;
}

const REGISTRY_WORDS: ListenWords = {
  taken: "another registry is running on it",
  look: "see: multiprotoctl status",
  elsewhere: "choose another --runtime-dir",
  denied: "does the directory belong to the user that runs the registry?",
};

const DEFAULT_MODE = 0o660;

/** sockaddr_un.sun_path holds 108 bytes with the closing zero (unix(7)). */
const MAX_PATH_BYTES = 107;

/** How long somebody who holds the path may take to accept before the path counts as taken all the same. */
const PROBE_MILLIS = 1000;

/**
 * Makes `server` listen. An inherited socket keeps the owner, mode and path that its maker gave it; a path is made with
 * the mode that it says, in the directory's group. Throws {@link SystemError}.
 */
export async function listen(
  server: Server,
  at: ListenAt,
  words: ListenWords = REGISTRY_WORDS,
): Promise<void> {
  if ("fd" in at) {
    await bound(server, `inherited socket ${at.fd}`, words, () => server.listen({ fd: at.fd }));
    return;
  }
  if (Buffer.byteLength(at.path) > MAX_PATH_BYTES) {
    throw new SystemError(
      `Cannot listen on ${at.path}: a socket's path may be ${MAX_PATH_BYTES} bytes long (${words.elsewhere})`,
      "ENAMETOOLONG",
    );
  }
  await clearPath(at.path, words);
  await bound(server, at.path, words, () => {
    // The mode comes from the umask as bind() reads it, so that there is no moment in which others could connect.
    // Node binds a path within listen(), before it returns.
    const before = process.umask(0o777 & ~(at.mode ?? DEFAULT_MODE));
    try {
      server.listen({ path: at.path });
    } finally {
      process.umask(before);
    }
  });
}

function bound(server: Server, name: string, words: ListenWords, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      server.off("listening", done);
      reject(
        new SystemError(`Cannot listen on ${name}: ${hint(error, words)}`, errorCode(error), {
          cause: error,
        }),
      );
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

function hint(error: Error, words: ListenWords): string {
  switch (errorCode(error)) {
    case "EADDRINUSE":
      return `address in use (${words.look})`;
    case "EACCES":
      return `permission denied (${words.denied})`;
    case "ENOENT":
      return `the directory does not exist (make it, or ${words.elsewhere})`;
    default:
      return errorText(error);
  }
}

/** Removes a socket that a dead program left behind. One that somebody answers on is never touched. */
async function clearPath(path: string, words: ListenWords): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new SystemError(`Cannot listen on ${path}: a file that is not a socket is in the way`, "EEXIST");
  }
  const code = await probe(path);
  if (code !== "ECONNREFUSED") {
    const why = code === "" ? words.taken : `it may be in use (${code})`;
    throw new SystemError(`Cannot listen on ${path}: ${why} (${words.look})`, "EADDRINUSE");
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
