import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

/** What a finished command left behind. */
export interface Finished {
  /** Exit status; 128 + number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly timeoutMillis?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** What standard input gives before it ends; nothing by default. */
  readonly input?: string;
  /** Leaves standard input open, for {@link Running.type}. */
  readonly interactive?: boolean;
}

/** Runs a command to its end. A failing command is a result; one that does not end in time is an error. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return collect(start(argv, options), argv, options);
}

/** Runs a command that the lab itself depends on: a failure is an error with the command's own words. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")} failed with ${code}: ${(stderr || stdout).trim()}`);
  return stdout;
}

/** Starts a command that goes on running; see {@link Running}. */
export function start(argv: readonly string[], options: RunOptions & SpawnOptions = {}): ChildProcess {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error("a command needs at least one word");
  const { environment, directory, input, interactive, timeoutMillis, ...spawnOptions } = options;
  const child = spawn(program, rest, {
    stdio: [input === undefined && interactive !== true ? "ignore" : "pipe", "pipe", "pipe"],
    // A process group of its own, so that ending it ends what nsenter or ip started as well.
    detached: true,
    ...(environment === undefined ? {} : { env: { ...process.env, ...environment } }),
    ...(directory === undefined ? {} : { cwd: directory }),
    ...spawnOptions,
  });
  if (input !== undefined) child.stdin?.end(input);
  return child;
}

function collect(child: ChildProcess, argv: readonly string[], options: RunOptions): Promise<Finished> {
  const limit = options.timeoutMillis ?? 60_000;
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signalGroup(child, "SIGKILL");
      reject(new Error(`${argv.join(" ")} did not end within ${limit} ms\n${stdout}${stderr}`));
    }, limit);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? 128 + (signal === null ? 0 : signalNumber(signal)), stdout, stderr });
    });
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}

function signalNumber(signal: NodeJS.Signals): number {
  const numbers: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGTERM: 15 };
  return numbers[signal] ?? 0;
}

/** A command that goes on running, with what it has printed so far. */
export class Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  #stdout = "";
  #stderr = "";
  #over = false;
  readonly #listeners = new Set<() => void>();

  constructor(argv: readonly string[], options: RunOptions & SpawnOptions = {}) {
    this.child = start(argv, options);
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#wake();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#wake();
    });
    this.finished = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => {
        this.#over = true;
        this.#wake();
        const status = code ?? 128 + (signal === null ? 0 : signalNumber(signal));
        resolve({ code: status, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
    this.finished.catch(() => undefined);
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until `done` likes the standard output; an error when the program ends or the time runs out first. */
  async output(done: (stdout: string) => boolean, what: string, timeoutMillis = 20_000): Promise<string> {
    const deadline = Date.now() + timeoutMillis;
    while (!done(this.#stdout)) {
      const left = deadline - Date.now();
      if (this.#over || left <= 0) {
        const why = this.#over ? "the program ended" : `${timeoutMillis} ms passed`;
        throw new Error(`${what}: ${why}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`);
      }
      await this.#change(left);
    }
    return this.#stdout;
  }

  /** Gives the program a line, as somebody at the keyboard would; it must be interactive. */
  type(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Waits for the program's own end; an error with what it printed when the time runs out first. */
  async end(timeoutMillis = 30_000): Promise<Finished> {
    const deadline = Date.now() + timeoutMillis;
    while (!this.#over) {
      const left = deadline - Date.now();
      if (left <= 0) {
        throw new Error(
          `not ended within ${timeoutMillis} ms\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`,
        );
      }
      await this.#change(left);
    }
    return this.finished;
  }

  /** Ends the program, by force when it does not follow. */
  async stop(signal: NodeJS.Signals = "SIGTERM", graceMillis = 5_000): Promise<Finished> {
    if (!this.#over) signalGroup(this.child, signal);
    const force = setTimeout(() => signalGroup(this.child, "SIGKILL"), graceMillis);
    try {
      return await this.finished;
    } finally {
      clearTimeout(force);
    }
  }

  #change(timeoutMillis: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#listeners.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMillis);
      this.#listeners.add(wake);
    });
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Asks `question` again and again until its answer is not undefined; for states that nobody announces. */
export async function until<T>(
  what: string,
  question: () => Promise<T | undefined> | T | undefined,
  timeoutMillis = 10_000,
  /** Between two questions; longer where an answer costs something. */
  pauseMillis = 20,
): Promise<T> {
  const deadline = Date.now() + timeoutMillis;
  for (;;) {
    const answer = await question();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMillis} ms`);
    await new Promise((resolve) => setTimeout(resolve, pauseMillis));
  }
}
