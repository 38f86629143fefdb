/** The two processes of an SCTP benchmark: the server that is measured, and a cheap program that plays its clients. */
import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { nodeFlags } from "../support/node-flags.ts";
import type { SubjectReport } from "../support/subject-report.ts";
import { type Owner, Watched, within } from "../support/until.ts";

export const SCTP_PORT = 10_001;
export const OUR_SERVER = fileURLToPath(new URL("../support/sctp-server.ts", import.meta.url));
export const BARE_SERVER = fileURLToPath(new URL("bare-udp-server.ts", import.meta.url));
export const PACKAGE_SERVER = fileURLToPath(new URL("sctp-package-server.ts", import.meta.url));
const LOAD_SOURCE = fileURLToPath(new URL("sctp-load.c", import.meta.url));
/** A server that has not answered by then has hung, or drowned. */
const ANSWER_MILLIS = 20_000;
const KIBIBYTE = 1_024;
/** To try others: BENCH_NODE_OPTIONS="--flag --flag". */
const EXTRA_FLAGS = process.env.BENCH_NODE_OPTIONS?.split(" ") ?? [];

/** A server in a process of its own, its processor time and memory read from outside (proc(5)). */
export class Subject<Report extends SubjectReport> {
  readonly #child: ChildProcess;
  readonly #reports: Report[] = [];
  readonly #watched = new Watched();
  #end: string | undefined;

  private constructor(owner: Owner, program: string, programArguments: readonly string[]) {
    this.#child = fork(program, programArguments, {
      execArgv: ["--expose-gc", ...nodeFlags("multiprotod"), ...EXTRA_FLAGS],
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    owner.after(() => void this.#child.kill("SIGKILL"));
    let complaint = "";
    this.#child.stderr?.on("data", (text) => {
      complaint = (complaint + text).slice(0, 2_000);
    });
    this.#child.on("message", (report: Report) => {
      this.#reports.push(report);
      this.#watched.changed();
    });
    this.#child.on("exit", (code, signal) => {
      const why = /\w*Error: .*|FATAL ERROR: .*/.exec(complaint)?.[0] ?? "";
      this.#end = `the server died (${code ?? signal})${why === "" ? "" : `: ${why}`}`;
      this.#watched.changed();
    });
  }

  static async start<Report extends SubjectReport>(
    owner: Owner,
    program: string,
    programArguments: readonly string[],
  ): Promise<[Subject<Report>, Report]> {
    const subject = new Subject<Report>(owner, program, programArguments);
    return [subject, await subject.#answer()];
  }

  /** What it says of itself, after a full garbage collection of its own. Errors when it died or hangs. */
  async report(): Promise<Report> {
    return this.tell({ do: "report" });
  }

  /** Gives it a command; its answer. */
  async tell(command: object): Promise<Report> {
    this.#child.send(command);
    return this.#answer();
  }

  /** Processor time so far, milliseconds of user and system, all threads; the clock ticks every 10. */
  get processorMillis(): number {
    const stat = this.#proc("stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  get residentBytes(): number {
    return Number(/^Rss:\s+(\d+) kB/m.exec(this.#proc("smaps_rollup"))?.[1]) * KIBIBYTE;
  }

  /** Datagrams that the kernel dropped because the server did not read its socket in time. */
  droppedAt(port: number): number {
    const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
    const row = readFileSync("/proc/net/udp", "utf8")
      .split("\n")
      .find((line) => line.trim().split(/\s+/)[1] === `0100007F:${hexPort}`);
    return Number(row?.trim().split(/\s+/).at(-1) ?? 0);
  }

  #proc(file: string): string {
    if (this.#end !== undefined) throw new Error(this.#end);
    return readFileSync(`/proc/${this.#child.pid}/${file}`, "utf8");
  }

  async #answer(): Promise<Report> {
    const answer = await this.#watched.until(
      "an answer of the server",
      () => this.#reports.shift() ?? this.#end,
      ANSWER_MILLIS,
    );
    if (typeof answer === "string") throw new Error(answer);
    return answer;
  }
}

