import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, open, readdir, stat, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { numberedName } from "../base/file-name.ts";
import { escapeText } from "../base/text.ts";
import type { TransferId } from "../wire/mp2-files.ts";
import { makePrivateDirectory } from "./private-file.ts";

/**
 * Files that come, on disk: a hidden part in the folder where the file will be, and from the moment on when all of it is
 * verified and synced a second name for it, its own. link(2) never overwrites, and whoever finds a part with two names
 * after a kill knows that it is done.
 */

/** Left free beside what comes. */
const SPARE_BYTES = 16 * 1_024 * 1_024;
const READ_BYTES = 1_024 * 1_024;
/** "a.txt" to "a (1000).txt". */
const MAX_NAMES = 1_000;

/** What is there of a file that comes. */
export interface Part {
  readonly bytes: number;
  /** Of these bytes. */
  readonly hash: Hash;
}

/** Errors that mean "full": the file system, or the user's share of it. */
export function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(errorCode(error));
}

export function partPath(folder: string, id: TransferId): string {
  return join(folder, `.multiproto-${id}.part`);
}

/**
 * Opens the part, making folder and part where they are missing. Nothing that stands in its place is followed. Errors:
 * {@link SystemError}, with ENOSPC where `size` bytes would not fit.
 */
export async function openPart(folder: string, id: TransferId, size: number): Promise<FileHandle> {
  const path = partPath(folder, id);
  let handle: FileHandle | undefined;
  try {
    makePrivateDirectory(folder);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    handle = await open(path, flags, 0o600);
    const found = await handle.stat();
    if (!found.isFile() || found.uid !== (process.geteuid?.() ?? found.uid))
      throw new SystemError("something else is in its place", "ENOTFILE");
    if (found.size > size) await handle.truncate(0);
    await checkSpace(folder, size - Math.min(found.size, size));
    return handle;
  } catch (error) {
    await handle?.close();
    throw folderError(folder, error);
  }
}

/** Reads what is there, so that the hash can go on. `isStopped`: is asked again and again. */
export async function readPart(handle: FileHandle, isStopped: () => boolean): Promise<Part> {
  const { size } = await handle.stat();
  return { bytes: size, hash: await hashStart(handle, size, isStopped) };
}

/** SHA-256 of the first `bytes` bytes; of less where it is stopped or the file is shorter. */
export async function hashStart(handle: FileHandle, bytes: number, isStopped: () => boolean): Promise<Hash> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, Math.max(1, bytes)));
  for (let at = 0; at < bytes && !isStopped(); ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, bytes - at), at);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash;
}

/** The name that a part with two of them has besides, from before a kill; undefined: it has one. */
export async function savedName(
  handle: FileHandle,
  folder: string,
  id: TransferId,
): Promise<string | undefined> {
  const { ino, nlink } = await handle.stat();
  if (nlink < 2) return undefined;
  const part = partPath(folder, id);
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (path === part) continue;
    const found = await stat(path).catch(() => undefined);
    if (found?.ino === ino) return path;
  }
  return undefined;
}

/** Gives the part its name, or a numbered one where that is taken; on disk when it returns. Errors: {@link SystemError}. */
export async function savePart(
  handle: FileHandle,
  folder: string,
  id: TransferId,
  name: string,
): Promise<string> {
  try {
    await handle.sync();
    const path = await linkFree(partPath(folder, id), folder, name);
    await syncFolder(folder);
    return path;
  } catch (error) {
    throw folderError(folder, error);
  }
}

/** Removes the part; what it was saved as stays. */
export async function discardPart(folder: string, id: TransferId): Promise<void> {
  await unlink(partPath(folder, id)).catch(() => {});
}

/** A folder that cannot be used, as the user is told it. */
export function folderError(folder: string, error: unknown): SystemError {
  if (error instanceof SystemError && error.message.startsWith("Cannot receive")) return error;
  const code = errorCode(error);
  const path = escapeText(folder);
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: `not enough room (free some: df -h ${path})`,
    EDQUOT: "the disk quota is used up (free some: quota)",
    EROFS: "the file system is read-only (choose another folder: downloads in chat.toml)",
    EACCES: `permission denied (see: ls -ld ${path})`,
    ENOTDIR: `it is no folder (see: ls -ld ${path})`,
    ELOOP: "something else is in its place (look for .multiproto-*.part)",
    EPERM:
      "not permitted, or a file system without hard links (choose another folder: downloads in chat.toml)",
    EOPNOTSUPP: "a file system without hard links (choose another folder: downloads in chat.toml)",
  };
  const why = reasons[code] ?? escapeText(errorText(error));
  return new SystemError(`Cannot receive files in ${path}: ${why}`, code, { cause: error });
}

async function checkSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes + SPARE_BYTES) throw new SystemError("not enough room", "ENOSPC");
}

async function linkFree(part: string, folder: string, name: string): Promise<string> {
  for (let count = 1; count <= MAX_NAMES; count += 1) {
    const path = join(folder, numberedName(name, count));
    try {
      await link(part, path);
      return path;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
  }
  throw new SystemError(`there are ${MAX_NAMES} files of that name`, "EEXIST");
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
