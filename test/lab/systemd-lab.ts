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
import { type Finished, must, Running, type RunOptions, run, until } from "./command.ts";
import { isAbandoned, labName } from "./names.ts";

/**
 * A machine with a real systemd as PID 1, in about a second: systemd-nspawn on a throw-away overlay of a root tree
 * (this machine's own by default), with the checkout at {@link CHECKOUT}. Nothing written inside outlives it.
 */
export class SystemdLab {
  readonly name: string;
  readonly #directory: string;
  readonly #machine: Running;
  readonly #leader: number;

  private constructor(name: string, directory: string, machine: Running, leader: number) {
    this.name = name;
    this.#directory = directory;
    this.#machine = machine;
    this.#leader = leader;
  }

  static async boot(settings: LabSettings = {}): Promise<SystemdLab> {
    await removeAbandoned();
    const name = labName();
    const directory = join(LABS, name);
    try {
      await layRoot(directory, settings);
      const machine = new Running(nspawn(name, directory, settings), { detached: true });
      const leader = await until("systemd is started", () => findLeader(machine), 20_000).catch(
        async (error) => {
          await machine.stop("SIGKILL");
          throw new Error(`systemd-nspawn: ${machine.stderr || machine.stdout}`, { cause: error });
        },
      );
      const lab = new SystemdLab(name, directory, machine, leader);
      await until("systemd has booted", () => lab.#isBooted(), 60_000).catch(async (error) => {
        await lab.shutdown();
        throw error;
      });
      return lab;
    } catch (error) {
      await removeLab(directory);
      throw error;
    }
  }

  /** The command line that runs `argv` inside, as root or as `user`. */
  inside(argv: readonly string[], user?: string): string[] {
    const as = user === undefined ? [] : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--init-groups"];
    const enter = ["nsenter", "-t", String(this.#leader), ..."-m -u -i -n -p -C -r -w --".split(" ")];
    const home = user === undefined ? "/root" : `/home/${user}`;
    return [
      ...enter,
      "env",
      "-i",
      `PATH=${PATH}`,
      `HOME=${home}`,
      "LANG=C.UTF-8",
      "TERM=dumb",
      ...as,
      ...argv,
    ];
  }

  /** Runs a command inside to its end. */
  exec(argv: readonly string[], options: InsideOptions = {}): Promise<Finished> {
    return run(this.inside(argv, options.user), options);
  }

  /** Runs a command inside that must succeed and returns its standard output. */
  must(argv: readonly string[], options: InsideOptions = {}): Promise<string> {
    return must(this.inside(argv, options.user), options);
  }

  spawn(argv: readonly string[], options: InsideOptions = {}): Running {
    return new Running(this.inside(argv, options.user), options);
  }

  /** Makes an ordinary user inside. */
  async addUser(name: string, groups: readonly string[] = []): Promise<void> {
    const membership = groups.length === 0 ? [] : ["--groups", groups.join(",")];
    await this.must(["useradd", "--create-home", "--user-group", ...membership, name]);
  }

  /** Writes a file inside. */
  async write(path: string, text: string): Promise<void> {
    await this.must(["sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1"', "sh", path], { input: text });
  }

  /** Properties of a unit as `systemctl show` gives them. */
  async show(unit: string, ...names: readonly string[]): Promise<Record<string, string>> {
    const text = await this.must(["systemctl", "show", unit, `--property=${names.join(",")}`]);
    const lines = text.split("\n").filter((line) => line.includes("="));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  }

  /** Waits until a property of a unit has a value that `wanted` accepts. */
  async waitFor(
    unit: string,
    name: string,
    wanted: (value: string) => boolean,
    timeoutMillis = 10_000,
  ): Promise<string> {
    let seen = "";
    return until(
      `${unit} ${name}`,
      async () => {
        seen = (await this.show(unit, name))[name] ?? "";
        return wanted(seen) ? seen : undefined;
      },
      timeoutMillis,
    ).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}; last seen: "${seen}"`);
    });
  }

  /** Entries of the journal, oldest first. */
  async journal(...filter: readonly string[]): Promise<JournalEntry[]> {
    await this.exec(["journalctl", "--sync"]);
    const text = await this.must(["journalctl", "--no-pager", "-q", "-o", "json", ...filter]);
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line) => {
      const entry: Record<string, unknown> = JSON.parse(line);
      return {
        message: String(entry.MESSAGE),
        priority: Number(entry.PRIORITY),
        identifier: String(entry.SYSLOG_IDENTIFIER),
        fields: entry,
      };
    });
  }

  /** Powers off and removes everything. */
  async shutdown(): Promise<void> {
    try {
      process.kill(this.#leader, POWER_OFF);
    } catch {
      // It is down already.
    }
    const graceful = setTimeout(() => this.#machine.child.kill("SIGKILL"), 10_000);
    await this.#machine.finished.catch(() => undefined);
    clearTimeout(graceful);
    await removeLab(this.#directory);
  }

  async #isBooted(): Promise<true | undefined> {
    const { stdout } = await this.exec(["systemctl", "is-system-running", "--wait"]);
    const state = stdout.trim();
    return state === "running" || state === "degraded" ? true : undefined;
  }
}

export interface LabSettings {
  /** The root tree to boot an overlay of; this machine's own by default. */
  readonly root?: string;
  /** The network namespace to live in (see netns.ts), "host" for the machine's own; by default one with only `lo`. */
  readonly network?: string;
  /** Brings the checkout in, writable and thrown away afterwards; true by default. */
  readonly checkout?: boolean;
}

export interface InsideOptions extends RunOptions {
  readonly user?: string;
}

export interface JournalEntry {
  readonly message: string;
  readonly priority: number;
  readonly identifier: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Where the checkout stands inside a lab. */
export const CHECKOUT = "/srv/multiproto";

const LABS = "/run/multiproto-labs";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const PROJECT = resolve(import.meta.dirname, "../..");
/** SIGRTMIN+4 asks systemd to power off; Linux's SIGRTMIN is 34 to programs of the GNU C library. */
const POWER_OFF = 38;

async function layRoot(directory: string, settings: LabSettings): Promise<void> {
  mkdirSync(directory, { recursive: true });
  await must(["mount", "-t", "tmpfs", "-o", "mode=755,size=4g", "multiproto-lab", directory]);
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
  if (settings.checkout ?? true) {
    mkdirSync(join(root, CHECKOUT), { recursive: true });
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

function nspawn(name: string, directory: string, settings: LabSettings): string[] {
  const network =
    settings.network === undefined
      ? ["--private-network"]
      : settings.network === "host"
        ? []
        : [`--network-namespace-path=/run/netns/${settings.network}`];
  const groups = cgroups(name);
  for (const group of groups) mkdirSync(group, { recursive: true });
  const checkout = (settings.checkout ?? true) ? [`--bind=${join(directory, "checkout")}:${CHECKOUT}`] : [];
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
function findLeader(machine: Running): number | undefined {
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

async function removeLab(directory: string): Promise<void> {
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
async function removeAbandoned(): Promise<void> {
  const leftBehind = existsSync(LABS) ? readdirSync(LABS).filter(isAbandoned) : [];
  for (const name of leftBehind) {
    for (const group of cgroups(name)) removeCgroup(group);
    await removeLab(join(LABS, name));
  }
}
