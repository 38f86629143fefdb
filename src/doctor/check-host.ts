import { type Evidence, type Finding, unknownFinding } from "./finding.ts";

/** What the machine must be like beside its network: kernel SCTP, capabilities, disk, files, database. */

export interface SctpEvidence {
  /** The kernel's own SCTP: a module that is loaded, or built in. */
  readonly kernel: Evidence<boolean>;
  /** Whether original clients, which speak SCTP right on IP, are to be served. */
  readonly legacy: boolean;
  /** Whether they are; undefined where no registry could be asked. */
  readonly raw: boolean | undefined;
  /** Of the registry's process. */
  readonly capability: Evidence<boolean>;
}

export function judgeSctp({ kernel, legacy, raw, capability }: SctpEvidence): readonly Finding[] {
  return [judgeKernel(kernel, legacy), ...(legacy ? judgeRaw(raw, capability) : [])];
}

function judgeKernel(kernel: Evidence<boolean>, legacy: boolean): Finding {
  const check = "sctp";
  if (!kernel.known) return unknownFinding(check, "the kernel's modules", kernel.why);
  if (!kernel.value)
    return {
      check,
      level: "ok",
      finding: "the kernel's own SCTP is not loaded",
      evidence: "no module sctp in /proc/modules",
      fix: null,
    };
  return {
    check,
    level: legacy ? "problem" : "note",
    finding: legacy
      ? "the kernel's own SCTP is loaded: it answers ABORT to what original clients send to the registry"
      : "the kernel's own SCTP is loaded; the registry speaks it over UDP alone (legacy is off) and is not disturbed",
    evidence: "module sctp in /proc/modules, or /proc/net/sctp",
    fix: legacy
      ? "rmmod sctp; echo 'install sctp /bin/false' > /etc/modprobe.d/multiproto-no-sctp.conf"
      : null,
  };
}

function judgeRaw(raw: boolean | undefined, capability: Evidence<boolean>): readonly Finding[] {
  const check = "raw-ip";
  if (raw === undefined) return [];
  const evidence = capability.known
    ? `the registry's process ${capability.value ? "has" : "does not have"} CAP_NET_RAW (CapEff)`
    : capability.why;
  if (raw)
    return [
      {
        check,
        level: "ok",
        finding: "SCTP right on IP is served, for original clients",
        evidence,
        fix: null,
      },
    ];
  const why = capability.known && capability.value ? "the native part is missing" : "it needs CAP_NET_RAW";
  return [
    {
      check,
      level: "warning",
      finding: `SCTP right on IP is not served (${why}): original clients cannot stay; ours are not concerned`,
      evidence,
      fix: "start it with: systemctl start multiproto (its unit has CAP_NET_RAW); journalctl -u multiproto says more; or set legacy = false",
    },
  ];
}

export interface DiskEvidence {
  readonly path: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeFiles: number;
  /** 0 on file systems that do not count them. */
  readonly totalFiles: number;
  readonly isReadOnly: boolean;
}

/** Below it SQLite cannot be sure to finish a transaction with its log. */
const LEAST_BYTES = 16 * 1_024 * 1_024;
/** Room for a database at its limit (64 MiB) with its log. */
const ENOUGH_BYTES = 160 * 1_024 * 1_024;
const LEAST_FILES = 100;

