/**
 * `multiprotod.pid`: whether a registry runs, answered without touching its socket (a connection would start the
 * socket-activated unit). A process id alone may have been given to somebody else since, so the file also holds when
 * the process started.
 */
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorCode, SystemError } from "../base/errors.ts";
import { field, integer, parseObject } from "./parse.ts";

export interface ProcessMark {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: the start time in clock ticks since the machine booted. */
  readonly startTicks: number;
}

/** The read-only socket, where there is one, in the same directory: whoever may ask there looks at the file first. */
export const READ_SOCKET = "read.sock";

/** No secret; whoever may use the socket, of whatever group, has to read it first. */
const FILE_MODE = 0o644;

export function pidFilePath(runtimeDirectory: string): string {
  return join(runtimeDirectory, "multiprotod.pid");
}

/** Writes the mark of this process, in one step as a reader sees it. Throws what the file system throws, or a {@link SystemError}. */
export function writePidFile(runtimeDirectory: string, pid: number = process.pid): void {
  const startTicks = startTicksOf(pid);
  if (startTicks === undefined)
    throw new SystemError(`Cannot read /proc/${pid}/stat: no such process`, "ESRCH");
  const path = pidFilePath(runtimeDirectory);
  const next = `${path}.${pid}`;
  writeFileSync(next, `${JSON.stringify({ pid, startTicks })}\n`, { mode: FILE_MODE });
  // The umask of the service is strict.
  chmodSync(next, FILE_MODE);
  renameSync(next, path);
}

/** Removes the file if it is about process `pid`; another process's file stays. Never throws. */
export function removePidFile(runtimeDirectory: string, pid: number = process.pid): void {
  try {
    if (readPidFile(runtimeDirectory)?.pid === pid) rmSync(pidFilePath(runtimeDirectory), { force: true });
  } catch {
    // A file that cannot be removed is told apart from a live one by its start time.
  }
}

/**
 * The mark in the file, or undefined if there is no file or no mark in it. Throws when the file may not be read.
 */
export function readPidFile(runtimeDirectory: string): ProcessMark | undefined {
  try {
    const object = parseObject(JSON.parse(readFileSync(pidFilePath(runtimeDirectory), "utf8")), "pid file");
    return {
      pid: field(object, "pid", integer(1, 2 ** 31 - 1), "pid file"),
      startTicks: field(object, "startTicks", integer(0, Number.MAX_SAFE_INTEGER), "pid file"),
    };
  } catch (error) {
    if (errorCode(error) === "EACCES") throw error;
    return undefined;
  }
}

/** Whether exactly that process still runs. One that has ended but was not collected yet does not. */
export function isAlive(mark: ProcessMark): boolean {
  return startTicksOf(mark.pid) === mark.startTicks;
}

/** The mark of the registry that runs in `runtimeDirectory`, or undefined if none does. */
export function runningRegistry(runtimeDirectory: string): ProcessMark | undefined {
  const mark = readPidFile(runtimeDirectory);
  return mark !== undefined && isAlive(mark) ? mark : undefined;
}

/** Undefined when there is no such process, or only what is left of it (a zombie). */
function startTicksOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // proc(5): "pid (comm) state ppid …"; comm may hold blanks and brackets, so count from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  if (state === "Z" || state === "X") return undefined;
  return Number(fields[19]);
}
