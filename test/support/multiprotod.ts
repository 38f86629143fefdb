import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { errorText } from "../../src/base/errors.ts";
import { bareEnvironment } from "./bare-environment.ts";
import { freePort } from "./free-ports.ts";
import { nodeFlags } from "./node-flags.ts";
import { programOf } from "./programs.ts";
import { type Owner, Watched, within } from "./until.ts";

/** A start makes a key and a database, each with some fsyncs: seconds on a machine whose disk is busy. */
const START_MILLIS = 30_000;

/** Where a registry is, on this machine. */
export interface Place {
  readonly directory: string;
  readonly configurationFile: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  readonly port: number;
  readonly encapsulationPort: number;
}

export interface SpawnOptions {
  /** More options of multiprotod. */
  readonly flags?: readonly string[];
  /** What stands before the program: ["unshare", "--mount", …]. */
  readonly prefix?: readonly string[];
  /** Another build of the program. */
  readonly program?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A directory of its own, free ports, and a configuration with them and with `extra` behind. */
export async function makePlace(owner: Owner, extra = ""): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), "mpd-"));
  owner.after(() => rmSync(directory, { recursive: true, force: true }));
  const [stateDirectory, runtimeDirectory] = [join(directory, "state"), join(directory, "run")];
  mkdirSync(runtimeDirectory);
  const configurationFile = join(directory, "multiproto.toml");
  const ports = { port: await freePort(), encapsulationPort: await freePort() };
  const place = { directory, configurationFile, stateDirectory, runtimeDirectory, ...ports };
  configure(place, extra);
  return place;
}

/** Writes the configuration anew; `network` are more lines of its first section, which has three lines then. */
export function configure(place: Place, extra = "", network = ""): void {
  const { port, encapsulationPort } = place;
  const lines = ["[network]", `port = ${port}`, `encapsulation-port = ${encapsulationPort}`, network, extra];
  writeFileSync(place.configurationFile, lines.filter((line) => line !== "").join("\n"));
}

/** A running multiprotod, with every line that it wrote. */
export class Multiprotod {
  readonly place: Place;
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #watched = new Watched();
  #exit: Exit | undefined;

  constructor(
    owner: Owner,
    place: Place,
    { flags = [], prefix = [], program = programOf("multiprotod") }: SpawnOptions = {},
  ) {
    this.place = place;
    const { configurationFile, stateDirectory, runtimeDirectory } = place;
    const places = ["--config", configurationFile, "--state-dir", stateDirectory];
    places.push("--runtime-dir", runtimeDirectory);
    const run = [process.execPath, ...nodeFlags("multiprotod"), program, ...places, ...flags];
    const [command = "", ...rest] = [...prefix, ...run];
    const child = spawn(command, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: bareEnvironment(),
    });
    this.#child = child;
    owner.after(() => void child.kill("SIGKILL"));
    createInterface(child.stdout).on("line", (line) => {
      this.lines.push(line);
      this.#watched.changed();
    });
    createInterface(child.stderr).on("line", (line) => this.errors.push(line));
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
        this.#watched.changed();
      });
    });
  }

  /** Starts one and waits until it serves. */
  static async start(owner: Owner, place: Place, options?: SpawnOptions): Promise<Multiprotod> {
    const daemon = new Multiprotod(owner, place, options);
    await daemon.line(/multiproto \S+ ready/, { millis: START_MILLIS });
    return daemon;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("not started");
    return this.#child.pid;
  }

  get socketPath(): string {
    return join(this.place.runtimeDirectory, "control.sock");
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first line from number `from` on that matches; fails at once when the process ends without it. */
  async line(pattern: RegExp, options: { from?: number; millis?: number } = {}): Promise<string> {
    const said = (): string => [...this.lines, ...this.errors].join("\n");
    const look = () => {
      const line = this.lines.slice(options.from ?? 0).find((candidate) => pattern.test(candidate));
      return line ?? (this.#exit === undefined ? undefined : this.#exit);
    };
    const found = await this.#watched
      .until(`a line ${pattern}`, look, options.millis)
      .catch((error: unknown) => {
        throw new Error(`${errorText(error)}; it said:\n${said()}`);
      });
    if (typeof found === "string") return found;
    throw new Error(`ended (${found.code ?? found.signal}) without a line ${pattern}; it said:\n${said()}`);
  }

  matching(pattern: RegExp): readonly string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  async exit(millis: number = START_MILLIS): Promise<Exit> {
    return within("the end of multiprotod", this.exited, millis);
  }

  async stop(): Promise<Exit> {
    this.kill("SIGTERM");
    return this.exit();
  }

  /** Resident memory in MiB. */
  get residentMebibytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024;
  }

  /** Processor time so far, in seconds (proc(5), utime and stime, in ticks of 10 ms). */
  get processorSeconds(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
}