/** Builds sctp-load.c; undefined, and said so, where there is no compiler. */
export function buildLoad(owner: Owner): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "sctp-load-"));
  owner.after(() => rmSync(directory, { recursive: true, force: true }));
  const program = join(directory, "sctp-load");
  try {
    execFileSync("gcc", ["-std=c17", "-O2", "-Wall", "-o", program, LOAD_SOURCE]);
    return program;
  } catch (error) {
    console.log(`  left out: needs gcc and the C library's headers (${String(error).split("\n")[0]})`);
    return undefined;
  }
}

export interface LoadCounts {
  readonly up: number;
  /** Heartbeats answered. */
  readonly heartbeats: number;
  /** Clients that the server aborted. */
  readonly aborted: number;
  /** INITs repeated for want of an answer. */
  readonly retries: number;
}

/** The clients, all in one process: see sctp-load.c. */
export class Load {
  /** Of the first address, 127.0.1.1. */
  udpPort = 0;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #watched = new Watched();

  private constructor(owner: Owner, program: string, udpPort: number, addresses: number) {
    const programArguments = [udpPort, SCTP_PORT, addresses].map(String);
    this.#child = spawn(program, programArguments, { stdio: ["pipe", "pipe", "inherit"] });
    owner.after(() => void this.#child.kill("SIGKILL"));
    if (this.#child.stdout === null) throw new Error("no pipe");
    createInterface(this.#child.stdout).on("line", (line) => {
      this.#lines.push(line);
      this.#watched.changed();
    });
  }

  /** `addresses`: how many to speak from, one socket each. */
  static async start(owner: Owner, program: string, udpPort: number, addresses: number): Promise<Load> {
    const load = new Load(owner, program, udpPort, addresses);
    const ready = await load.#line("ready", ANSWER_MILLIS);
    load.udpPort = Number(ready.split(" ")[1]);
    return load;
  }

  /** `count` more clients associate, `atOnce` under way at a time; all that are up then, and how long it took. */
  async join(
    count: number,
    atOnce: number,
    patienceMillis = 70_000,
  ): Promise<{ up: number; millis: number }> {
    const [up = 0, millis = 0] = await this.#ask(`join ${count} ${atOnce}`, "up", patienceMillis);
    return { up, millis };
  }

  /** The first `count` clients fall silent; when, on the monotonic clock. */
  async vanish(count: number): Promise<number> {
    const [at = 0] = await this.#ask(`vanish ${count}`, "vanished", ANSWER_MILLIS);
    return at;
  }

  /** INITs from random addresses; how many were sent. */
  async flood(perSecond: number, seconds: number): Promise<{ sent: number; millis: number }> {
    const patience = seconds * 1_000 + ANSWER_MILLIS;
    const [sent = 0, millis = 0] = await this.#ask(`flood ${perSecond} ${seconds}`, "flooded", patience);
    return { sent, millis };
  }

  async counts(): Promise<LoadCounts> {
    const [up = 0, heartbeats = 0, aborted = 0, retries = 0] = await this.#ask(
      "counts",
      "counts",
      ANSWER_MILLIS,
    );
    return { up, heartbeats, aborted, retries };
  }

  async #ask(command: string, answer: string, patienceMillis: number): Promise<number[]> {
    this.#child.stdin?.write(`${command}\n`);
    const line = await this.#line(answer, patienceMillis);
    return line.split(" ").slice(1).map(Number);
  }

  async #line(begins: string, millis: number): Promise<string> {
    const line = await within(
      `"${begins}" of the clients`,
      this.#watched.until(begins, () => this.#lines.shift(), millis),
      millis + 1_000,
    );
    if (!line.startsWith(begins)) throw new Error(`the clients said ${line}`);
    return line;
  }
}
