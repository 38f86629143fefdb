import { execFile } from "node:child_process";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  statfsSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import type { Millis } from "../base/clock.ts";
import { errorCode, errorText } from "../base/errors.ts";
import type { DiskEvidence, FileFacts } from "../doctor/check-host.ts";
import { type Evidence, known, notKnown } from "../doctor/finding.ts";

/** What a doctor reads of this machine: files of /proc and /sys, facts about files, what other programs print. */

/** A table of sockets of a host with 50,000 connections. */
const MAX_TEXT_BYTES = 8 * 1_024 * 1_024;
const MAX_OUTPUT_BYTES = 32 * 1_024 * 1_024;
/** A firewall with 100,000 rules takes nft a second. */
const PROGRAM_MILLIS: Millis = 5_000;

/** The beginning of a text file, at most {@link MAX_TEXT_BYTES}; sizes that /proc tells are not believed. */
export function readText(path: string): Evidence<string> {
  let descriptor: number | undefined;
  try {
    // Non-blocking: opening a FIFO without a writer would hang.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const chunks: Buffer[] = [];
    for (let size = 0; size < MAX_TEXT_BYTES; ) {
      const chunk = Buffer.alloc(65_536);
      const read = readSync(descriptor, chunk);
      if (read === 0) break;
      chunks.push(chunk.subarray(0, read));
      size += read;
    }
    return known(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    return notKnown(whyNot(path, error));
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

export function parsed<Value>(text: Evidence<string>, parse: (text: string) => Value): Evidence<Value> {
  return text.known ? known(parse(text.value)) : text;
}

export function fileFacts(path: string): Evidence<FileFacts | "missing"> {
  try {
    const { uid, gid, mode } = statSync(path);
    return known({ uid, gid, mode });
  } catch (error) {
    const code = errorCode(error);
    return code === "ENOENT" || code === "ENOTDIR" ? known("missing") : notKnown(whyNot(path, error));
  }
}

/** Of the file system that `wanted` is on, or will be. */
export function diskFacts(wanted: string): Evidence<DiskEvidence> {
  let path = resolve(wanted);
  while (!existsSync(path) && path !== dirname(path)) path = dirname(path);
  try {
    const { bsize, bavail, blocks, ffree, files } = statfsSync(path);
    return known({
      path,
      freeBytes: bavail * bsize,
      totalBytes: blocks * bsize,
      freeFiles: ffree,
      totalFiles: files,
      isReadOnly: isReadOnly(path),
    });
  } catch (error) {
    return notKnown(whyNot(path, error));
  }
}

function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return errorCode(error) === "EROFS";
  }
}

/** What a program of the system prints. No shell, no input, a bound on time and output. */
export function outputOf(program: string, args: readonly string[]): Promise<Evidence<string>> {
  // Neither the user's PATH nor language: it may be run as root.
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
  const limits = { timeout: PROGRAM_MILLIS, maxBuffer: MAX_OUTPUT_BYTES, killSignal: "SIGKILL" } as const;
  return new Promise((resolve) => {
    execFile(program, args, { env, encoding: "utf8", ...limits }, (error, stdout, stderr) => {
      if (error === null) resolve(known(stdout));
      else if (errorCode(error) === "ENOENT") resolve(notKnown(`${program} is not installed`));
      else resolve(notKnown(`${program}: ${(stderr.trim() || errorText(error)).slice(0, 300)}`));
    });
  });
}

function whyNot(path: string, error: unknown): string {
  const code = errorCode(error);
  return code === "EACCES" || code === "EPERM" ? `${path}: permission denied` : errorText(error);
}
