import { join } from "node:path";
import { type Finished, must, Running, type RunOptions, run, until } from "./command.ts";
import {
  findLeader,
  LABS,
  type LabSettings,
  layRoot,
  nspawn,
  removeAbandoned,
  removeLab,
} from "./machine.ts";
import { labName } from "./names.ts";

export { CHECKOUT, type LabSettings } from "./machine.ts";

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
      const machine = new Running(nspawn(name, directory, settings));
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

  /** The command line that runs `argv` inside, as root or as `user`, with a fresh environment. */
  inside(argv: readonly string[], options: InsideOptions = {}): string[] {
    const { user, environment = {} } = options;
    const as = user === undefined ? [] : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--init-groups"];
    const enter = ["nsenter", "-t", String(this.#leader), ..."-m -u -i -n -p -C -r -w --".split(" ")];
    const home = user === undefined ? "/root" : `/home/${user}`;
    const variables = { PATH, HOME: home, LANG: "C.UTF-8", TERM: "dumb", ...environment };
    const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    return [...enter, "env", "-i", ...assignments, ...as, ...argv];
  }

  /** Runs a command inside to its end. */
  exec(argv: readonly string[], options: InsideOptions = {}): Promise<Finished> {
    return run(this.inside(argv, options), outside(options));
  }

  /** Runs a command inside that must succeed and returns its standard output. */
  must(argv: readonly string[], options: InsideOptions = {}): Promise<string> {
    return must(this.inside(argv, options), outside(options));
  }

  spawn(argv: readonly string[], options: InsideOptions = {}): Running {
    return new Running(this.inside(argv, options), outside(options));
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

export interface InsideOptions extends RunOptions {
  readonly user?: string;
}

/** What of the options is for the command that enters the lab. */
function outside({ user: _user, environment: _environment, ...rest }: InsideOptions): RunOptions {
  return rest;
}

export interface JournalEntry {
  readonly message: string;
  readonly priority: number;
  readonly identifier: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** SIGRTMIN+4 asks systemd to power off; Linux's SIGRTMIN is 34 to programs of the GNU C library. */
const POWER_OFF = 38;
