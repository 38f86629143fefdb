import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { systemRandom } from "./random.ts";

/** Files that are their owner's alone: read with suspicion, created whole and never overwritten. */

const OWNER_ONLY = 0o600;
const DIRECTORY_OWNER_ONLY = 0o700;
const OTHERS = 0o077;
const RANDOM_BYTES = 6;

/** What such a file is for, as errors call it: "the identity file". */
export interface PrivateFile {
  readonly path: string;
  readonly what: string;
  readonly maxBytes: number;
}

/** The error grammar of these files: which file, why, what to do. It is always left as it is. */
export function fileError(
  file: PrivateFile,
  code: string,
  why: string,
  fix: string,
  cause?: unknown,
): SystemError {
  const text = `Cannot use ${file.what} ${escapeText(file.path)}: ${why}; it was left as it is (${fix})`;
  return new SystemError(text, code, { cause });
}

/**
 * The text of the file, or undefined when there is none. Errors: {@link SystemError} with the codes EOWNER (another
 * user's), EMODE (others may read or write it), ENOTFILE, ETOOLARGE, or the system's.
 */
export function readPrivateFile(file: PrivateFile): string | undefined {
  let descriptor: number;
  try {
    // Non-blocking: opening a FIFO without a writer would hang.
    descriptor = openSync(file.path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    const fix = "check the path and its permissions, or choose another state directory";
    throw fileError(file, errorCode(error), errorText(error), fix, error);
  }
  try {
    return readOwned(file, descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Looks at the open file and not at its name, which could be another one's a moment later. */
function readOwned(file: PrivateFile, descriptor: number): string {
  const status = fstatSync(descriptor);
  const user = process.geteuid?.() ?? status.uid;
  const path = escapeText(file.path);
  if (!status.isFile()) throw fileError(file, "ENOTFILE", "it is not a regular file", `see: ls -ld ${path}`);
  if (status.uid !== user) {
    const why = `it belongs to user ${status.uid}, not to user ${user}, who runs this`;
    throw fileError(file, "EOWNER", why, `run this as its owner, or as root: chown ${user} ${path}`);
  }
  if ((status.mode & OTHERS) !== 0) {
    const why = `other users may read or write it (mode ${(status.mode & 0o777).toString(8).padStart(4, "0")})`;
    throw fileError(file, "EMODE", why, `if nobody has: chmod 600 ${path}; otherwise move it away`);
  }
  if (status.size > file.maxBytes) {
    const why = `it has ${status.size} bytes, more than the ${file.maxBytes} it may have`;
    throw fileError(file, "ETOOLARGE", why, "move it away to begin anew");
  }
  return readWhole(descriptor, status.size);
}

function readWhole(descriptor: number, size: number): string {
  const bytes = Buffer.alloc(size);
  let length = 0;
  for (let got = -1; got !== 0 && length < size; length += got)
    got = readSync(descriptor, bytes, length, size - length, null);
  return bytes.toString("utf8", 0, length);
}

/**
 * Creates the file with `text`, whole and on disk, or not at all; false when there already is one, which is left alone.
 * Makes the directory where it is missing. Errors: {@link SystemError} with the system's code.
 */
export function createPrivateFile(file: PrivateFile, text: string): boolean {
  const suffix = Buffer.from(systemRandom.bytes(RANDOM_BYTES)).toString("hex");
  const temporary = `${file.path}.new-${suffix}`;
  try {
    makePrivateDirectory(dirname(file.path));
    writeDurably(temporary, text);
    if (!linkWithoutOverwriting(temporary, file.path)) return false;
    syncDirectory(dirname(file.path));
    return true;
  } catch (error) {
    throw creationError(file, error);
  }
}

/** link(2) never overwrites: of many at the same moment one succeeds. `temporary` is gone afterwards. */
function linkWithoutOverwriting(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(temporary);
  }
}

/**
 * Makes the directory `path` and what is missing above it, for its owner alone. Node's own `recursive` never returns where mkdir(2) says ENOENT in a
 * directory that exists, as it does in /proc.
 */
export function makePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: DIRECTORY_OWNER_ONLY });
  } catch (error) {
    if (errorCode(error) === "EEXIST") return;
    if (errorCode(error) !== "ENOENT" || existsSync(dirname(path))) throw error;
    makePrivateDirectory(dirname(path));
    makePrivateDirectory(path);
  }
}

function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, "wx", OWNER_ONLY);
  try {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    fsyncSync(descriptor);
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function creationError(file: PrivateFile, error: unknown): SystemError {
  const code = errorCode(error);
  const directory = escapeText(dirname(file.path));
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: "the disk is full (free some space: df -h)",
    EDQUOT: "the disk quota is used up (free some space: quota)",
    EROFS: "the file system is read-only (choose another state directory)",
    EACCES: `permission denied (see: ls -ld ${directory})`,
    EPERM: "not permitted, or a file system without hard links (choose a state directory on another one)",
    EOPNOTSUPP: "a file system without hard links (choose a state directory on another one)",
  };
  const why = reasons[code] ?? escapeText(errorText(error));
  return new SystemError(`Cannot create ${file.what} ${escapeText(file.path)}: ${why}`, code, {
    cause: error,
  });
}