export function judgeDisk(disk: Evidence<DiskEvidence>): Finding {
  const check = "disk";
  if (!disk.known) return unknownFinding(check, "the disk", disk.why);
  const { path, freeBytes, totalBytes, freeFiles, totalFiles, isReadOnly } = disk.value;
  const files = totalFiles === 0 ? "" : `, ${freeFiles} of ${totalFiles} files`;
  const evidence = `${path}: ${mebibytes(freeBytes)} of ${mebibytes(totalBytes)} free${files}`;
  if (isReadOnly)
    return {
      check,
      level: "problem",
      finding: `the file system of ${path} is read-only: nothing new is remembered`,
      evidence,
      fix: "see why (dmesg), then: mount -o remount,rw …",
    };
  if (freeBytes < LEAST_BYTES || (totalFiles > 0 && freeFiles < LEAST_FILES))
    return {
      check,
      level: "problem",
      finding: `the disk of ${path} is full: nothing new is remembered`,
      evidence,
      fix: `make room (what takes it: du -x ${path} | sort -n)`,
    };
  if (freeBytes < ENOUGH_BYTES)
    return {
      check,
      level: "warning",
      finding: `the disk of ${path} is nearly full`,
      evidence,
      fix: "make room",
    };
  return { check, level: "ok", finding: `there is room on the disk of ${path}`, evidence, fix: null };
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576)} MiB`;
}

export type DatabaseEvidence =
  | { readonly state: "none" }
  | { readonly state: "sound"; readonly bindings: number; readonly bans: number }
  | { readonly state: "damaged" | "newer"; readonly why: string }
  /** A registry has it; `trouble`: what it says of it. */
  | { readonly state: "in-use"; readonly trouble: string | undefined; readonly kept: string };

export function judgeDatabase(path: string, database: Evidence<DatabaseEvidence>): Finding {
  const check = "database";
  if (!database.known) return unknownFinding(check, path, database.why, "run this as root (sudo)");
  const evidence = database.value;
  const whole = (finding: string, seen: string): Finding => ({
    check,
    level: "ok",
    finding,
    evidence: seen,
    fix: null,
  });
  switch (evidence.state) {
    case "none":
      return whole("there is no database yet; the registry makes it", path);
    case "sound":
      return whole(
        "the database is whole",
        `${path}: PRAGMA quick_check and the sums of all rows: ${evidence.bindings} nicknames, ${evidence.bans} bans`,
      );
    case "in-use":
      if (evidence.trouble === undefined) return whole("the registry can write its database", evidence.kept);
      return {
        check,
        level: "problem",
        finding: "the registry cannot write its database: new nicknames and bans are refused",
        evidence: evidence.trouble,
        fix: "remove the cause (see disk, files); it goes on by itself",
      };
    default:
      return {
        check,
        level: "problem",
        finding:
          evidence.state === "newer" ? "the database is of a newer version" : "the database is damaged",
        evidence: `${path}: ${evidence.why}`,
        fix:
          evidence.state === "newer"
            ? "install the version that made it"
            : "start the registry: it sets the file aside and keeps what is sound; or put back a backup first",
      };
  }
}

/** What is known of a file; the caller says what it should be like. */
export interface FileEvidence {
  readonly path: string;
  readonly what: string;
  readonly facts: Evidence<FileFacts | "missing">;
  /** Who should own it; undefined where that is not known. */
  readonly owner: number | undefined;
  /** Permission bits that it must not have. */
  readonly forbidden: number;
  /** Why it matters. */
  readonly because: string;
}

export interface FileFacts {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** None for a file that is not there: it is made when it is needed. */
export function judgeFile({
  path,
  what,
  facts,
  owner,
  forbidden,
  because,
}: FileEvidence): readonly Finding[] {
  const check = "files";
  if (!facts.known) return [unknownFinding(check, `${what} ${path}`, facts.why, "run this as root (sudo)")];
  if (facts.value === "missing") return [];
  const { uid, gid, mode } = facts.value;
  const bits = (mode & 0o7777).toString(8).padStart(4, "0");
  const evidence = `${path}: mode ${bits}, user ${uid}, group ${gid}`;
  if (owner !== undefined && uid !== owner)
    return [
      {
        check,
        level: "problem",
        finding: `${what} belongs to user ${uid}, not to user ${owner}, who needs it`,
        evidence,
        fix: `chown ${owner} ${path}`,
      },
    ];
  if ((mode & forbidden) !== 0) {
    const allowed = (mode & 0o7777 & ~forbidden).toString(8).padStart(4, "0");
    return [
      {
        check,
        level: "problem",
        finding: `${what} is open to others: ${because}`,
        evidence,
        fix: `chmod ${allowed} ${path}`,
      },
    ];
  }
  return [{ check, level: "ok", finding: `${what} has the right owner and mode`, evidence, fix: null }];
}
