import { errorCode, errorText, MisuseError } from "../base/errors.ts";
import { StoreError, type StoreFault } from "../roster/store.ts";

/** SQLite's primary result codes (https://sqlite.org/rescode.html), as far as they tell faults apart. */
const FAULT_BY_RESULT: ReadonlyMap<number, StoreFault> = new Map([
  [3, "no-access"], // SQLITE_PERM
  [5, "locked"], // SQLITE_BUSY
  [6, "locked"], // SQLITE_LOCKED
  [8, "read-only"], // SQLITE_READONLY
  [10, "io"], // SQLITE_IOERR
  [11, "corrupt"], // SQLITE_CORRUPT
  [13, "full"], // SQLITE_FULL
  [14, "io"], // SQLITE_CANTOPEN
  [15, "locked"], // SQLITE_PROTOCOL
  [23, "no-access"], // SQLITE_AUTH
  [26, "corrupt"], // SQLITE_NOTADB
  // What only a damaged schema brings about, since our statements are fixed: SQLITE_ERROR, _TOOBIG, _CONSTRAINT, _MISMATCH
  [1, "corrupt"],
  [18, "corrupt"],
  [19, "corrupt"],
  [20, "corrupt"],
]);

const FAULT_BY_SYSTEM_CODE: Readonly<Record<string, StoreFault>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EROFS: "read-only",
  EACCES: "no-access",
  EPERM: "no-access",
  // An integer larger than any that we write.
  ERR_OUT_OF_RANGE: "corrupt",
};

const ADVICE: Readonly<Record<StoreFault, string>> = {
  full: "free some space; it is tried again by itself",
  "read-only": "make the directory writable; it is tried again by itself",
  "no-access": "it has to belong to the user that this runs as",
  corrupt: "at the next start it is set aside and a new one is begun",
  "newer-schema": "install the newer version again, or move the file away to begin anew",
  locked: "is another registry running with this state directory?",
  io: "look for errors of the disk in the kernel's log",
};

/** "Cannot WHAT PATH: why (what to do)". */
export function storeError(
  what: string,
  path: string,
  fault: StoreFault,
  why: string,
  cause?: unknown,
): StoreError {
  return new StoreError(`Cannot ${what} ${path}: ${why} (${ADVICE[fault]})`, fault, { cause });
}

/** What SQLite or the file system has thrown, as ours; what is ours already, as it is. */
export function asStoreError(what: string, path: string, error: unknown): StoreError | MisuseError {
  if (error instanceof StoreError || error instanceof MisuseError) return error;
  return storeError(what, path, faultOf(error), errorText(error), error);
}

function faultOf(error: unknown): StoreFault {
  if (errorCode(error) !== "ERR_SQLITE_ERROR") return FAULT_BY_SYSTEM_CODE[errorCode(error)] ?? "io";
  const result = error instanceof Error && "errcode" in error ? Number(error.errcode) : 0;
  // The extended code has the primary one in its low byte.
  return FAULT_BY_RESULT.get(result & 0xff) ?? "io";
}
