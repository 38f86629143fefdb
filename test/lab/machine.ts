import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { must, type Running, run } from "./command.ts";
import { isAbandoned } from "./names.ts";

/** What a lab's machine is made of: its root on an overlay, the systemd-nspawn that boots it, its cgroups. */

export interface LabSettings {
  /** The root tree to boot an overlay of; this machine's own by default. */
  readonly root?: string;
  /** The network namespace to live in (see netns.ts), "host" for the machine's own; by default one with only `lo`. */
  readonly network?: string;
  /**
   * How the checkout comes to {@link CHECKOUT}: "working" (default) as it stands, with packages and dist/; "clean" as a
   * fresh clone with the changes that are not committed yet. Either is writable and thrown away afterwards.
   */
  readonly checkout?: "working" | "clean";
}

/** Where the checkout stands inside a lab. */
export const CHECKOUT = "/srv/multiproto";

export const LABS = "/run/multiproto-labs";
const PROJECT = resolve(import.meta.dirname, "../..");

export async function layRoot(directory: string, settings: LabSettings): Promise<void> {
  mkdirSync(directory, { recursive: true });
  await must(["mount", "-t", "tmpfs", "-o", "mode=755,size=8g", "multiproto-lab", directory]);
  const root = join(directory, "root");
  await overlay(directory, "root", settings.root ?? "/");
  const etc = join(root, "etc");
  writeFileSync(join(etc, "machine-id"), "");
  writeFileSync(join(etc, "fstab"), "");
  mkdirSync(join(etc, "systemd/journald.conf.d"), { recursive: true });
  // No rate limit: a test that floods the registry looks at what the registry itself leaves out.
  const journal = "[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nForwardToSyslog=no\n";
  writeFileSync(join(etc, "systemd/journald.conf.d/lab.conf"), journal);
  const target = "[Unit]\nDescription=Lab\nRequires=basic.target\nWants=dbus.socket\nAfter=basic.target\n";
  const units = join(etc, "systemd/system");
  writeFileSync(join(units, "lab.target"), `${target}AllowIsolate=yes\n`);
  // A target of our own: what this machine enables (databases, web servers) stays down.
  rmSync(join(units, "default.target"), { force: true });
  symlinkSync("lab.target", join(units, "default.target"));
  mkdirSync(join(root, CHECKOUT), { recursive: true });
  if (settings.checkout === "clean") {
    const copy =
      'git ls-files -z -co --exclude-standard | tar -c --null --ignore-failed-read -T - | tar -x -C "$1"';
    await must(["bash", "-c", copy, "copy", join(root, CHECKOUT)], { directory: PROJECT });
  } else {
    await overlay(directory, "checkout", PROJECT);
  }
}

/** Mounts DIRECTORY/NAME as an overlay of `lower` whose changes go to the lab's tmpfs. */
async function overlay(directory: string, name: string, lower: string): Promise<void> {
  const [upper, work, mount] = ["upper", "work", ""].map((kind) =>
    join(directory, kind && `${name}.${kind}`, kind ? "" : name),
  );
  for (const each of [upper, work, mount]) mkdirSync(String(each), { recursive: true });
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  await must(["mount", "-t", "overlay", "-o", options, "multiproto-lab", String(mount)]);
}

export function nspawn(name: string, directory: string, settings: LabSettings): string[] {
  const network = {
    none: ["--private-network", "--resolv-conf=off"],
    host: ["--resolv-conf=replace-host"],
    lan: [`--network-namespace-path=/run/netns/${settings.network}`, "--resolv-conf=off"],
  }[settings.network === undefined ? "none" : settings.network === "host" ? "host" : "lan"];
  const groups = cgroups(name);
  for (const group of groups) mkdirSync(group, { recursive: true });
  const checkout = settings.checkout === "clean" ? [] : [`--bind=${join(directory, "checkout")}:${CHECKOUT}`];
  const enterGroups = 'for group in $1; do echo $BASHPID >"$group/cgroup.procs"; done; shift; exec "$@"';
  return [
    ...["bash", "-c", enterGroups, "lab", groups.join(" ")],
    ...["systemd-nspawn", "-q", "-D", join(directory, "root"), "-M", name, "--register=no", "--keep-unit"],
    ...[
      "--kill-signal=SIGRTMIN+3",
      "--resolv-conf=off",
      "--timezone=off",
      "--link-journal=no",
      "--console=read-only",
    ],
    ...["--capability=all", "--system-call-filter=bpf", ...network, ...checkout, "-b"],
  ];
}

/** The cgroups a lab lives in: one per mounted hierarchy that systemd uses. */
function cgroups(name: string): string[] {
  const base = "/sys/fs/cgroup";
  if (existsSync(join(base, "cgroup.controllers"))) return [join(base, name)];
  return ["systemd", "unified"]
    .map((kind) => join(base, kind))
    .filter(existsSync)
    .map((kind) => join(kind, name));
}

/** The process id of the lab's systemd: nspawn's child of that name. */
export function findLeader(machine: Running): number | undefined {
  const nspawnPid = machine.child.pid;
  if (machine.child.exitCode !== null) throw new Error("systemd-nspawn ended");
  if (nspawnPid === undefined) return undefined;
  return childrenOf(nspawnPid).find((pid) => readText(`/proc/${pid}/comm`) === "systemd\n");
}

function childrenOf(pid: number): number[] {
  const text = readText(`/proc/${pid}/task/${pid}/children`);
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

export async function removeLab(directory: string): Promise<void> {
  const name = directory.slice(directory.lastIndexOf("/") + 1);
  for (const mount of ["root", "checkout", ""]) {
    await run(["umount", "--recursive", "--lazy", "--quiet", join(directory, mount)]);
  }
  if (existsSync(directory)) rmdirSync(directory);
  for (const group of cgroups(name)) removeCgroup(group);
}

/** Removes a cgroup and those below it, deepest first, ending what still runs there. */
function removeCgroup(group: string): void {
  if (!existsSync(group)) return;
  for (const pid of readText(join(group, "cgroup.procs"))
    .split("\n")
    .filter((line) => line !== "")) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // Already gone.
    }
  }
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(group, entry.name));
  }
  try {
    rmdirSync(group);
  } catch {
    // A process that is just ending holds it; the next lab's clearing up takes it.
  }
}

/** Removes what labs whose process was killed left behind. */
export async function removeAbandoned(): Promise<void> {
  const leftBehind = existsSync(LABS) ? readdirSync(LABS).filter(isAbandoned) : [];
  for (const name of leftBehind) {
    for (const group of cgroups(name)) removeCgroup(group);
    await removeLab(join(LABS, name));
  }
}
